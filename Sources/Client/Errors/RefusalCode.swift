internal import Protocol

/// Why the server refused. Each case says what it means; `name` is the word that the protocol, the metrics and
/// the HTTP API use.
public enum RefusalCode: Hashable, Sendable {
    /// No version of the protocol is spoken by both sides.
    case unsupportedVersion
    /// The token is not one of the server's.
    case unauthenticated
    /// The operation needs a token with the scope admin.
    case forbidden
    /// A field is out of its range.
    case invalid
    /// Not a UUID of version 7 or 8.
    case invalidId
    /// The id carries another partition than its user's: it was minted for somebody else.
    case wrongPartition
    /// A version 7 id minted longer ago than the retention time, and not remembered.
    case idTooOld
    /// A version 7 id minted more than 5 minutes ahead of the server's clock.
    case idInFuture
    /// The id was accepted with other content.
    case idReused
    /// No such sale, policy, order, transaction, coupon or checkout.
    case notFound
    /// The id of the sale or policy is taken.
    case alreadyExists
    /// An amount is 0 where it may not be, or above its most.
    case invalidAmount
    /// Fewer units than wanted were available at a moment during the request. Units may return.
    case soldOut
    /// More than one user may hold and have.
    case limitExceeded
    case notStarted
    case ended
    case closed
    /// Extend: the order is confirmed, there is nothing to prolong.
    case confirmed
    /// The order or checkout was cancelled, or the cancel of this order, transaction or checkout came first.
    case cancelled
    /// The hold is over, and its units (of a checkout also its coupon or its points) could not be taken again; the
    /// coupon's time is over; or the expiry of an earning is not later than now.
    case expired
    /// It ends only with its checkout.
    case partOfCheckout
    /// The user has fewer points than the use takes.
    case insufficientPoints
    /// Something of the earning is spent, so it cannot be cancelled.
    case alreadySpent
    /// No coupon of the policy was left at a moment during the request. A restock may add some.
    case exhausted
    /// The user has had as many coupons of the policy as it gives to one.
    case alreadyIssued
    /// The coupon is another user's.
    case notOwner
    case alreadyUsed
    /// Restore: the coupon is not used.
    case notUsed
    /// The purchase is below the policy's least, or its amount was not given.
    case minPurchase
    /// A discount of more than 100 per cent.
    case invalidPercentage
    /// A queue of the server was full until the deadline, though the call was tried again and again.
    case busy
    /// A table of the server is full; room comes as old records retire.
    case capacity
    /// The disk's reserve is all that is left.
    case noSpace
    /// The server was about to stop, and no other came before the deadline.
    case shuttingDown
    /// The server tried and could not do it; its messages say why.
    case failed
    /// What was asked for is not there any more.
    case trimmed
    /// A code that this client does not know, from a newer server: a refusal that is not worth a retry.
    case unknown(UInt16)

    init(_ code: ResultCode) {
        self = RefusalCode.known.first { $0.wire == code }?.code ?? .unknown(code.rawValue)
    }

    private static let known: [(wire: ResultCode, code: RefusalCode)] = [
        (.unsupportedVersion, .unsupportedVersion), (.unauthenticated, .unauthenticated),
        (.forbidden, .forbidden), (.invalid, .invalid), (.invalidId, .invalidId),
        (.wrongPartition, .wrongPartition), (.idTooOld, .idTooOld), (.idInFuture, .idInFuture),
        (.idReused, .idReused), (.notFound, .notFound), (.alreadyExists, .alreadyExists),
        (.invalidAmount, .invalidAmount),
        (.soldOut, .soldOut), (.limitExceeded, .limitExceeded), (.notStarted, .notStarted),
        (.ended, .ended), (.closed, .closed), (.confirmed, .confirmed), (.cancelled, .cancelled),
        (.expired, .expired), (.partOfCheckout, .partOfCheckout),
        (.insufficientPoints, .insufficientPoints), (.alreadySpent, .alreadySpent),
        (.exhausted, .exhausted), (.alreadyIssued, .alreadyIssued), (.notOwner, .notOwner),
        (.alreadyUsed, .alreadyUsed), (.notUsed, .notUsed), (.minPurchase, .minPurchase),
        (.invalidPercentage, .invalidPercentage), (.busy, .busy), (.capacity, .capacity),
        (.noSpace, .noSpace), (.shuttingDown, .shuttingDown),
        (.failed, .failed), (.trimmed, .trimmed),
    ]

    /// The name on the wire's page, such as `SOLD_OUT`.
    public var name: String {
        if case .unknown(let number) = self { return ResultCode(rawValue: number).description }
        return RefusalCode.known.first { $0.code == self }?.wire.description ?? "UNKNOWN"
    }

    /// Whether the same call with the same id may succeed later without anybody's doing.
    public var isRetryable: Bool {
        switch self {
        case .busy, .capacity, .noSpace, .shuttingDown: true
        default: false
        }
    }
}

extension RefusalCode: CustomStringConvertible {
    public var description: String { name }
}

extension ResultCode {
    /// Whether the client sends the call again by itself: nothing was done, and it is a matter of a moment.
    var isRetriedByClient: Bool { self == .busy || self == .shuttingDown }

    /// Whether a refusal speaks of the moment alone: decided a little earlier or later, the same call might be
    /// accepted. Others hold for every attempt, or would show an earlier attempt that was accepted.
    var speaksOfTheMoment: Bool {
        switch self {
        case .soldOut, .limitExceeded, .notStarted, .notFound, .expired, .idInFuture, .partOfCheckout,
            .insufficientPoints, .alreadySpent, .exhausted, .alreadyUsed, .notUsed:
            true
        default: false
        }
    }
}
