import Protocol

@testable import Engine

// Starting again: the same state from the events of the past, or from what a snapshot keeps.

extension Cluster {
    /// A cluster that replays this one's history, in the order in which it happened.
    func replayed(shards: Int, capacities: Capacities = Capacities()) throws -> Cluster {
        let fresh = Cluster(shards: shards, capacities: capacities, nowMs: nowMs)
        for event in history { try fresh.replay(event) }
        try fresh.finishReplay()
        fresh.adopt(history)
        fresh.dice = dice
        return fresh
    }

    /// A cluster that replays one log after the other: the catalogue's first, as the others rest on it.
    func replayedLogByLog(shards: Int) throws -> Cluster {
        precondition(history.allSatisfy { $0.shards == self.shards }, "all events are of this generation")
        let fresh = Cluster(shards: shards, nowMs: nowMs)
        for source in [catalogueShard] + (0..<self.shards).filter({ $0 != catalogueShard }) {
            for event in history where event.shard == source { try fresh.replay(event) }
        }
        try fresh.finishReplay()
        return fresh
    }

    /// A cluster made from what a base snapshot keeps of this one: its history begins with that.
    func rebuilt(shards: Int, capacities: Capacities = Capacities()) throws -> Cluster {
        var kept: [HistoryEvent] = []
        let keep: (EventKind, UnsafeRawBufferPointer) -> Void = { kind, event in
            kept.append(HistoryEvent(kind: kind, bytes: Array(event), shard: 0, shards: 1))
        }
        engines[catalogueShard].keepCatalogue(keep)
        for shard in 0..<self.shards { engines[shard].keepPartitions(keep) }
        let fresh = Cluster(shards: shards, capacities: capacities, nowMs: nowMs)
        for event in kept { try fresh.replay(event) }
        try fresh.finishReplay()
        fresh.adopt(kept)
        fresh.dice = dice
        return fresh
    }

    private func finishReplay() throws(EventFault) {
        for shard in 0..<shards { try engines[shard].finishReplay() }
        try engines[catalogueShard].restoreStock()
    }

    /// Replays one event where it belongs: that of a partition on its owner, every other one on all shards.
    func replay(_ event: HistoryEvent) throws(EventFault) {
        let owns = { Partition.owner(of: $0, shards: event.shards) == event.shard }
        let id = event.bytes.withUnsafeBytes { $0.count >= 32 ? $0.baseAddress!.loadId(EventField.id) : .zero }
        let targets = event.kind.isOfPartition ? [shard(ofId: id)] : Array(0..<shards)
        for target in targets { try engines[target].replay(event.kind, event.bytes, sourceOwns: owns) }
    }
}
