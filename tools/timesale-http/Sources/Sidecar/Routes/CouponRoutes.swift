import TimesaleClient

/// Coupons, from their issuing on.
enum CouponRoutes {
    static let routes: [Route] = [
        Route(
            method: .post, path: "/v1/coupon-policies/{id}/coupons", about: "Issue a coupon to a user.",
            body: OwnerBody.fields, status: 201, answer: .object(Coupon.shape),
            problems: [.exhausted, .alreadyIssued, .notStarted, .ended, .closed], handler: issue),
        Route(
            method: .get, path: "/v1/users/{userId}/coupons", about: "The coupons of a user, newest first.",
            query: Fields(
                "CouponList", Call.limit, Call.cursor,
                Field("state", .choices(CouponState.names), "Only coupons in one of these states.")),
            answer: .list(Coupon.shape), handler: list),
        Route(
            method: .get, path: "/v1/coupons/{couponId}", about: "A coupon as it is now.",
            answer: .object(Coupon.shape), handler: get),
        Route(
            method: .post, path: "/v1/coupons/{couponId}/use", about: "Use a coupon for a purchase.",
            body: UseBody.fields, answer: .object(Coupon.usedShape),
            problems: [.alreadyUsed, .expired, .notOwner, .minPurchase], handler: use),
        Route(
            method: .post, path: "/v1/coupons/{couponId}/restore",
            about: "Make a used coupon usable again: the purchase did not come about.", body: OwnerBody.fields,
            answer: .object(Coupon.shape), problems: [.notUsed, .notOwner, .partOfCheckout], handler: restore),
    ]

    enum OwnerBody {
        static let user = 0
        static let fields = Fields("Owner", Field("userId", .userId, required: true, "Whose coupon it is."))
    }

    enum UseBody {
        static let user = 0
        static let order = 1
        static let purchaseAmount = 2
        static let fields = Fields(
            "CouponUse", Field("userId", .userId, required: true, "Whose coupon it is."),
            Field("orderId", .uuid, "What it is used for: kept, and shown with the coupon."),
            Field(
                "purchaseAmount", .integer(1...Scalar.amountMax),
                "In the smallest unit of the currency; needed for a percentage and for a least purchase."))
    }

    @Sendable static func issue(_ call: Call) async throws(Problem) -> Reply {
        let policy = PolicyID(try call.offer())
        let user = call.body.user(OwnerBody.user)
        try call.limit(user)
        let id: CouponID = call.id(for: user) { "/v1/coupon-policies/\(policy)/coupons" }
        let coupon = try await call.engine { client throws(TimesaleError) in
            try await client.issueCoupon(policy: policy, user: user, id: id)
        }
        return .created("/v1/coupons/\(coupon.id)", replayed: coupon.isRepeat) { coupon.write(to: &$0) }
    }

    @Sendable static func list(_ call: Call) async throws(Problem) -> Reply {
        let user = try call.user()
        let names = call.query.text(2)?.split(separator: ",").map(String.init) ?? []
        let states = Set(CouponState.allCases.filter { names.contains("\($0.name)") })
        let after: CouponID? = try call.cursor()
        let page = try await call.page { client throws(TimesaleError) in
            try await client.coupons(of: user, states, after: after, limit: call.limit)
        }
        return .list(page.coupons, next: page.next) { $0.write(to: &$1) }
    }

    @Sendable static func get(_ call: Call) async throws(Problem) -> Reply {
        let id: CouponID = try call.operation()
        let coupon = try await call.engine { client throws(TimesaleError) in try await client.coupon(id) }
        return Reply { coupon.write(to: &$0) }
    }

    @Sendable static func use(_ call: Call) async throws(Problem) -> Reply {
        let id: CouponID = try call.operation()
        let user = call.body.user(UseBody.user)
        try call.limit(user)
        let use: CouponOperationID = call.id(for: user) { "/v1/coupons/\(id)/use" }
        let order: OrderID? = call.body.operation(UseBody.order)
        let amount = call.body.number(UseBody.purchaseAmount)
        let coupon = try await call.engine { client throws(TimesaleError) in
            try await client.useCoupon(id, user: user, purchaseAmount: amount, order: order, use: use)
        }
        return .changed(replayed: coupon.isRepeat) { coupon.write(to: &$0, discount: coupon.use?.discount ?? 0) }
    }

    @Sendable static func restore(_ call: Call) async throws(Problem) -> Reply {
        let id: CouponID = try call.operation()
        let user = call.body.user(OwnerBody.user)
        try call.limit(user)
        let restore: CouponOperationID = call.id(for: user) { "/v1/coupons/\(id)/restore" }
        let coupon = try await call.engine { client throws(TimesaleError) in
            try await client.restoreCoupon(id, user: user, restore: restore)
        }
        return .changed(replayed: coupon.isRepeat) { coupon.write(to: &$0) }
    }
}
