import Engine
import Foundation
import Log
import Protocol

/// A log whose writes are done as soon as they are asked for: events, checksums and headers of blocks, without an engine
/// that decides on anything, and without a disk.
public final class BareLog {
    private var writer: LogWriter
    private let events: UnsafeMutablePointer<EventBuffer>
    private let sequence: UnsafeMutablePointer<UInt64>
    private let pool = MemoryPool()
    private static let nowMs: UInt64 = 1_700_000_000_000

    public init() {
        sequence = .allocate(capacity: 1)
        sequence.initialize(to: 0)
        events = .allocate(capacity: 1)
        let memory = pool.source
        events.initialize(to: EventBuffer(base: pool.allocate(64), capacityBytes: 0, nextLsn: 1))
        writer = LogWriter(
            identity: LogIdentity(logId: 1, generation: 1, shard: 0, shards: 1, segmentSizeBytes: 64 << 20),
            mode: .always, position: .beginning, events: events,
            board: DurableBoard(shards: 1, counter: sequence, memory: memory), memory: memory)
    }

    deinit {
        events.deallocate()
        sequence.deallocate()
    }

    /// The most events of orders in one block.
    public static let blockMax = (BlockHeader.blockSizeMaxBytes - BlockHeader.sizeBytes) / EventKind.orderPlaced.sizeBytes

    /// Writes `count` events of orders in blocks of so many.
    public func nanosecondsPerEvent(block: Int, count: Int) -> Double {
        precondition(block <= Self.blockMax && count >= block)
        let first = writer.durableLsn
        let start = DispatchTime.now().uptimeNanoseconds
        measuredBlocks(count / block, of: block)
        let spentNs = DispatchTime.now().uptimeNanoseconds - start
        let written = count / block * block
        precondition(writer.durableLsn - first == UInt64(written), "every event was written")
        return Double(spentNs) / Double(written)
    }

    @inline(never)
    private func measuredBlocks(_ blocks: Int, of size: Int) {
        for block in 0..<blocks {
            for index in 0..<size {
                let event = events.pointee.append(.orderPlaced, quantity: 1, timeMs: Self.nowMs)
                event.storeId(Id128(high: UInt64(block), low: UInt64(index)), EventField.id)
                event.storeId(Id128(high: 0, low: UInt64(index)), EventField.userId)
                event.storeLE(UInt64(1), EventField.orderSale)
                event.storeLE(UInt64(0), EventField.orderDeadlineMs)
            }
            if let segment = writer.segmentToPrepare { writer.segmentIsPrepared(segment) }
            let command = writer.seal(nowMs: Self.nowMs)!
            writer.writeCompleted(ticket: command.ticket)
        }
    }
}
