import TimesaleClient

extension SaleState {
    var name: StaticString {
        switch self {
        case .scheduled: "scheduled"
        case .open: "open"
        case .soldOut: "soldOut"
        case .ended: "ended"
        case .closed: "closed"
        }
    }

    static let names = allCases.map { "\($0.name)" }
}

extension Sale {
    static let shape = ObjectShape(
        "TimeSale", "A sale as it was at the moment of the answer.",
        [
            .init("id", .offerId, "The sale."),
            .init("name", .text, "For people."),
            .init("state", .choice(SaleState.names), "As it is now."),
            .init("stock", .integer, "All units ever put up for sale."),
            .init("available", .integer, "Units that are durably free."),
            .init("held", .integer, "Units that wait for their payment."),
            .init("sold", .integer, "Confirmed units."),
            .init("startsAt", .time, "When it opens."),
            .init("endsAt", .time, "When it ends; null: never.", nullable: true),
            .init("perUserLimit", .integer, "Units that one user may hold and have; 0: no limit."),
            .init("holdSeconds", .number, "How long an order is held; 0: it is confirmed at once."),
            .init("unitPrice", .integer, "In the smallest unit of the currency."),
            .init("createdAt", .time, "When it was created."),
        ])

    func write(to json: inout JSONWriter) {
        json.begin()
        json.key("id")
        json.id(id.rawValue)
        json.key("name")
        json.text(name)
        json.key("state")
        json.plain(state.name)
        json.key("stock")
        json.number(stock)
        json.key("available")
        json.number(available)
        json.key("held")
        json.number(held)
        json.key("sold")
        json.number(sold)
        json.key("startsAt")
        // 0 stands for "at once".
        json.time(startsAtMs == 0 ? createdAtMs : startsAtMs)
        json.key("endsAt")
        json.time(endsAtMs)
        json.key("perUserLimit")
        json.number(UInt64(perUserLimit ?? 0))
        json.key("holdSeconds")
        json.seconds(ms: UInt64(holdMs))
        json.key("unitPrice")
        json.number(unitPrice)
        json.key("createdAt")
        json.time(createdAtMs)
        json.end()
    }
}
