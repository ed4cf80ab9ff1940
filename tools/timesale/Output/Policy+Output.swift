import TimesaleClient

// A policy of coupons as the tool shows it. The names of the JSON fields are those of the HTTP API.
extension Policy {
    var json: JSON {
        let counts: [(String, JSON)] = [
            ("quantity", .integer(quantity)), ("issued", .integer(issued)), ("used", .integer(used)),
            ("remaining", .integer(remaining)), ("perUserLimit", .integer(perUserLimit ?? 0)),
        ]
        let (most, least): (UInt64, UInt64) = (maxDiscount ?? 0, minPurchase ?? 0)
        let worth: [(String, JSON)] = [
            ("discountType", .string(discount.name)), ("discountValue", .integer(discount.value)),
            ("maxDiscount", .integer(most)), ("minPurchase", .integer(least)),
        ]
        let times: [(String, JSON)] = [
            ("validFrom", validFromMs == 0 ? .null : .string(Timestamp.text(ms: validFromMs))),
            ("validUntil", validUntilMs.map { .string(Timestamp.text(ms: $0)) } ?? .null),
            ("createdAt", .string(Timestamp.text(ms: createdAtMs))),
        ]
        return JSON.object([
            ("id", .string("\(id)")), ("name", .string(name)), ("state", .string(state.name)),
        ])
        .adding(counts + worth + times)
    }

    /// The same, and whether it is the answer to something done before.
    var jsonOfChange: JSON { json.adding([("repeat", .bool(isRepeat))]) }

    func text(_ style: Style) -> String {
        Table.fields(
            [
                ("policy", StyledText("\(id)", .bold)), ("name", StyledText(name)), ("state", state.styled),
                ("discount", StyledText(discountText)), ("quantity", StyledText(Numbers.grouped(quantity))),
                ("remaining", StyledText(Numbers.grouped(remaining))),
                ("issued", StyledText(Numbers.grouped(issued))),
                ("used", StyledText(Numbers.grouped(used))),
                ("per user", StyledText(perUserLimit.map { Numbers.grouped($0) } ?? "no limit")),
                ("valid from", StyledText(validFromMs == 0 ? "at once" : Timestamp.text(ms: validFromMs))),
                ("valid until", StyledText(validUntilMs.map { Timestamp.text(ms: $0) } ?? "for ever")),
                ("created at", StyledText(Timestamp.text(ms: createdAtMs))),
            ], style)
    }

    static func table(_ policies: [Policy]) -> Table {
        var table = Table(
            "policy", "name", "state", "discount", ">quantity", ">remaining", ">issued", ">used",
            "valid until")
        for policy in policies {
            table.add([
                StyledText("\(policy.id)"), StyledText(policy.name), policy.state.styled,
                StyledText(policy.discountText), StyledText(Numbers.grouped(policy.quantity)),
                StyledText(Numbers.grouped(policy.remaining)), StyledText(Numbers.grouped(policy.issued)),
                StyledText(Numbers.grouped(policy.used)),
                StyledText(policy.validUntilMs.map { Timestamp.text(ms: $0) } ?? "for ever"),
            ])
        }
        return table
    }

    /// `10 %, at most 3,000, from 10,000 on`.
    private var discountText: String {
        let value =
            switch discount {
            case .fixed(let amount): Numbers.grouped(amount)
            case .percent(let percentage): "\(percentage) %"
            }
        let most = maxDiscount.map { ", at most \(Numbers.grouped($0))" } ?? ""
        let least = minPurchase.map { ", from \(Numbers.grouped($0)) on" } ?? ""
        return value + most + least
    }
}

extension Discount {
    var name: String {
        switch self {
        case .fixed: "fixed"
        case .percent: "percent"
        }
    }

    var value: UInt64 {
        switch self {
        case .fixed(let value), .percent(let value): value
        }
    }
}

extension PolicyState {
    /// As in JSON and in arguments.
    var name: String {
        switch self {
        case .scheduled: "scheduled"
        case .open: "open"
        case .exhausted: "exhausted"
        case .ended: "ended"
        case .closed: "closed"
        }
    }

    var styled: StyledText {
        switch self {
        case .scheduled: StyledText(name, .cyan)
        case .open: StyledText(name, .green)
        case .exhausted: StyledText(name, .red)
        case .ended, .closed: StyledText(name, .dim)
        }
    }
}
