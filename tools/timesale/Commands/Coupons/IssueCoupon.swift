import ArgumentParser
import TimesaleClient

extension CouponCommands {
    /// Issues a coupon to a user.
    struct Issue: ServerCommand {
        static let wording = Wording.coupons
        static let configuration = CommandConfiguration(
            abstract: "Issue a coupon of a policy to a user.",
            discussion: """
                To issue once however often the command runs, give a --key: the same key with the same content is the \
                same coupon, and the answer says that it is a repeat.
                """)

        @Argument(help: ArgumentHelp("The policy.", valueName: "policy"), transform: Reading.policy)
        var policy: PolicyID

        @Option(help: "A number, or a UUID.", transform: Reading.user)
        var user: UserID

        @OptionGroup var repeating: IdOptions<CouponID>

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let id = repeating.id(for: user, path: "/v1/coupon-policies/\(policy)/coupons")
            let words = ["coupon", "issue", "\(policy)", "--user", "\(user)", "--id", "\(id)"]
            let coupon = try await session.change(again: words) { () throws(TimesaleError) in
                try await session.client.issueCoupon(policy: policy, user: user, id: id)
            }
            session.output.show(json: coupon.jsonOfChange, text: coupon.text(session.output.style))
            let use = ["coupon", "use", "\(id)", "--user", "\(user)", "--amount", "12000"]
            session.output.remark(
                coupon.isRepeat
                    ? "It had been issued before; nothing was done.\n" : "Use it: \(session.command(use))\n")
        }
    }
}
