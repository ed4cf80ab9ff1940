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

/// What is common to all records of one user.
struct UserRecord: BitwiseCopyable {
    var id: Id128
    /// The last event of any record of this user: replies that show them wait for it.
    var lastLsn: UInt64
    var newestOrder: UInt32
    var orderCount: UInt32
}

/// The units that one user holds and has of one sale with a per-user limit.
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
