import Protocol

// What surrounds a load: calls over connections of their own, one after the other.
extension Generator {
    /// Stock of each sale, coupons of each policy: above any demand, as their limit per user is.
    static let stock: UInt64 = 1 << 40
    static let perUserLimit: UInt32 = 1_000_000
    /// Of each unit, in the smallest unit of a currency.
    static let unitPrice: UInt64 = 100
    /// What every user has before uses begin.
    static let creditedPoints: UInt32 = 1_000_000_000

    /// Makes what the plan's entries need: its sales, its policies, or points of its users.
    public static func prepare(_ plan: LoadPlan) throws(LoadError) {
        switch plan.workload {
        case .order: try createSales(plan)
        case .issueCoupon: try createPolicies(plan)
        case .purchase, .checkout:
            try createSales(plan)
            try createPolicies(plan)
        case .usePoints: try creditUsers(plan)
        case .earnPoints, .getBalance, .listCoupons: break
        }
    }

    private static func operationId(_ number: UInt64, _ nowMs: UInt64) -> Id128 {
        Id128.version7(timeMs: nowMs, partition: Partition.catalogue, random: Partition.mix(number))
    }

    private static func createSales(_ plan: LoadPlan) throws(LoadError) {
        let nowMs = MonotonicClock.wallMs()
        try call(plan, .createSale, count: plan.saleIds.count) { index, entry in
            let id = plan.saleIds[index]
            CreateSaleEntry(
                operationId: operationId(2 * id, nowMs), saleId: id, stock: plan.stock ?? stock, startsAtMs: 0,
                endsAtMs: nowMs + 86_400_000, perUserLimit: plan.perUserLimit ?? perUserLimit, holdMs: 0,
                unitPrice: unitPrice, name: Name("bench \(id)")!
            ).store(to: entry)
        }
    }

    private static func createPolicies(_ plan: LoadPlan) throws(LoadError) {
        let nowMs = MonotonicClock.wallMs()
        try call(plan, .createPolicy, count: plan.saleIds.count) { index, entry in
            let id = plan.saleIds[index]
            CreatePolicyEntry(
                operationId: operationId(2 * id + 1, nowMs), policyId: id, quantity: plan.stock ?? stock,
                validFromMs: 0, validUntilMs: nowMs + 86_400_000, discountValue: 10, maxDiscount: 0, minPurchase: 0,
                perUserLimit: plan.perUserLimit ?? perUserLimit, discountKind: DiscountKind.percent.rawValue,
                name: Name("bench \(id)")!
            ).store(to: entry)
        }
    }

    private static func creditUsers(_ plan: LoadPlan) throws(LoadError) {
        let nowMs = MonotonicClock.wallMs()
        try call(plan, .earnPoints, count: Int(plan.users), inFrame: 4096) { index, entry in
            let user = Id128(high: plan.userSpace, low: UInt64(index) + 1)
            EarnEntry(
                transactionId: .version7(
                    timeMs: nowMs, partition: Partition.of(user: user), random: Partition.mix(UInt64(index))),
                userId: user, expiresAtMs: 0, amount: creditedPoints
            ).store(to: entry)
        }
    }

    /// Sends `count` entries in frames, one after the other; each has to be accepted, now or before.
    private static func call(
        _ plan: LoadPlan, _ operation: Operation, count: Int, inFrame countMax: Int = Frame.catalogueBatchCountMax,
        _ fill: (Int, UnsafeMutableRawPointer) -> Void
    ) throws(LoadError) {
        var connection = try GeneratorConnection(plan, shard: 0xffff, replyBytes: countMax * operation.resultSizeBytes)
        defer { connection.close() }
        var first = 0
        while first < count {
            let some = min(countMax, count - first)
            let length = Frame.headerSizeBytes + some * operation.entrySizeBytes
            let frame = connection.reserve(length)
            for index in 0..<some {
                fill(first + index, frame + Frame.headerSizeBytes + index * operation.entrySizeBytes)
            }
            FrameHeader.seal(
                frame, operation: operation.rawValue, requestId: 1, count: some, lengthBytes: length)
            let header = try connection.call(length)
            for index in 0..<header.count {
                let offset = Frame.headerSizeBytes + index * operation.resultSizeBytes
                let code = ResultCode(rawValue: UnsafeRawPointer(connection.inBytes).loadLE(offset))
                guard code == .ok || code == .alreadyExists else {
                    throw LoadError(description: "\(operation) \(first + index) of \(count): \(code)")
                }
            }
            first += some
        }
    }

    /// Makes one sale with terms of its own.
    public static func createSale(
        _ plan: LoadPlan, id: UInt64, stock: UInt64, startsAtMs: UInt64, endsAtMs: UInt64, perUserLimit: UInt32,
        holdMs: UInt32 = 0
    ) throws(LoadError) {
        try call(plan, .createSale, count: 1) { _, entry in
            CreateSaleEntry(
                operationId: operationId(2 * id, MonotonicClock.wallMs()), saleId: id, stock: stock,
                startsAtMs: startsAtMs, endsAtMs: endsAtMs, perUserLimit: perUserLimit, holdMs: holdMs,
                unitPrice: unitPrice, name: Name("bench \(id)")!
            ).store(to: entry)
        }
    }

    /// Places so many orders of one unit, one for each user, and answers their ids.
    public static func place(_ plan: LoadPlan, saleId: UInt64, count: Int) throws(LoadError) -> [Id128] {
        let nowMs = MonotonicClock.wallMs()
        let orders = (0..<count).map { index in
            let user = Id128(high: plan.userSpace &+ 1, low: UInt64(index) + 1)
            return OrderEntry(
                orderId: .version7(
                    timeMs: nowMs, partition: Partition.of(user: user), random: Partition.mix(UInt64(index))),
                userId: user, saleId: saleId, quantity: 1)
        }
        try call(plan, .order, count: count, inFrame: 1024) { index, entry in orders[index].store(to: entry) }
        return orders.map(\.orderId)
    }

    /// Has the server make a snapshot, and waits for it.
    public static func snapshot(_ plan: LoadPlan) throws(LoadError) -> SnapshotResult {
        try ask(plan, .snapshot) { results, _ in SnapshotResult(results) }
    }

    /// The counters of every shard.
    public static func statistics(_ plan: LoadPlan) throws(LoadError) -> [ShardStatsResult] {
        try ask(plan, .stats) { results, count in
            (0..<count).map { ShardStatsResult(results + $0 * ShardStatsResult.sizeBytes) }
        }
    }

    /// How the server's mirror in Redis stands; refused by one that has none.
    public static func mirror(_ plan: LoadPlan) throws(LoadError) -> MirrorResult {
        try ask(plan, .mirror) { results, _ in MirrorResult(results) }
    }

    /// Asks for something that no entry has to say more of; `read` gets the results and how many there are.
    private static func ask<Answer>(
        _ plan: LoadPlan, _ operation: Operation, read: (UnsafeRawPointer, Int) -> Answer
    ) throws(LoadError) -> Answer {
        var connection = try GeneratorConnection(plan, shard: 0xffff)
        defer { connection.close() }
        let length = Frame.headerSizeBytes + PingEntry.sizeBytes
        let frame = connection.reserve(length)
        PingEntry(nonce: 0).store(to: frame + Frame.headerSizeBytes)
        FrameHeader.seal(frame, operation: operation.rawValue, requestId: 1, count: 1, lengthBytes: length)
        let header = try connection.call(length)
        return read(UnsafeRawPointer(connection.inBytes) + Frame.headerSizeBytes, header.count)
    }
}
