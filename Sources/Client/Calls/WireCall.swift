internal import Protocol

/// One operation of the protocol as the batching sees it: how a call becomes an entry, and a result an answer.
protocol WireCall: Sendable {
    associatedtype Entry: WireStruct
    associatedtype Answer: Sendable

    static var operation: Operation { get }

    /// Whether it may change something. A call that only reads has no unknown outcome.
    static var changes: Bool { get }

    /// The answer to the entry at `index` of an accepted reply; nil if the bytes make no sense.
    static func answer(_ entry: Entry, _ reply: Reply, _ index: Int) -> Answer?

    /// The part that the refusal of the entry at `index` of an accepted reply is about; nil if it is the whole.
    static func failedPart(_ reply: Reply, _ index: Int) -> CheckoutPart?

    /// What the caller needs to settle an unknown outcome.
    static func unknown(_ entry: Entry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome
}

extension WireCall {
    static var changes: Bool { true }

    static func failedPart(_ reply: Reply, _ index: Int) -> CheckoutPart? { nil }

    static func unknown(_ entry: Entry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause)
    }
}

/// A reply where it lies in the receive buffer: valid until the handler of the frame returns.
struct Reply {
    let header: FrameHeader
    let body: UnsafeRawPointer

    /// More results follow behind the last of this list.
    var hasMore: Bool { header.flags & Frame.Flags.more != 0 }
}
