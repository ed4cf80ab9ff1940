import ArgumentParser
import TimesaleClient

extension CouponCommands {
    /// Uses a coupon for a purchase.
    struct Use: ServerCommand {
        static let wording = Wording.coupons
        static let configuration = CommandConfiguration(
            abstract: "Use a coupon for a purchase; prints the discount.",
            discussion: """
                Without an --amount a percentage comes to nothing, and a policy with a least purchase refuses. To \
                use once however often the command runs, give a --key: the same key with the same content is the same \
                use.
                """)

        @Argument(help: ArgumentHelp("The coupon.", valueName: "coupon"), transform: Reading.coupon)
        var coupon: CouponID

        @Option(help: "Whose coupon it is: a number, or a UUID.", transform: Reading.user)
        var user: UserID

        @Option(
            help: ArgumentHelp(
                "What the purchase comes to, in the smallest unit of the currency. (default: not told)",
                valueName: "amount"),
            transform: Reading.amount)
        var amount: UInt64?

        @Option(
            help: ArgumentHelp("The order it is used for; only kept. (default: none)", valueName: "order"),
            transform: Reading.order)
        var order: OrderID?

        @OptionGroup var repeating: CouponOperationOptions

        @OptionGroup var common: CommonOptions

        func run(_ session: Session) async throws {
            let use = repeating.operation(for: user, path: "/v1/coupons/\(coupon)/use")
            var words = ["coupon", "use", "\(coupon)", "--user", "\(user)"]
            if let amount { words += ["--amount", "\(amount)"] }
            if let order { words += ["--order", "\(order)"] }
            let again = words + ["--operation-id", "\(use)"]
            let used = try await session.change(again: again) { () throws(TimesaleError) in
                try await session.client.useCoupon(
                    coupon, user: user, purchaseAmount: amount, order: order, use: use)
            }
            session.output.show(
                json: used.jsonOfChange.adding([("operationId", .string("\(use)"))]),
                text: used.text(session.output.style))
            let restore = ["coupon", "restore", "\(coupon)", "--user", "\(user)"]
            session.output.remark(
                used.isRepeat
                    ? "It had been used so before; nothing was done.\n"
                    : "Not bought after all? \(session.command(restore))\n")
        }
    }
}
