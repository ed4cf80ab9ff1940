/// Why a call has no result, and whether anything may have happened.
///
/// | case | may the operation have been done? | what to do |
/// |---|---|---|
/// | `refused` | no | as its code says |
/// | `partRefused` | no | as its code says of that part |
/// | `outcomeUnknown` | **yes or no** | repeat with the *same* id, or cancel it |
/// | `trimmed` | no | begin anew: from a backup, a `wal-replay dump`, or `oldest` |
/// | `unavailable` | no | later |
/// | `timedOut` | no | later |
/// | `overloaded` | no | later, or turn somebody away |
/// | `cancelled` | no | |
/// | `shutDown` | no | |
/// | `invalidArgument` | no: nothing was sent | correct the call |
/// | `protocolViolation` | no for what only reads; a change is reported as `outcomeUnknown` | report it |
public enum TimesaleError: Error, Hashable, Sendable {
    /// The server decided against it, and nothing was changed. Only what it accepts is remembered: the same id
    /// may be tried again.
    case refused(RefusalCode, retryAfterMs: UInt32)

    /// The server decided against a checkout because of one of its parts, and nothing of it was done: `SOLD_OUT` of
    /// this line, `ALREADY_USED` of the coupon. The same id may be tried again.
    case partRefused(CheckoutPart, RefusalCode)

    /// The call was sent, and no answer came until its deadline: it may have been done, or be done yet. Repeat
    /// it with the same id to learn the outcome: if it was done, the answer is the original one, marked as a repeat.
    case outcomeUnknown(UnknownOutcome)

    /// The events behind the position are not there any more: it was saved too long ago. All behind `oldest` are.
    case trimmed(oldest: TailPosition)

    /// There was no connection until the deadline; the call was not sent.
    case unavailable(ConnectionFault)

    /// The deadline passed before the call was sent, or a call that only reads was not answered in time.
    case timedOut

    /// The queue is full, and the configuration says to refuse then. Nothing was sent.
    case overloaded

    /// The task was cancelled before the call was sent (or the call only reads).
    case cancelled

    /// The client was shut down before the call was sent.
    case shutDown

    /// An argument that cannot be put into a frame; nothing was sent.
    case invalidArgument(InvalidArgument)

    /// The server's answer makes no sense to this client. Nothing was changed by the call.
    case protocolViolation
}

/// An operation of which nobody can say yet whether it was done.
public struct UnknownOutcome: Hashable, Sendable {
    /// Why the answer is missing.
    public enum Cause: Hashable, Sendable {
        /// The deadline passed after the call was sent.
        case timedOut
        /// The task was cancelled after the call was sent.
        case cancelled
        /// The client was shut down after the call was sent.
        case shutDown
        /// The connection was lost after the call was sent, and a later attempt was refused with this code; but
        /// it was the same run of the server, which may still decide the first attempt otherwise.
        case refusedAfterLoss(RefusalCode)
        /// The answer made no sense to this client.
        case protocolViolation
    }

    /// What it is about.
    public enum Subject: Hashable, Sendable {
        case order(OrderID)
        /// A transaction of points.
        case transaction(TransactionID)
        /// A coupon that was to be issued.
        case coupon(CouponID)
        /// A use or a restoring of a coupon.
        case couponOperation(CouponOperationID)
        case checkout(CheckoutID)
        /// A creation or a restocking.
        case operation(OperationID)
    }

    public var cause: Cause
    /// The id to repeat it with, also if it was minted inside the call; nil for a closing, which needs none.
    public var subject: Subject?

    public init(cause: Cause, subject: Subject? = nil) {
        self.cause = cause
        self.subject = subject
    }

    /// The order in question, if it is one.
    public var order: OrderID? { if case .order(let id)? = subject { id } else { nil } }
}

extension UnknownOutcome.Subject: CustomStringConvertible {
    public var description: String {
        switch self {
        case .order(let id): "order \(id)"
        case .transaction(let id): "transaction \(id)"
        case .coupon(let id): "coupon \(id)"
        case .couponOperation(let id): "operation \(id)"
        case .checkout(let id): "checkout \(id)"
        case .operation(let id): "operation \(id)"
        }
    }
}

/// Why there is no connection.
public enum ConnectionFault: Hashable, Sendable {
    /// No attempt has ended yet.
    case connecting
    /// The last attempt to connect failed with this error number; 0 if the system gave none (a name that cannot be
    /// resolved, for example).
    case unreachable(errno: Int32)
    /// The last attempt connected, but the server did not answer the handshake, or not as the protocol says.
    case noHandshake
    /// The server refused the handshake with this code.
    case refused(RefusalCode)
    /// The server closed the connection.
    case closed
}

/// What cannot be put into a frame.
public enum InvalidArgument: Hashable, Sendable {
    /// A sale's name is longer than 78 bytes of UTF-8, or has control characters.
    case name
    /// A token is longer than 78 bytes of UTF-8, or has control characters.
    case token
    /// A transaction's reason is longer than 31 bytes of UTF-8, or has control characters.
    case reason
    /// A page's limit is outside 1 ... 1,000, or that of a tail outside 1 ... 4,096.
    case limit
    /// A checkout has no line, or more than 16.
    case lines
    /// A checkout's coupon has an id of zeros, which would stand for none.
    case coupon
}

extension TimesaleError {
    /// Whether the operation may have been done, or be done yet.
    public var mayHaveHappened: Bool {
        if case .outcomeUnknown = self { true } else { false }
    }

    /// The server's code, if it refused: the whole or a part.
    public var refusal: RefusalCode? {
        switch self {
        case .refused(let code, _), .partRefused(_, let code): code
        default: nil
        }
    }

    /// Whether the same call, with the same id, may succeed later.
    public var isRetryable: Bool {
        switch self {
        case .refused(let code, _), .partRefused(_, let code): code.isRetryable
        case .outcomeUnknown, .unavailable, .timedOut, .overloaded: true
        case .cancelled, .shutDown, .invalidArgument, .protocolViolation, .trimmed: false
        }
    }
}

extension TimesaleError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .refused(let code, _): "refused: \(code)"
        case .partRefused(let part, let code): "refused for \(part): \(code)"
        case .outcomeUnknown(let unknown):
            "outcome unknown (\(unknown.cause)); repeat with the same id"
                + (unknown.subject.map { ": \($0)" } ?? "")
        case .trimmed(let oldest): "these events are not there any more; the oldest position left is \(oldest)"
        case .unavailable(let fault): "no connection to the server: \(fault)"
        case .timedOut: "the deadline passed; nothing was done"
        case .overloaded: "the client's queue is full; nothing was sent"
        case .cancelled: "cancelled; nothing was done"
        case .shutDown: "the client was shut down; nothing was sent"
        case .invalidArgument(let what): "invalid \(what); nothing was sent"
        case .protocolViolation: "the server's answer does not follow the protocol"
        }
    }
}
