import ArgumentParser
import TimesaleClient

extension PointCommands {
    /// Shows a user's points.
    struct Balance: ServerCommand {
        static let wording = Wording.points
        static let configuration = CommandConfiguration(
            abstract: "Show a user's points, and which of them expire next.")

        @Option(help: "A number, or a UUID.", transform: Reading.user)
        var user: UserID

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let balance = try await session.client.points(of: user)
            session.output.show(
                json: balance.json(of: user), text: balance.text(of: user, session.output.style))
        }
    }
}
