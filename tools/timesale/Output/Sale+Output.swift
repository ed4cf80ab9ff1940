import TimesaleClient

// A sale as the tool shows it. The names of the JSON fields are those of the HTTP API.
extension Sale {
    var json: JSON {
        .object([
            ("id", .string("\(id)")), ("name", .string(name)), ("state", .string(state.name)),
            ("stock", .integer(stock)), ("available", .integer(available)), ("held", .integer(held)),
            ("sold", .integer(sold)),
            ("startsAt", startsAtMs == 0 ? .null : .string(Timestamp.text(ms: startsAtMs))),
            ("endsAt", endsAtMs.map { .string(Timestamp.text(ms: $0)) } ?? .null),
            ("perUserLimit", .integer(perUserLimit ?? 0)), ("holdSeconds", .number(Double(holdMs) / 1000)),
            ("unitPrice", .integer(unitPrice)), ("createdAt", .string(Timestamp.text(ms: createdAtMs))),
        ])
    }

    /// The same, and whether it is the answer to something done before.
    var jsonOfChange: JSON { json.adding([("repeat", .bool(isRepeat))]) }

    func text(_ style: Style) -> String { Table.fields(fields, style) }

    private var fields: [(String, StyledText)] {
        [
            ("sale", StyledText("\(id)", .bold)), ("name", StyledText(name)), ("state", state.styled),
            ("stock", StyledText(Numbers.grouped(stock))),
            ("available", StyledText(Numbers.grouped(available))),
            ("held", StyledText(Numbers.grouped(held))),
            ("sold", StyledText(Numbers.grouped(sold))),
            ("starts at", StyledText(startsAtMs == 0 ? "at once" : Timestamp.text(ms: startsAtMs))),
            ("ends at", StyledText(endsAtMs.map { Timestamp.text(ms: $0) } ?? "never")),
            ("per user", StyledText(perUserLimit.map { Numbers.grouped($0) } ?? "no limit")),
            (
                "hold",
                StyledText(holdMs == 0 ? "none: orders confirm at once" : "\(Milliseconds(UInt64(holdMs)))")
            ),
            ("unit price", StyledText(Numbers.grouped(unitPrice))),
            ("created at", StyledText(Timestamp.text(ms: createdAtMs))),
        ]
    }

    static func table(_ sales: [Sale]) -> Table {
        var table = Table(
            "sale", "name", "state", ">stock", ">available", ">held", ">sold", "starts at", "ends at")
        for sale in sales {
            table.add([
                StyledText("\(sale.id)"), StyledText(sale.name), sale.state.styled,
                StyledText(Numbers.grouped(sale.stock)), StyledText(Numbers.grouped(sale.available)),
                StyledText(Numbers.grouped(sale.held)), StyledText(Numbers.grouped(sale.sold)),
                StyledText(sale.startsAtMs == 0 ? "at once" : Timestamp.text(ms: sale.startsAtMs)),
                StyledText(sale.endsAtMs.map { Timestamp.text(ms: $0) } ?? "never"),
            ])
        }
        return table
    }
}

extension SaleState {
    /// As in JSON and in arguments.
    var name: String {
        switch self {
        case .scheduled: "scheduled"
        case .open: "open"
        case .soldOut: "soldOut"
        case .ended: "ended"
        case .closed: "closed"
        }
    }

    var styled: StyledText {
        switch self {
        case .scheduled: StyledText("scheduled", .cyan)
        case .open: StyledText("open", .green)
        case .soldOut: StyledText("sold out", .red)
        case .ended: StyledText("ended", .dim)
        case .closed: StyledText("closed", .dim)
        }
    }
}
