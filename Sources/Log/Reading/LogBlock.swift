import Engine
import Protocol

/// A whole block in memory: checked, of the right log, at its place in the chain.
public struct LogBlock {
    public let header: BlockHeader
    /// The block with its header; valid until the reader moves on.
    public let base: UnsafeRawPointer
    public let file: String
    public let offset: Int

    public var events: EventCursor { EventCursor(self) }
}

/// Walks the events of a block.
public struct EventCursor {
    private var upcoming: UnsafeRawPointer
    private var remainingBytes: Int
    private var remainingCount: Int
    /// The LSN of the event that `next` gives next.
    public private(set) var lsn: UInt64

    init(_ block: LogBlock) {
        upcoming = block.base + BlockHeader.sizeBytes
        remainingBytes = block.header.eventsBytes
        remainingCount = block.header.eventCount
        lsn = block.header.firstLsn
    }

    /// The next event, or nil at the end; a fault where the bytes are not as many events as the header says.
    @inline(__always)
    public mutating func next() throws(EventFault) -> (kind: EventKind, event: UnsafeRawPointer)? {
        if remainingCount == 0 {
            if remainingBytes != 0 { throw .cutShort }
            return nil
        }
        let event = upcoming
        lsn &+= 1
        let kind = try EventKind.read(UnsafeRawBufferPointer(start: event, count: remainingBytes))
        // Its own size, which `read` has looked at: of an older version it may be another.
        let sizeBytes = Int(event.loadLE(EventField.size, as: UInt16.self))
        upcoming = event + sizeBytes
        remainingBytes &-= sizeBytes
        remainingCount &-= 1
        return (kind, event)
    }

    /// The LSN of the event that `next` gave last or failed at, for a report about it.
    public var lastLsn: UInt64 { lsn - 1 }
}
