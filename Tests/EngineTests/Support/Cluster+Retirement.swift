import Protocol

@testable import Engine

// Letting go what has been remembered long enough, as the shards do it between them.

extension Cluster {
    /// A whole pass of every shard, in steps of `budget` records; offers follow when all shards have let go of them.
    func retireAll(budget: Int = 1000) {
        // Two passes: the first may be under way, and a coupon waits for the operations on it.
        for _ in 0..<3 {
            for shard in 0..<shards { retire(shard, budget: budget) }
        }
    }

    /// Brings the pass of a shard to its end, or makes a new one.
    func retire(_ shard: Int, budget: Int = 1000) {
        engines[shard].sweep.passAtMs = 0
        var isUnderWay = true
        while isUnderWay {
            isUnderWay = engines[shard].retire(nowMs: nowMs, budget: budget)
            collect(shard)
            let offer = engines[shard].takeRetirableOffer()
            if offer != 0 { retireOffer(offer) }
        }
    }

    private func retireOffer(_ slot: UInt32) {
        for shard in 0..<shards where engines[shard].hasRecords(ofOffer: slot) { return }
        guard let change = engines[catalogueShard].retireOffer(slot: slot, nowMs: nowMs) else { return }
        sync()
        pend(change)
        collect(catalogueShard)
        sync()
    }

    /// The retired ids in the history from an event on.
    func retired(since start: Int = 0) -> [Id128] {
        history[start...].filter { $0.kind == .retired }.map { event in
            event.bytes.withUnsafeBytes { $0.baseAddress!.loadId(EventField.id) }
        }
    }

    /// Records of all kinds on all shards, offers apart.
    func recordCounts() -> [Int] {
        (0..<shards).reduce(into: Array(repeating: 0, count: 10)) { sums, shard in
            let engine = engines + shard
            let counts = [
                engine.pointee.orders.count, engine.pointee.users.count, engine.pointee.limits.count,
                engine.pointee.tombstones.count, engine.pointee.wallets.count, engine.pointee.transactions.count,
                engine.pointee.coupons.count, engine.pointee.couponOperations.count, engine.pointee.checkouts.count,
                engine.pointee.ids.count - engine.pointee.catalogueOperations.count,
            ]
            for index in counts.indices { sums[index] += counts[index] }
        }
    }

    /// What the statistics say has left: orders, tombstones, transactions, coupons, operations on these, checkouts.
    func retiredCounts() -> [Int] {
        (0..<shards).reduce(into: Array(repeating: 0, count: 6)) { sums, shard in
            let statistics = engines[shard].statistics
            let counts = [
                statistics.ordersRetired, statistics.tombstonesRetired, statistics.transactionsRetired,
                statistics.couponsRetired, statistics.couponOperationsRetired, statistics.checkoutsRetired,
            ]
            for index in counts.indices { sums[index] += Int(counts[index]) }
        }
    }
}
