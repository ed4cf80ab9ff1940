import TimesaleClient

/// Checkouts: several sales, a coupon and points of one user, as a whole.
enum CheckoutRoutes {
    static let routes: [Route] = [
        Route(
            method: .post, path: "/v1/checkouts",
            about:
                "Take units of several sales, a coupon and points of one user: all or nothing. What stands in the way "
                + "first gives its code, with `failedAt`.",
            body: CheckoutBody.fields, status: 201, answer: .object(Checkout.shape),
            problems: [
                .soldOut, .limitExceeded, .notStarted, .ended, .closed, .notOwner, .alreadyUsed, .expired,
                .minPurchase,
                .insufficientPoints, .cancelled,
            ], handler: place),
        Route(
            method: .get, path: "/v1/checkouts/{id}", about: "A checkout as it is now.",
            answer: .object(Checkout.shape), handler: get),
        Route(
            method: .post, path: "/v1/checkouts/{id}/confirm",
            about:
                "It has been paid: its orders are sold, its points are credited. An expired one is confirmed late if "
                + "everything is there.",
            body: Fields("Nothing"), answer: .object(Checkout.shape), problems: [.expired, .cancelled],
            handler: confirm),
        Route(
            method: .post, path: "/v1/checkouts/{id}/cancel", about: "Give everything back.",
            body: Fields("Nothing"),
            answer: .object(Checkout.shape), problems: [.alreadySpent], handler: cancel),
    ]

    enum CheckoutBody {
        static let user = 0
        static let lines = 1
        static let coupon = 2
        static let usePoints = 3
        static let earnPoints = 4
        static let sale = 0
        static let quantity = 1
        static let line = Fields(
            "CheckoutLine", Field("timeSaleId", .offerId, required: true, "The sale."),
            Field("quantity", .integer(1...1_000_000), "Units; 1 unless it is given."))
        static let fields = Fields(
            "NewCheckout", Field("userId", .userId, required: true, "Whose it is."),
            Field(
                "lines", .objects(line, count: 1...16), required: true,
                "What is taken; lines of the same sale are summed."),
            Field("couponId", .operationId, "A coupon of the user, used with the subtotal as the purchase."),
            Field("usePoints", .integer(0...1_000_000_000), "Points to pay with: no more than is to be paid."),
            Field("earnPoints", .integer(0...1_000_000_000), "Points to credit when it is confirmed."))
    }

    @Sendable static func place(_ call: Call) async throws(Problem) -> Reply {
        let body = call.body
        let user = body.user(CheckoutBody.user)
        try call.limit(user)
        let lines = body.objects(CheckoutBody.lines, CheckoutBody.line).map {
            CheckoutLine(
                sale: SaleID($0.number(CheckoutBody.sale, else: 0)),
                quantity: UInt32($0.number(CheckoutBody.quantity, else: 1)))
        }
        let request = CheckoutRequest(
            lines, user: user, coupon: body.operation(CheckoutBody.coupon),
            usePoints: UInt32(body.number(CheckoutBody.usePoints, else: 0)),
            earnPoints: UInt32(body.number(CheckoutBody.earnPoints, else: 0)),
            id: call.id(for: user) { "/v1/checkouts" })
        let checkout = try await call.engine { client throws(TimesaleError) in try await client.checkout(request) }
        return .created("/v1/checkouts/\(checkout.id)", replayed: checkout.isRepeat) { checkout.write(to: &$0) }
    }

    @Sendable static func get(_ call: Call) async throws(Problem) -> Reply {
        let id: CheckoutID = try call.operation()
        let checkout = try await call.orUnknown { client throws(TimesaleError) in try await client.checkout(id) }
        return Reply { checkout.write(to: &$0) }
    }

    @Sendable static func confirm(_ call: Call) async throws(Problem) -> Reply {
        let id: CheckoutID = try call.operation()
        let checkout = try await call.engine { client throws(TimesaleError) in try await client.confirmCheckout(id)
        }
        return .changed(replayed: checkout.isRepeat) { checkout.write(to: &$0) }
    }

    @Sendable static func cancel(_ call: Call) async throws(Problem) -> Reply {
        let id: CheckoutID = try call.operation()
        let cancellation = try await call.engine { client throws(TimesaleError) in
            try await client.cancelCheckout(id)
        }
        guard case .checkout(let checkout) = cancellation else { throw .notKnownYet("checkout") }
        return .changed(replayed: checkout.isRepeat) { checkout.write(to: &$0) }
    }
}
