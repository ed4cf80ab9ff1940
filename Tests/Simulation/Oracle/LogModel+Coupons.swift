import Engine
import Protocol

// Coupons in the log. Promise 7: one is issued once, used once at a time, and for what its policy says.

extension LogModel {
    struct CouponVersion {
        /// The use in effect, nil for none.
        var use: Id128?
        var operation: CouponOperation?
        var life: Int
        var lsn: UInt64
    }

    struct Coupon {
        var id: Id128
        var user: Id128
        /// The index of its offer.
        var policy: Int
        var issuedAtMs: UInt64
        /// After its issue, and each use and restore. Empty if a crash has undone it.
        var versions: [CouponVersion]
        /// Versions of earlier coupons with this id, which have left memory.
        var versionsBefore = 0
        var retired: Place?
    }

    struct CouponOperation {
        /// The index of the coupon.
        var coupon: Int
        /// Nil for a restore.
        var use: CouponUse?
        var timeMs: UInt64
        var place: Place
    }

    struct CouponUse: Equatable {
        var orderId: Id128
        var purchaseAmount: UInt64
        var discount: UInt64
    }

    mutating func issue(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let user = event.loadId(EventField.userId)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        guard owner(id) == shard, id.carriedPartition == Partition.of(user: user) else {
            throw Violation(4, "coupon \(id) was issued on shard \(shard), which does not own it")
        }
        try checkIsNew(id, atMs: timeMs, "coupon")
        guard let policy = offer(.policy, event.loadLE(EventField.couponPolicy)) else {
            throw Violation(6, "coupon \(id) was sealed before its policy")
        }
        guard offers[policy].creation.isOpen(atMs: timeMs) else {
            throw Violation(0, "coupon \(id) was issued outside of the time of its policy")
        }
        let issued = CouponVersion(life: life, lsn: lsn)
        couponPlaces[id] = coupons.count
        block.undo.append(.coupon(coupons.count))
        coupons.append(
            Coupon(
                id: id, user: user, policy: policy, issuedAtMs: timeMs, versions: [issued],
                versionsBefore: versionsBefore(ofCoupon: id)))
        try give(policy, 1, to: user, shard, lsn, &block)
    }

    mutating func changeCoupon(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let couponId = event.loadId(EventField.usedCoupon)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        guard let index = couponPlaces[couponId], owner(id) == shard, owner(couponId) == shard else {
            throw Violation(0, "operation \(id) is on coupon \(couponId), which shard \(shard) has not issued")
        }
        try checkIsNew(id, atMs: timeMs, "operation on a coupon")
        let inEffect = coupons[index].versions.last!.use
        var operation = CouponOperation(
            coupon: index, use: nil, timeMs: timeMs, place: Place(life: life, shard: shard, lsn: lsn))
        if kind == .couponUsed {
            if let inEffect { throw Violation(7, "coupon \(couponId), used by \(inEffect), is used by \(id)") }
            let use = CouponUse(
                orderId: event.loadId(EventField.couponOrder), purchaseAmount: event.loadLE(EventField.purchaseAmount),
                discount: event.loadLE(EventField.discount))
            let amount = use.purchaseAmount == 0 ? nil : use.purchaseAmount
            try check(use, of: coupons[index], purchase: amount, atMs: timeMs)
            operation.use = use
        } else if let inEffect {
            if parts[inEffect] != nil { throw Violation(7, "coupon \(couponId) of a checkout is restored by \(id)") }
        } else {
            throw Violation(7, "coupon \(couponId) is restored by \(id), and was not used")
        }
        couponOperations[id] = operation
        coupons[index].versions.append(
            operation.use == nil
                ? CouponVersion(life: life, lsn: lsn)
                : CouponVersion(use: id, operation: operation, life: life, lsn: lsn))
        block.undo.append(.couponOperation(id))
        block.undo.append(.couponVersion(index))
    }

    /// `amount`: what the purchase cost, nil if nobody said it.
    func check(
        _ use: CouponUse, of coupon: Coupon, purchase amount: UInt64?, atMs timeMs: UInt64
    ) throws(Violation) {
        guard case .policy(let policy) = offers[coupon.policy].creation else {
            throw Violation(0, "coupon \(coupon.id) is of what is no policy")
        }
        if policy.validUntilMs != 0 && timeMs >= policy.validUntilMs {
            throw Violation(7, "coupon \(coupon.id) was used after its end")
        }
        if use.purchaseAmount < policy.minPurchase {
            throw Violation(7, "coupon \(coupon.id) was used for a purchase of \(use.purchaseAmount)")
        }
        let discount = Self.discount(policy, on: amount)
        guard use.discount == discount else {
            throw Violation(7, "coupon \(coupon.id) gave a discount of \(use.discount) in place of \(discount)")
        }
    }

    /// A client of the simulation buys for less than would overflow.
    static func discount(_ policy: CreatePolicyEntry, on amount: UInt64?) -> UInt64 {
        var discount = policy.discountValue
        if policy.discountKind == DiscountKind.percent.rawValue {
            discount = (amount ?? 0) * policy.discountValue / 100
        } else if let amount {
            discount = min(discount, amount)
        }
        return policy.maxDiscount == 0 ? discount : min(discount, policy.maxDiscount)
    }
}
