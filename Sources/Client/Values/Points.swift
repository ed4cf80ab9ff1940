/// What a transaction does to the balance.
public enum TransactionKind: UInt8, Sendable, Hashable, CaseIterable {
    case earning = 0
    case use = 1
}

/// What becomes of a transaction. An earning expires by the clock alone, and what is left of it with it.
public enum TransactionState: UInt8, Sendable, Hashable, CaseIterable {
    case posted = 0
    case cancelled = 1
    case expired = 2
}

/// A transaction of points as it was at the moment of the answer.
public struct PointTransaction: Hashable, Sendable {
    public var id: TransactionID
    public var user: UserID
    public var kind: TransactionKind
    public var amount: UInt32
    public var state: TransactionState
    /// What uses have left of an earning; nil for a use, and in the answers to earning and using themselves.
    public var remaining: UInt32?
    /// Empty if none was given.
    public var reason: String
    /// When it was accepted, ms since 1970 by the server's clock.
    public var createdAtMs: UInt64
    /// When an earning expires, ms since 1970; nil: never, and for a use.
    public var expiresAtMs: UInt64?
    /// The user's points at the moment of the answer.
    public var balance: UInt64
    /// It had been accepted before, and this is its decision again: nothing was done a second time.
    public var isRepeat: Bool
    /// It belongs to a checkout, and is cancelled only with it.
    public var isPartOfCheckout: Bool
}

/// One entry of a batch of earnings.
public struct EarnRequest: Hashable, Sendable {
    public var id: TransactionID
    public var user: UserID
    /// 1 ... 1,000,000,000.
    public var amount: UInt32
    /// Ms since 1970, later than now; nil: never.
    public var expiresAtMs: UInt64?
    /// At most 31 bytes of UTF-8 without control characters.
    public var reason: String

    /// With a new id unless one is given.
    public init(
        user: UserID, amount: UInt32, expiresAtMs: UInt64? = nil, reason: String = "",
        id: TransactionID? = nil
    ) {
        self.user = user
        self.amount = amount
        self.expiresAtMs = expiresAtMs
        self.reason = reason
        self.id = id ?? .mint(for: user)
    }
}

/// What the cancel of a transaction did.
public enum TransactionCancellation: Hashable, Sendable {
    /// The transaction is cancelled, now or before (`isRepeat`).
    case transaction(PointTransaction)
    /// The server did not know the transaction. It remembers the cancel, so that the transaction, should it still
    /// arrive, is refused as `cancelled`.
    case beforeTransaction(TransactionID)
}

/// A user's points at a moment.
public struct PointBalance: Hashable, Sendable {
    public var points: UInt64
    /// Earnings that have points left.
    public var lots: Int
    /// The next points to expire and when, ms since 1970; nil if none will.
    public var nextExpiry: Expiry?

    public struct Expiry: Hashable, Sendable {
        public var amount: UInt64
        public var atMs: UInt64

        public init(amount: UInt64, atMs: UInt64) {
            self.amount = amount
            self.atMs = atMs
        }
    }

    public init(points: UInt64, lots: Int, nextExpiry: Expiry? = nil) {
        self.points = points
        self.lots = lots
        self.nextExpiry = nextExpiry
    }
}

/// Some of a user's transactions, newest first.
public struct TransactionPage: Hashable, Sendable {
    public var transactions: [PointTransaction]
    /// Give it as `after` to get the next page; nil if there is none.
    public var next: TransactionID?
}
