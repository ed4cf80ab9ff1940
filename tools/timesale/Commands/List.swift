import ArgumentParser
import TimesaleClient

/// Lists sales in the order of their creation.
struct List: ServerCommand {
    static let configuration = CommandConfiguration(abstract: "List sales, in the order of their creation.")

    @Option(
        help: ArgumentHelp(
            "Only sales in this state: scheduled, open, soldOut, ended or closed; may be given more than once.",
            valueName: "state"),
        completion: .list(SaleState.allCases.map(\.name)),
        transform: { try Reading.state($0, \SaleState.name) })
    var state: [SaleState] = []

    @OptionGroup var page: PageOptions

    @Option(help: ArgumentHelp("Begin behind this sale.", valueName: "sale"), transform: Reading.sale)
    var after: SaleID?

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let (sales, next) = try await page.gather(after: after) { after, limit in
            let got = try await session.client.sales(Set(state), after: after, limit: limit)
            return (got.sales, got.next)
        }
        let states = state.flatMap { ["--state", $0.name] }
        session.output.show(
            sales.map(\.json), Sale.table(sales), next: next.map { "\($0)" },
            none:
                "No sales. Create one with: \(session.command(["create", "--name", "Lamps", "--stock", "10"]))",
            command: session.command(["list"] + states + ["--after", next.map { "\($0)" } ?? ""]))
    }
}
