import Protocol

/// The events of the operations since the last block, in the order of their LSNs.
///
/// The memory belongs to the log, which puts blocks around it; the engine fills it. Before it asks the
/// engine for anything, the caller makes sure that the events of one operation fit.
public struct EventBuffer {
    @usableFromInline var base: UnsafeMutableRawPointer
    /// Bytes filled and bytes there are.
    public private(set) var usedBytes: Int
    public let capacityBytes: Int
    /// The LSN of the next event: events of one log are numbered from 1.
    public private(set) var nextLsn: UInt64
    public private(set) var count: Int
    /// What the last full `orderPlaced` says: an order that says the same leaves it out. No time is the largest.
    private var orderTimeMs = UInt64.max
    private var orderSale: UInt64 = 0
    private var orderDeadlineMs: UInt64 = 0
    /// The quantity of the short orders at the end, which one more can join; 0: there are none, or no more can. And
    /// where they begin.
    private var shortOrdersQuantity: UInt32 = 0
    private var shortOrdersBegin = 0

    public init(base: UnsafeMutableRawPointer, capacityBytes: Int, nextLsn: UInt64) {
        self.base = base
        self.capacityBytes = capacityBytes
        self.nextLsn = nextLsn
        usedBytes = 0
        count = 0
    }

    /// Room for an operation: the most that one operation may log.
    public static let operationSizeMaxBytes = 2048

    @inline(__always)
    public var hasRoom: Bool { capacityBytes &- usedBytes >= Self.operationSizeMaxBytes }

    /// The LSN of the last event, in this buffer or before it.
    @inline(__always)
    public var lastLsn: UInt64 { nextLsn &- 1 }

    /// Counts events in that lie behind those there are already: for whoever measures a log without an engine, and
    /// fills its memory once.
    public mutating func countIn(sizeBytes: Int, count: Int) {
        precondition(sizeBytes <= capacityBytes - usedBytes)
        usedBytes += sizeBytes
        nextLsn += UInt64(count)
        self.count += count
    }

    /// Appends an event of a kind with its common fields; the caller fills in the rest.
    @inline(__always)
    mutating func append(_ kind: EventKind, flags: UInt8 = 0, quantity: UInt32 = 0, timeMs: UInt64)
        -> UnsafeMutableRawPointer
    {
        let event = take(kind.sizeBytes)
        let first =
            UInt64(kind.rawValue) | UInt64(flags) << 8 | UInt64(UInt16(truncatingIfNeeded: kind.sizeBytes)) << 16
            | UInt64(quantity) << 32
        event.storeLE(first, EventField.kind)
        event.storeLE(timeMs, EventField.timeMs)
        shortOrdersQuantity = 0
        return event
    }

    /// Appends an `orderPlaced` and answers where its two ids belong, one behind the other as in an `OrderEntry`.
    ///
    /// It is short (`ShortOrders`), if the last full one has its time, its sale and its deadline. All orders have to
    /// come this way, since a reader takes the last full one for the model of a short one. `quantity` is not 0.
    @inline(__always)
    mutating func appendOrder(sale: UInt64, quantity: UInt32, deadlineMs: UInt64, timeMs: UInt64)
        -> UnsafeMutableRawPointer
    {
        guard timeMs == orderTimeMs && sale == orderSale && deadlineMs == orderDeadlineMs else {
            return appendFullOrder(sale: sale, quantity: quantity, deadlineMs: deadlineMs, timeMs: timeMs)
        }
        guard quantity == shortOrdersQuantity else { return beginShortOrders(quantity) }
        let ids = take(ShortOrders.idsBytes)
        noteShortOrders()
        return ids
    }

    /// A function of its own: in a rush one of hundreds of orders comes here.
    @inline(never)
    private mutating func appendFullOrder(sale: UInt64, quantity: UInt32, deadlineMs: UInt64, timeMs: UInt64)
        -> UnsafeMutableRawPointer
    {
        let event = append(.orderPlaced, quantity: quantity, timeMs: timeMs)
        event.storeLE(sale, EventField.orderSale)
        event.storeLE(deadlineMs, EventField.orderDeadlineMs)
        orderTimeMs = timeMs
        orderSale = sale
        orderDeadlineMs = deadlineMs
        return event + EventField.id
    }

    @inline(never)
    private mutating func beginShortOrders(_ quantity: UInt32) -> UnsafeMutableRawPointer {
        shortOrdersBegin = usedBytes
        shortOrdersQuantity = quantity
        let head = take(ShortOrders.headBytes + ShortOrders.idsBytes)
        head.storeLE(UInt64(EventKind.orderPlaced.rawValue) | UInt64(quantity) << 32, EventField.kind)
        noteShortOrders()
        return head + ShortOrders.headBytes
    }

    /// The last of the short orders has its place.
    @inline(__always)
    private mutating func noteShortOrders() {
        let sizeBytes = usedBytes &- shortOrdersBegin
        (base + shortOrdersBegin).storeLE(UInt16(truncatingIfNeeded: sizeBytes), EventField.size)
        if sizeBytes == ShortOrders.sizeMaxBytes { shortOrdersQuantity = 0 }
    }

    /// The bytes of one more event.
    @inline(__always)
    private mutating func take(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        precondition(usedBytes &+ sizeBytes <= capacityBytes)
        let event = base + usedBytes
        usedBytes &+= sizeBytes
        nextLsn &+= 1
        count &+= 1
        return event
    }
}

extension Engine {
    /// Appends an event with its common fields; the caller fills in the rest.
    ///
    /// This and the next are all that changes the buffer, and not mutating: for a change through a constant pointer of
    /// a noncopyable `inout self`, Swift 6.3 emits code under ThreadSanitizer that LLVM refuses.
    @inline(__always)
    func log(_ kind: EventKind, flags: UInt8 = 0, quantity: UInt32 = 0, timeMs: UInt64) -> UnsafeMutableRawPointer {
        events.pointee.append(kind, flags: flags, quantity: quantity, timeMs: timeMs)
    }

    /// Appends the event of an order, and answers where its ids belong: see `EventBuffer.appendOrder`.
    @inline(__always)
    func logOrder(sale: UInt64, quantity: UInt32, deadlineMs: UInt64, timeMs: UInt64) -> UnsafeMutableRawPointer {
        events.pointee.appendOrder(sale: sale, quantity: quantity, deadlineMs: deadlineMs, timeMs: timeMs)
    }
}

/// Why bytes that a checksum vouched for are still not an event.
public enum EventFault: Error, Equatable, Sendable {
    case unknownKind(UInt8)
    case wrongSize(kind: UInt8, sizeBytes: Int)
    case cutShort
    /// The event contradicts the state that the events before it built.
    case contradiction(String)
    /// The state does not fit into the tables as they are configured.
    case capacity(what: String, countMax: Int)
}

extension EventKind {
    /// The size that it had in the version of the log before this one, where that was another. What is new stands
    /// at the end, so that a shorter event is one that says nothing of it.
    var sizeBytesBefore: Int? {
        switch self {
        case .policyKept: 184
        case .transactionKept: 56
        default: nil
        }
    }

    /// Whether an event of this kind is one of the version before.
    func isOfVersionBefore(_ event: UnsafeRawPointer) -> Bool {
        sizeBytesBefore == Int(event.loadLE(EventField.size, as: UInt16.self))
    }

    /// Reads the kind and the size of the event at the start of `bytes`.
    public static func read(_ bytes: UnsafeRawBufferPointer) throws(EventFault) -> EventKind {
        guard bytes.count >= 16, let base = bytes.baseAddress else { throw .cutShort }
        let raw: UInt8 = base.loadLE(EventField.kind)
        guard let kind = EventKind(rawValue: raw) else { throw .unknownKind(raw) }
        let sizeBytes = Int(base.loadLE(EventField.size, as: UInt16.self))
        guard sizeBytes == kind.sizeBytes || sizeBytes == kind.sizeBytesBefore else {
            throw .wrongSize(kind: raw, sizeBytes: sizeBytes)
        }
        guard sizeBytes <= bytes.count else { throw .cutShort }
        return kind
    }
}
