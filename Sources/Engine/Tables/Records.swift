import Protocol

/// An order as it stays in memory: one cache line.
struct OrderRecord: BitwiseCopyable {
    var id: Id128
    var createdAtMs: UInt64
    /// While held: when the hold may end. Kept behind it for nobody.
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
    private var reserved2: UInt32 = 0

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
}

/// What is common to all records of one user: one cache line.
struct UserRecord: BitwiseCopyable {
    var id: Id128
    /// The last event of any record of this user: replies that show them wait for it.
    var lastLsn: UInt64
    var newestOrder: UInt32 = 0
    var orderCount: UInt32 = 0
    /// Units of sales with a per-user limit: the first three here, so that an order of most users touches
    /// one line less, those of further sales in a table. See `Engine+Limit.swift`.
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

/// The units that one user holds and has of up to three sales with a per-user limit. A place whose sale is
/// 0 is free.
struct NearLimits: BitwiseCopyable {
    private var sales: (UInt32, UInt32, UInt32) = (0, 0, 0)
    private var units: (UInt32, UInt32, UInt32) = (0, 0, 0)

    /// The units of a sale, or nil if it has no place here.
    @inline(__always)
    func units(of sale: UInt32) -> UInt32? {
        if sales.0 == sale { return units.0 }
        if sales.1 == sale { return units.1 }
        if sales.2 == sale { return units.2 }
        return nil
    }

    /// Sets the units of a sale in the place that `place` has (0: in a free one); no units free it. Answers
    /// whether there is such a place.
    @inline(__always)
    mutating func set(_ sale: UInt32, inPlaceOf place: UInt32, _ count: UInt32) -> Bool {
        let kept = count == 0 ? 0 : sale
        if sales.0 == place {
            sales.0 = kept
            units.0 = count
        } else if sales.1 == place {
            sales.1 = kept
            units.1 = count
        } else if sales.2 == place {
            sales.2 = kept
            units.2 = count
        } else {
            return false
        }
        return true
    }
}

/// The units that one user holds and has of one sale with a per-user limit, where `NearLimits` had no place.
struct LimitRecord: BitwiseCopyable {
    var user: UInt32
    var sale: UInt32
    var units: UInt32
    private var reserved: UInt32 = 0

    init(user: UInt32, sale: UInt32, units: UInt32) {
        self.user = user
        self.sale = sale
        self.units = units
    }
}

/// A cancel that came before its order.
struct TombstoneRecord: BitwiseCopyable {
    var id: Id128
    var createdAtMs: UInt64
    var lsn: UInt64
}

/// A remembered operation on the catalogue: a creation, or a restock of `quantity` units.
struct CatalogueOperationRecord: BitwiseCopyable {
    var id: Id128
    var timeMs: UInt64
    var quantity: UInt64
    var sale: UInt32
    var isCreation: Bool
}

/// What an order needs to know of its sale: one cache line, a copy in every shard.
struct SaleRecord: BitwiseCopyable {
    var id: UInt64
    var startsAtMs: UInt64
    /// 0: never.
    var endsAtMs: UInt64
    var perUserLimit: UInt32
    var holdMs: UInt32
    var unitPrice: UInt64
    /// Whether this shard sells it: set when the creation is durable, so that no order can reach a disk
    /// before its sale.
    var isOpen: Bool
    var isClosed: Bool
    private var reserved: UInt16 = 0
    private var reserved2: UInt32 = 0
    private var reserved3: (UInt64, UInt64) = (0, 0)

    init(id: UInt64, startsAtMs: UInt64, endsAtMs: UInt64, perUserLimit: UInt32, holdMs: UInt32, unitPrice: UInt64) {
        self.id = id
        self.startsAtMs = startsAtMs
        self.endsAtMs = endsAtMs
        self.perUserLimit = perUserLimit
        self.holdMs = holdMs
        self.unitPrice = unitPrice
        isOpen = false
        isClosed = false
    }
}

/// What only the catalogue's shard needs of a sale.
struct SaleDetail: BitwiseCopyable {
    var operationId: Id128
    /// All units ever put up for sale.
    var stock: UInt64
    /// The units of its creation, to tell a repeat from another content.
    var stockAtCreation: UInt64
    var createdAtMs: UInt64
    /// The last event about this sale.
    var lastLsn: UInt64
    var name: Name
    /// Logged as closed; the shards follow when that is durable.
    var isClosed: Bool
    /// Known to every shard, so that it can be shown.
    var isPublished: Bool
}
