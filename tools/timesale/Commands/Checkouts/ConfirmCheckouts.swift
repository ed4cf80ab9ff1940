import ArgumentParser
import TimesaleClient

extension CheckoutCommands {
    /// Ends holds of checkouts as sales.
    struct Confirm: ServerCommand {
        static let wording = Wording.checkouts
        static let configuration = CommandConfiguration(
            abstract: "Confirm held checkouts: they are paid, and the points to earn are credited.",
            discussion: """
                Confirming again changes nothing. An expired checkout is confirmed late if everything can be had \
                again: its units, its coupon, its points.
                """)

        @Argument(help: ArgumentHelp("Checkouts.", valueName: "checkout"), transform: Reading.checkout)
        var checkouts: [CheckoutID]

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            var answers = CheckoutAnswers()
            for (id, result) in zip(checkouts, await session.client.confirmCheckouts(checkouts)) {
                switch result {
                case .success(let checkout): answers.add(checkout, session.output.style)
                case .failure(let error):
                    var failure = session.failure(error, again: ["checkout", "confirm", "\(id)"])
                    if case .partRefused(let part, .expired) = error {
                        failure.message = "the hold has expired, and \(Self.sentence(part, of: id))"
                    }
                    answers.add(failure, of: id)
                }
            }
            try answers.finish(session.output)
        }

        /// What of an expired checkout cannot be had again.
        private static func sentence(_ part: CheckoutPart, of id: CheckoutID) -> String {
            switch part {
            case .order(let number), .line(let number):
                (0..<16).contains(number)
                    ? "the units of its order \(id.order(number)) cannot be had again"
                    : "not all of its units can be had again"
            case .coupon: "its coupon cannot be used any more"
            case .pointsUsed, .pointsEarned: "the user has too few points"
            }
        }
    }
}
