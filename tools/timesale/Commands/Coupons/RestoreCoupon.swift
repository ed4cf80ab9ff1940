import ArgumentParser
import TimesaleClient

extension CouponCommands {
    /// Makes a used coupon usable again.
    struct Restore: ServerCommand {
        static let wording = Wording.coupons
        static let configuration = CommandConfiguration(
            abstract: "Make a used coupon usable again: the purchase did not come about.",
            discussion: "It expires when it would have expired.")

        @Argument(help: ArgumentHelp("The coupon.", valueName: "coupon"), transform: Reading.coupon)
        var coupon: CouponID

        @Option(help: "Whose coupon it is: a number, or a UUID.", transform: Reading.user)
        var user: UserID

        @OptionGroup var repeating: CouponOperationOptions

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let restore = repeating.operation(for: user, path: "/v1/coupons/\(coupon)/restore")
            let words = [
                "coupon", "restore", "\(coupon)", "--user", "\(user)", "--operation-id", "\(restore)",
            ]
            let restored = try await session.change(again: words) { () throws(TimesaleError) in
                try await session.client.restoreCoupon(coupon, user: user, restore: restore)
            }
            session.output.show(
                json: restored.jsonOfChange.adding([("operationId", .string("\(restore)"))]),
                text: restored.text(session.output.style))
            if restored.isRepeat { session.output.remark("It had been restored before; nothing was done.\n") }
        }
    }
}
