import TimesaleClient

extension Checkout {
    static let shape = ObjectShape(
        "Checkout", "Orders, a coupon and points of one user: all of it, or nothing.",
        [
            .init("checkoutId", .uuid, "The checkout."),
            .init("userId", .userId, "Whose it is."),
            .init("orders", .objects(Order.shape), "One for each sale."),
            .init("couponId", .uuid, "The coupon that it uses; null: none.", nullable: true),
            .init("subtotal", .integer, "The sum of unit price x quantity."),
            .init("discount", .integer, "What the coupon takes off."),
            .init("pointsUsed", .integer, "Points that are paid with."),
            .init("pointsEarned", .integer, "Points that are credited at the confirm."),
            .init("toPay", .integer, "subtotal - discount - pointsUsed."),
            .init("state", .choice(OrderState.names), "As it is now, and so are its orders."),
            .init("createdAt", .time, "When it was accepted."),
            .init("expiresAt", .time, "When the hold ends; only of a held checkout.", optional: true),
            .init("lateConfirm", .flag, "It was confirmed after it had expired: everything was taken again."),
        ])

    func write(to json: inout JSONWriter) {
        json.begin()
        json.key("checkoutId")
        json.operation(id)
        json.key("userId")
        json.user(user)
        json.key("orders")
        json.beginArray()
        for order in orders { write(order, to: &json) }
        json.endArray()
        json.key("couponId")
        if let coupon { json.operation(coupon) } else { json.null() }
        json.key("subtotal")
        json.number(subtotal)
        json.key("discount")
        json.number(discount)
        json.key("pointsUsed")
        json.number(UInt64(pointsUsed))
        json.key("pointsEarned")
        json.number(UInt64(pointsEarned))
        json.key("toPay")
        json.number(toPay)
        writeState(to: &json)
        json.end()
    }

    /// An order of it, as an order that is asked for alone.
    private func write(_ order: CheckoutOrder, to json: inout JSONWriter) {
        json.begin()
        json.key("orderId")
        json.operation(order.id)
        json.key("timeSaleId")
        json.id(order.sale.rawValue)
        json.key("userId")
        json.user(user)
        json.key("quantity")
        json.number(UInt64(order.quantity))
        writeState(to: &json)
        json.key("partOfCheckout")
        json.flag(true)
        json.end()
    }

    private func writeState(to json: inout JSONWriter) {
        json.memberState(state, createdAtMs: createdAtMs, expiresAtMs: expiresAtMs, isLateConfirm: isLateConfirm)
    }
}
