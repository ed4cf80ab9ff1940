internal import Protocol

/// A checkout as it was at the moment of the answer: several orders of one user, and if wanted the use of a coupon,
/// a use of points and an earning of points. All of it happened, or nothing.
///
/// It is confirmed, cancelled and expires as a whole; its parts by themselves are refused (`partOfCheckout`).
/// Amounts are in the smallest unit of the currency, and those of the original decision.
public struct Checkout: Hashable, Sendable {
    public var id: CheckoutID
    public var user: UserID
    /// Also that of each of its orders. Held if any of its sales holds.
    public var state: OrderState
    /// One for each distinct sale, in the order in which the lines first named them. 1 ... 16.
    public var orders: [CheckoutOrder]
    /// The coupon that it uses; nil for none. Given back when the checkout is cancelled or expires.
    public var coupon: CouponID?
    /// The sum of unit price x quantity.
    public var subtotal: UInt64
    /// What the coupon takes off.
    public var discount: UInt64
    /// Points that are paid with, one for one unit of money. Given back, with the expiry that they had, when the
    /// checkout is cancelled or expires.
    public var pointsUsed: UInt32
    /// subtotal - discount - pointsUsed.
    public var toPay: UInt64
    /// Points that are credited when the checkout is confirmed, and taken back when it is cancelled then.
    public var pointsEarned: UInt32
    /// When the earned points expire, ms since 1970; nil: never, or none are earned.
    public var earnExpiresAtMs: UInt64?
    /// When the checkout was accepted, ms since 1970 by the server's clock.
    public var createdAtMs: UInt64
    /// When the hold ends, ms since 1970: with the shortest hold time of its sales. Nil if it is not held.
    public var expiresAtMs: UInt64?
    /// The operation had been accepted before, and this is its decision again: nothing was done a second time.
    public var isRepeat: Bool
    /// The checkout was confirmed after it had expired; its units, its coupon and its points were taken again.
    public var isLateConfirm: Bool

    /// The use of the coupon, nil without one.
    public var couponUse: CouponOperationID? { coupon == nil ? nil : id.couponUse }
    /// The transaction that took the points, nil if none are used.
    public var pointsUse: TransactionID? { pointsUsed == 0 ? nil : id.pointsUse }
    /// The transaction that credits the points, nil if none are earned. There is none before the confirm.
    public var pointsEarning: TransactionID? { pointsEarned == 0 ? nil : id.pointsEarning }
}

/// An order of a checkout: `TimesaleClient.order(_:)` shows it.
public struct CheckoutOrder: Hashable, Sendable {
    public var id: OrderID
    public var sale: SaleID
    /// In units: the sum of all lines that named the sale.
    public var quantity: UInt32
}

/// A line of a checkout to be placed.
public struct CheckoutLine: Hashable, Sendable {
    public var sale: SaleID
    /// In units, 1 ... 1,000,000; so is the sum of the lines of one sale.
    public var quantity: UInt32

    public init(sale: SaleID, quantity: UInt32 = 1) {
        self.sale = sale
        self.quantity = quantity
    }
}

/// A checkout to be placed.
public struct CheckoutRequest: Hashable, Sendable {
    public var id: CheckoutID
    public var user: UserID
    /// 1 ... 16. Those that name the same sale are summed.
    public var lines: [CheckoutLine]
    /// Of the same user; nil for none.
    public var coupon: CouponID?
    /// 0 ... 1,000,000,000, and no more than the subtotal less the discount: one point pays one unit of money.
    public var usePoints: UInt32
    /// 0 ... 1,000,000,000; credited when the checkout is confirmed.
    public var earnPoints: UInt32
    /// Of the points to earn: ms since 1970, later than now; nil: never.
    public var earnExpiresAtMs: UInt64?

    /// With a new id unless one is given.
    public init(
        _ lines: [CheckoutLine], user: UserID, coupon: CouponID? = nil, usePoints: UInt32 = 0,
        earnPoints: UInt32 = 0, earnExpiresAtMs: UInt64? = nil, id: CheckoutID? = nil
    ) {
        self.lines = lines
        self.user = user
        self.coupon = coupon
        self.usePoints = usePoints
        self.earnPoints = earnPoints
        self.earnExpiresAtMs = earnExpiresAtMs
        self.id = id ?? .mint(for: user)
    }
}

/// What the cancel of a checkout did.
public enum CheckoutCancellation: Hashable, Sendable {
    /// The checkout is cancelled, now or before (`isRepeat`), and all that it took is back.
    case checkout(Checkout)
    /// The server did not know the checkout. It remembers the cancel, so that the checkout, should it still arrive,
    /// is refused as `cancelled`.
    case beforeCheckout(CheckoutID)
}
