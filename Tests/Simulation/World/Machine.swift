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
    let catalogue: Int
    var seats: [Seat]

    init(_ state: RecoveredState, scenario: Scenario, instance: UInt64, memory: MemorySource) {
        let shards = state.shards.count
        self.shards = shards
        self.state = state
        catalogue = Partition.owner(of: Partition.catalogue, shards: shards)
        sequence = memory.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
        sequence.pointee = state.lastSequence
        let mesh = Mesh(shards: shards, memory: memory, ringCapacityBytes: scenario.ringCapacityBytes)
        let board = StatisticsBoard(shards: shards, memory: memory)
        cores = .allocate(capacity: shards)
        seats = Array(repeating: Seat(), count: shards)
        for (index, shard) in state.shards.enumerated() {
            let writer = LogWriter(
                identity: shard.identity, mode: scenario.mode, position: shard.position, events: shard.events,
                sequenceCounter: sequence, memory: memory, blockSizeMaxBytes: scenario.blockSizeMaxBytes,
                secondWriteMinBytes: scenario.secondWriteMinBytes)
            (cores + index).initialize(
                to: ShardCore(
                    engine: shard.engine, writer: writer, mesh: mesh, statistics: board,
                    instance: InstanceFacts(instance: instance, retainMs: scenario.retainMs, inFlightMaxBytes: 1 << 20),
                    memory: memory, gatedReplyBytes: 1 << 22, assembliesMax: scenario.assembliesMax))
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

    func digest() -> UInt64 { (0..<shards).reduce(0) { $0 &+ engine($1).pointee.digest() } }

    /// Asks the engine that owns it about an order, past all queues.
    func view(of id: Id128) -> OrderViewResult {
        let owner = Partition.owner(of: id.carriedPartition, shards: shards)
        return withUnsafeTemporaryAllocation(byteCount: 128, alignment: 16) { memory in
            let base = memory.baseAddress!
            OrderIdEntry(orderId: id).store(to: base)
            var batch = Batch(operation: .getOrder, entries: UnsafeRawPointer(base), count: 1, results: base + 64)
            var allowance = 1
            let progress = engine(owner).pointee.run(&batch, allowance: &allowance, nowMs: 0)
            precondition(progress == .finished, "an engine with room reads at once")
            return OrderViewResult(UnsafeRawPointer(base + 64))
        }
    }

    /// Asks the catalogue's engine about a sale.
    func sale(_ id: UInt64) -> SaleResult {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 16) { memory in
            let base = memory.baseAddress!
            OfferIdEntry(offerId: id).store(to: base)
            _ = engine(catalogue).pointee.runCatalogue(.getSale, base, result: base + 64, nowMs: 0)
            return SaleResult(UnsafeRawPointer(base + 64))
        }
    }
}
