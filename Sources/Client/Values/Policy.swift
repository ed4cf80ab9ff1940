internal import Protocol

/// The state of a policy at a moment. Where several hold, the first of closed, ended, scheduled is shown.
public enum PolicyState: UInt8, Sendable, Hashable, CaseIterable {
    case scheduled = 0
    case open = 1
    /// No coupon is left; a restock may add some.
    case exhausted = 2
    case ended = 3
    case closed = 4
}

/// What a coupon takes off a purchase.
public enum Discount: Hashable, Sendable {
    /// An amount in the smallest unit of the currency, 1 ..< 2^53; never more than the purchase.
    case fixed(UInt64)
    /// A percentage of the purchase, 1 ... 100; rounded down.
    case percent(UInt64)
}

/// A policy of coupons as it was at the moment of the answer: how many there are, for whom, when, and what each is
/// worth.
public struct Policy: Hashable, Sendable {
    public var id: PolicyID
    public var name: String
    public var state: PolicyState
    /// All coupons that there may be. quantity = remaining + issued, once everything under way is on disk.
    public var quantity: UInt64
    /// Coupons that are durably free.
    public var remaining: UInt64
    /// Coupons that users have, used or not.
    public var issued: UInt64
    /// Those of the issued ones that are used now.
    public var used: UInt64
    public var discount: Discount
    /// The most that a discount comes to; nil: no cap. Amounts are in the smallest unit of the currency.
    public var maxDiscount: UInt64?
    /// The least purchase that a coupon may be used for; nil: any.
    public var minPurchase: UInt64?
    /// Coupons that are issued to one user; nil: no limit.
    public var perUserLimit: UInt32?
    /// Ms since 1970.
    public var validFromMs: UInt64
    /// Ms since 1970; nil: for ever. Coupons are issued and can be used before it.
    public var validUntilMs: UInt64?
    /// Ms since 1970 by the server's clock.
    public var createdAtMs: UInt64
    /// The operation had been accepted before; nothing was done a second time.
    public var isRepeat: Bool

    /// Nil if it makes no sense.
    init?(_ result: PolicyResult) {
        guard let state = PolicyState(rawValue: result.state),
            let kind = DiscountKind(rawValue: result.discountKind)
        else { return nil }
        id = PolicyID(result.policyId)
        name = result.name.text
        self.state = state
        quantity = result.quantity
        remaining = result.remaining
        issued = result.issued
        used = result.used
        discount = kind == .fixed ? .fixed(result.discountValue) : .percent(result.discountValue)
        maxDiscount = result.maxDiscount == 0 ? nil : result.maxDiscount
        minPurchase = result.minPurchase == 0 ? nil : result.minPurchase
        perUserLimit = result.perUserLimit == 0 ? nil : result.perUserLimit
        validFromMs = result.validFromMs
        validUntilMs = result.validUntilMs == 0 ? nil : result.validUntilMs
        createdAtMs = result.createdAtMs
        isRepeat = result.flags & ResultFlags.repeat != 0
    }
}

/// A policy to be created.
public struct NewPolicy: Hashable, Sendable {
    public var id: PolicyID
    /// At most 78 bytes of UTF-8 without control characters.
    public var name: String
    /// Coupons, 1 ... 2^40.
    public var quantity: UInt64
    public var discount: Discount
    /// The most that a discount comes to, below 2^53; nil: no cap.
    public var maxDiscount: UInt64?
    /// The least purchase that a coupon may be used for, below 2^53; nil: any.
    public var minPurchase: UInt64?
    /// Coupons that are issued to one user; nil: no limit.
    public var perUserLimit: UInt32?
    /// Ms since 1970; nil: at once.
    public var validFromMs: UInt64?
    /// Ms since 1970; nil: for ever. Else after the beginning and after now.
    public var validUntilMs: UInt64?

    /// One coupon for each user unless `perUserLimit` says otherwise.
    public init(
        id: PolicyID, name: String, quantity: UInt64, discount: Discount, maxDiscount: UInt64? = nil,
        minPurchase: UInt64? = nil, perUserLimit: UInt32? = 1, validFromMs: UInt64? = nil,
        validUntilMs: UInt64? = nil
    ) {
        self.id = id
        self.name = name
        self.quantity = quantity
        self.discount = discount
        self.maxDiscount = maxDiscount
        self.minPurchase = minPurchase
        self.perUserLimit = perUserLimit
        self.validFromMs = validFromMs
        self.validUntilMs = validUntilMs
    }
}

/// Some of the policies, in the order of their creation.
public struct PolicyPage: Hashable, Sendable {
    public var policies: [Policy]
    /// Give it as `after` to get the next page; nil if there is none.
    public var next: PolicyID?
}
