import ArgumentParser
import TimesaleClient

extension PointCommands {
    /// Takes points from a user.
    struct Use: ServerCommand {
        static let wording = Wording.points
        static let configuration = CommandConfiguration(
            abstract: "Take points from a user: those that expire first.",
            discussion: """
                All of the amount or nothing. To take once however often the command runs, give a --key: the same key \
                with the same content is the same use.
                """)

        @Argument(
            help: ArgumentHelp("Points, 1 to 1,000,000,000.", valueName: "amount"), transform: Reading.points)
        var amount: UInt32

        @Option(help: "A number, or a UUID.", transform: Reading.user)
        var user: UserID

        @Option(help: "What it is for; at most 31 bytes.", transform: Reading.reason)
        var reason = ""

        @OptionGroup var repeating: IdOptions<TransactionID>

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let id = repeating.id(for: user, path: "/v1/users/\(user)/points/use")
            let words =
                ["point", "use", "\(amount)", "--user", "\(user)"]
                + (reason.isEmpty ? [] : ["--reason", reason])
                + ["--id", "\(id)"]
            let used = try await session.change(again: words) { () throws(TimesaleError) in
                try await session.client.usePoints(amount, user: user, reason: reason, id: id)
            }
            session.output.show(
                json: used.jsonOfChange, text: used.text(session.output.style, withBalance: true))
            session.output.remark(
                used.isRepeat
                    ? "It had been used before; nothing was done.\n"
                    : "To give them back: \(session.command(["point", "cancel", "\(id)"]))\n")
        }
    }
}
