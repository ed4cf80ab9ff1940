import ArgumentParser
import TimesaleClient

extension CouponCommands {
    /// Shows a coupon.
    struct Get: ServerCommand {
        static let wording = Wording.coupons
        static let configuration = CommandConfiguration(abstract: "Show a coupon.")

        @Argument(help: ArgumentHelp("The coupon.", valueName: "coupon"), transform: Reading.coupon)
        var coupon: CouponID

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let coupon = try await session.client.coupon(self.coupon)
            session.output.show(json: coupon.json, text: coupon.text(session.output.style))
        }
    }
}
