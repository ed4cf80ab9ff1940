import TimesaleClient

/// What the engine said at one moment.
struct EngineReading: Sendable {
    let takenNs: UInt64
    let topology: Topology
    let shards: [ShardStats]
    let sales: LiveOffers<Sale>
    let policies: LiveOffers<Policy>
    /// Nil if there is none.
    let mirror: MirrorStats?

    func sum(_ counter: KeyPath<ShardStats, UInt64>) -> UInt64 { shards.reduce(0) { $0 &+ $1[keyPath: counter] } }
}

/// What happened between two readings.
struct EngineDelta {
    let seconds: Double
    private let before: [ShardStats]
    private let now: [ShardStats]
    private let mirrorWrites: UInt64?

    /// Nil if they tell nothing together: the engine was started in between.
    init?(from old: EngineReading, to new: EngineReading) {
        guard old.topology.instance == new.topology.instance, old.shards.count == new.shards.count,
            new.takenNs > old.takenNs
        else { return nil }
        seconds = Double(new.takenNs - old.takenNs) / 1e9
        before = old.shards
        now = new.shards
        mirrorWrites = old.mirror.flatMap { old in new.mirror.map { $0.writes - min(old.writes, $0.writes) } }
    }

    /// Of a shard, or of all.
    private func count(_ counter: KeyPath<ShardStats, UInt64>, _ shard: Int? = nil) -> Double {
        let places = shard.map { $0..<($0 + 1) } ?? now.indices
        return places.reduce(0) {
            // What a shard says of the others may be a moment older than what was said before.
            $0 + Double(max(now[$1][keyPath: counter], before[$1][keyPath: counter]) - before[$1][keyPath: counter])
        }
    }

    func perSecond(_ counter: KeyPath<ShardStats, UInt64>, _ shard: Int? = nil) -> Double {
        count(counter, shard) / seconds
    }

    /// Counts that were written to Redis; nil without a mirror.
    var mirrorWritesPerSecond: Double? { mirrorWrites.map { Double($0) / seconds } }

    /// Percentiles of how long it took to make the log durable, in milliseconds; nil if it was not.
    func syncPercentilesMs(_ shares: [Double], _ shard: Int? = nil) -> [Double?] {
        let places = shard.map { $0..<($0 + 1) } ?? now.indices
        var counts = [UInt64](repeating: 0, count: LatencyHistogram.boundsUs.count + 1)
        for place in places {
            for (index, count) in now[place].logSyncs.counts.enumerated() {
                let before = before[place].logSyncs.counts[index]
                counts[index] += count - min(before, count)
            }
        }
        let latency = LatencyClasses(boundsUs: LatencyHistogram.boundsUs, counts: counts)
        return shares.map { latency.percentileUs($0).map { $0 / 1000 } }
    }

    /// From the submission of a block of the log to its completion, on average; nil if none was written.
    func syncMs(_ shard: Int? = nil) -> Double? {
        let blocks = count(\.logBlocks, shard)
        return blocks > 0 ? count(\.logLatencyUs, shard) / blocks / 1000 : nil
    }
}
