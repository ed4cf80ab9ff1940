// The calls on coupons: what each writes into a frame, and what its answer means.

internal import Protocol

enum IssueCoupon: WireCall {
    static let operation = Operation.issueCoupon

    static func answer(_ entry: IssueCouponEntry, _ reply: Reply, _ index: Int) -> Coupon? {
        let result = CouponResult(reply.body + index * CouponResult.sizeBytes)
        guard let state = CouponState(rawValue: result.state) else { return nil }
        return Coupon(
            id: CouponID(wire: entry.couponId), policy: PolicyID(entry.policyId),
            user: UserID(wire: entry.userId),
            state: state, issuedAtMs: result.issuedAtMs,
            expiresAtMs: result.expiresAtMs == 0 ? nil : result.expiresAtMs, use: nil,
            isRepeat: result.flags & ResultFlags.repeat != 0)
    }

    static func unknown(_ entry: IssueCouponEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .coupon(CouponID(wire: entry.couponId)))
    }
}

enum UseCoupon: WireCall {
    static let operation = Operation.useCoupon

    static func answer(_ entry: UseCouponEntry, _ reply: Reply, _ index: Int) -> Coupon? {
        Coupon(reply, index)
    }

    static func unknown(_ entry: UseCouponEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .couponOperation(CouponOperationID(wire: entry.useId)))
    }
}

enum RestoreCoupon: WireCall {
    static let operation = Operation.restoreCoupon

    static func answer(_ entry: RestoreCouponEntry, _ reply: Reply, _ index: Int) -> Coupon? {
        Coupon(reply, index)
    }

    static func unknown(_ entry: RestoreCouponEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .couponOperation(CouponOperationID(wire: entry.restoreId)))
    }
}

enum GetCoupon: WireCall {
    static let operation = Operation.getCoupon
    static let changes = false

    static func answer(_ entry: CouponIdEntry, _ reply: Reply, _ index: Int) -> Coupon? {
        Coupon(reply, index)
    }
}

enum ListUserCoupons: WireCall {
    static let operation = Operation.listUserCoupons
    static let changes = false

    static func answer(_ entry: ListUserCouponsEntry, _ reply: Reply, _ index: Int) -> CouponPage? {
        let coupons = (0..<reply.header.count).compactMap { Coupon(reply, $0) }
        guard coupons.count == reply.header.count else { return nil }
        return CouponPage(coupons: coupons, next: reply.hasMore ? coupons.last?.id : nil)
    }
}

extension Coupon {
    /// From one of a reply's `CouponViewResult`s; nil if it makes no sense.
    init?(_ reply: Reply, _ index: Int) {
        let result = CouponViewResult(reply.body + index * CouponViewResult.sizeBytes)
        guard let state = CouponState(rawValue: result.state) else { return nil }
        self.init(
            id: CouponID(wire: result.couponId), policy: PolicyID(result.policyId),
            user: UserID(wire: result.userId),
            state: state, issuedAtMs: result.issuedAtMs,
            expiresAtMs: result.expiresAtMs == 0 ? nil : result.expiresAtMs,
            use: result.usedAtMs == 0 ? nil : Use(result), isRepeat: result.flags & ResultFlags.repeat != 0)
    }
}

extension Coupon.Use {
    init(_ result: CouponViewResult) {
        self.init(
            atMs: result.usedAtMs, discount: result.discount,
            purchaseAmount: result.purchaseAmount == 0 ? nil : result.purchaseAmount,
            order: result.orderId.isZero ? nil : OrderID(wire: result.orderId))
    }
}
