import TimesaleClient

/// How fast a sale has been selling, from one look at it to the next.
struct SaleHistory {
    /// Units a second, oldest first. Below zero where more came back than went.
    private(set) var rates: [Double] = []
    private var last: (taken: Int64, at: ContinuousClock.Instant)?

    private static let ratesMax = 120

    mutating func record(_ sale: Sale, at now: ContinuousClock.Instant) {
        let taken = Int64(clamping: sale.held) + Int64(clamping: sale.sold)
        defer { last = (taken, now) }
        guard let last, now > last.at else { return }
        rates.append(Double(taken - last.taken) / ((now - last.at) / .seconds(1)))
        if rates.count > Self.ratesMax { rates.removeFirst() }
    }

    /// Zero before the second look.
    var rate: Double { rates.last ?? 0 }
}
