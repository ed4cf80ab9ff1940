import ArgumentParser
import TimesaleClient

extension CouponCommands {
    /// Lists a user's coupons, newest first.
    struct List: ServerCommand {
        static let wording = Wording.coupons
        static let configuration = CommandConfiguration(
            abstract: "List a user's coupons, newest first.")

        @Option(help: "A number, or a UUID.", transform: Reading.user)
        var user: UserID

        @Option(
            help: ArgumentHelp(
                "Only coupons in this state: issued, used or expired; may be given more than once.",
                valueName: "state"),
            completion: .list(CouponState.allCases.map(\.name)),
            transform: { try Reading.state($0, \CouponState.name) })
        var state: [CouponState] = []

        @OptionGroup var page: PageOptions

        @Option(
            help: ArgumentHelp("Begin behind this coupon.", valueName: "coupon"), transform: Reading.coupon)
        var after: CouponID?

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let (coupons, next) = try await page.gather(after: after) { after, limit in
                let got = try await session.client.coupons(of: user, Set(state), after: after, limit: limit)
                return (got.coupons, got.next)
            }
            session.output.show(
                coupons.map(\.json), Coupon.table(coupons), next: next.map { "\($0)" },
                none: "No such coupons of user \(user).",
                command: session.command(
                    ["coupon", "list", "--user", "\(user)"] + state.flatMap { ["--state", $0.name] }
                        + ["--after", next.map { "\($0)" } ?? ""]))
        }
    }
}
