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

    /// Appends an event of a kind with its common fields; the caller fills in the rest.
    @inline(__always)
    mutating func append(_ kind: EventKind, flags: UInt8 = 0, quantity: UInt32 = 0, timeMs: UInt64)
        -> UnsafeMutableRawPointer
    {
        let sizeBytes = kind.sizeBytes
        precondition(usedBytes &+ sizeBytes <= capacityBytes)
        let event = base + usedBytes
        let first =
            UInt64(kind.rawValue) | UInt64(flags) << 8 | UInt64(UInt16(truncatingIfNeeded: sizeBytes)) << 16
            | UInt64(quantity) << 32
        event.storeLE(first, EventField.kind)
        event.storeLE(timeMs, EventField.timeMs)
        usedBytes &+= sizeBytes
        nextLsn &+= 1
        count &+= 1
        return event
    }
}

extension Engine {
    /// Appends an event with its common fields; the caller fills in the rest.
    ///
    /// The only place that changes the buffer, and not mutating: for a change through a constant pointer of
    /// a noncopyable `inout self`, Swift 6.3 emits code under ThreadSanitizer that LLVM refuses.
    @inline(__always)
    func log(_ kind: EventKind, flags: UInt8 = 0, quantity: UInt32 = 0, timeMs: UInt64) -> UnsafeMutableRawPointer {
        events.pointee.append(kind, flags: flags, quantity: quantity, timeMs: timeMs)
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
