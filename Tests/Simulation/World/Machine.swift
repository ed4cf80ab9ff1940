import CAtomics
import Engine
import Log
import Protocol
import Shard
import SimulatedStorage

/// One life of the server process: shards, mesh and counters as recovery left them, and the seats of their
/// turns. Ends with a crash.
final class Machine {
    let shards: Int
    let state: RecoveredState
    let cores: UnsafeMutablePointer<ShardCore>
    let sequence: UnsafeMutablePointer<UInt64>
    /// What is durable of all logs.
    let board: DurableBoard
    /// To the mirror; none where there is no mirror.
    let feeds: [CountFeed]
    /// To those who follow; none where nobody does.
    let recent: [RecentBlocks]
    let catalogue: Int
    let instance: UInt64
    var seats: [Seat]

    init(
        _ state: RecoveredState, scenario: Scenario, retainMs: UInt64, instance: UInt64, feeds: [CountFeed],
        recent: [RecentBlocks], memory: MemorySource
    ) {
        let shards = state.shards.count
        self.shards = shards
        self.state = state
        self.instance = instance
        self.feeds = feeds
        self.recent = recent
        catalogue = Partition.owner(of: Partition.catalogue, shards: shards)
        sequence = memory.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
        sequence.pointee = state.lastSequence
        let mesh = Mesh(shards: shards, memory: memory, ringCapacityBytes: scenario.ringCapacityBytes)
        let statistics = StatisticsBoard(shards: shards, memory: memory)
        board = DurableBoard(shards: shards, counter: sequence, memory: memory)
        cores = .allocate(capacity: shards)
        seats = Array(repeating: Seat(), count: shards)
        for (index, shard) in state.shards.enumerated() {
            let writer = LogWriter(
                identity: shard.identity, mode: scenario.mode, position: shard.position, events: shard.events,
                board: board, recent: recent.isEmpty ? nil : recent[index], isMirrored: !feeds.isEmpty,
                memory: memory, blockSizeMaxBytes: scenario.blockSizeMaxBytes,
                secondWriteMinBytes: scenario.secondWriteMinBytes)
            (cores + index).initialize(
                to: ShardCore(
                    engine: shard.engine, writer: writer, mesh: mesh, statistics: statistics,
                    instance: InstanceFacts(instance: instance, retainMs: retainMs, inFlightMaxBytes: 1 << 20),
                    feed: feeds.isEmpty ? nil : feeds[index], memory: memory, gatedReplyBytes: 1 << 22,
                    assembliesMax: scenario.assembliesMax))
            seats[index].lastSegment = shard.position.segment
        }
    }

    deinit {
        cores.deinitialize(count: shards)
        cores.deallocate()
        state.shards[0].engine.deinitialize(count: shards)
        state.shards[0].engine.deallocate()
        state.shards[0].events.deallocate()
        for index in seats.indices { seats[index].release() }
    }

    var counters: StockCounters { state.counters }
    func engine(_ shard: Int) -> UnsafeMutablePointer<Engine> { state.shards[shard].engine }
    func identity(_ shard: Int) -> LogIdentity { state.shards[shard].identity }

    /// Nothing in hand anywhere, nothing on its way to the disk, no unit on its way back.
    var isQuiet: Bool {
        for shard in 0..<shards {
            let seat = seats[shard]
            guard cores[shard].isQuiet, !engine(shard).pointee.hasReleases, seat.inbox.isEmpty,
                seat.completions.isEmpty, !cores[shard].meshHasMessages()
            else { return false }
        }
        return true
    }

    /// How much has left memory in this life.
    var retired: UInt64 { (0..<shards).reduce(0) { $0 + engine($1).pointee.statistics.retired } }

    func digest() -> UInt64 { (0..<shards).reduce(0) { $0 &+ engine($1).pointee.digest() } }

    // MARK: Questions past all queues

    func view(of id: Id128) -> OrderViewResult {
        ask(.getOrder, owner(id), nowMs: 0, OrderViewResult.init) { OrderIdEntry(orderId: id).store(to: $0) }
    }

    func coupon(_ id: Id128, nowMs: UInt64) -> CouponViewResult {
        ask(.getCoupon, owner(id), nowMs: nowMs, CouponViewResult.init) { CouponIdEntry(couponId: id).store(to: $0) }
    }

    func transaction(_ id: Id128, nowMs: UInt64) -> TransactionViewResult {
        ask(.getTransaction, owner(id), nowMs: nowMs, TransactionViewResult.init) {
            TransactionIdEntry(transactionId: id).store(to: $0)
        }
    }

    func checkout(_ id: Id128) -> CheckoutResult {
        ask(.getCheckout, owner(id), nowMs: 0, CheckoutResult.init) { CheckoutIdEntry(checkoutId: id).store(to: $0) }
    }

    func balance(_ user: Id128, nowMs: UInt64) -> UInt64 {
        withMemory { entry, result in
            UserEntry(userId: user).store(to: entry)
            let owner = Partition.owner(of: Partition.of(user: user), shards: shards)
            _ = engine(owner).pointee.answer(.getBalance, entry, results: result, nowMs: nowMs)
            return BalanceResult(UnsafeRawPointer(result)).balance
        }
    }

    func offer(_ key: OfferKey) -> ShownOffer {
        withMemory { entry, result in
            OfferIdEntry(offerId: key.id).store(to: entry)
            let operation = key.kind == .sale ? Operation.getSale : .getPolicy
            _ = engine(catalogue).pointee.runCatalogue(operation, entry, result: result, nowMs: 0)
            switch key.kind {
            case .sale: return ShownOffer(SaleResult(UnsafeRawPointer(result)))
            case .policy: return ShownOffer(PolicyResult(UnsafeRawPointer(result)))
            }
        }
    }

    private func owner(_ id: Id128) -> Int { Partition.owner(of: id.carriedPartition, shards: shards) }

    /// Asks an engine about one id.
    private func ask<Result>(
        _ operation: Operation, _ shard: Int, nowMs: UInt64, _ read: (UnsafeRawPointer) -> Result,
        _ store: (UnsafeMutableRawPointer) -> Void
    ) -> Result {
        withMemory { entry, result in
            store(entry)
            var batch = Batch(operation: operation, entries: UnsafeRawPointer(entry), count: 1, results: result)
            var allowance = 1
            let progress = engine(shard).pointee.run(&batch, allowance: &allowance, nowMs: nowMs)
            precondition(progress == .finished, "an engine with room reads at once")
            return read(UnsafeRawPointer(result))
        }
    }

    private func withMemory<Result>(
        _ body: (_ entry: UnsafeMutableRawPointer, _ result: UnsafeMutableRawPointer) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { memory in
            body(memory.baseAddress!, memory.baseAddress! + 128)
        }
    }
}
