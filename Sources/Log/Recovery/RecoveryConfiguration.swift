import Engine
import Protocol

/// How many shards a start wants, and how large their tables are.
public struct RecoveryConfiguration: Sendable {
    /// 1 ... 64.
    public var shards: Int
    /// The length of segments of a log that this start makes; one that exists keeps its own.
    public var segmentSizeBytes: Int
    /// Of the process, all shards together.
    public var capacities: Capacities
    public var retainMs: UInt64
    /// Drawn at each start: keys the hashes of the tables.
    public var hashSeed: UInt64
    /// Whether segments that no start needs any more stay, for somebody who moves them to an archive.
    public var keepsCovered = false

    public init(shards: Int, segmentSizeBytes: Int, capacities: Capacities, retainMs: UInt64, hashSeed: UInt64) {
        self.shards = shards
        self.segmentSizeBytes = segmentSizeBytes
        self.capacities = capacities
        self.retainMs = retainMs
        self.hashSeed = hashSeed
    }

    func engineConfiguration(shard: Int) -> EngineConfiguration {
        EngineConfiguration(
            shard: shard, shards: shards, capacities: capacities.perShard(shards), retainMs: retainMs,
            hashSeed: hashSeed)
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
