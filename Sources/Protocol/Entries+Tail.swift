// Following the log: what asks for the events behind a position, and what carries them.

/// A place in the logs: everything up to and including the event `index` of the block with this sequence. Events of
/// one block share its sequence, and are numbered in it from 0.
public struct LogPlace: Hashable, Comparable, Sendable {
    public var sequence: UInt64
    /// `wholeBlock`: all events of the block.
    public var index: UInt32

    public static let wholeBlock = UInt32.max

    /// In a request: behind everything that is durable when it is answered.
    public static let now = LogPlace(sequence: .max)

    public init(sequence: UInt64, index: UInt32 = LogPlace.wholeBlock) {
        self.sequence = sequence
        self.index = index
    }

    public static func < (left: LogPlace, right: LogPlace) -> Bool {
        (left.sequence, left.index) < (right.sequence, right.index)
    }
}

/// Asks for the durable events behind a place, of all shards, in the order of their sequences.
///
///     offset  size  field
///          0     8  afterSequence: of the block; 0: from the first event that ever was; 2^64-1: from now on
///          8     4  afterIndex: the last event of that block that is known; 0xffffffff: all of it
///         12     4  waitMs: how long to wait when there is nothing yet, at most 60,000
///         16     4  limit: 1 ... 4,096 events
///         20     4  reserved: 0
public struct TailEntry: WireStruct {
    public static let sizeBytes = 24
    public static let waitMaxMs: UInt32 = 60_000
    public static let limitMax: UInt32 = 4096

    public var afterSequence: UInt64
    public var afterIndex: UInt32
    public var waitMs: UInt32
    public var limit: UInt32

    @inlinable
    public init(afterSequence: UInt64, afterIndex: UInt32, waitMs: UInt32, limit: UInt32) {
        self.afterSequence = afterSequence
        self.afterIndex = afterIndex
        self.waitMs = waitMs
        self.limit = limit
    }

    public init(after place: LogPlace, waitMs: UInt32, limit: UInt32) {
        self.init(afterSequence: place.sequence, afterIndex: place.index, waitMs: waitMs, limit: limit)
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        afterSequence = bytes.loadLE(0)
        afterIndex = bytes.loadLE(8)
        waitMs = bytes.loadLE(12)
        limit = bytes.loadLE(16)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(afterSequence, 0)
        bytes.storeLE(afterIndex, 8)
        bytes.storeLE(waitMs, 12)
        bytes.storeLE(limit, 16)
        bytes.storeLE(UInt32(0), 20)
    }

    public var after: LogPlace { LogPlace(sequence: afterSequence, index: afterIndex) }

    /// Whether every field is in its range, and the reserved bytes are zero.
    public static func isValid(_ bytes: UnsafeRawPointer) -> Bool {
        let entry = TailEntry(bytes)
        return (1...limitMax).contains(entry.limit) && entry.waitMs <= waitMaxMs
            && bytes.loadLE(20, as: UInt32.self) == 0
    }
}

/// One event; or, as the last result of every reply, the place up to which everything has been delivered.
///
///     offset  size  field
///          0     2  code: OK; TRIMMED in the only result of a reply: the events behind the place that was asked
///                   for are not there any more, and this is the oldest place from which all are
///          2     2  shard: in whose log the event stands; 0 for a place
///          4     4  index: of the event in its block, from 0; of a place 0xffffffff if its whole block is meant
///          8     8  sequence: of the block
///         16   176  event: as in the log, then zeros; all zeros (kind 0) for a place
public struct TailResult: WireStruct {
    public static let sizeBytes = 192
    public static let eventOffset = 16
    public static let eventSizeMaxBytes = 176

    public var code: ResultCode
    public var shard: UInt16
    public var index: UInt32
    public var sequence: UInt64
    public var event: EventBytes

    public init(code: ResultCode, shard: UInt16, index: UInt32, sequence: UInt64, event: EventBytes) {
        self.code = code
        self.shard = shard
        self.index = index
        self.sequence = sequence
        self.event = event
    }

    /// A place.
    public init(_ place: LogPlace, code: ResultCode = .ok) {
        self.init(code: code, shard: 0, index: place.index, sequence: place.sequence, event: EventBytes())
    }

    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        shard = bytes.loadLE(2)
        index = bytes.loadLE(4)
        sequence = bytes.loadLE(8)
        event = EventBytes(bytes + Self.eventOffset, count: Self.eventSizeMaxBytes)
    }

    public func store(to bytes: UnsafeMutableRawPointer) {
        Self.storeHead(code, shard: shard, LogPlace(sequence: sequence, index: index), to: bytes)
        event.store(to: bytes + Self.eventOffset)
    }

    /// Writes what stands before the event.
    public static func storeHead(
        _ code: ResultCode, shard: UInt16, _ place: LogPlace, to bytes: UnsafeMutableRawPointer
    ) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(shard, 2)
        bytes.storeLE(place.index, 4)
        bytes.storeLE(place.sequence, 8)
    }

    public var place: LogPlace { LogPlace(sequence: sequence, index: index) }
}

/// The bytes of an event as they stand in a `TailResult`.
public struct EventBytes: Equatable, Sendable {
    private var bytes: [UInt8]

    /// No event.
    public init() { bytes = [UInt8](repeating: 0, count: TailResult.eventSizeMaxBytes) }

    /// `count` bytes, at most as many as fit.
    public init(_ event: UnsafeRawPointer, count: Int) {
        precondition(count <= TailResult.eventSizeMaxBytes)
        self.init()
        bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(start: event, count: count)) }
    }

    public func store(to target: UnsafeMutableRawPointer) {
        bytes.withUnsafeBytes { target.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }

    /// Nil for no event, and for a kind that this program does not know.
    public var kind: EventKind? { EventKind(rawValue: bytes[EventField.kind]) }

    /// Whether there is no event.
    public var isNone: Bool { bytes[EventField.kind] == 0 }

    /// The id that most kinds begin with.
    public var id: Id128 { read { $0.loadId(EventField.id) } }

    /// Reads its fields.
    public func read<T>(_ body: (UnsafeRawPointer) -> T) -> T { bytes.withUnsafeBytes { body($0.baseAddress!) } }
}
