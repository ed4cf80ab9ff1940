import Engine
import Generator
import Log
import Protocol

/// A log without an engine: the same events again and again, sealed into blocks, and written to a file if there is
/// one. An engine fills the memory of all blocks once.
final class BareLog {
    private let engine: BareEngine
    private let writer: UnsafeMutablePointer<LogWriter>
    private let pool = MemoryPool()
    private let file: DurableFile?
    private let ordersInBlock: Int
    private let eventsBytes: Int
    private let nowMs: UInt64 = 1_700_000_000_000

    /// As many orders as a block holds at the most, while there is room for any operation more.
    static let ordersInFullBlock =
        shortOrders(in: BlockHeader.blockSizeMaxBytes - BlockHeader.sizeBytes - EventBuffer.operationSizeMaxBytes)
    /// As many as share one block of the disk.
    static let ordersInSmallBlock = shortOrders(in: BlockHeader.alignmentBytes - BlockHeader.sizeBytes)

    /// As many orders of one sale and millisecond as have room: only the first one is full.
    private static func shortOrders(in bytes: Int) -> Int {
        let (rows, rest) = (bytes - fullBytes).quotientAndRemainder(dividingBy: ShortOrders.sizeMaxBytes)
        return 1 + rows * ShortOrders.countMax + max(0, rest - ShortOrders.headBytes) / ShortOrders.idsBytes
    }
    private static let fullBytes = EventKind.orderPlaced.sizeBytes

    init(ordersInBlock: Int, file: DurableFile?) {
        self.ordersInBlock = ordersInBlock
        self.file = file
        let heads = (ordersInBlock - 1 + ShortOrders.countMax - 1) / ShortOrders.countMax
        eventsBytes =
            Self.fullBytes + heads * ShortOrders.headBytes + (ordersInBlock - 1) * ShortOrders.idsBytes
        let fillings = LogWriter.writesInFlightMax + 1
        engine = BareEngine(room: fillings * ordersInBlock, users: fillings * ordersInBlock)
        let counter = pool.allocate(64).bindMemory(to: UInt64.self, capacity: 1)
        writer = .allocate(capacity: 1)
        writer.initialize(
            to: LogWriter(
                identity: LogIdentity(
                    logId: 1, generation: 1, shard: 0, shards: 1, segmentSizeBytes: DurableFile.sizeBytes),
                mode: .always, position: .beginning, events: engine.events,
                board: DurableBoard(shards: 1, counter: counter, memory: pool.source), memory: pool.source))
        for _ in 0..<fillings {
            engine.order(ordersInBlock)
            precondition(engine.events.pointee.usedBytes == eventsBytes, "an order is one event")
            _ = seal()
        }
    }

    deinit { writer.deinitialize(count: 1).deallocate() }

    /// Nanoseconds that so many blocks take, from the events to the completion of the write.
    func nanoseconds(blocks: Int) throws -> UInt64 {
        let startNs = MonotonicClock.nowNs()
        for _ in 0..<blocks {
            engine.events.pointee.countIn(sizeBytes: eventsBytes, count: ordersInBlock)
            let command = seal()
            // Every segment is the same file: nobody reads it.
            try file?.write(command.memory, sizeBytes: command.lengthBytes, at: command.offsetBytes)
        }
        return MonotonicClock.nowNs() - startNs
    }

    /// Seals a block, and completes its write for the log: one is under way at a time.
    private func seal() -> WriteCommand {
        if let segment = writer.pointee.segmentToPrepare { writer.pointee.segmentIsPrepared(segment) }
        guard let command = writer.pointee.seal(nowMs: nowMs) else {
            preconditionFailure("there is something to write, a place for it, and nothing under way")
        }
        writer.pointee.writeCompleted(ticket: command.ticket)
        return command
    }
}
