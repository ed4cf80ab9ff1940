import TimesaleClient

extension OrderState {
    var name: StaticString {
        switch self {
        case .held: "held"
        case .confirmed: "confirmed"
        case .cancelled: "cancelled"
        case .expired: "expired"
        }
    }

    static let names = allCases.map { "\($0.name)" }
}

extension Order {
    static let shape = ObjectShape(
        "Order", "Units of a sale that a user has, had or holds.",
        [
            .init("orderId", .uuid, "The order."),
            .init("timeSaleId", .offerId, "The sale."),
            .init("userId", .userId, "Whose it is."),
            .init("quantity", .integer, "Units."),
            .init("state", .choice(OrderState.names), "As it is now."),
            .init("createdAt", .time, "When it was accepted."),
            .init("expiresAt", .time, "When the hold ends; only of a held order.", optional: true),
            .init("lateConfirm", .flag, "It was confirmed after it had expired: its units were taken again."),
            .init("partOfCheckout", .flag, "True if it ends only with its checkout, else missing.", optional: true),
        ])

    func write(to json: inout JSONWriter) {
        json.begin()
        json.key("orderId")
        json.operation(id)
        json.key("timeSaleId")
        json.id(sale.rawValue)
        json.key("userId")
        json.user(user)
        json.key("quantity")
        json.number(UInt64(quantity))
        json.memberState(state, createdAtMs: createdAtMs, expiresAtMs: expiresAtMs, isLateConfirm: isLateConfirm)
        if isPartOfCheckout {
            json.key("partOfCheckout")
            json.flag(true)
        }
        json.end()
    }
}

extension JSONWriter {
    /// How an order, or a checkout as a whole, stands.
    mutating func memberState(_ state: OrderState, createdAtMs: UInt64, expiresAtMs: UInt64?, isLateConfirm: Bool) {
        key("state")
        plain(state.name)
        key("createdAt")
        time(createdAtMs)
        if state == .held, let expiresAtMs {
            key("expiresAt")
            time(expiresAtMs)
        }
        key("lateConfirm")
        flag(isLateConfirm)
    }
}
