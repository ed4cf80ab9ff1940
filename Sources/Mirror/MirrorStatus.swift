import Protocol

/// How the mirror stands, for statistics and metrics.
public struct MirrorStatus: Equatable, Sendable {
    public var state = MirrorState.closed
    /// Redis has at least the state at this sequence; 0: nothing is known.
    public var sequence: UInt64 = 0
    /// Events, and bytes of log, that are durable and not in Redis yet.
    public var lagEvents: UInt64 = 0
    public var lagBytes: UInt64 = 0
    /// How long ago Redis had all that was durable.
    public var lagMs: UInt64 = 0
    /// Counts written, and flushes in which any was.
    public var writes: UInt64 = 0
    public var flushes: UInt64 = 0
    /// Answers that were errors, and calls that failed.
    public var errors: UInt64 = 0
    /// How often everything was written anew because Redis did not have what it was given.
    public var rewrites: UInt64 = 0
    /// Entries appended to the stream, the gaps among them, and the sequence up to which it has everything.
    public var eventsWritten: UInt64 = 0
    public var eventGaps: UInt64 = 0
    public var eventSequence: UInt64 = 0
    /// Keys that were found other than they had been written.
    public var repairs: UInt64 = 0
}

extension MirrorStatus {
    /// As it goes over the wire.
    public var result: MirrorResult {
        MirrorResult(
            code: .ok, state: state.rawValue, sequence: sequence, eventSequence: eventSequence, lagEvents: lagEvents,
            lagBytes: lagBytes, lagMs: lagMs, writes: writes, flushes: flushes, errors: errors, rewrites: rewrites,
            repairs: repairs, eventsWritten: eventsWritten, eventGaps: eventGaps)
    }
}
