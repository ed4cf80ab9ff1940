internal import Protocol

/// The state of a sale at a moment. Where several hold, the first of closed, ended, scheduled is shown.
public enum SaleState: UInt8, Sendable, Hashable, CaseIterable {
    case scheduled = 0
    case open = 1
    case soldOut = 2
    case ended = 3
    case closed = 4
}

/// A sale as it was at the moment of the answer.
public struct Sale: Hashable, Sendable {
    public var id: SaleID
    public var name: String
    public var state: SaleState
    /// All units ever put up for sale. stock = available + held + sold, once everything under way is on disk.
    public var stock: UInt64
    /// Units that are durably free.
    public var available: UInt64
    public var held: UInt64
    /// Confirmed units.
    public var sold: UInt64
    /// Ms since 1970.
    public var startsAtMs: UInt64
    /// Ms since 1970; nil: never.
    public var endsAtMs: UInt64?
    /// Units that one user may hold and have; nil: no limit.
    public var perUserLimit: UInt32?
    /// How long an order is held for its payment; 0: it is confirmed at once.
    public var holdMs: UInt32
    /// In the smallest unit of the currency.
    public var unitPrice: UInt64
    /// Ms since 1970 by the server's clock.
    public var createdAtMs: UInt64
    /// The operation had been accepted before; nothing was done a second time.
    public var isRepeat: Bool

    init?(_ result: SaleResult) {
        guard let state = SaleState(rawValue: result.state) else { return nil }
        id = SaleID(result.saleId)
        name = result.name.text
        self.state = state
        stock = result.stock
        available = result.available
        held = result.held
        sold = result.sold
        startsAtMs = result.startsAtMs
        endsAtMs = result.endsAtMs == 0 ? nil : result.endsAtMs
        perUserLimit = result.perUserLimit == 0 ? nil : result.perUserLimit
        holdMs = result.holdMs
        unitPrice = result.unitPrice
        createdAtMs = result.createdAtMs
        isRepeat = result.flags & ResultFlags.repeat != 0
    }
}

/// A sale to be created.
public struct NewSale: Hashable, Sendable {
    public var id: SaleID
    /// At most 78 bytes of UTF-8 without control characters.
    public var name: String
    /// Units, 1 ... 2^40.
    public var stock: UInt64
    /// Ms since 1970; nil: at once.
    public var startsAtMs: UInt64?
    /// Ms since 1970; nil: never. Else after the start and after now.
    public var endsAtMs: UInt64?
    /// Units that one user may hold and have; nil: no limit.
    public var perUserLimit: UInt32?
    /// How long an order is held for its payment; 0: it is confirmed at once.
    public var holdMs: UInt32
    /// In the smallest unit of the currency, below 2^53.
    public var unitPrice: UInt64

    public init(
        id: SaleID, name: String, stock: UInt64, startsAtMs: UInt64? = nil, endsAtMs: UInt64? = nil,
        perUserLimit: UInt32? = nil, holdMs: UInt32 = 0, unitPrice: UInt64 = 0
    ) {
        self.id = id
        self.name = name
        self.stock = stock
        self.startsAtMs = startsAtMs
        self.endsAtMs = endsAtMs
        self.perUserLimit = perUserLimit
        self.holdMs = holdMs
        self.unitPrice = unitPrice
    }
}

/// Some of the sales, in the order of their creation.
public struct SalePage: Hashable, Sendable {
    public var sales: [Sale]
    /// Give it as `after` to get the next page; nil if there is none.
    public var next: SaleID?
}
