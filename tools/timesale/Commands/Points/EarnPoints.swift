import ArgumentParser
import TimesaleClient

extension PointCommands {
    /// Credits a user with points.
    struct Earn: ServerCommand {
        static let wording = Wording.points
        static let configuration = CommandConfiguration(
            abstract: "Credit a user with points.",
            discussion: """
                To credit once however often the command runs, give a --key and an absolute time: the same key with \
                the same content is the same earning, and the answer says that it is a repeat.
                """)

        @Argument(
            help: ArgumentHelp("Points, 1 to 1,000,000,000.", valueName: "amount"), transform: Reading.points)
        var amount: UInt32

        @Option(help: "A number, or a UUID.", transform: Reading.user)
        var user: UserID

        @Option(help: "What it is for; at most 31 bytes.", transform: Reading.reason)
        var reason = ""

        @Option(
            help: ArgumentHelp(
                "When they expire: 2026-11-27T10:00:00Z, or +30d from now. (default: never)",
                valueName: "time"),
            transform: Reading.moment)
        var expiresAt: Moment?

        @OptionGroup var repeating: IdOptions<TransactionID>

        @OptionGroup var common: CommonOptions

        func validate() throws {
            if repeating.isGiven, expiresAt?.isRelative == true {
                throw ValidationError(
                    "an id repeats an earning exactly, and +... is another time at each run: give an absolute time"
                )
            }
        }

        func run(_ session: Session) async throws {
            var request = EarnRequest(
                user: user, amount: amount, reason: reason,
                id: repeating.id(for: user, path: "/v1/users/\(user)/points/earn"))
            if let expiresAt { request.expiresAtMs = try await session.ms(expiresAt) }
            let wanted = request
            let earned = try await session.change(again: Self.words(wanted)) { () throws(TimesaleError) in
                try await session.client.earnPoints(
                    wanted.amount, user: wanted.user, expiresAtMs: wanted.expiresAtMs, reason: wanted.reason,
                    id: wanted.id)
            }
            session.output.show(
                json: earned.jsonOfChange, text: earned.text(session.output.style, withBalance: true))
            if earned.isRepeat { session.output.remark("It had been credited before; nothing was done.\n") }
        }

        /// The command that credits just this.
        private static func words(_ request: EarnRequest) -> [String] {
            var words = ["point", "earn", "\(request.amount)", "--user", "\(request.user)"]
            if !request.reason.isEmpty { words += ["--reason", request.reason] }
            if let expiresAtMs = request.expiresAtMs {
                words += ["--expires-at", Timestamp.text(ms: expiresAtMs)]
            }
            return words + ["--id", "\(request.id)"]
        }
    }
}
