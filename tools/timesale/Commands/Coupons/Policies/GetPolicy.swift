import ArgumentParser
import TimesaleClient

extension PolicyCommands {
    /// Shows a policy.
    struct Get: ServerCommand {
        static let wording = Wording.policies
        static let configuration = CommandConfiguration(abstract: "Show a policy and its counts.")

        @Argument(help: ArgumentHelp("The policy.", valueName: "policy"), transform: Reading.policy)
        var policy: PolicyID

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let policy = try await session.client.policy(self.policy)
            session.output.show(json: policy.json, text: policy.text(session.output.style))
        }
    }
}
