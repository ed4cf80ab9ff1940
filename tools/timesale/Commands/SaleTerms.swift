import ArgumentParser
import TimesaleClient

/// On which terms something is sold.
struct SaleTerms: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "When orders begin: 2026-11-27T10:00:00Z, or +10s from now. (default: at once)", valueName: "time"
        ),
        transform: Reading.moment)
    var startsAt: Moment?

    @Option(
        help: ArgumentHelp("When they end: the same, or +1h. (default: never)", valueName: "time"),
        transform: Reading.moment)
    var endsAt: Moment?

    @Option(
        help: ArgumentHelp("Units that one user may have; 0: no limit.", valueName: "n"),
        transform: { try Reading.number($0, in: 0...UInt32.max) })
    var perUserLimit: UInt32 = 0

    @Option(
        help: ArgumentHelp(
            "How long an order is held for its payment; 0s: it confirms at once.", valueName: "duration"),
        transform: { try Reading.duration($0, in: 0...UInt64(UInt32.max)) })
    var hold = Milliseconds(0)

    @Option(
        help: ArgumentHelp("Unit price, in the smallest unit of the currency.", valueName: "n"),
        transform: { try Reading.number($0, in: 0...(1 << 53 - 1)) })
    var price: UInt64 = 0

    /// Whether the same words mean other times at each run.
    var areRelative: Bool { startsAt?.isRelative == true || endsAt?.isRelative == true }

    func sale(_ session: Session, id: SaleID, name: String, stock: UInt64) async throws -> NewSale {
        var sale = NewSale(
            id: id, name: name, stock: stock, perUserLimit: perUserLimit == 0 ? nil : perUserLimit,
            holdMs: UInt32(clamping: hold.value), unitPrice: price)
        if let startsAt { sale.startsAtMs = try await session.ms(startsAt) }
        if let endsAt { sale.endsAtMs = try await session.ms(endsAt) }
        return sale
    }
}
