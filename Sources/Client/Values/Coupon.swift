internal import Protocol

/// What becomes of a coupon. One that is not used expires by the clock alone.
public enum CouponState: UInt8, Sendable, Hashable, CaseIterable {
    case issued = 0
    case used = 1
    case expired = 2
}

/// A coupon as it was at the moment of the answer.
public struct Coupon: Hashable, Sendable {
    public var id: CouponID
    public var policy: PolicyID
    public var user: UserID
    public var state: CouponState
    /// Ms since 1970 by the server's clock.
    public var issuedAtMs: UInt64
    /// Ms since 1970; nil: never.
    public var expiresAtMs: UInt64?
    /// The use in effect; nil if there is none, and in the answer to the issuing itself. In the answer to a use it
    /// is that use, also if it is a repeat and the coupon has been restored since.
    public var use: Use?
    /// The operation had been accepted before, and this is its decision again: nothing was done a second time.
    public var isRepeat: Bool

    public struct Use: Hashable, Sendable {
        /// Ms since 1970 by the server's clock.
        public var atMs: UInt64
        /// What the coupon takes off, in the smallest unit of the currency.
        public var discount: UInt64
        /// Nil if none was given.
        public var purchaseAmount: UInt64?
        /// What the shop knows the purchase by: 128 bits that the server does not look at; nil if none were given.
        /// Of a use by a checkout: the checkout's id.
        public var order: OrderID?
    }
}

/// One entry of a batch of coupons to be issued.
public struct CouponRequest: Hashable, Sendable {
    public var id: CouponID
    public var policy: PolicyID
    public var user: UserID

    /// With a new id unless one is given.
    public init(policy: PolicyID, user: UserID, id: CouponID? = nil) {
        self.policy = policy
        self.user = user
        self.id = id ?? .mint(for: user)
    }
}

/// Some of a user's coupons, newest first.
public struct CouponPage: Hashable, Sendable {
    public var coupons: [Coupon]
    /// Give it as `after` to get the next page; nil if there is none.
    public var next: CouponID?
}
