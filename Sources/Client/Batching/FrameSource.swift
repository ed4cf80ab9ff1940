internal import NIOCore
internal import Protocol

/// A queue of calls as the connections see it: something that gives frames and takes replies. All methods are
/// for the client's event loop.
protocol FrameSource: AnyObject, Sendable {
    var operation: Operation { get }
    /// The shard that owns the users of these calls.
    var shard: Int { get }

    /// Writes a frame of queued calls into the empty `buffer`; nil if there are none, or enough frames are under
    /// way. The slots are what `settle` or `lose` must be given back, once.
    func takeFrame(requestId: UInt64, into buffer: inout ByteBuffer) -> [Int32]?

    /// A reply has come. Returns what to do with calls that are to be sent again after a delay.
    func settle(_ slots: [Int32], _ reply: Reply, instance: UInt64, nowNs: UInt64) -> Retry?

    /// The connection ended without a reply: the calls are queued again, before all others.
    func lose(_ slots: [Int32], instance: UInt64)

    /// Puts the calls of a `Retry` back into the queue.
    func requeue(_ retry: Retry)

    /// Gives up what is past its deadline. `fault` says why there is no connection, nil if there is one.
    func sweep(nowNs: UInt64, fault: ConnectionFault?)

    /// Whether no call is left, so that nothing need be sent or swept until the next one wakes the event loop.
    func retire() -> Bool

    /// Ends every call that was never sent with an error.
    func failUnsent(_ error: TimesaleError)

    /// Ends every call: the client is being shut down.
    func abandon()

    var outstanding: Int { get }
    var suspended: Int { get }
}

/// Calls that the server was too busy for, and when to send them again.
struct Retry: Sendable {
    let slots: [Int32]
    let delayMs: UInt32
}
