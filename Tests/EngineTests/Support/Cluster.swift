import Protocol

@testable import Engine

private typealias TableCapacities = Capacities

/// The shards of one process without log, network and threads: engines on common counters, driven one call
/// after the other. A test says when events become durable.
final class Cluster {
    let configurations: [EngineConfiguration]
    let counters: StockCounters
    var nowMs: UInt64
    /// Makes everything durable after each operation. Off for tests of what waits.
    var syncsAtOnce = true

    /// Every event since the first start, with the shard that logged it and how many there were.
    private(set) var history: [HistoryEvent] = []

    let engines: UnsafeMutablePointer<Engine>
    /// Where the results of a page go.
    let pageMemory: UnsafeMutableRawPointer
    private let arena = Arena()
    private let buffers: UnsafeMutablePointer<EventBuffer>
    private var pendingChanges: [CatalogueChange] = []
    /// Mints ids; a cluster that goes on from another one's past must not mint its ids again.
    var dice = Dice(seed: 0x1d)

    struct HistoryEvent {
        var kind: EventKind
        var bytes: [UInt8]
        var shard: Int
        var shards: Int
    }

    struct Capacities {
        var users = 1000
        var orders = 2000
        var tombstones = 1000
        var transactions = 2000
        var checkouts = 500
        var coupons = 2000
        var couponOperations = 2000
        var sales = 40
        var catalogueOperations = 100

        fileprivate var ofTables: TableCapacities {
            TableCapacities(
                users: users, orders: orders, tombstones: tombstones, transactions: transactions,
                checkouts: checkouts, coupons: coupons, couponOperations: couponOperations, offers: sales,
                catalogueOperations: catalogueOperations)
        }
    }

    static let startMs: UInt64 = 1_700_000_000_000
    static let retainMs: UInt64 = 7 * 24 * 3600 * 1000

    init(shards: Int = 1, capacities: Capacities = Capacities(), nowMs: UInt64 = startMs) {
        self.nowMs = nowMs
        counters = StockCounters(sales: capacities.sales + 1, shards: shards, memory: arena.memory)
        pageMemory = arena.allocate(Frame.sizeMaxBytes)
        engines = .allocate(capacity: shards)
        buffers = .allocate(capacity: shards)
        var configurations: [EngineConfiguration] = []
        for shard in 0..<shards {
            let configuration = EngineConfiguration(
                shard: shard, shards: shards, capacities: capacities.ofTables, retainMs: Self.retainMs,
                hashSeed: 0x5eed)
            let base = arena.allocate(Self.bufferSizeBytes)
            (buffers + shard).initialize(
                to: EventBuffer(base: base, capacityBytes: Self.bufferSizeBytes, nextLsn: 1))
            (engines + shard).initialize(
                to: Engine(
                    configuration: configuration, counters: counters, events: buffers + shard,
                    memory: arena.memory, nowMs: nowMs))
            configurations.append(configuration)
        }
        self.configurations = configurations
    }

    /// Small, so that batches meet its end.
    static let bufferSizeBytes = 8192

    deinit {
        engines.deinitialize(count: shards).deallocate()
        buffers.deallocate()
    }

    var shards: Int { configurations.count }

    func shard(of user: Id128) -> Int { Partition.owner(of: Partition.of(user: user), shards: shards) }

    func shard(ofId id: Id128) -> Int { Partition.owner(of: id.carriedPartition, shards: shards) }

    var catalogueShard: Int { Partition.owner(of: Partition.catalogue, shards: shards) }

    /// A fresh version 7 id for a user's operation, minted now.
    func mint(_ user: Id128, agoMs: UInt64 = 0) -> Id128 {
        .version7(timeMs: nowMs - agoMs, partition: Partition.of(user: user), random: dice.next())
    }

    /// A fresh id for an operation on the catalogue.
    func mintForCatalogue() -> Id128 {
        .version7(timeMs: nowMs, partition: Partition.catalogue, random: dice.next())
    }

    /// Takes over the past of the cluster whose events this one has replayed.
    func adopt(_ past: [HistoryEvent]) { history = past }

    // MARK: Durability

    func lastLsn(_ shard: Int = 0) -> UInt64 { buffers[shard].lastLsn }

    /// Makes the events of one shard durable, and lets follow what waits for that.
    func sync(_ shard: Int) {
        engines[shard].releaseUnits(durableLsn: lastLsn(shard))
        guard shard == catalogueShard else { return }
        for change in pendingChanges { follow(change) }
        pendingChanges = []
    }

    func sync() {
        for shard in 0..<shards { sync(shard) }
    }

    /// A change that follows when the catalogue's events are durable.
    func pend(_ change: CatalogueChange) { pendingChanges.append(change) }

    private func follow(_ change: CatalogueChange) {
        for shard in 0..<shards {
            let units = StockCounters.share(of: change.units, shard: shard, shards)
            switch change.kind {
            case .created:
                if shard != catalogueShard {
                    let terms = engines[catalogueShard].offerTerms(slot: change.offer)
                    engines[shard].learnOffer(slot: change.offer, terms)
                }
                engines[shard].openOffer(slot: change.offer, units: units)
            case .restocked: engines[shard].addStock(slot: change.offer, units: units)
            case .closed: engines[shard].stopOffer(slot: change.offer, closedAtMs: change.units)
            case .retired: if shard != catalogueShard { engines[shard].forgetOffer(slot: change.offer) }
            case .asked: break
            }
        }
        if change.kind == .created { engines[catalogueShard].publishOffer(slot: change.offer) }
    }

    /// Takes the events that an operation left, as the log does when it seals a block.
    func collect(_ shard: Int) {
        let buffer = buffers[shard]
        let bytes = UnsafeRawBufferPointer(start: buffer.base, count: buffer.usedBytes)
        let full = FullEvents()
        defer { withExtendedLifetime(full) {} }
        Self.forEachEvent(full.made(of: bytes, count: buffer.count)) { kind, event in
            history.append(HistoryEvent(kind: kind, bytes: Array(event), shard: shard, shards: shards))
        }
        buffers[shard] = EventBuffer(
            base: buffer.base, capacityBytes: buffer.capacityBytes, nextLsn: buffer.nextLsn)
        if syncsAtOnce { sync() }
    }

    static func forEachEvent(_ bytes: UnsafeRawBufferPointer, _ body: (EventKind, UnsafeRawBufferPointer) -> Void) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let kind = try? EventKind.read(UnsafeRawBufferPointer(rebasing: rest)) else {
                preconditionFailure("the engine wrote what is no event")
            }
            body(kind, UnsafeRawBufferPointer(rebasing: rest.prefix(kind.sizeBytes)))
            rest = rest.dropFirst(kind.sizeBytes)
        }
    }

    // MARK: What the shards say of themselves

    func openHolds(_ shard: Int = 0) -> Int { engines[shard].openHolds }
    func usersKnown(_ shard: Int = 0) -> Int { engines[shard].usersKnown }
    func ordersRemembered(_ shard: Int = 0) -> Int { engines[shard].ordersRemembered }
    func tombstonesKept(_ shard: Int = 0) -> Int { engines[shard].tombstonesKept }
    func hasRoom(_ shard: Int = 0) -> Bool { engines[shard].hasRoom }
    func hasReleases(_ shard: Int = 0) -> Bool { engines[shard].hasReleases }
    func nextExpiryMs(_ shard: Int = 0) -> UInt64? { engines[shard].nextExpiryMs() }

    // MARK: Operations on orders

    /// Carries out the entries of one operation on a shard; answers the bytes of its results.
    func run(_ operation: Operation, on shard: Int, _ entries: [UInt8], allowance: Int = .max) -> (
        results: [UInt8], waitLsn: UInt64
    ) {
        let count = entries.count / operation.entrySizeBytes
        var results = [UInt8](repeating: 0xaa, count: count * operation.resultSizeBytes)
        var waitLsn: UInt64 = 0
        entries.withUnsafeBytes { entries in
            results.withUnsafeMutableBytes { results in
                var batch = Batch(
                    operation: operation, entries: entries.baseAddress!, count: count, results: results.baseAddress!)
                drive(&batch, on: shard, allowance)
                waitLsn = batch.waitLsn
            }
        }
        collect(shard)
        return (results, waitLsn)
    }

    private func drive(_ batch: inout Batch, on shard: Int, _ allowance: Int) {
        while true {
            var left = allowance
            switch engines[shard].run(&batch, allowance: &left, nowMs: nowMs) {
            case .finished: return
            case .paused: collect(shard)
            case .takesUnits:
                var take = engines[shard].take()
                var answer = take.step()
                while answer == .again { answer = take.step() }
                precondition(answer != .wait, "nobody else holds the turnstile")
                engines[shard].settle(&batch, isTaken: answer == .taken, failed: take.failed, nowMs: nowMs)
            }
        }
    }

    func order(_ entry: OrderEntry) -> Reply<OrderResult> {
        let bytes = encode(OrderEntry.sizeBytes) { entry.store(to: $0) }
        let (results, waitLsn) = run(.order, on: shard(ofId: entry.orderId), bytes)
        return Reply(results.withUnsafeBytes { OrderResult($0.baseAddress!) }, waitLsn)
    }

    func order(_ user: Id128, _ sale: UInt64, _ quantity: UInt32 = 1, id: Id128? = nil) -> Reply<OrderResult> {
        order(OrderEntry(orderId: id ?? mint(user), userId: user, saleId: sale, quantity: quantity))
    }

    /// Places an order that the test takes for granted; answers its id.
    func place(_ user: Id128, _ sale: UInt64, _ quantity: UInt32 = 1) -> Id128 {
        let id = mint(user)
        let reply = order(user, sale, quantity, id: id)
        precondition(reply.result.code == .ok, "\(reply.result.code)")
        return id
    }

    func confirm(_ id: Id128) -> Reply<OrderViewResult> { view(.confirm, id) }
    func cancel(_ id: Id128) -> Reply<OrderViewResult> { view(.cancel, id) }
    func get(_ id: Id128) -> Reply<OrderViewResult> { view(.getOrder, id) }

    func extend(_ id: Id128, to deadlineMs: UInt64) -> Reply<OrderViewResult> {
        let entry = ExtendEntry(orderId: id, deadlineMs: deadlineMs)
        return view(.extend, id, encode(ExtendEntry.sizeBytes) { entry.store(to: $0) })
    }

    private func view(_ operation: Operation, _ id: Id128, _ bytes: [UInt8]? = nil) -> Reply<OrderViewResult> {
        let bytes = bytes ?? encode(OrderIdEntry.sizeBytes) { OrderIdEntry(orderId: id).store(to: $0) }
        let (results, waitLsn) = run(operation, on: shard(ofId: id), bytes)
        return Reply(results.withUnsafeBytes { OrderViewResult($0.baseAddress!) }, waitLsn)
    }

    func list(_ user: Id128, after: Id128 = .zero, limit: UInt16 = 1000, room: Int = 1000) -> OrderPage {
        let entry = ListUserOrdersEntry(userId: user, after: after, limit: limit)
        return list(on: shard(of: user), encode(ListUserOrdersEntry.sizeBytes) { entry.store(to: $0) }, room: room)
    }

    func list(on shard: Int, _ bytes: [UInt8], room: Int = 1000) -> OrderPage {
        withUnsafeTemporaryAllocation(byteCount: room * OrderViewResult.sizeBytes + 1, alignment: 8) { results in
            let page = engines[shard].listUserOrders(bytes, results: results.baseAddress!, limit: room)
            let orders = (0..<page.count).map {
                OrderViewResult(results.baseAddress! + $0 * OrderViewResult.sizeBytes)
            }
            return OrderPage(code: page.code, orders: orders, more: page.more, waitLsn: page.waitLsn)
        }
    }

    static var instance: UInt64 { 0x1234_5678 }

    func list(sale: UInt64, after: SaleOrdersPosition = .start, limit: UInt16 = 1000) -> SaleOrderPage {
        let entry = ListSaleOrdersEntry(saleId: sale, after: after, limit: limit)
        return listSaleOrders(on: 0, encode(ListSaleOrdersEntry.sizeBytes) { entry.store(to: $0) })
    }

    func listSaleOrders(on shard: Int, _ bytes: [UInt8]) -> SaleOrderPage {
        withUnsafeTemporaryAllocation(byteCount: 1000 * SaleOrderResult.sizeBytes, alignment: 8) { results in
            let page = engines[shard].listSaleOrders(
                bytes, results: results.baseAddress!, limit: 1000, instance: Cluster.instance)
            let orders = (0..<page.count).map {
                SaleOrderResult(results.baseAddress! + $0 * SaleOrderResult.sizeBytes)
            }
            return SaleOrderPage(code: page.code, orders: orders, more: page.more, waitLsn: page.waitLsn)
        }
    }

    /// Moves the clock, and ends the holds that are due on every shard.
    func advance(byMs ms: UInt64) {
        nowMs += ms
        for shard in 0..<shards { expire(shard) }
    }

    /// Ends the holds of one shard that are due.
    func expire(_ shard: Int) {
        while !expireOnce(shard, limit: 7) { collect(shard) }
        collect(shard)
    }

    /// One call of `expireHolds`; its events stay in the buffer.
    func expireOnce(_ shard: Int, limit: Int) -> Bool { engines[shard].expireHolds(nowMs: nowMs, limit: limit) }

    func grace(_ shard: Int, notBeforeMs: UInt64) {
        engines[shard].graceHolds(notBeforeMs: notBeforeMs, nowMs: nowMs)
        collect(shard)
    }

    // MARK: Operations on the catalogue

    func create(_ entry: CreateSaleEntry) -> Reply<SaleResult> {
        catalogue(.createSale, SaleResult.init) { entry.store(to: $0) }
    }

    func restock(_ sale: UInt64, _ quantity: UInt64, id: Id128? = nil) -> Reply<SaleResult> {
        let entry = RestockEntry(operationId: id ?? mintForCatalogue(), offerId: sale, quantity: quantity)
        return catalogue(.restockSale, SaleResult.init) { entry.store(to: $0) }
    }

    func close(_ sale: UInt64) -> Reply<SaleResult> {
        catalogue(.closeSale, SaleResult.init) { OfferIdEntry(offerId: sale).store(to: $0) }
    }

    func sale(_ sale: UInt64) -> Reply<SaleResult> {
        catalogue(.getSale, SaleResult.init) { OfferIdEntry(offerId: sale).store(to: $0) }
    }

    /// Carries out one entry of an operation on the catalogue.
    func catalogue<Result>(
        _ operation: Operation, _ read: (UnsafeRawPointer) -> Result, _ store: (UnsafeMutableRawPointer) -> Void
    ) -> Reply<Result> {
        let bytes = encode(operation.entrySizeBytes, store)
        return withUnsafeTemporaryAllocation(byteCount: operation.resultSizeBytes, alignment: 8) { result in
            let outcome = engines[catalogueShard].runCatalogue(
                operation, bytes, result: result.baseAddress!, nowMs: nowMs)
            if let change = outcome.change { pendingChanges.append(change) }
            collect(catalogueShard)
            return Reply(read(result.baseAddress!), outcome.waitLsn)
        }
    }

    func listSales(after: UInt64 = 0, limit: UInt16 = 1000, stateMask: UInt8 = 0, room: Int = 1000) -> SalePage {
        let entry = ListOffersEntry(after: after, limit: limit, stateMask: stateMask)
        return listSales(encode(ListOffersEntry.sizeBytes) { entry.store(to: $0) }, room: room)
    }

    func listSales(_ bytes: [UInt8], room: Int = 1000) -> SalePage {
        withUnsafeTemporaryAllocation(byteCount: room * SaleResult.sizeBytes + 1, alignment: 8) { results in
            let page = engines[catalogueShard].listOffers(
                .sale, bytes, results: results.baseAddress!, limit: room, nowMs: nowMs)
            let sales = (0..<page.count).map { SaleResult(results.baseAddress! + $0 * SaleResult.sizeBytes) }
            return SalePage(code: page.code, sales: sales, more: page.more, waitLsn: page.waitLsn)
        }
    }

    /// A sale that the test takes for granted: open for a long time, without a limit.
    @discardableResult
    func sell(
        _ sale: UInt64, stock: UInt64, startsAtMs: UInt64 = 0, endsAtMs: UInt64 = 0, limit: UInt32 = 0,
        holdMs: UInt32 = 60_000, price: UInt64 = 990
    ) -> CreateSaleEntry {
        let entry = CreateSaleEntry(
            operationId: mintForCatalogue(), saleId: sale, stock: stock, startsAtMs: startsAtMs, endsAtMs: endsAtMs,
            perUserLimit: limit, holdMs: holdMs, unitPrice: price, name: Name("a sale")!)
        let reply = create(entry)
        precondition(reply.result.code == .ok, "\(reply.result.code)")
        return entry
    }

    /// What the counters say of a sale.
    func totals(_ sale: UInt64) -> StockTotals { counters.totals(Int(engines[catalogueShard].findOffer(.sale, sale))) }

    func digest() -> UInt64 { (0..<shards).reduce(0) { $0 &+ engines[$1].digest() } }
}

/// A result, and the LSN that its reply waits for.
struct Reply<Result> {
    var result: Result
    var waitLsn: UInt64

    init(_ result: Result, _ waitLsn: UInt64) {
        self.result = result
        self.waitLsn = waitLsn
    }
}

struct OrderPage {
    var code: ResultCode
    var orders: [OrderViewResult]
    var more: Bool
    var waitLsn: UInt64
}

struct SaleOrderPage {
    var code: ResultCode
    var orders: [SaleOrderResult]
    var more: Bool
    var waitLsn: UInt64
}

struct SalePage {
    var code: ResultCode
    var sales: [SaleResult]
    var more: Bool
    var waitLsn: UInt64
}

/// An entry as it travels.
func encode(_ sizeBytes: Int, _ store: (UnsafeMutableRawPointer) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: sizeBytes) { buffer, count in
        store(UnsafeMutableRawPointer(buffer.baseAddress!))
        count = sizeBytes
    }
}

/// A user by number, and one of a given partition.
func user(_ number: UInt64) -> Id128 { Id128(high: 0xabc, low: number + 1) }

func user(partition: Int) -> Id128 {
    var number: UInt64 = 1
    while Partition.of(user: Id128(number)) != partition { number += 1 }
    return Id128(number)
}
