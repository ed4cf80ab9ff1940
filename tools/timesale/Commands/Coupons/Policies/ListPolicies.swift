import ArgumentParser
import TimesaleClient

extension PolicyCommands {
    /// Lists policies in the order of their creation.
    struct List: ServerCommand {
        static let wording = Wording.policies
        static let configuration = CommandConfiguration(
            abstract: "List policies, in the order of their creation.")

        @Option(
            help: ArgumentHelp(
                "Only policies in this state: scheduled, open, exhausted, ended, closed; may be given more than once.",
                valueName: "state"),
            completion: .list(PolicyState.allCases.map(\.name)),
            transform: { try Reading.state($0, \PolicyState.name) })
        var state: [PolicyState] = []

        @OptionGroup var page: PageOptions

        @Option(
            help: ArgumentHelp("Begin behind this policy.", valueName: "policy"), transform: Reading.policy)
        var after: PolicyID?

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let (policies, next) = try await page.gather(after: after) { after, limit in
                let got = try await session.client.policies(Set(state), after: after, limit: limit)
                return (got.policies, got.next)
            }
            let create = [
                "coupon", "policy", "create", "--name", "Ten off", "--quantity", "100", "--percent", "10",
            ]
            session.output.show(
                policies.map(\.json), Policy.table(policies), next: next.map { "\($0)" },
                none: "No policies. Create one with: \(session.command(create))",
                command: session.command(
                    ["coupon", "policy", "list"] + state.flatMap { ["--state", $0.name] }
                        + ["--after", next.map { "\($0)" } ?? ""]))
        }
    }
}
