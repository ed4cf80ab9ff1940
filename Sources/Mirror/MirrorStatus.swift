/// How the mirror stands, for statistics and metrics.
public struct MirrorStatus: Equatable, Sendable {
    public enum State: UInt8, Sendable {
        /// Redis answers.
        case closed = 0
        /// Redis does not answer, or refuses: nothing is tried for a while.
        case open = 1
        /// One look decides.
        case halfOpen = 2
        /// Redis has what a later start of a server wrote, and keeps it.
        case superseded = 3
    }

    public var state = State.closed
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
    /// Keys that were found other than they had been written.
    public var repairs: UInt64 = 0
}
