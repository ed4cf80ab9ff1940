import TimesaleClient

/// One look at one sale, on one line: where there is no terminal to draw on.
enum WatchLine {
    static func text(_ sale: Sale, _ history: SaleHistory, nowMs: UInt64) -> String {
        "\(Timestamp.text(ms: nowMs)) sale=\(sale.id) state=\(sale.state.name) available=\(sale.available) "
            + "held=\(sale.held) sold=\(sale.sold) rate=\(Int64(history.rate.rounded()))/s\n"
    }

    static func json(_ sale: Sale, _ history: SaleHistory, nowMs: UInt64) -> JSON {
        sale.json.adding([
            ("at", .string(Timestamp.text(ms: nowMs))),
            ("unitsPerSecond", .number((history.rate * 10).rounded() / 10)),
        ])
    }
}
