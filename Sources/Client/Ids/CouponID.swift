/// A coupon, and at the same time its issuing.
public struct CouponID: UserOperationID {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
