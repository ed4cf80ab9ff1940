import Protocol

/// An order as it stays in memory: one cache line.
struct OrderRecord: BitwiseCopyable {
    var id: Id128
    var createdAtMs: UInt64
    /// While held: when the hold may end. Behind that: when the order was last changed; 0: not since it was placed.
    var deadlineMs: UInt64
    var user: UInt32
    var sale: UInt32
    var quantity: UInt32
    /// The user's order before this one, 0 for none.
    var older: UInt32
    /// Neighbours in the timing wheel while held.
    var timerNext: UInt32
    var timerPrevious: UInt32
    var state: OrderState
    var flags: UInt8
    private var reserved: UInt16 = 0
    /// The checkout that it is part of, 0 for none.
    var checkout: UInt32 = 0

    init(
        id: Id128, createdAtMs: UInt64, deadlineMs: UInt64, user: UInt32, sale: UInt32, quantity: UInt32,
        older: UInt32, state: OrderState, flags: UInt8
    ) {
        self.id = id
        self.createdAtMs = createdAtMs
        self.deadlineMs = deadlineMs
        self.user = user
        self.sale = sale
        self.quantity = quantity
        self.older = older
        timerNext = 0
        timerPrevious = 0
        self.state = state
        self.flags = flags
    }

    /// Of one that is not held: when anything last happened to it.
    var lastChangeMs: UInt64 { max(createdAtMs, deadlineMs) }
}

/// What is common to all records of one user: one cache line.
struct UserRecord: BitwiseCopyable {
    var id: Id128
    /// The last event of any record of this user: replies that show them wait for it.
    var lastLsn: UInt64
    var newestOrder: UInt32 = 0
    var orderCount: UInt32 = 0
    /// Units of offers with a per-user limit: the first three here, so that an order of most users touches
    /// one line less, those of further ones in a table. See `Engine+Limit.swift`.
    var limits = NearLimits()
    /// Records of this user in the table of limits.
    var farLimitCount: UInt32 = 0
    /// What the user has besides orders, 0 for nothing.
    var wallet: UInt32 = 0

    init(id: Id128) {
        self.id = id
        lastLsn = 0
    }
}

/// The units that one user holds and has of up to three offers with a per-user limit. A place whose offer is
/// 0 is free.
struct NearLimits: BitwiseCopyable {
    private var offers: (UInt32, UInt32, UInt32) = (0, 0, 0)
    private var units: (UInt32, UInt32, UInt32) = (0, 0, 0)

    /// The units of an offer, or nil if it has no place here.
    @inline(__always)
    func units(of offer: UInt32) -> UInt32? {
        if offers.0 == offer { return units.0 }
        if offers.1 == offer { return units.1 }
        if offers.2 == offer { return units.2 }
        return nil
    }

    /// Sets the units of an offer in the place that `place` has (0: in a free one); no units free it. Answers
    /// whether there is such a place.
    @inline(__always)
    mutating func set(_ offer: UInt32, inPlaceOf place: UInt32, _ count: UInt32) -> Bool {
        let kept = count == 0 ? 0 : offer
        if offers.0 == place {
            offers.0 = kept
            units.0 = count
        } else if offers.1 == place {
            offers.1 = kept
            units.1 = count
        } else if offers.2 == place {
            offers.2 = kept
            units.2 = count
        } else {
            return false
        }
        return true
    }
}

/// The units that one user holds and has of one offer with a per-user limit, where `NearLimits` had no place.
struct LimitRecord: BitwiseCopyable {
    var user: UInt32
    var offer: UInt32
    var units: UInt32
    private var reserved: UInt32 = 0

    init(user: UInt32, offer: UInt32, units: UInt32) {
        self.user = user
        self.offer = offer
        self.units = units
    }
}

/// A cancel that came before its order.
struct TombstoneRecord: BitwiseCopyable {
    var id: Id128
    var createdAtMs: UInt64
    var lsn: UInt64
}
