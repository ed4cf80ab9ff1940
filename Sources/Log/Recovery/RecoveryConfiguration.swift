import Engine
import Protocol

/// How many shards a start wants, and how large their tables are.
public struct RecoveryConfiguration: Sendable {
    /// 1 ... 64.
    public var shards: Int
    /// The length of segments of a log that this start makes; one that exists keeps its own.
    public var segmentSizeBytes: Int
    /// Capacities of the process, all shards together.
    public var usersMax: Int
    public var ordersMax: Int
    public var tombstonesMax: Int
    public var transactionsMax: Int
    public var salesMax: Int
    public var catalogueOperationsMax: Int
    public var retainMs: UInt64
    /// Drawn at each start: keys the hashes of the tables.
    public var hashSeed: UInt64

    public init(
        shards: Int, segmentSizeBytes: Int, usersMax: Int, ordersMax: Int, tombstonesMax: Int,
        transactionsMax: Int, salesMax: Int, catalogueOperationsMax: Int, retainMs: UInt64, hashSeed: UInt64
    ) {
        self.shards = shards
        self.segmentSizeBytes = segmentSizeBytes
        self.usersMax = usersMax
        self.ordersMax = ordersMax
        self.tombstonesMax = tombstonesMax
        self.transactionsMax = transactionsMax
        self.salesMax = salesMax
        self.catalogueOperationsMax = catalogueOperationsMax
        self.retainMs = retainMs
        self.hashSeed = hashSeed
    }

    /// A shard's part of a capacity. Users are spread by a hash, so that no shard gets exactly its share:
    /// a quarter and some more than that is for the spread.
    static func perShard(_ total: Int, shards: Int) -> Int {
        shards == 1 ? max(total, 1) : max(total, 1) / shards * 5 / 4 + 1024
    }

    func engineConfiguration(shard: Int) -> EngineConfiguration {
        EngineConfiguration(
            shard: shard, shards: shards, usersMax: Self.perShard(usersMax, shards: shards),
            ordersMax: Self.perShard(ordersMax, shards: shards),
            tombstonesMax: Self.perShard(tombstonesMax, shards: shards),
            transactionsMax: Self.perShard(transactionsMax, shards: shards), salesMax: max(salesMax, 1),
            catalogueOperationsMax: max(catalogueOperationsMax, 1), retainMs: retainMs, hashSeed: hashSeed)
    }
}

/// What a start found.
public struct RecoveredShard {
    public let engine: UnsafeMutablePointer<Engine>
    /// Where the engine's events go: empty, for the log's writer to put its memory behind.
    public let events: UnsafeMutablePointer<EventBuffer>
    public let identity: LogIdentity
    public let position: LogPosition
}

public struct RecoveredState {
    /// By shard.
    public let shards: [RecoveredShard]
    public let counters: StockCounters
    public let manifest: Manifest
    /// The last sequence drawn: the next block's is higher.
    public let lastSequence: UInt64
    /// The latest time in the log; the clock goes on from here.
    public let lastTimeMs: UInt64
    /// Events of the logs and records of the snapshot that were replayed.
    public let eventCount: UInt64
}
