import Engine
import Log
import Protocol
import TestSupport
import Testing

@testable import Shard

/// One shard without sockets and without a disk: the test hands it frames, says when a write has completed,
/// and collects the replies.
final class ShardRig {
    let core: UnsafeMutablePointer<ShardCore>
    private(set) var replies: [UInt64: Reply] = [:]
    /// The requests in the order in which they were answered.
    private(set) var answered: [UInt64] = []
    private var writes: [WriteCommand] = []
    private var hand: UnsafeMutableRawPointer?

    private let arena = Arena()
    private let engine: UnsafeMutablePointer<Engine>
    private let events: UnsafeMutablePointer<EventBuffer>
    private let sequence: UnsafeMutablePointer<UInt64>

    static let nowMs: UInt64 = 1_700_000_000_000

    struct Reply {
        var header: FrameHeader
        var body: [UInt8]

        func results<Result: WireStruct>() -> [Result] { Result.unpack(body) ?? [] }
    }

    /// A small block is soon full of events, so that frames pause.
    init(blockSizeMaxBytes: Int = BlockHeader.blockSizeMaxBytes) {
        let memory = arena.memory
        events = .allocate(capacity: 1)
        events.initialize(to: EventBuffer(base: arena.allocate(64), capacityBytes: 0, nextLsn: 1))
        sequence = .allocate(capacity: 1)
        sequence.initialize(to: 0)
        engine = .allocate(capacity: 1)
        let configuration = EngineConfiguration(
            shard: 0, shards: 1,
            capacities: Capacities(
                users: 200_000, orders: 200_000, tombstones: 10_000, transactions: 10_000, checkouts: 10_000,
                coupons: 10_000, offers: 8, catalogueOperations: 10_000),
            retainMs: 1 << 30, hashSeed: 5)
        engine.initialize(
            to: Engine(
                configuration: configuration, counters: StockCounters(sales: 9, shards: 1, memory: memory),
                events: events, memory: memory, nowMs: Self.nowMs))
        let writer = LogWriter(
            identity: LogIdentity(logId: 1, generation: 1, shard: 0, shards: 1, segmentSizeBytes: 1 << 40),
            mode: .always, position: .beginning, events: events,
            board: DurableBoard(shards: 1, counter: sequence, memory: memory), memory: memory,
            blockSizeMaxBytes: blockSizeMaxBytes)
        core = .allocate(capacity: 1)
        core.initialize(
            to: ShardCore(
                engine: engine, writer: writer, mesh: Mesh(shards: 1, memory: memory),
                statistics: StatisticsBoard(shards: 1, memory: memory),
                instance: InstanceFacts(instance: 1, retainMs: 1 << 30, inFlightMaxBytes: 1 << 20), memory: memory,
                gatedReplyBytes: 4 << 20))
        core.pointee.beginTurn()
    }

    deinit {
        hand?.deallocate()
        core.deinitialize(count: 1).deallocate()
        engine.deinitialize(count: 1).deallocate()
        events.deallocate()
        sequence.deallocate()
    }

    var isWorking: Bool { core.pointee.isWorking }
    var writesUnderWay: Int { writes.count }
    /// Whether the block being filled has room for a change of the catalogue.
    var hasCatalogueRoom: Bool {
        events.pointee.capacityBytes - events.pointee.usedBytes
            >= EventBuffer.operationSizeMaxBytes + EventField.sizeMaxBytes
    }

    /// A frame that has arrived; its memory stays until it is finished.
    func begin<Entry: WireStruct>(_ operation: Operation, _ requestId: UInt64, _ entries: [Entry]) -> WorkProgress {
        begin(FrameBytes.request(operation, requestId: requestId, entries)).progress
    }

    /// What a connection has sent, from a whole frame on. Answers also how many frames of it were begun.
    func begin(_ bytes: [UInt8]) -> (progress: WorkProgress, frames: Int) {
        hand?.deallocate()
        let frame = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
        frame.copyMemory(from: bytes, byteCount: bytes.count)
        hand = frame
        let header = FrameHeader(frame)
        precondition(FrameFault.examine(header, frame) == nil)
        let frames = core.pointee.runLength(frame, header, availableBytes: bytes.count)
        let progress = core.pointee.begin(
            frame, header, frames: frames, connection: 3, isAdmin: true, nowMs: Self.nowMs)
        return (progress, frames)
    }

    func resume() -> WorkProgress { core.pointee.resume(nowMs: Self.nowMs) }

    func seal() {
        if let command = core.pointee.seal(nowMs: Self.nowMs) { writes.append(command) }
    }

    /// The disk has done one of the writes that are under way; what is durable then follows.
    func completeWrite(_ index: Int = 0) {
        core.pointee.writer.writeCompleted(ticket: writes.remove(at: index).ticket)
        core.pointee.advance(nowMs: Self.nowMs)
    }

    func collectReplies() {
        while let (connection, stretch, stretchBytes, frames) = core.pointee.nextReply() {
            var reply = stretch
            for _ in 0..<frames {
                let header = FrameHeader(reply)
                let isWhole = header.lengthBytes <= stretchBytes - (reply - stretch)
                if connection != 3 || !isWhole || !header.checksumMatches(reply) {
                    Issue.record("what goes to connection \(connection) is no reply: \(header)")
                    break
                }
                if replies[header.requestId] != nil { Issue.record("request \(header.requestId) is answered twice") }
                let body = UnsafeRawBufferPointer(start: reply, count: header.lengthBytes)
                    .dropFirst(Frame.headerSizeBytes)
                replies[header.requestId] = Reply(header: header, body: Array(body))
                answered.append(header.requestId)
                reply += header.lengthBytes
            }
            if reply - stretch != stretchBytes { Issue.record("\(frames) replies are not \(stretchBytes) bytes") }
            core.pointee.removeReply()
        }
    }

    /// Works until everything that was begun is done, durable and answered.
    func finish() {
        while true {
            core.pointee.beginTurn()
            core.pointee.advance(nowMs: Self.nowMs)
            _ = resume()
            seal()
            while !writes.isEmpty { completeWrite() }
            collectReplies()
            if core.pointee.isQuiet { return }
        }
    }
}
