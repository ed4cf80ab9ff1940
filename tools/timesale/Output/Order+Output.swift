import TimesaleClient

// An order as the tool shows it. The names of the JSON fields are those of the HTTP API.
extension Order {
    var json: JSON {
        var fields: [(String, JSON)] = [
            ("orderId", .string("\(id)")), ("timeSaleId", .string("\(sale)")), ("userId", .string("\(user)")),
            ("quantity", .integer(quantity)), ("state", .string(state.name)),
            ("createdAt", .string(Timestamp.text(ms: createdAtMs))),
        ]
        if let expiresAtMs { fields.append(("expiresAt", .string(Timestamp.text(ms: expiresAtMs)))) }
        return .object(
            fields + [
                ("lateConfirm", .bool(isLateConfirm)), ("partOfCheckout", .bool(isPartOfCheckout)),
            ])
    }

    /// The same, and whether it is the answer to something done before.
    var jsonOfChange: JSON { json.adding([("repeat", .bool(isRepeat))]) }

    func text(_ style: Style) -> String {
        var fields: [(String, StyledText)] = [
            ("order", StyledText("\(id)", .bold)), ("sale", StyledText("\(sale)")),
            ("user", StyledText("\(user)")), ("quantity", StyledText(Numbers.grouped(quantity))),
            ("state", state.styled), ("created at", StyledText(Timestamp.text(ms: createdAtMs))),
        ]
        if let expiresAtMs { fields.append(("expires at", StyledText(Timestamp.text(ms: expiresAtMs)))) }
        if isLateConfirm { fields.append(("confirmed", "late: after it had expired")) }
        if isPartOfCheckout { fields.append(("part of", "a checkout, and ends only with it")) }
        return Table.fields(fields, style)
    }

    static func table(_ orders: [Order]) -> Table {
        var table = Table("order", "sale", "user", ">quantity", "state", "created at", "expires at")
        for order in orders {
            table.add([
                StyledText("\(order.id)"), StyledText("\(order.sale)"), StyledText("\(order.user)"),
                StyledText(Numbers.grouped(order.quantity)),
                order.state.styled + StyledText(order.isLateConfirm ? " (late)" : ""),
                StyledText(Timestamp.text(ms: order.createdAtMs)),
                StyledText(order.expiresAtMs.map { Timestamp.text(ms: $0) } ?? ""),
            ])
        }
        return table
    }
}

extension OrderState {
    var name: String {
        switch self {
        case .held: "held"
        case .confirmed: "confirmed"
        case .cancelled: "cancelled"
        case .expired: "expired"
        }
    }

    var styled: StyledText {
        switch self {
        case .held: StyledText(name, .yellow)
        case .confirmed: StyledText(name, .green)
        case .cancelled, .expired: StyledText(name, .dim)
        }
    }
}
