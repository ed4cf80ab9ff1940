import Engine
import Protocol

/// A whole block in memory: checked, of the right log, at its place in the chain.
public struct LogBlock {
    public let header: BlockHeader
    /// The block with its header; valid until the reader moves on.
    public let base: UnsafeRawPointer
    public let file: String
    public let offset: Int
    /// Its events, short ones made full; as long valid as `base`.
    fileprivate let fullEvents: UnsafeRawBufferPointer

    init(header: BlockHeader, base: UnsafeRawPointer, file: String, offset: Int, _ events: FullEvents) {
        self.header = header
        self.base = base
        self.file = file
        self.offset = offset
        let logged = UnsafeRawBufferPointer(start: base + BlockHeader.sizeBytes, count: header.eventsBytes)
        let mayBeShort = header.formatVersion >= BlockHeader.formatVersionOfShortOrders
        fullEvents = mayBeShort ? events.made(of: logged, count: header.eventCount) : logged
    }

    public var events: EventCursor { EventCursor(self) }

    /// Bytes that short orders have saved.
    public var savedBytes: Int { fullEvents.count - header.eventsBytes }
}

/// Walks the events of a block.
public struct EventCursor {
    private var upcoming: UnsafeRawPointer
    private var remainingBytes: Int
    private var remainingCount: Int
    /// The LSN of the event that `next` gives next.
    public private(set) var lsn: UInt64

    init(_ block: LogBlock) {
        upcoming = block.fullEvents.baseAddress!
        remainingBytes = block.fullEvents.count
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
