import ArgumentParser
import TimesaleClient

extension CheckoutCommands {
    /// Gives everything that checkouts took back.
    struct Cancel: ServerCommand {
        static let wording = Wording.checkouts
        static let configuration = CommandConfiguration(
            abstract: "Cancel checkouts: their units sell again, coupon and points come back.",
            discussion: """
                Held, confirmed (a refund: the points that it earned are taken back, if none is spent) and expired \
                ones. Coupon and points keep their expiry. Cancelling a checkout that the server does not know makes \
                it refuse that checkout, should it still arrive.
                """)

        @Argument(help: ArgumentHelp("Checkouts.", valueName: "checkout"), transform: Reading.checkout)
        var checkouts: [CheckoutID]

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            var answers = CheckoutAnswers()
            for (id, result) in zip(checkouts, await session.client.cancelCheckouts(checkouts)) {
                switch result {
                case .success(let cancellation): answers.add(cancellation, session.output.style)
                case .failure(let error):
                    answers.add(session.failure(error, again: ["checkout", "cancel", "\(id)"]), of: id)
                }
            }
            try answers.finish(session.output)
        }
    }
}
