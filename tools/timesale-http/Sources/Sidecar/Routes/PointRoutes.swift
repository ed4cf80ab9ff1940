import TimesaleClient

/// Points of users.
enum PointRoutes {
    static let routes: [Route] = [
        Route(
            method: .post, path: "/v1/users/{userId}/points/earn", about: "Credit a user with points.",
            body: EarnBody.fields, status: 201, answer: .object(PointTransaction.balanceShape),
            problems: [.cancelled],
            handler: earn),
        Route(
            method: .post, path: "/v1/users/{userId}/points/use",
            about: "Take points from a user, those that expire first.", body: UseBody.fields,
            answer: .object(PointTransaction.balanceShape), problems: [.insufficientPoints, .cancelled],
            handler: use),
        Route(
            method: .get, path: "/v1/users/{userId}/points", about: "The points of a user, and what expires next.",
            answer: .object(PointBalance.shape), handler: balance),
        Route(
            method: .get, path: "/v1/users/{userId}/points/transactions",
            about: "The transactions of a user, newest first.",
            query: Fields("TransactionList", Call.limit, Call.cursor), answer: .list(PointTransaction.shape),
            handler: list),
        Route(
            method: .get, path: "/v1/point-transactions/{id}", about: "A transaction as it is now.",
            answer: .object(PointTransaction.shape), handler: get),
        Route(
            method: .post, path: "/v1/point-transactions/{id}/cancel",
            about: "Cancel a use, whose points go back, or an earning of which nothing is spent. A repeat with an "
                + "Idempotency-Key answers 200; without one, 409 ALREADY_CANCELLED.",
            body: OwnerBody.fields, answer: .object(PointTransaction.balanceShape),
            problems: [.alreadyCancelled, .alreadySpent, .partOfCheckout, .notOwner], handler: cancel),
        Route(
            method: .post, path: "/v1/points/earn-batch",
            about: "A campaign: credit many users at once, each for itself, in the order of the entries.",
            scope: .admin,
            body: BatchBody.fields, bodyMax: Route.batchBodyMax, answer: .results(batchShape), handler: earnBatch),
    ]

    enum EarnBody {
        static let amount = 0
        static let reason = 1
        static let expiresAt = 2
        static let fields = Fields(
            "Earning", amountField, reasonField,
            Field("expiresAt", .time, "When they expire; never unless it is given. Later than now."))
    }

    enum UseBody {
        static let amount = 0
        static let reason = 1
        static let fields = Fields("PointUse", amountField, reasonField)
    }

    enum OwnerBody {
        static let user = 0
        static let fields = Fields("TransactionOwner", Field("userId", .userId, required: true, "Whose it is."))
    }

    enum BatchBody {
        static let entries = 0
        static let reason = 1
        static let user = 0
        static let amount = 1
        static let expiresAt = 2
        static let entry = Fields(
            "BatchEarning", Field("userId", .userId, required: true, "Who gets them."), amountField,
            Field("expiresAt", .time, "When they expire; never unless it is given."))
        static let fields = Fields(
            "EarningBatch", Field("entries", .objects(entry, count: 1...10_000), required: true, "The earnings."),
            reasonField)
    }

    private static let amountField = Field("amount", .integer(1...1_000_000_000), required: true, "Points.")
    private static let reasonField = Field("reason", .text(0...31), "For who reads the history.")

    static let batchShape = ObjectShape(
        "BatchEarningResult", "What became of an entry.",
        [
            .init("userId", .userId, "Who got them."), .init("balance", .integer, "The user's points now."),
            .init("transactionId", .uuid, "The transaction."),
        ])

    @Sendable static func earn(_ call: Call) async throws(Problem) -> Reply {
        let user = try call.user()
        try call.limit(user)
        let request = EarnRequest(
            user: user, amount: UInt32(call.body.number(EarnBody.amount, else: 0)),
            expiresAtMs: call.body.number(EarnBody.expiresAt), reason: call.body.text(EarnBody.reason) ?? "",
            id: call.id(for: user) { "/v1/users/\(user)/points/earn" })
        let made: PointTransaction
        do throws(Problem) {
            made = try await call.engine { client throws(TimesaleError) in
                try await client.earnPoints(
                    request.amount, user: user, expiresAtMs: request.expiresAtMs, reason: request.reason,
                    id: request.id)
            }
        } catch {
            throw error.ofEarning
        }
        return .created("/v1/point-transactions/\(made.id)", replayed: made.isRepeat) {
            made.write(to: &$0, withBalance: true)
        }
    }

    @Sendable static func use(_ call: Call) async throws(Problem) -> Reply {
        let user = try call.user()
        try call.limit(user)
        let amount = UInt32(call.body.number(UseBody.amount, else: 0))
        let reason = call.body.text(UseBody.reason) ?? ""
        let id: TransactionID = call.id(for: user) { "/v1/users/\(user)/points/use" }
        let made = try await call.engine { client throws(TimesaleError) in
            try await client.usePoints(amount, user: user, reason: reason, id: id)
        }
        return .changed(replayed: made.isRepeat) { made.write(to: &$0, withBalance: true) }
    }

    @Sendable static func balance(_ call: Call) async throws(Problem) -> Reply {
        let user = try call.user()
        let balance = try await call.engine { client throws(TimesaleError) in try await client.points(of: user) }
        return Reply { balance.write(user, to: &$0) }
    }

    @Sendable static func list(_ call: Call) async throws(Problem) -> Reply {
        let user = try call.user()
        let after: TransactionID? = try call.cursor()
        let page = try await call.page { client throws(TimesaleError) in
            try await client.transactions(of: user, after: after, limit: call.limit)
        }
        return .list(page.transactions, next: page.next) { $0.write(to: &$1, withBalance: false) }
    }

    @Sendable static func get(_ call: Call) async throws(Problem) -> Reply {
        let id: TransactionID = try call.operation()
        let found = try await call.orUnknown { client throws(TimesaleError) in try await client.transaction(id) }
        return Reply { found.write(to: &$0, withBalance: false) }
    }

    @Sendable static func cancel(_ call: Call) async throws(Problem) -> Reply {
        let id: TransactionID = try call.operation()
        let user = call.body.user(OwnerBody.user)
        try call.limit(user)
        do throws(Problem) {
            let found = try await call.engine { client throws(TimesaleError) in try await client.transaction(id) }
            guard found.user == user else { throw Problem(.notOwner) }
        } catch {
            // Not known yet, or only its cancel: the engine is told all the same, and will refuse it should it arrive.
            guard error.code == .notFound || error.code == .cancelled else { throw error }
        }
        let cancellation = try await call.engine { client throws(TimesaleError) in
            try await client.cancelTransaction(id)
        }
        guard case .transaction(let transaction) = cancellation else { throw .notKnownYet("transaction") }
        // The engine cannot tell a retry from a second cancel; the key says which it is.
        if transaction.isRepeat, call.idempotencyKey == nil { throw Problem(.alreadyCancelled) }
        return .changed(replayed: transaction.isRepeat) { transaction.write(to: &$0, withBalance: true) }
    }

    @Sendable static func earnBatch(_ call: Call) async throws(Problem) -> Reply {
        let entries = call.body.objects(BatchBody.entries, BatchBody.entry)
        let reason = call.body.text(BatchBody.reason) ?? ""
        let requests = entries.enumerated().map { index, entry in
            let user = entry.user(BatchBody.user)
            return EarnRequest(
                user: user, amount: UInt32(entry.number(BatchBody.amount, else: 0)),
                expiresAtMs: entry.number(BatchBody.expiresAt), reason: reason,
                id: call.id(
                    for: user, key: nil, path: { "" }, entry: index, batchPath: "/v1/points/earn-batch"))
        }
        let results = await call.engineEach { client in await client.earnPoints(requests) }
        var accepted = 0
        var areRepeats = true
        var reply = Reply { json in
            json.begin()
            json.key("results")
            json.beginArray()
            for (request, result) in zip(requests, results) {
                switch result {
                case .success(let made):
                    accepted += 1
                    areRepeats = areRepeats && made.isRepeat
                    json.begin()
                    json.key("userId")
                    json.user(made.user)
                    json.key("balance")
                    json.number(made.balance)
                    json.key("transactionId")
                    json.operation(made.id)
                    json.end()
                case .failure(let error):
                    Problem(error, hasKey: call.idempotencyKey != nil).ofEarning.writeResult(
                        to: &json, user: request.user)
                }
            }
            json.endArray()
            json.end()
        }
        reply.isReplayed = accepted > 0 && areRepeats
        return reply
    }
}

extension Problem {
    /// The engine calls an expiry in the past EXPIRED; here it is a value out of its range.
    fileprivate var ofEarning: Problem {
        code == .expired ? .invalid("expiresAt", "must be later than now") : self
    }
}
