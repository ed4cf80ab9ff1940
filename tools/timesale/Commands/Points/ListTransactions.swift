import ArgumentParser
import TimesaleClient

extension PointCommands {
    /// Lists a user's transactions, newest first.
    struct History: ServerCommand {
        static let wording = Wording.points
        static let configuration = CommandConfiguration(
            abstract: "List a user's earnings and uses, newest first.")

        @Option(help: "A number, or a UUID.", transform: Reading.user)
        var user: UserID

        @OptionGroup var page: PageOptions

        @Option(
            help: ArgumentHelp("Begin behind this transaction.", valueName: "transaction"),
            transform: Reading.transaction)
        var after: TransactionID?

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let (transactions, next) = try await page.gather(after: after) { after, limit in
                let got = try await session.client.transactions(of: user, after: after, limit: limit)
                return (got.transactions, got.next)
            }
            session.output.show(
                transactions.map(\.json), PointTransaction.table(transactions), next: next.map { "\($0)" },
                none: "No points of user \(user).",
                command: session.command(
                    ["point", "history", "--user", "\(user)", "--after", next.map { "\($0)" } ?? ""]))
        }
    }
}
