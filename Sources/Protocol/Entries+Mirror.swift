// How the mirror stands.

/// The answer to mirror: how the copy in Redis stands.
///
///     offset  size  field
///          0     2  code
///          2     1  state: 0 there is no mirror, 1 closed (Redis answers), 2 open (it does not), 3 half-open (one
///                   look decides), 4 superseded (a server that was started later writes to this Redis)
///          3     5  reserved: 0
///          8     8  sequence: Redis has at least the state at this one; 0: not known
///         16     8  eventSequence: the stream of events has everything up to this one; 0: not known, or there is none
///         24     8  lagEvents: durable events whose counts Redis does not have yet
///         32     8  lagBytes: bytes of log that it does not have yet
///         40     8  lagMs: how long ago it had everything
///         48     8  writes: counts of sales and policies written
///         56     8  flushes: rounds in which any was
///         64     8  errors: refusals and failed calls
///         72     8  rewrites: how often everything was written anew, because Redis had lost something
///         80     8  repairs: keys that were found other than they had been written
///         88     8  eventsWritten: entries appended to the stream
///         96     8  eventGaps: of them those that say that events were lost
public struct MirrorResult: WireStruct {
    public static let sizeBytes = 104

    public var code: ResultCode
    public var state: UInt8
    public var sequence: UInt64
    public var eventSequence: UInt64
    public var lagEvents: UInt64
    public var lagBytes: UInt64
    public var lagMs: UInt64
    public var writes: UInt64
    public var flushes: UInt64
    public var errors: UInt64
    public var rewrites: UInt64
    public var repairs: UInt64
    public var eventsWritten: UInt64
    public var eventGaps: UInt64

    @inlinable
    public init(
        code: ResultCode, state: UInt8, sequence: UInt64 = 0, eventSequence: UInt64 = 0, lagEvents: UInt64 = 0,
        lagBytes: UInt64 = 0, lagMs: UInt64 = 0, writes: UInt64 = 0, flushes: UInt64 = 0, errors: UInt64 = 0,
        rewrites: UInt64 = 0, repairs: UInt64 = 0, eventsWritten: UInt64 = 0, eventGaps: UInt64 = 0
    ) {
        self.code = code
        self.state = state
        self.sequence = sequence
        self.eventSequence = eventSequence
        self.lagEvents = lagEvents
        self.lagBytes = lagBytes
        self.lagMs = lagMs
        self.writes = writes
        self.flushes = flushes
        self.errors = errors
        self.rewrites = rewrites
        self.repairs = repairs
        self.eventsWritten = eventsWritten
        self.eventGaps = eventGaps
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        state = bytes.loadLE(2)
        sequence = bytes.loadLE(8)
        eventSequence = bytes.loadLE(16)
        lagEvents = bytes.loadLE(24)
        lagBytes = bytes.loadLE(32)
        lagMs = bytes.loadLE(40)
        writes = bytes.loadLE(48)
        flushes = bytes.loadLE(56)
        errors = bytes.loadLE(64)
        rewrites = bytes.loadLE(72)
        repairs = bytes.loadLE(80)
        eventsWritten = bytes.loadLE(88)
        eventGaps = bytes.loadLE(96)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(state, 2)
        bytes.storeLE(UInt8(0), 3)
        bytes.storeLE(UInt32(0), 4)
        bytes.storeLE(sequence, 8)
        bytes.storeLE(eventSequence, 16)
        bytes.storeLE(lagEvents, 24)
        bytes.storeLE(lagBytes, 32)
        bytes.storeLE(lagMs, 40)
        bytes.storeLE(writes, 48)
        bytes.storeLE(flushes, 56)
        bytes.storeLE(errors, 64)
        bytes.storeLE(rewrites, 72)
        bytes.storeLE(repairs, 80)
        bytes.storeLE(eventsWritten, 88)
        bytes.storeLE(eventGaps, 96)
    }
}
