import Protocol

/// A transaction of points as it stays in memory: one cache line. An earning is a lot that uses take from.
struct TransactionRecord: BitwiseCopyable {
    var id: Id128
    var createdAtMs: UInt64
    /// Of an earning; 0: never.
    var expiresAtMs: UInt64
    var amount: UInt32
    /// What uses have left of an earning.
    var remaining: UInt32
    var user: UInt32
    /// The user's transaction before this one, 0 for none.
    var older: UInt32
    /// An earning: neighbours in the list of lots, while it is in it. A use: `next` is the first of its takings.
    var next: UInt32 = 0
    var previous: UInt32 = 0
    /// Kind, three flags, and above them `takingCount`: a use takes from a lot once, and there are less than 2^28.
    private var bits: UInt32
    /// The checkout that it is part of, 0 for none.
    var checkout: UInt32 = 0

    init(
        id: Id128, createdAtMs: UInt64, expiresAtMs: UInt64, amount: UInt32, user: UInt32, older: UInt32,
        kind: TransactionKind
    ) {
        self.id = id
        self.createdAtMs = createdAtMs
        self.expiresAtMs = expiresAtMs
        self.amount = amount
        remaining = kind == .earning ? amount : 0
        self.user = user
        self.older = older
        bits = UInt32(kind.rawValue)
    }

    var kind: TransactionKind { bits & 1 == 0 ? .earning : .use }

    var isCancelled: Bool {
        get { bits & 2 != 0 }
        set { bits = newValue ? bits | 2 : bits & ~2 }
    }

    /// Whether it is in the list of lots.
    var isListed: Bool {
        get { bits & 4 != 0 }
        set { bits = newValue ? bits | 4 : bits & ~4 }
    }

    /// Whether the table of reasons has one: most have none, and the table is not touched for them.
    var hasReason: Bool {
        get { bits & 8 != 0 }
        set { bits = newValue ? bits | 8 : bits & ~8 }
    }

    /// Of an earning: how many uses are remembered, and not cancelled, that took from it.
    var takingCount: UInt32 {
        get { bits >> 4 }
        set { bits = newValue << 4 | bits & 15 }
    }

    @inline(__always)
    func isExpired(nowMs: UInt64) -> Bool { expiresAtMs != 0 && expiresAtMs <= nowMs }
}

/// What one use took from one lot.
struct TakingRecord: BitwiseCopyable {
    var lot: UInt32
    var amount: UInt32
    /// The use's next one, 0 for none.
    var next: UInt32
}

/// The takings of uses that are not cancelled.
///
/// Three times as many as transactions suffice: each use has one last taking; every other one exhausts its lot, and a
/// lot is exhausted again only where the last taking of some use had split it. The use of a checkout is posted twice at
/// most: when it is placed, and by a late confirm.
struct Takings: ~Copyable {
    private var pool: Pool<TakingRecord>
    init(transactionsMax: Int, memory: MemorySource) {
        pool = Pool(countMax: 3 * transactionsMax, memory: memory)
    }

    @inline(__always)
    subscript(_ slot: UInt32) -> UnsafeMutablePointer<TakingRecord> { pool[slot] }

    var growingTable: GrowingTable { pool.growingTable }

    mutating func insert(_ taking: TakingRecord) -> UInt32 {
        let slot = pool.allocate()
        pool[slot].initialize(to: taking)
        return slot
    }

    mutating func remove(_ slot: UInt32) { pool.free(slot) }
}
