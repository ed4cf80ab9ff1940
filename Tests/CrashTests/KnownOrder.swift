import Protocol

/// One order as its client knows it: what was asked, what was answered, what is still open.
struct KnownOrder {
    enum Fate: Equatable {
        /// Sent; no answer came, so that it may or may not be there.
        case unanswered
        case refused(ResultCode)
        case accepted(OrderResult)
        /// No answer came, but a later read has found it.
        case found
    }

    let entry: OrderEntry
    var fate = Fate.unanswered
    /// As it was last answered or read.
    var state = OrderState.held
    /// A confirm or cancel that was sent and not answered.
    var attempt: Protocol.Operation?

    var isThere: Bool {
        switch fate {
        case .accepted, .found: true
        case .unanswered, .refused: false
        }
    }

    /// Whether its units are taken.
    var holdsUnits: Bool { isThere && (state == .held || state == .confirmed) }

    /// Whether the order may be in this state, by all that was answered and all that is still open.
    func mayBe(_ found: OrderState, holdsExpire: Bool) -> Bool {
        var possible: Set<OrderState> = [state]
        if holdsExpire && state == .held { possible.insert(.expired) }
        if attempt == .confirm && (state == .held || state == .expired) { possible.insert(.confirmed) }
        if attempt == .cancel { possible.insert(.cancelled) }
        return possible.contains(found)
    }
}

/// A sale of a market, and how it differs from the others.
struct MarketSale {
    let id: UInt64
    let stock: UInt64
    var holdMs: UInt32 = 0
    var perUserLimit: UInt32 = 0

    /// So soon that holds end while a test runs.
    var holdsExpire: Bool { holdMs > 0 && holdMs < 60_000 }
    /// What an accepted order is at first.
    var firstState: OrderState { holdMs == 0 ? .confirmed : .held }

    /// Sold out in the middle of a test, and again whenever units come back; with room; with holds that
    /// expire; with a limit that users reach.
    static let all = [
        MarketSale(id: 1, stock: 2500), MarketSale(id: 2, stock: 20_000, holdMs: 600_000),
        MarketSale(id: 3, stock: 300, holdMs: 250), MarketSale(id: 4, stock: 3000, perUserLimit: 3),
    ]

    static func of(_ id: UInt64) -> MarketSale { all.first { $0.id == id }! }
}
