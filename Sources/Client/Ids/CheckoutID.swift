internal import Protocol

/// A checkout. The ids of its parts follow from it, so that what it did can be named without having been told: its
/// orders are orders like any other, its points are transactions, and whoever wants to see one asks for it by its
/// id.
public struct CheckoutID: UserOperationID {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The order with this number, 0 ... 15, as they stand in `Checkout.orders`.
    public func order(_ number: Int) -> OrderID {
        precondition((0..<CheckoutLines.countMax).contains(number), "a checkout has at most 16 orders")
        return OrderID(wire: wire.ofPart(.line(number)))
    }

    /// The use of its coupon.
    public var couponUse: CouponOperationID { CouponOperationID(wire: wire.ofPart(.coupon)) }

    /// The transaction that takes the points to use.
    public var pointsUse: TransactionID { TransactionID(wire: wire.ofPart(.pointsUsed)) }

    /// The transaction that credits the points to earn; there is none before the checkout is confirmed.
    public var pointsEarning: TransactionID { TransactionID(wire: wire.ofPart(.pointsEarned)) }
}
