import TimesaleClient

/// Many orders in one request, each decided for itself.
enum BatchRoutes {
    static let routes: [Route] = [
        Route(
            method: .post, path: "/v1/orders/batch",
            about:
                "Order for many users at once. The results stand in the order of the entries, each for itself: an "
                + "order, or a code. A key makes an entry the same as an order of its own with that Idempotency-Key.",
            body: BatchBody.fields, bodyMax: Route.batchBodyMax, answer: .results(Order.shape), handler: order)
    ]

    enum BatchBody {
        static let orders = 0
        static let sale = 0
        static let user = 1
        static let quantity = 2
        static let key = 3
        static let entry = Fields(
            "BatchOrder",
            Field("timeSaleId", .offerId, required: true, "The sale."),
            Field("userId", .userId, required: true, "Who orders."),
            Field("quantity", .integer(1...1_000_000), "Units; 1 unless it is given."),
            Field("key", .text(1...255), "As an Idempotency-Key of this entry alone."))
        static let fields = Fields(
            "OrderBatch", Field("orders", .objects(entry, count: 1...1000), required: true, "The orders."))
    }

    @Sendable static func order(_ call: Call) async throws(Problem) -> Reply {
        let entries = call.body.objects(BatchBody.orders, BatchBody.entry)
        var requests: [OrderRequest] = []
        requests.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            let sale = SaleID(entry.number(BatchBody.sale, else: 0))
            let user = entry.user(BatchBody.user)
            try call.limit(user)
            requests.append(
                OrderRequest(
                    sale: sale, user: user, quantity: UInt32(entry.number(BatchBody.quantity, else: 1)),
                    id: call.id(
                        for: user, key: entry.text(BatchBody.key), path: { "/v1/timesales/\(sale)/orders" },
                        entry: index, batchPath: "/v1/orders/batch")))
        }
        let results = await call.engineEach { client in await client.orders(requests) }
        var accepted: UInt64 = 0
        var areRepeats = true
        var reply = Reply { json in
            json.begin()
            json.key("results")
            json.beginArray()
            for (index, result) in results.enumerated() {
                switch result {
                case .success(let order):
                    accepted += 1
                    areRepeats = areRepeats && order.isRepeat
                    order.write(to: &json)
                case .failure(let error):
                    let isKeyed = call.idempotencyKey != nil || entries[index].text(BatchBody.key) != nil
                    let problem = Problem(error, hasKey: isKeyed)
                    call.services.statistics.orderedInBatch(problem.code)
                    problem.writeResult(to: &json)
                }
            }
            json.endArray()
            json.end()
        }
        call.services.statistics.orderedInBatch(nil, count: accepted)
        reply.isReplayed = accepted > 0 && areRepeats
        return reply
    }
}

extension Call {
    /// Asks for many at once, each with its own result.
    func engineEach<Value: Sendable>(
        _ ask: (TimesaleClient) async -> [Result<Value, TimesaleError>]
    ) async -> [Result<Value, TimesaleError>] {
        let results = await ask(lane.client)
        // They went together: one that was answered is a sign of life.
        if let last = results.last {
            switch last {
            case .success: services.breaker.succeeded()
            case .failure(let error): services.breaker.failed(error)
            }
        }
        return results
    }
}
