import TimesaleClient

/// The catalogue of sales.
enum SaleRoutes {
    /// The longest hold: 49 days.
    static let holdMaxMs: UInt64 = 49 * 86_400_000
    static let unitsMax: UInt64 = 1 << 40

    static let routes: [Route] = [
        Route(
            method: .post, path: "/v1/timesales", about: "Put a sale into the catalogue.", scope: .admin,
            body: SaleBody.fields, status: 201, answer: .object(Sale.shape), problems: [.alreadyExists],
            handler: create),
        Route(
            method: .get, path: "/v1/timesales", about: "The sales, in the order of their creation.",
            query: Fields(
                "SaleList", Call.limit, Call.cursor,
                Field("state", .choices(SaleState.names), "Only sales in one of these states.")),
            answer: .list(Sale.shape), handler: list),
        Route(
            method: .get, path: "/v1/timesales/{id}", about: "A sale as it is now.", answer: .object(Sale.shape),
            handler: get),
        Route(
            method: .post, path: "/v1/timesales/{id}/restock", about: "Add units to the stock.", scope: .admin,
            body: RestockBody.fields, answer: .object(Sale.shape), problems: [.closed], handler: restock),
        Route(
            method: .post, path: "/v1/timesales/{id}/close",
            about: "End ordering for good; open holds may still be confirmed and cancelled.", scope: .admin,
            body: Fields("Nothing"), answer: .object(Sale.shape), handler: close),
    ]

    enum SaleBody {
        static let id = 0
        static let name = 1
        static let stock = 2
        static let startsAt = 3
        static let endsAt = 4
        static let perUserLimit = 5
        static let hold = 6
        static let unitPrice = 7
        static let fields = Fields(
            "NewTimeSale",
            Field("id", .offerId, "Its number, never used again; drawn if it is not given."),
            Field("name", .text(0...78), required: true, "For people."),
            Field("stock", .integer(1...unitsMax), required: true, "Units."),
            Field("startsAt", .time, "When it opens; at once unless it is given."),
            Field("endsAt", .time, "When it ends; never unless it is given. Later than its start and than now."),
            Field(
                "perUserLimit", .integer(0...UInt64(UInt32.max)),
                "Units that one user may hold and have; 0: no limit."),
            Field(
                "holdSeconds", .seconds(maxMs: holdMaxMs),
                "How long an order is held for its payment; 0, the default: it is confirmed at once."),
            Field(
                "unitPrice", .integer(0...Scalar.amountMax), "In the smallest unit of the currency; 0 by default."))
    }

    enum RestockBody {
        static let quantity = 0
        static let fields = Fields(
            "Restock", Field("quantity", .integer(1...unitsMax), required: true, "How many more."))
    }

    @Sendable static func create(_ call: Call) async throws(Problem) -> Reply {
        let body = call.body
        let path = "/v1/timesales"
        var sale = NewSale(
            id: SaleID(body.number(SaleBody.id, else: call.drawnOffer(path: path))),
            name: body.text(SaleBody.name) ?? "", stock: body.number(SaleBody.stock, else: 0),
            startsAtMs: body.number(SaleBody.startsAt), endsAtMs: body.number(SaleBody.endsAt),
            perUserLimit: UInt32(body.number(SaleBody.perUserLimit, else: 0)),
            holdMs: UInt32(body.number(SaleBody.hold, else: 0)),
            unitPrice: body.number(SaleBody.unitPrice, else: 0))
        if sale.perUserLimit == 0 { sale.perUserLimit = nil }
        let wanted = sale
        let operation = call.operation(path: path)
        let made = try await call.engine { client throws(TimesaleError) in
            try await client.createSale(wanted, operation: operation)
        }
        return .created("\(path)/\(made.id)", replayed: made.isRepeat) { made.write(to: &$0) }
    }

    @Sendable static func list(_ call: Call) async throws(Problem) -> Reply {
        let names = call.query.text(2)?.split(separator: ",").map(String.init) ?? []
        let states = Set(SaleState.allCases.filter { names.contains("\($0.name)") })
        let after: SaleID? = try call.cursor()
        let page = try await call.page { client throws(TimesaleError) in
            try await client.sales(states, after: after, limit: call.limit)
        }
        return .list(page.sales, next: page.next) { $0.write(to: &$1) }
    }

    @Sendable static func get(_ call: Call) async throws(Problem) -> Reply {
        let id = SaleID(try call.offer())
        let sale = try await call.engine { client throws(TimesaleError) in try await client.sale(id) }
        return Reply { sale.write(to: &$0) }
    }

    @Sendable static func restock(_ call: Call) async throws(Problem) -> Reply {
        let id = SaleID(try call.offer())
        let quantity = call.body.number(RestockBody.quantity, else: 0)
        let operation = call.operation(path: "/v1/timesales/\(id)/restock")
        let sale = try await call.engine { client throws(TimesaleError) in
            try await client.restock(id, quantity: quantity, operation: operation)
        }
        return .changed(replayed: sale.isRepeat) { sale.write(to: &$0) }
    }

    @Sendable static func close(_ call: Call) async throws(Problem) -> Reply {
        let id = SaleID(try call.offer())
        let sale = try await call.engine { client throws(TimesaleError) in try await client.close(id) }
        return .changed(replayed: sale.isRepeat) { sale.write(to: &$0) }
    }
}
