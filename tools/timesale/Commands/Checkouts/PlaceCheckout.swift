import ArgumentParser
import TimesaleClient

extension CheckoutCommands {
    /// Places a checkout.
    struct Place: ServerCommand {
        static let wording = Wording.checkouts
        static let configuration = CommandConfiguration(
            abstract: "Take units of several sales, a coupon and points for a user: all or nothing.",
            discussion: """
                If one part cannot be had, nothing is taken, and the answer names the part. It is held if any of the \
                sales holds, until the shortest of their hold times is over. To check out once however often the \
                command runs, give a --key and an absolute time: the same key with the same content is the same \
                checkout, and the answer says that it is a repeat.
                """)

        @Argument(
            help: ArgumentHelp(
                "What to take: SALE:QUANTITY, or SALE for one unit; 1 to 16 of them.", valueName: "line"),
            transform: Reading.line)
        var lines: [CheckoutLine]

        @Option(help: "A number, or a UUID.", transform: Reading.user)
        var user: UserID

        @Option(
            help: ArgumentHelp("The user's coupon to use. (default: none)", valueName: "coupon"),
            transform: Reading.coupon)
        var coupon: CouponID?

        @Option(
            help: ArgumentHelp(
                "Points to pay with; one pays one unit of money. (default: none)", valueName: "points"),
            transform: Reading.points)
        var usePoints: UInt32?

        @Option(
            help: ArgumentHelp("Points to credit when it is confirmed. (default: none)", valueName: "points"),
            transform: Reading.points)
        var earnPoints: UInt32?

        @Option(
            help: ArgumentHelp(
                "When the points to earn expire: 2026-11-27T10:00:00Z, or +30d from now. (default: never)",
                valueName: "time"),
            transform: Reading.moment)
        var earnExpiresAt: Moment?

        @OptionGroup var repeating: IdOptions<CheckoutID>

        @OptionGroup var common: CommonOptions

        func validate() throws {
            if lines.count > 16 { throw ValidationError("a checkout has at most 16 lines") }
            if earnExpiresAt != nil, earnPoints == nil {
                throw ValidationError("--earn-expires-at is of the points to earn: give --earn-points")
            }
            if repeating.isGiven, earnExpiresAt?.isRelative == true {
                throw ValidationError(
                    "an id repeats a checkout exactly, and +... is another time at each run: give an absolute time"
                )
            }
        }

        func run(_ session: Session) async throws {
            var request = CheckoutRequest(
                lines, user: user, coupon: coupon, usePoints: usePoints ?? 0, earnPoints: earnPoints ?? 0,
                id: repeating.id(for: user, path: "/v1/checkouts"))
            if let earnExpiresAt { request.earnExpiresAtMs = try await session.ms(earnExpiresAt) }
            let checkout: Checkout
            do throws(TimesaleError) {
                checkout = try await session.client.checkout(request)
            } catch {
                throw session.failure(error, of: request)
            }
            session.output.show(json: checkout.jsonOfChange, text: checkout.text(session.output.style))
            if checkout.isRepeat {
                session.output.remark("It had been placed before; nothing was done.\n")
            } else if checkout.state == .held {
                session.output.remark("Paid? \(session.command(["checkout", "confirm", "\(checkout.id)"]))\n")
            }
        }
    }
}

extension Session {
    /// What an error of a checkout that was to be placed means. A line is named by its sale.
    fileprivate func failure(_ error: TimesaleError, of request: CheckoutRequest) -> Failure {
        var failure = failure(error, again: request.words)
        if case .partRefused(.line(let line), _) = error, request.lines.indices.contains(line) {
            failure.subject = "sale \(request.lines[line].sale)"
        }
        return failure
    }
}

extension CheckoutRequest {
    /// The command that places just this.
    fileprivate var words: [String] {
        var words = ["checkout", "place"] + lines.map { "\($0.sale):\($0.quantity)" } + ["--user", "\(user)"]
        if let coupon { words += ["--coupon", "\(coupon)"] }
        if usePoints > 0 { words += ["--use-points", "\(usePoints)"] }
        if earnPoints > 0 { words += ["--earn-points", "\(earnPoints)"] }
        if let earnExpiresAtMs { words += ["--earn-expires-at", Timestamp.text(ms: earnExpiresAtMs)] }
        return words + ["--id", "\(id)"]
    }
}
