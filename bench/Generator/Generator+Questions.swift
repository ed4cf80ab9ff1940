import Protocol

// What a server says of what was done to it: asked after a load, over a connection of its own, one question at a time.
extension Generator {
    /// The sales of these ids, in their order.
    public static func sales(_ plan: LoadPlan, _ ids: [UInt64]) throws(LoadError) -> [SaleResult] {
        try offers(plan, .getSale, ids) { SaleResult($0) }
    }

    /// The policies of these ids, in their order.
    public static func policies(_ plan: LoadPlan, _ ids: [UInt64]) throws(LoadError) -> [PolicyResult] {
        try offers(plan, .getPolicy, ids) { PolicyResult($0) }
    }

    private static func offers<Answer>(
        _ plan: LoadPlan, _ operation: Operation, _ ids: [UInt64], _ read: (UnsafeRawPointer) -> Answer
    ) throws(LoadError) -> [Answer] {
        var connection = try GeneratorConnection(
            plan, shard: 0xffff, replyBytes: Frame.catalogueBatchCountMax * operation.resultSizeBytes)
        defer { connection.close() }
        var answers: [Answer] = []
        while answers.count < ids.count {
            let some = ids[answers.count...].prefix(Frame.catalogueBatchCountMax)
            let count = try connection.ask(operation, count: some.count) { index, entry in
                OfferIdEntry(offerId: some[some.startIndex + index]).store(to: entry)
            }
            for index in 0..<count {
                let result = connection.results + index * operation.resultSizeBytes
                let code = ResultCode(rawValue: result.loadLE(0))
                guard code == .ok else {
                    throw LoadError(description: "\(operation) \(some[some.startIndex + index]): \(code)")
                }
                answers.append(read(result))
            }
        }
        return answers
    }

    /// What the server says of some users.
    public struct UserRecords: Equatable, Sendable {
        public var balance: UInt64 = 0
        public var coupons: UInt64 = 0

        public init(balance: UInt64 = 0, coupons: UInt64 = 0) {
            self.balance = balance
            self.coupons = coupons
        }
    }

    /// The points and the coupons of users, in their order.
    public static func records(_ plan: LoadPlan, of users: [Id128]) throws(LoadError) -> [UserRecords] {
        let page: UInt16 = 1000
        var connection = try GeneratorConnection(
            plan, shard: 0xffff, replyBytes: Int(page) * CouponViewResult.sizeBytes)
        defer { connection.close() }
        var answers: [UserRecords] = []
        for user in users {
            var records = UserRecords()
            _ = try connection.ask(.getBalance, count: 1) { _, entry in UserEntry(userId: user).store(to: entry) }
            records.balance = BalanceResult(connection.results).balance
            var after = Id128.zero
            while true {
                let count = try connection.ask(.listUserCoupons, count: 1) { _, entry in
                    ListUserCouponsEntry(userId: user, after: after, limit: page, stateMask: 0).store(to: entry)
                }
                records.coupons += UInt64(count)
                guard count == page else { break }
                after = CouponViewResult(connection.results + (count - 1) * CouponViewResult.sizeBytes).couponId
            }
            answers.append(records)
        }
        return answers
    }

    /// The counters of every shard as they are now. A shard that is asked says what the others had published, which may
    /// be a second ago: so each is asked for its own.
    public static func statisticsNow(_ plan: LoadPlan) throws(LoadError) -> [ShardStatsResult] {
        var answers: [ShardStatsResult] = []
        for shard in 0..<(plan.shards ?? 1) {
            let replyBytes = (plan.shards ?? 1) * ShardStatsResult.sizeBytes
            var connection = try GeneratorConnection(plan, shard: UInt16(shard), replyBytes: replyBytes)
            defer { connection.close() }
            let count = try connection.ask(.stats, count: 1) { _, entry in PingEntry(nonce: 0).store(to: entry) }
            guard shard < count else {
                throw LoadError(description: "the server has \(count) shards, not \(shard + 1)")
            }
            answers.append(ShardStatsResult(connection.results + shard * ShardStatsResult.sizeBytes))
        }
        return answers
    }

    /// Where a server is and how many shards it has.
    public static func topology(_ plan: LoadPlan) throws(LoadError) -> TopologyResult {
        var connection = try GeneratorConnection(plan, shard: 0xffff)
        defer { connection.close() }
        _ = try connection.ask(.topology, count: 1) { _, entry in PingEntry(nonce: 0).store(to: entry) }
        return TopologyResult(connection.results)
    }
}

extension GeneratorConnection {
    /// Results of the last call.
    fileprivate var results: UnsafeRawPointer { UnsafeRawPointer(inBytes) + Frame.headerSizeBytes }

    /// Sends one frame and waits for its reply; answers the number of results.
    fileprivate mutating func ask(
        _ operation: Operation, count: Int, _ fill: (Int, UnsafeMutableRawPointer) -> Void
    ) throws(LoadError) -> Int {
        let length = Frame.headerSizeBytes + count * operation.entrySizeBytes
        let frame = reserve(length)
        for index in 0..<count { fill(index, frame + Frame.headerSizeBytes + index * operation.entrySizeBytes) }
        FrameHeader.seal(frame, operation: operation.rawValue, requestId: 1, count: count, lengthBytes: length)
        return try call(length).count
    }
}
