import ArgumentParser
import TimesaleClient

extension CheckoutCommands {
    /// Shows a checkout.
    struct Get: ServerCommand {
        static let wording = Wording.checkouts
        static let configuration = CommandConfiguration(abstract: "Show a checkout and its orders.")

        @Argument(help: ArgumentHelp("The checkout.", valueName: "checkout"), transform: Reading.checkout)
        var checkout: CheckoutID

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let checkout = try await session.client.checkout(self.checkout)
            session.output.show(json: checkout.json, text: checkout.text(session.output.style))
        }
    }
}
