import Protocol

/// An operation that passed every check and needs units: what is left is to take them, and to apply it.
struct PreparedUnits {
    enum Kind: UInt8 {
        case place, confirmLate, issueCoupon, placeCheckout, confirmCheckout
    }

    var kind = Kind.place
    /// The sale to take units of, or the policy.
    var sale: UInt32 = 0
    var quantity: UInt32 = 0
    /// The user's slot, or 0 if the order is the user's first.
    var user: UInt32 = 0
    /// The order to confirm.
    var order: UInt32 = 0
    var idHash: UInt64 = 0
    var userHash: UInt64 = 0
    /// Of a coupon to issue; an order has both in its entry.
    var id = Id128.zero
    var userId = Id128.zero
}

/// How an operation ended.
public struct Outcome {
    /// The reply waits until this LSN is durable; 0: it need not wait.
    public var waitLsn: UInt64
    /// Whether units have to be taken first: see `Engine.take` and `Engine.settle`.
    public var needsUnits: Bool

    @inline(__always)
    init(waitLsn: UInt64) {
        self.waitLsn = waitLsn
        needsUnits = false
    }

    @inline(__always)
    static var units: Outcome {
        var outcome = Outcome(waitLsn: 0)
        outcome.needsUnits = true
        return outcome
    }
}
