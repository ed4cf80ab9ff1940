import Protocol

// The operations on coupons and policies with their types.
extension TestClient {
    public func createPolicy(_ entry: CreatePolicyEntry) throws(ClientFault) -> PolicyResult {
        try one(.createPolicy, entry)
    }

    public func getPolicy(_ policyId: UInt64) throws(ClientFault) -> PolicyResult {
        try one(.getPolicy, OfferIdEntry(offerId: policyId))
    }

    public func restockPolicy(
        operationId: Id128, policyId: UInt64, quantity: UInt64
    ) throws(ClientFault) -> PolicyResult {
        try one(.restockPolicy, RestockEntry(operationId: operationId, offerId: policyId, quantity: quantity))
    }

    public func closePolicy(_ policyId: UInt64) throws(ClientFault) -> PolicyResult {
        try one(.closePolicy, OfferIdEntry(offerId: policyId))
    }

    public func listPolicies(
        after: UInt64 = 0, limit: UInt16 = 1000, stateMask: UInt8 = 0
    ) throws(ClientFault) -> Page<PolicyResult> {
        try page(.listPolicies, ListOffersEntry(after: after, limit: limit, stateMask: stateMask))
    }

    public func issue(_ entries: [IssueCouponEntry]) throws(ClientFault) -> [CouponResult] {
        try call(.issueCoupon, entries)
    }

    public func issue(_ couponId: Id128, user: Id128, policy: UInt64) throws(ClientFault) -> CouponResult {
        try one(.issueCoupon, IssueCouponEntry(couponId: couponId, userId: user, policyId: policy))
    }

    public func useCoupon(
        _ useId: Id128, coupon: Id128, user: Id128, order: Id128 = .zero, amount: UInt64 = 0
    ) throws(ClientFault) -> CouponViewResult {
        try one(
            .useCoupon,
            UseCouponEntry(
                useId: useId, couponId: coupon, userId: user, orderId: order, purchaseAmount: amount))
    }

    public func restoreCoupon(
        _ restoreId: Id128, coupon: Id128, user: Id128
    ) throws(ClientFault) -> CouponViewResult {
        try one(.restoreCoupon, RestoreCouponEntry(restoreId: restoreId, couponId: coupon, userId: user))
    }

    public func getCoupon(_ couponId: Id128) throws(ClientFault) -> CouponViewResult {
        try one(.getCoupon, CouponIdEntry(couponId: couponId))
    }

    public func getCoupons(_ couponIds: [Id128]) throws(ClientFault) -> [CouponViewResult] {
        try call(.getCoupon, couponIds.map(CouponIdEntry.init(couponId:)))
    }

    public func listUserCoupons(
        _ user: Id128, after: Id128 = .zero, limit: UInt16 = 1000, stateMask: UInt8 = 0
    ) throws(ClientFault) -> Page<CouponViewResult> {
        try page(
            .listUserCoupons,
            ListUserCouponsEntry(userId: user, after: after, limit: limit, stateMask: stateMask))
    }
}

extension CreatePolicyEntry {
    /// A policy of a fixed discount that is open at once and for ever, unless told otherwise.
    public static func open(
        _ policyId: UInt64, quantity: UInt64, discountKind: DiscountKind = .fixed,
        discountValue: UInt64 = 100,
        maxDiscount: UInt64 = 0, minPurchase: UInt64 = 0, perUserLimit: UInt32 = 0, validFromMs: UInt64 = 0,
        validUntilMs: UInt64 = 0, operationId: Id128
    ) -> CreatePolicyEntry {
        CreatePolicyEntry(
            operationId: operationId, policyId: policyId, quantity: quantity, validFromMs: validFromMs,
            validUntilMs: validUntilMs, discountValue: discountValue, maxDiscount: maxDiscount,
            minPurchase: minPurchase, perUserLimit: perUserLimit, discountKind: discountKind.rawValue,
            name: Name("Policy \(policyId)")!)
    }
}
