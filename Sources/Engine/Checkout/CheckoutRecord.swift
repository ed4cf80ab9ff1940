import Protocol

/// A checkout as it stays in memory: one cache line. Its state, its times and its user are those of its orders.
struct CheckoutRecord: BitwiseCopyable {
    var id: Id128
    var subtotal: UInt64
    var discount: UInt64
    /// Of the points to earn; 0: never.
    var earnExpiresAtMs: UInt64
    var pointsUsed: UInt32
    var pointsEarned: UInt32
    /// The last of its orders, which keeps the time for all. The others are those of the user right before it, as
    /// far as they name this checkout.
    var lastOrder: UInt32
    /// The use of points, 0 for none.
    var use: UInt32 = 0
    /// The earning, 0 before it is posted.
    var earning: UInt32 = 0
    /// The use of the coupon, 0 for none.
    var couponUse: UInt32 = 0

    init(
        id: Id128, subtotal: UInt64, discount: UInt64, earnExpiresAtMs: UInt64, pointsUsed: UInt32,
        pointsEarned: UInt32, lastOrder: UInt32
    ) {
        self.id = id
        self.subtotal = subtotal
        self.discount = discount
        self.earnExpiresAtMs = earnExpiresAtMs
        self.pointsUsed = pointsUsed
        self.pointsEarned = pointsEarned
        self.lastOrder = lastOrder
    }
}

/// The slots of a checkout's orders, in the order of their numbers.
struct CheckoutOrders: BitwiseCopyable {
    private var slots = SIMD16<UInt32>()
    private(set) var count = 0

    /// Adds the order before those that have been added.
    mutating func prepend(_ slot: UInt32) {
        count += 1
        slots[CheckoutLines.countMax - count] = slot
    }

    subscript(_ index: Int) -> UInt32 { slots[CheckoutLines.countMax - count + index] }
}
