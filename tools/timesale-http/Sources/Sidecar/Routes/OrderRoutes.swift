import TimesaleClient

/// Orders, one by one.
enum OrderRoutes {
    static let orderPath = "/v1/timesales/{id}/orders"

    static let routes: [Route] = [
        Route(
            method: .post, path: orderPath, about: "Order units of a sale for a user.",
            body: OrderBody.fields, status: 201, answer: .object(Order.shape),
            problems: [.soldOut, .limitExceeded, .notStarted, .ended, .closed, .cancelled], handler: place),
        Route(
            method: .get, path: "/v1/orders/{orderId}", about: "An order as it is now.",
            answer: .object(Order.shape), handler: get),
        Route(
            method: .post, path: "/v1/orders/{orderId}/confirm",
            about:
                "End a hold as a sale: it has been paid. An expired one is confirmed late if its units are there.",
            body: Fields("Nothing"), answer: .object(Order.shape),
            problems: [.cancelled, .expired, .partOfCheckout],
            handler: confirm),
        Route(
            method: .post, path: "/v1/orders/{orderId}/cancel",
            about: "Give the units back: of a hold, of a confirmed order (a refund), of an expired one (for good). "
                + "An order that is not known is refused from now on, should it still arrive.",
            body: Fields("Nothing"), answer: .object(Order.shape), problems: [.partOfCheckout], handler: cancel),
        Route(
            method: .post, path: "/v1/orders/{orderId}/extend",
            about: "Hold an order for so long from now on; never shortens. A repeat with the same Idempotency-Key "
                + "changes nothing.",
            body: ExtendBody.fields, answer: .object(Order.shape),
            problems: [.confirmed, .cancelled, .expired, .partOfCheckout],
            handler: extend),
        Route(
            method: .get, path: "/v1/users/{userId}/orders", about: "The orders of a user, newest first.",
            query: Fields("OrderList", Call.limit, Call.cursor), answer: .list(Order.shape), handler: list),
        Route(
            method: .get, path: "/v1/timesales/{id}/orders",
            about: "The orders of a sale, of all users, in no order that means anything: for the back office.",
            scope: .admin, query: Fields("SaleOrderList", Call.limit, Call.cursor), answer: .list(Order.shape),
            problems: [.gone], handler: listOfSale),
    ]

    enum OrderBody {
        static let user = 0
        static let quantity = 1
        static let fields = Fields(
            "NewOrder", Field("userId", .userId, required: true, "Who orders."),
            Field("quantity", .integer(1...1_000_000), "Units; 1 unless it is given."))
    }

    enum ExtendBody {
        static let hold = 0
        static let fields = Fields(
            "Extension",
            Field("holdSeconds", .seconds(maxMs: SaleRoutes.holdMaxMs), required: true, "How long from now."))
    }

    @Sendable static func place(_ call: Call) async throws(Problem) -> Reply {
        let sale = SaleID(try call.offer())
        let user = call.body.user(OrderBody.user)
        try call.limit(user)
        let request = OrderRequest(
            sale: sale, user: user, quantity: UInt32(call.body.number(OrderBody.quantity, else: 1)),
            id: call.id(for: user, path: { "/v1/timesales/\(sale)/orders" }))
        let order = try await call.engine { client throws(TimesaleError) in try await client.order(request) }
        return .created("/v1/orders/\(order.id)", replayed: order.isRepeat) { order.write(to: &$0) }
    }

    @Sendable static func get(_ call: Call) async throws(Problem) -> Reply {
        let id: OrderID = try call.operation()
        let order = try await call.orUnknown { client throws(TimesaleError) in try await client.order(id) }
        return Reply { order.write(to: &$0) }
    }

    @Sendable static func confirm(_ call: Call) async throws(Problem) -> Reply {
        let id: OrderID = try call.operation()
        let order = try await call.engine { client throws(TimesaleError) in try await client.confirm(id) }
        return .changed(replayed: order.isRepeat) { order.write(to: &$0) }
    }

    @Sendable static func cancel(_ call: Call) async throws(Problem) -> Reply {
        let id: OrderID = try call.operation()
        let cancellation = try await call.engine { client throws(TimesaleError) in try await client.cancel(id) }
        guard case .order(let order) = cancellation else { throw .notKnownYet("order") }
        return .changed(replayed: order.isRepeat) { order.write(to: &$0) }
    }

    @Sendable static func extend(_ call: Call) async throws(Problem) -> Reply {
        let id: OrderID = try call.operation()
        let holdMs = call.body.number(ExtendBody.hold, else: 0)
        let order = try await call.engine { client throws(TimesaleError) in try await client.order(id) }
        let memory = KeyMemory(call, user: order.user, path: "/v1/orders/\(id)/extend", content: "\(holdMs)")
        if try await memory?.isKnown() == true { return .changed(replayed: true) { order.write(to: &$0) } }
        let extended = try await call.engine { client throws(TimesaleError) in
            try await client.extend(id, untilMs: Timestamp.nowMs() + holdMs)
        }
        try await memory?.remember()
        return .changed(replayed: false) { extended.write(to: &$0) }
    }

    @Sendable static func listOfSale(_ call: Call) async throws(Problem) -> Reply {
        let sale = SaleID(try call.offer())
        let after: SaleOrderCursor? = try call.cursor()
        let page = try await call.engine { client throws(TimesaleError) in
            try await client.orders(ofSale: sale, after: after, limit: call.limit)
        }
        return .list(page.orders, next: page.next) { $0.write(to: &$1) }
    }

    @Sendable static func list(_ call: Call) async throws(Problem) -> Reply {
        let user = try call.user()
        let after: OrderID? = try call.cursor()
        let page = try await call.page { client throws(TimesaleError) in
            try await client.orders(of: user, after: after, limit: call.limit)
        }
        return .list(page.orders, next: page.next) { $0.write(to: &$1) }
    }
}

extension Call {
    /// What only its cancel is known of does not exist.
    func orUnknown<Value: Sendable>(
        _ ask: (TimesaleClient) async throws(TimesaleError) -> Value
    ) async throws(Problem) -> Value {
        do throws(Problem) {
            return try await engine(ask)
        } catch {
            if error.code == .cancelled {
                throw Problem(.notFound, "only its cancel is known: should it still arrive, it will be refused")
            }
            throw error
        }
    }
}

extension Problem {
    /// The cancel of what the engine does not know: it remembers the cancel.
    static func notKnownYet(_ what: String) -> Problem {
        Problem(.notFound, "there is no such \(what); should it still arrive, it will be refused as CANCELLED")
    }
}
