/// A transaction of points: an earning or a use.
public struct TransactionID: UserOperationID {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
