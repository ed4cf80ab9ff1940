import ArgumentParser
import TimesaleClient

extension PolicyCommands {
    /// Ends the issuing of a policy's coupons before its time.
    struct Close: ServerCommand {
        static let wording = Wording.policies
        static let configuration = CommandConfiguration(
            abstract: "Issue no more coupons of a policy, for good.",
            discussion: "Coupons that have been issued stay usable.")

        @Argument(help: ArgumentHelp("The policy.", valueName: "policy"), transform: Reading.policy)
        var policy: PolicyID

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let words = ["coupon", "policy", "close", "\(policy)"]
            let policy = try await session.change(again: words) { () throws(TimesaleError) in
                try await session.client.closePolicy(self.policy)
            }
            session.output.show(json: policy.jsonOfChange, text: policy.text(session.output.style))
            if policy.isRepeat { session.output.remark("It had been closed before; nothing was done.\n") }
        }
    }
}
