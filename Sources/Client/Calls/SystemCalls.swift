internal import Protocol

enum Ping: WireCall {
    static let operation = Operation.ping
    static let changes = false

    static func answer(_ entry: PingEntry, _ reply: Reply, _ index: Int) -> PingResult? {
        let result = PingResult(reply.body)
        return result.nonce == entry.nonce ? result : nil
    }
}

enum GetStats: WireCall {
    static let operation = Operation.stats
    static let changes = false

    static func answer(_ entry: PingEntry, _ reply: Reply, _ index: Int) -> [ShardStats]? {
        (0..<reply.header.count).map {
            ShardStats(ShardStatsResult(reply.body + $0 * ShardStatsResult.sizeBytes))
        }
    }
}

enum GetTopology: WireCall {
    static let operation = Operation.topology
    static let changes = false

    static func answer(_ entry: PingEntry, _ reply: Reply, _ index: Int) -> Topology? {
        Topology(TopologyResult(reply.body))
    }
}

enum GetMirror: WireCall {
    static let operation = Operation.mirror
    static let changes = false

    static func answer(_ entry: PingEntry, _ reply: Reply, _ index: Int) -> MirrorStats? {
        MirrorStats(MirrorResult(reply.body))
    }
}

enum TakeSnapshot: WireCall {
    static let operation = Operation.snapshot
    /// It makes a file, but not twice for the same state: asking again does no harm.
    static let changes = false

    static func answer(_ entry: PingEntry, _ reply: Reply, _ index: Int) -> Snapshot? {
        Snapshot(SnapshotResult(reply.body))
    }
}
