import ArgumentParser
import TimesaleClient

/// Lists a user's orders, newest first.
struct Orders: ServerCommand {
    static let configuration = CommandConfiguration(abstract: "List a user's orders, newest first.")

    @Option(help: "A number, or a UUID.", transform: Reading.user)
    var user: UserID

    @OptionGroup var page: PageOptions

    @Option(help: ArgumentHelp("Begin behind this order.", valueName: "order"), transform: Reading.order)
    var after: OrderID?

    @OptionGroup var common: CommonOptions

    func run(_ session: Session) async throws {
        let (orders, next) = try await page.gather(after: after) { after, limit in
            let got = try await session.client.orders(of: user, after: after, limit: limit)
            return (got.orders, got.next)
        }
        session.output.show(
            orders.map(\.json), Order.table(orders), next: next.map { "\($0)" },
            none: "No orders of user \(user).",
            command: session.command(
                ["orders", "--user", "\(user)", "--after", next.map { "\($0)" } ?? ""]))
    }
}
