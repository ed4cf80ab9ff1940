import TimesaleClient

// A coupon as the tool shows it. The names of the JSON fields are those of the HTTP API.
extension Coupon {
    var json: JSON {
        var fields: [(String, JSON)] = [
            ("couponId", .string("\(id)")), ("policyId", .string("\(policy)")),
            ("userId", .string("\(user)")),
            ("state", .string(state.name)), ("issuedAt", .string(Timestamp.text(ms: issuedAtMs))),
        ]
        if let expiresAtMs { fields.append(("expiresAt", .string(Timestamp.text(ms: expiresAtMs)))) }
        if let use {
            fields.append(("usedAt", .string(Timestamp.text(ms: use.atMs))))
            fields.append(("discount", .integer(use.discount)))
            if let amount = use.purchaseAmount { fields.append(("purchaseAmount", .integer(amount))) }
            if let order = use.order { fields.append(("orderId", .string("\(order)"))) }
        }
        return .object(fields)
    }

    /// The same, and whether it is the answer to something done before.
    var jsonOfChange: JSON { json.adding([("repeat", .bool(isRepeat))]) }

    func text(_ style: Style) -> String {
        var fields: [(String, StyledText)] = [
            ("coupon", StyledText("\(id)", .bold)), ("policy", StyledText("\(policy)")),
            ("user", StyledText("\(user)")), ("state", state.styled),
            ("issued at", StyledText(Timestamp.text(ms: issuedAtMs))),
            ("expires at", StyledText(expiresAtMs.map { Timestamp.text(ms: $0) } ?? "never")),
        ]
        if let use {
            fields.append(("discount", StyledText(Numbers.grouped(use.discount), .bold)))
            if let amount = use.purchaseAmount {
                fields.append(("purchase", StyledText(Numbers.grouped(amount))))
            }
            if let order = use.order { fields.append(("order", StyledText("\(order)"))) }
            fields.append(("used at", StyledText(Timestamp.text(ms: use.atMs))))
        }
        return Table.fields(fields, style)
    }

    static func table(_ coupons: [Coupon]) -> Table {
        var table = Table("coupon", "policy", "state", "issued at", "expires at", "used at", ">discount")
        for coupon in coupons {
            table.add([
                StyledText("\(coupon.id)"), StyledText("\(coupon.policy)"), coupon.state.styled,
                StyledText(Timestamp.text(ms: coupon.issuedAtMs)),
                StyledText(coupon.expiresAtMs.map { Timestamp.text(ms: $0) } ?? "never"),
                StyledText(coupon.use.map { Timestamp.text(ms: $0.atMs) } ?? ""),
                StyledText(coupon.use.map { Numbers.grouped($0.discount) } ?? ""),
            ])
        }
        return table
    }
}

extension CouponState {
    /// As in JSON and in arguments.
    var name: String {
        switch self {
        case .issued: "issued"
        case .used: "used"
        case .expired: "expired"
        }
    }

    var styled: StyledText {
        switch self {
        case .issued: StyledText(name, .green)
        case .used: StyledText(name, .yellow)
        case .expired: StyledText(name, .dim)
        }
    }
}
