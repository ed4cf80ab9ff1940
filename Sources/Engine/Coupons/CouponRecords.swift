import Protocol

/// A coupon as it stays in memory: one cache line. What it is worth stands in its policy, what became of it in the
/// record of its use.
struct CouponRecord: BitwiseCopyable {
    var id: Id128
    var issuedAtMs: UInt64
    var user: UInt32
    var policy: UInt32
    /// The user's coupon before this one, 0 for none.
    var older: UInt32
    /// The use in effect, 0 for none: whether the coupon is used.
    var use: UInt32 = 0
    /// Uses and restores of it that are remembered.
    var operationCount: UInt32 = 0
    private var reserved: (UInt32, UInt64, UInt64) = (0, 0, 0)

    init(id: Id128, issuedAtMs: UInt64, user: UInt32, policy: UInt32, older: UInt32) {
        self.id = id
        self.issuedAtMs = issuedAtMs
        self.user = user
        self.policy = policy
        self.older = older
    }
}

/// A remembered use or restore of a coupon: one cache line.
struct CouponOperationRecord: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case use = 0
        case restore = 1
        /// A use by the checkout that `orderId` names, which takes it back itself: no restore is logged for it.
        case checkout = 2
    }

    var id: Id128
    var orderId = Id128.zero
    var purchaseAmount: UInt64 = 0
    /// What was decided.
    var discount: UInt64 = 0
    var timeMs: UInt64
    var coupon: UInt32
    var kind: Kind
}
