import ArgumentParser
import TimesaleClient

extension PointCommands {
    /// Shows a transaction.
    struct Get: ServerCommand {
        static let wording = Wording.points
        static let configuration = CommandConfiguration(abstract: "Show an earning or a use.")

        @Argument(
            help: ArgumentHelp("A transaction.", valueName: "transaction"), transform: Reading.transaction)
        var transaction: TransactionID

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let transaction = try await session.client.transaction(self.transaction)
            session.output.show(
                json: transaction.json, text: transaction.text(session.output.style, withBalance: false))
        }
    }
}
