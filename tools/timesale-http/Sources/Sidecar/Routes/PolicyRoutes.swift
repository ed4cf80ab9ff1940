import TimesaleClient

/// The catalogue of coupon policies.
enum PolicyRoutes {
    static let routes: [Route] = [
        Route(
            method: .post, path: "/v1/coupon-policies", about: "Put a policy into the catalogue.", scope: .admin,
            body: PolicyBody.fields, status: 201, answer: .object(Policy.shape), problems: [.alreadyExists],
            handler: create),
        Route(
            method: .get, path: "/v1/coupon-policies", about: "The policies, in the order of their creation.",
            query: Fields("PolicyList", Call.limit, Call.cursor), answer: .list(Policy.shape), handler: list),
        Route(
            method: .get, path: "/v1/coupon-policies/{id}", about: "A policy as it is now.",
            answer: .object(Policy.shape), handler: get),
        Route(
            method: .post, path: "/v1/coupon-policies/{id}/restock", about: "Add coupons to a policy.",
            scope: .admin,
            body: SaleRoutes.RestockBody.fields, answer: .object(Policy.shape), problems: [.closed],
            handler: restock),
        Route(
            method: .post, path: "/v1/coupon-policies/{id}/close",
            about: "End issuing for good; coupons that have been issued stay usable.", scope: .admin,
            body: Fields("Nothing"), answer: .object(Policy.shape), handler: close),
    ]

    enum PolicyBody {
        static let id = 0
        static let name = 1
        static let quantity = 2
        static let perUserLimit = 3
        static let discountType = 4
        static let discountValue = 5
        static let maxDiscount = 6
        static let minPurchase = 7
        static let validFrom = 8
        static let validUntil = 9
        static let fields = Fields(
            "NewCouponPolicy",
            Field("id", .offerId, "Its number, never used again; drawn if it is not given."),
            Field("name", .text(0...78), required: true, "For people."),
            Field("quantity", .integer(1...SaleRoutes.unitsMax), required: true, "Coupons."),
            Field(
                "perUserLimit", .integer(0...UInt64(UInt32.max)), "Coupons for one user; 1 by default, 0: no limit."
            ),
            Field("discountType", .choice(["fixed", "percent"]), required: true, "What discountValue means."),
            Field(
                "discountValue", .integer(1...Scalar.amountMax), required: true,
                "An amount in the smallest unit of the currency, or a percentage up to 100."),
            Field("maxDiscount", .integer(1...Scalar.amountMax), "The most that it takes off."),
            Field("minPurchase", .integer(1...Scalar.amountMax), "The least purchase."),
            Field("validFrom", .time, "From when on coupons are issued; at once unless it is given."),
            Field("validUntil", .time, "Until when they are issued and valid; for ever unless it is given."))
    }

    @Sendable static func create(_ call: Call) async throws(Problem) -> Reply {
        let body = call.body
        let path = "/v1/coupon-policies"
        let value = body.number(PolicyBody.discountValue, else: 0)
        let isPercent = body.text(PolicyBody.discountType) == "percent"
        let perUser = UInt32(body.number(PolicyBody.perUserLimit, else: 1))
        let policy = NewPolicy(
            id: PolicyID(body.number(PolicyBody.id, else: call.drawnOffer(path: path))),
            name: body.text(PolicyBody.name) ?? "", quantity: body.number(PolicyBody.quantity, else: 0),
            discount: isPercent ? .percent(value) : .fixed(value), maxDiscount: body.number(PolicyBody.maxDiscount),
            minPurchase: body.number(PolicyBody.minPurchase), perUserLimit: perUser == 0 ? nil : perUser,
            validFromMs: body.number(PolicyBody.validFrom), validUntilMs: body.number(PolicyBody.validUntil))
        let operation = call.operation(path: path)
        let made = try await call.engine { client throws(TimesaleError) in
            try await client.createPolicy(policy, operation: operation)
        }
        return .created("\(path)/\(made.id)", replayed: made.isRepeat) { made.write(to: &$0) }
    }

    @Sendable static func list(_ call: Call) async throws(Problem) -> Reply {
        let after: PolicyID? = try call.cursor()
        let page = try await call.page { client throws(TimesaleError) in
            try await client.policies(after: after, limit: call.limit)
        }
        return .list(page.policies, next: page.next) { $0.write(to: &$1) }
    }

    @Sendable static func get(_ call: Call) async throws(Problem) -> Reply {
        let id = PolicyID(try call.offer())
        let policy = try await call.engine { client throws(TimesaleError) in try await client.policy(id) }
        return Reply { policy.write(to: &$0) }
    }

    @Sendable static func restock(_ call: Call) async throws(Problem) -> Reply {
        let id = PolicyID(try call.offer())
        let quantity = call.body.number(SaleRoutes.RestockBody.quantity, else: 0)
        let operation = call.operation(path: "/v1/coupon-policies/\(id)/restock")
        let policy = try await call.engine { client throws(TimesaleError) in
            try await client.restockPolicy(id, quantity: quantity, operation: operation)
        }
        return .changed(replayed: policy.isRepeat) { policy.write(to: &$0) }
    }

    @Sendable static func close(_ call: Call) async throws(Problem) -> Reply {
        let id = PolicyID(try call.offer())
        let policy = try await call.engine { client throws(TimesaleError) in try await client.closePolicy(id) }
        return .changed(replayed: policy.isRepeat) { policy.write(to: &$0) }
    }
}
