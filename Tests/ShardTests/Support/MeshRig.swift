import Engine
import Log
import Protocol
import TestSupport

@testable import Shard

/// The shards of one process without sockets and disks, one turn after the other: the test says which shard takes one,
/// whether its writes are done, and whether it lets go what is old.
final class MeshRig {
    let shards: Int
    let cores: UnsafeMutablePointer<ShardCore>
    let engines: UnsafeMutablePointer<Engine>
    var nowMs: UInt64 = 1_700_000_000_000
    /// How far the clock of each shard's turns is behind.
    var behindMs: [UInt64]
    private(set) var replies: [UInt64: [UInt8]] = [:]
    private var writes: [[WriteCommand]]
    private let arena = Arena()
    private let events: UnsafeMutablePointer<EventBuffer>
    private let sequence: UnsafeMutablePointer<UInt64>
    private var nextRequest: UInt64 = 1

    init(shards: Int, retainMs: UInt64) {
        self.shards = shards
        let memory = arena.memory
        behindMs = Array(repeating: 0, count: shards)
        writes = Array(repeating: [], count: shards)
        events = .allocate(capacity: shards)
        sequence = .allocate(capacity: 1)
        sequence.initialize(to: 0)
        engines = .allocate(capacity: shards)
        cores = .allocate(capacity: shards)
        let counters = StockCounters(sales: 9, shards: shards, memory: memory)
        let mesh = Mesh(shards: shards, memory: memory)
        let statistics = StatisticsBoard(shards: shards, memory: memory)
        let board = DurableBoard(shards: shards, counter: sequence, memory: memory)
        for shard in 0..<shards {
            (events + shard).initialize(to: EventBuffer(base: arena.allocate(64), capacityBytes: 0, nextLsn: 1))
            let configuration = EngineConfiguration(
                shard: shard, shards: shards,
                capacities: Capacities(
                    users: 1000, orders: 1000, tombstones: 100, transactions: 100, checkouts: 100, coupons: 100,
                    offers: 8, catalogueOperations: 100), retainMs: retainMs, hashSeed: 5)
            (engines + shard).initialize(
                to: Engine(
                    configuration: configuration, counters: counters, events: events + shard, memory: memory,
                    nowMs: nowMs))
            let identity = LogIdentity(
                logId: UInt64(shard) + 1, generation: 1, shard: shard, shards: shards, segmentSizeBytes: 1 << 40)
            let writer = LogWriter(
                identity: identity, mode: .always, position: .beginning, events: events + shard,
                board: board, memory: memory)
            (cores + shard).initialize(
                to: ShardCore(
                    engine: engines + shard, writer: writer, mesh: mesh, statistics: statistics,
                    instance: InstanceFacts(instance: 1, retainMs: retainMs, inFlightMaxBytes: 1 << 20),
                    memory: memory, gatedReplyBytes: 4 << 20))
        }
    }

    deinit {
        cores.deinitialize(count: shards).deallocate()
        engines.deinitialize(count: shards).deallocate()
        events.deallocate()
        sequence.deallocate()
    }

    /// One turn of a shard; its writes are done at the start of the next one in which the disk works.
    func turn(_ shard: Int, diskWorks: Bool = true, retires: Bool = false) {
        let core = cores + shard
        let nowMs = nowMs - behindMs[shard]
        core.pointee.beginTurn()
        if diskWorks {
            for write in writes[shard] { core.pointee.writer.writeCompleted(ticket: write.ticket) }
            writes[shard] = []
        }
        core.pointee.advance(nowMs: nowMs)
        let progress = core.pointee.isWorking ? core.pointee.resume(nowMs: nowMs) : core.pointee.pollMesh(nowMs: nowMs)
        precondition(progress == .finished, "there are units and room for all")
        if retires { while core.pointee.retire(isBusy: false, nowMs: nowMs) {} }
        if let command = core.pointee.seal(nowMs: nowMs) { writes[shard].append(command) }
        while let (_, reply, lengthBytes, frames) = core.pointee.nextReply() {
            precondition(frames == 1)
            let bytes = Array(UnsafeRawBufferPointer(start: reply, count: lengthBytes))
            replies[FrameHeader(reply).requestId] = Array(bytes.dropFirst(Frame.headerSizeBytes))
            core.pointee.removeReply()
        }
    }

    /// Turns of all shards, many enough for whatever is under way.
    func settle(retiring: Set<Int> = []) {
        for _ in 0..<20 {
            for shard in 0..<shards { turn(shard, retires: retiring.contains(shard)) }
        }
    }

    /// Sends a frame to a shard, and lets all of them work until it is answered.
    func ask<Entry: WireStruct, Result: WireStruct>(
        _ operation: Operation, _ entries: [Entry], on shard: Int = 0
    ) -> [Result] {
        let request = nextRequest
        nextRequest += 1
        let bytes = FrameBytes.request(operation, requestId: request, entries)
        let progress = bytes.withUnsafeBytes { frame in
            let memory = arena.allocate(frame.count)
            memory.copyMemory(from: frame.baseAddress!, byteCount: frame.count)
            cores[shard].beginTurn()
            return cores[shard].begin(
                memory, FrameHeader(memory), connection: 3, isAdmin: true, nowMs: nowMs - behindMs[shard])
        }
        precondition(progress == .finished, "there are units and room for all")
        settle()
        return replies[request].flatMap(Result.unpack) ?? []
    }
}
