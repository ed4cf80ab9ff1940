/// The state of an order, or of a checkout. A held one ends as one of the others; an expired one may still be
/// confirmed late, or cancelled for good.
public enum OrderState: UInt8, Sendable, BitwiseCopyable {
    case held = 0
    case confirmed = 1
    case cancelled = 2
    case expired = 3
}

/// What a transaction of points does to the balance.
public enum TransactionKind: UInt8, Sendable, BitwiseCopyable {
    case earning = 0
    case use = 1
}

/// The state of a transaction of points. An earning expires by the clock alone, what is left of it with it.
public enum TransactionState: UInt8, Sendable {
    case posted = 0
    case cancelled = 1
    case expired = 2
}

/// The state of a coupon. One that is not used expires by the clock alone.
public enum CouponState: UInt8, Sendable {
    case issued = 0
    case used = 1
    case expired = 2
}

/// What the discount of a policy is.
public enum DiscountKind: UInt8, Sendable, BitwiseCopyable {
    /// An amount, at most that of the purchase.
    case fixed = 0
    /// Of the amount of the purchase, rounded down.
    case percent = 1
}

/// The state of a sale at a moment, in the order of precedence of its refusals: closed, ended, scheduled.
/// A policy has the same, and is exhausted where a sale is sold out.
public enum SaleState: UInt8, Sendable {
    case scheduled = 0
    case open = 1
    case soldOut = 2
    case ended = 3
    case closed = 4
}

/// How the copy in Redis stands.
public enum MirrorState: UInt8, Sendable {
    /// There is no mirror.
    case off = 0
    /// Redis answers.
    case closed = 1
    /// It does not, or refuses: nothing is tried for a while.
    case open = 2
    /// One look decides.
    case halfOpen = 3
    /// A server that was started later writes to this Redis, and this one leaves it alone.
    case superseded = 4
}

/// Flags of results.
public enum ResultFlags {
    /// The operation had been accepted before; this is its original decision.
    public static let `repeat`: UInt8 = 1 << 0
    /// The order was confirmed after it had expired; its units were taken again.
    public static let late: UInt8 = 1 << 1
    /// The cancel came before its order, which will be refused.
    public static let tombstone: UInt8 = 1 << 2
    /// A part of a checkout, which ends only with it.
    public static let ofCheckout: UInt8 = 1 << 3
}
