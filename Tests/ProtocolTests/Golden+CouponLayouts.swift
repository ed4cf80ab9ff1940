import Protocol
import TestSupport

// Coupons and their policies from the fields of golden frames.

extension CreatePolicyEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            operationId: try fields.takeId("operationId"), policyId: try fields.take("policyId"),
            quantity: try fields.take("quantity"), validFromMs: try fields.take("validFromMs"),
            validUntilMs: try fields.take("validUntilMs"), discountValue: try fields.take("discountValue"),
            maxDiscount: try fields.take("maxDiscount"), minPurchase: try fields.take("minPurchase"),
            perUserLimit: try fields.take("perUserLimit"), discountKind: try fields.take("discountKind"),
            name: try fields.takeName("name"))
    }
}

extension PolicyResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            perUserLimit: try fields.take("perUserLimit"), policyId: try fields.take("policyId"),
            quantity: try fields.take("quantity"), remaining: try fields.take("remaining"),
            issued: try fields.take("issued"), used: try fields.take("used"),
            validFromMs: try fields.take("validFromMs"), validUntilMs: try fields.take("validUntilMs"),
            discountValue: try fields.take("discountValue"), maxDiscount: try fields.take("maxDiscount"),
            minPurchase: try fields.take("minPurchase"), createdAtMs: try fields.take("createdAtMs"),
            discountKind: try fields.take("discountKind"), name: try fields.takeName("name"))
    }
}

extension IssueCouponEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            couponId: try fields.takeId("couponId"), userId: try fields.takeId("userId"),
            policyId: try fields.take("policyId"))
    }
}

extension CouponResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            issuedAtMs: try fields.take("issuedAtMs"), expiresAtMs: try fields.take("expiresAtMs"))
    }
}

extension UseCouponEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            useId: try fields.takeId("useId"), couponId: try fields.takeId("couponId"),
            userId: try fields.takeId("userId"), orderId: try fields.takeId("orderId"),
            purchaseAmount: try fields.take("purchaseAmount"))
    }
}

extension RestoreCouponEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            restoreId: try fields.takeId("restoreId"), couponId: try fields.takeId("couponId"),
            userId: try fields.takeId("userId"))
    }
}

extension CouponIdEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws { self.init(couponId: try fields.takeId("couponId")) }
}

extension ListUserCouponsEntry: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            userId: try fields.takeId("userId"), after: try fields.takeId("after"),
            limit: try fields.take("limit"), stateMask: try fields.take("stateMask"))
    }
}

extension CouponViewResult: GoldenLayout {
    init(fields: inout GoldenFields) throws {
        self.init(
            code: try fields.takeCode(), state: try fields.take("state"), flags: try fields.take("flags"),
            couponId: try fields.takeId("couponId"), userId: try fields.takeId("userId"),
            policyId: try fields.take("policyId"), issuedAtMs: try fields.take("issuedAtMs"),
            expiresAtMs: try fields.take("expiresAtMs"), usedAtMs: try fields.take("usedAtMs"),
            discount: try fields.take("discount"), purchaseAmount: try fields.take("purchaseAmount"),
            orderId: try fields.takeId("orderId"))
    }
}
