import TimesaleClient

// A checkout as the tool shows it. The names of the JSON fields are those of the HTTP API.
extension Checkout {
    var json: JSON {
        var fields: [(String, JSON)] = [
            ("checkoutId", .string("\(id)")), ("userId", .string("\(user)")), ("state", .string(state.name)),
            ("orders", .array(orders.map(\.json))),
        ]
        if let coupon { fields.append(("couponId", .string("\(coupon)"))) }
        fields += [
            ("subtotal", .integer(subtotal)), ("discount", .integer(discount)),
            ("pointsUsed", .integer(pointsUsed)), ("pointsEarned", .integer(pointsEarned)),
            ("toPay", .integer(toPay)), ("createdAt", .string(Timestamp.text(ms: createdAtMs))),
        ]
        if let expiresAtMs { fields.append(("expiresAt", .string(Timestamp.text(ms: expiresAtMs)))) }
        if let earnExpiresAtMs {
            fields.append(("earnExpiresAt", .string(Timestamp.text(ms: earnExpiresAtMs))))
        }
        return .object(fields + [("lateConfirm", .bool(isLateConfirm))])
    }

    /// The same, and whether it is the answer to something done before.
    var jsonOfChange: JSON { json.adding([("repeat", .bool(isRepeat))]) }

    func text(_ style: Style) -> String {
        var fields: [(String, StyledText)] = [
            ("checkout", StyledText("\(id)", .bold)), ("user", StyledText("\(user)")), ("state", state.styled),
            ("created at", StyledText(Timestamp.text(ms: createdAtMs))),
        ]
        if let expiresAtMs { fields.append(("expires at", StyledText(Timestamp.text(ms: expiresAtMs)))) }
        if isLateConfirm { fields.append(("confirmed", "late: after it had expired")) }
        fields.append(("subtotal", StyledText(Numbers.grouped(subtotal))))
        if let coupon {
            fields.append(("discount", StyledText("\(Numbers.grouped(discount)), by coupon \(coupon)")))
        }
        if pointsUsed > 0 { fields.append(("points used", StyledText(Numbers.grouped(pointsUsed)))) }
        fields.append(("to pay", StyledText(Numbers.grouped(toPay), .bold)))
        if pointsEarned > 0 { fields.append(("points earned", StyledText(earned))) }
        return Table.fields(fields, style) + "\n" + table.rendered(style)
    }

    /// The points to earn: how many, when, and until when.
    private var earned: String {
        let expiry = earnExpiresAtMs.map { ", until \(Timestamp.text(ms: $0))" } ?? ""
        return switch state {
        case .held: "\(Numbers.grouped(pointsEarned)) when it is confirmed\(expiry)"
        case .confirmed: "\(Numbers.grouped(pointsEarned))\(expiry)"
        case .cancelled, .expired: "none; it would have been \(Numbers.grouped(pointsEarned))"
        }
    }

    private var table: Table {
        var table = Table("order", "sale", ">quantity")
        for order in orders {
            table.add([
                StyledText("\(order.id)"), StyledText("\(order.sale)"), StyledText(Numbers.grouped(order.quantity)),
            ])
        }
        return table
    }
}

extension CheckoutOrder {
    var json: JSON {
        .object([
            ("orderId", .string("\(id)")), ("timeSaleId", .string("\(sale)")), ("quantity", .integer(quantity)),
        ])
    }
}

extension CheckoutPart {
    /// Its path in the request, as the HTTP API tells it; `orders[n]` of the checkout itself.
    var path: String {
        switch self {
        case .line(let index): "lines[\(index)]"
        case .order(let number): "orders[\(number)]"
        case .coupon: "couponId"
        case .pointsUsed: "usePoints"
        case .pointsEarned: "earnPoints"
        }
    }
}
