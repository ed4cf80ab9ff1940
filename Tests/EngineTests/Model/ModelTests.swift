import Protocol
import Testing

@testable import Engine

// Thousands of random operations on the engine and on the model beside it. Every answer, every count and
// every LSN to wait for must be the same, at every step; so must the state after a start with any number of
// shards, from the events and from a snapshot of it. A failure names its seed.

@Suite struct ModelTests {
    static let seedsCount = 48
    static let stepsPerSeed = 1200

    static let expectedAnswers = [
        "order OK", "order OK again", "order CANCELLED", "order CAPACITY", "order CLOSED", "order ENDED",
        "order ID_IN_FUTURE", "order ID_REUSED", "order ID_TOO_OLD", "order INVALID", "order INVALID_ID",
        "order LIMIT_EXCEEDED", "order NOT_FOUND", "order NOT_STARTED", "order SOLD_OUT", "order WRONG_PARTITION",
        "confirm OK", "confirm OK again", "confirm OK late", "confirm CANCELLED", "confirm EXPIRED",
        "confirm NOT_FOUND", "confirm INVALID_ID", "cancel OK", "cancel OK again", "cancel CAPACITY",
        "cancel ID_TOO_OLD", "cancel INVALID_ID", "cancel NOT_FOUND", "extend OK", "extend OK again",
        "extend CANCELLED", "extend CONFIRMED", "extend EXPIRED", "extend INVALID", "extend NOT_FOUND", "get OK",
        "get CANCELLED", "create OK", "create OK again", "create ALREADY_EXISTS", "create CAPACITY",
        "create ID_REUSED", "create INVALID", "create WRONG_PARTITION", "restock OK", "restock OK again",
        "restock CLOSED", "restock ID_REUSED", "restock INVALID", "restock NOT_FOUND", "close OK", "close OK again",
        "sale OK", "sale NOT_FOUND",
    ]

    @Test(arguments: 0..<4 as Range<UInt64>) func theEngineDoesWhatTheModelDoes(quarter: UInt64) throws {
        var answers: [String: Int] = [:]
        for index in 0..<UInt64(Self.seedsCount / 4) {
            let seed = quarter * UInt64(Self.seedsCount / 4) + index
            guard let run = try ModelRun.played(seed: seed, steps: Self.stepsPerSeed) else { return }
            answers.merge(run.answers, uniquingKeysWith: +)
        }
        let missed = Self.expectedAnswers.filter { answers[$0] == nil }
        #expect(missed.isEmpty, "no run came to these answers, so that it shows nothing about them")
    }
}

protocol Answer: Equatable {
    var code: ResultCode { get }
    var flags: UInt8 { get }
}

extension OrderResult: Answer {}
extension OrderViewResult: Answer {}
extension SaleResult: Answer {}

/// One random history: an engine, the model, and the choices so far.
struct ModelRun: SeededRun {
    private var dice: Dice
    private let capacities: Cluster.Capacities
    private var cluster: Cluster
    private var model: Model
    private let users: [Id128]
    private var ids: [Id128] = []
    private var entries: [OrderEntry] = []
    private var creations: [CreateSaleEntry] = []
    private var restocks: [(sale: UInt64, quantity: UInt64, id: Id128)] = []
    /// Answers by operation and code: a run that never met a refusal shows nothing about it.
    private(set) var answers: [String: Int] = [:]

    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        var capacities = Cluster.Capacities(users: 1000, orders: 2000, tombstones: 1000, sales: 12)
        if seed.isMultiple(of: 3) {
            capacities = .init(
                users: dice.pick(5...30), orders: dice.pick(20...60), tombstones: dice.pick(1...20),
                sales: dice.pick(2...5), catalogueOperations: dice.pick(5...12))
        }
        let shards = dice.pick([1, 2, 3, 5])
        self.capacities = capacities
        cluster = Cluster(shards: shards, capacities: capacities)
        cluster.syncsAtOnce = false
        model = Model(shards: shards, capacities: capacities, nowMs: cluster.nowMs)
        users = (0..<dice.pick(3...40)).map { user(UInt64($0)) } + [user(partition: 0)]
        self.dice = dice
        for _ in 0..<2 { _ = create() }
        for shard in 0..<shards { sync(shard) }
    }

    // MARK: Steps

    /// One random operation on both. Answers in what they differ, if they do.
    mutating func step() throws -> String? {
        var fault: String?
        switch dice.below(100) {
        case 0..<38: fault = order()
        case 38..<50: fault = compare("confirm", id(), { $0.confirm($1) }, { $0.confirm($1) })
        case 50..<60: fault = compare("cancel", id(), { $0.cancel($1) }, { $0.cancel($1) })
        case 60..<66: fault = extend()
        case 66..<70: fault = compare("get", id(), { $0.get($1) }, { $0.get($1) })
        case 70..<73: fault = list()
        case 73..<80: fault = time()
        case 80..<90: sync(dice.below(model.shards))
        case 90..<93: fault = create()
        case 93..<96: fault = restock()
        case 96: if dice.oneIn(3) { fault = close() }
        case 97: fault = readCatalogue()
        case 98: if dice.oneIn(6) { grace() }
        default: if dice.oneIn(6) { fault = try restart() }
        }
        return fault ?? compareCounts()
    }

    private func sale() -> [UInt64] { [1, 2, 3, 4, 5] }

    private mutating func order() -> String? {
        var entry: OrderEntry
        if !entries.isEmpty && dice.oneIn(5) {
            // A repeat, or the same id with other content.
            entry = dice.pick(entries)
            if dice.oneIn(4) { entry.quantity += 1 }
            if dice.oneIn(8) { entry.saleId = dice.pick(sale()) }
            if dice.oneIn(8) { entry.userId = dice.pick(users) }
        } else {
            let user = dice.pick(users)
            entry = OrderEntry(
                orderId: freshId(user), userId: user, saleId: dice.pick(sale()), quantity: UInt32(dice.pick(1...4)))
            if dice.oneIn(12) { entry.orderId = id() }
            if dice.oneIn(40) { entry.quantity = dice.pick([0, 1_000_001, 100, 1000]) }
            if dice.oneIn(60) { entry.userId = .zero }
            if dice.oneIn(60) { entry.saleId = dice.next() }
        }
        if !dice.oneIn(4) || !entry.orderId.isOperationId { ids.append(entry.orderId) }
        entries.append(entry)
        let got = cluster.order(entry)
        let expected = model.order(entry)
        return difference("order \(entry)", got, expected)
    }

    private mutating func freshId(_ user: Id128) -> Id128 {
        switch dice.below(40) {
        case 0: return cluster.mint(user, agoMs: Cluster.retainMs + UInt64(dice.below(3)) - 1)
        case 1:
            let timeMs = cluster.nowMs + 299_999 + UInt64(dice.below(3))
            return .version7(timeMs: timeMs, partition: Partition.of(user: user), random: dice.next())
        case 2...8:
            return .version8(hashHigh: dice.next(), hashLow: dice.next(), partition: Partition.of(user: user))
        case 9: return Id128(high: dice.next(), low: dice.next())
        default: return cluster.mint(user)
        }
    }

    /// Mostly an id that was used before, for whatever.
    private mutating func id() -> Id128 {
        if ids.isEmpty || dice.oneIn(10) {
            let fresh = freshId(dice.pick(users))
            ids.append(fresh)
            return fresh
        }
        if dice.oneIn(30), let creation = creations.randomElement(using: &dice) { return creation.operationId }
        // Few orders are in any one state by chance.
        if dice.oneIn(2) {
            let state = dice.pick([OrderState.held, .confirmed, .cancelled, .expired, .expired])
            let inState = ids.filter { model.orders[$0]?.state == state }
            if !inState.isEmpty { return dice.pick(inState) }
        }
        return dice.pick(ids)
    }

    private mutating func extend() -> String? {
        let id = id()
        var deadline = cluster.nowMs + UInt64(dice.below(20_000))
        if dice.oneIn(10) { deadline = cluster.nowMs + UInt64(UInt32.max) + UInt64(dice.below(2)) }
        if dice.oneIn(10) { deadline = dice.next() >> UInt64(dice.below(64)) }
        return compare(
            "extend (\(deadline))", id, { $0.extend($1, to: deadline) }, { $0.extend($1, to: deadline) })
    }

    private mutating func list() -> String? {
        let user = dice.pick(users)
        let after = dice.oneIn(2) ? Id128.zero : (model.ordersOfUser[user]?.randomElement(using: &dice) ?? id())
        let limit = dice.pick(1...5)
        let got = cluster.list(user, after: after, limit: UInt16(limit))
        let expected = model.list(user, after: after, limit: limit)
        let isSame =
            got.code == expected.code && got.orders == expected.orders && got.more == expected.more
            && got.waitLsn == expected.waitLsn
        return isSame ? nil : "list \(user) after \(after): \(got), not \(expected)"
    }

    /// Time passes, on all shards or on one that looks at its holds first.
    private mutating func time() -> String? {
        let ms = UInt64(dice.pick([0, 1, 7, 300, 2000, 9000, 30_000]))
        cluster.nowMs += ms
        model.nowMs += ms
        for shard in 0..<model.shards where !dice.oneIn(3) {
            let due = model.due(shard)
            let before = cluster.history.count
            cluster.expire(shard)
            let ended = cluster.history[before...].map { event in
                event.bytes.withUnsafeBytes { $0.baseAddress!.loadId(EventField.id) }
            }
            if Set(ended) != due || ended.count != due.count { return "shard \(shard) ended \(ended), not \(due)" }
            model.expire(ended)
        }
        return nil
    }

    private mutating func sync(_ shard: Int) {
        cluster.sync(shard)
        model.sync(shard)
    }

    private mutating func grace() {
        let shard = dice.below(model.shards)
        let notBefore = cluster.nowMs + UInt64(dice.below(30_000))
        cluster.grace(shard, notBeforeMs: notBefore)
        model.grace(shard, notBeforeMs: notBefore)
    }

    // MARK: Catalogue

    private mutating func create() -> String? {
        let now = cluster.nowMs
        var entry = CreateSaleEntry(
            operationId: dice.oneIn(10) ? id() : cluster.mintForCatalogue(), saleId: dice.pick(sale()),
            stock: UInt64(dice.pick(1...60)), startsAtMs: dice.oneIn(3) ? now + UInt64(dice.below(3000)) : 0,
            endsAtMs: dice.oneIn(3) ? now + UInt64(dice.below(200_000)) : 0,
            perUserLimit: dice.oneIn(2) ? UInt32(dice.pick(1...8)) : 0,
            holdMs: dice.pick([0, 500, 5000, 100_000]), unitPrice: 5, name: Name("sale")!)
        if dice.oneIn(4), let earlier = creations.randomElement(using: &dice) {
            entry = earlier
            if dice.oneIn(2) { entry.stock += 1 }
        }
        if dice.oneIn(20) { entry.stock = 0 }
        creations.append(entry)
        return difference("create \(entry)", cluster.create(entry), model.create(entry))
    }

    private mutating func restock() -> String? {
        var entry = (sale: dice.pick(sale()), quantity: UInt64(dice.pick(1...20)), id: cluster.mintForCatalogue())
        if dice.oneIn(4), let earlier = restocks.randomElement(using: &dice) { entry = earlier }
        if dice.oneIn(10) { entry.quantity = dice.pick([0, 1 << 40, 1 << 40 + 1, .max, 7]) }
        if dice.oneIn(10) { entry.id = id() }
        restocks.append(entry)
        // The most a sale can hold would outlast the run: such a restock is tried on what is nearly full.
        if entry.quantity == 1 << 40, let stock = model.sales[entry.sale]?.stock, stock < 1 << 39 {
            entry.quantity = 1 << 40 - stock + 1
        }
        let got = cluster.restock(entry.sale, entry.quantity, id: entry.id)
        return difference("restock \(entry)", got, model.restock(entry.sale, entry.quantity, id: entry.id))
    }

    private mutating func close() -> String? {
        let sale = dice.pick(sale())
        return difference("close \(sale)", cluster.close(sale), model.close(sale))
    }

    private mutating func readCatalogue() -> String? {
        let sale = dice.pick(sale() + [0, 99])
        if let fault = difference("sale \(sale)", cluster.sale(sale), model.sale(sale)) { return fault }
        let mask = UInt8(truncatingIfNeeded: dice.oneIn(2) ? 0 : dice.next())
        let limit = dice.pick(1...6)
        let got = cluster.listSales(after: sale, limit: UInt16(limit), stateMask: mask)
        let expected = model.listSales(after: sale, limit: limit, stateMask: mask)
        let isSame =
            got.code == expected.code && got.sales == expected.sales && got.more == expected.more
            && got.waitLsn == expected.waitLsn
        return isSame ? nil : "list after \(sale), mask \(mask): \(got), not \(expected)"
    }

    // MARK: Comparing

    private mutating func compare(
        _ what: String, _ id: Id128, _ engine: (Cluster, Id128) -> Reply<OrderViewResult>,
        _ expected: (inout Model, Id128) -> Reply<OrderViewResult>
    ) -> String? {
        difference("\(what) \(id)", engine(cluster, id), expected(&model, id))
    }

    private mutating func difference<Result: Answer>(
        _ what: String, _ got: Reply<Result>, _ expected: Reply<Result>
    ) -> String? {
        let flags = got.result.flags
        let how = flags & ResultFlags.repeat != 0 ? " again" : flags & ResultFlags.late != 0 ? " late" : ""
        answers["\(what.prefix { $0 != " " }) \(got.result.code)\(how)", default: 0] += 1
        if got.result != expected.result { return "\(what): \(got.result), not \(expected.result)" }
        if got.waitLsn != expected.waitLsn { return "\(what): waits for \(got.waitLsn), not \(expected.waitLsn)" }
        return nil
    }

    /// The counters against the orders of the model, and promise 1.
    private func compareCounts() -> String? {
        for (id, sale) in model.sales {
            let totals = cluster.totals(id)
            let expected = StockTotals(
                available: sale.isVisible ? sale.free : 0, held: model.units(id, .held),
                sold: model.units(id, .confirmed))
            if totals != expected { return "sale \(id) has \(totals), not \(expected)" }
            if totals.held + totals.sold > sale.stock { return "sale \(id) is oversold: \(totals) of \(sale.stock)" }
        }
        for shard in 0..<model.shards where cluster.lastLsn(shard) != model.lsns[shard] {
            return "shard \(shard) has logged \(cluster.lastLsn(shard)) events, not \(model.lsns[shard])"
        }
        return nil
    }

    // MARK: Starting again

    /// Goes on with another number of shards, from the events or from a snapshot.
    private mutating func restart() throws -> String? {
        for shard in 0..<model.shards { sync(shard) }
        let digest = cluster.digest()
        // With fewer shards, each has to hold more than its share was.
        let shards = dice.pick([1, 2, 3, 5].filter { $0 >= model.shards || capacities.orders > 1000 })
        cluster = try cluster.replayed(shards: shards, capacities: capacities)
        cluster.syncsAtOnce = false
        model.restart(shards: shards)
        if cluster.digest() != digest { return "after a start with \(shards) shards the digest is another" }
        return compareCounts()
    }

    /// At the end everything is durable, and every way to start again gives the same state.
    mutating func finish() throws -> String? {
        for shard in 0..<model.shards { sync(shard) }
        if let fault = compareCounts() { return fault }
        for shards in [1, 2, 5] {
            let fresh = [try cluster.replayed(shards: shards), try cluster.rebuilt(shards: shards)]
            for (kind, other) in zip(["events", "a snapshot"], fresh) {
                if other.digest() != cluster.digest() { return "from \(kind), \(shards) shards: another digest" }
                for sale in model.sales.keys where other.totals(sale) != cluster.totals(sale) {
                    return "from \(kind), \(shards) shards: \(other.totals(sale)), not \(cluster.totals(sale))"
                }
                for user in users where other.list(user).orders != cluster.list(user).orders {
                    return "from \(kind), \(shards) shards: other orders of \(user)"
                }
            }
        }
        return nil
    }
}
