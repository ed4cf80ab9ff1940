import Protocol

/// The engine as the design describes it, in dictionaries: what each operation answers, what it changes, and
/// which event its answer waits for. Written to be obviously right, not to be fast.
struct Model {
    struct Sale {
        var created: CreateSaleEntry
        var stock: UInt64
        var createdAtMs: UInt64
        /// Durably free units: what an order may take.
        var free: UInt64
        var isClosed = false
        /// Whether orders see the sale, and see it closed: when the event is durable.
        var isVisible = false
        var isVisiblyClosed = false
        var lastLsn: UInt64
    }

    struct Order {
        var user: Id128
        var sale: UInt64
        var quantity: UInt32
        var state: OrderState
        var createdAtMs: UInt64
        var deadlineMs: UInt64
        var isLate = false

        var isCounted: Bool { state == .held || state == .confirmed }
    }

    enum Operation {
        case creation(CreateSaleEntry)
        case restock(sale: UInt64, quantity: UInt64)
    }

    struct Tombstone {
        var createdAtMs: UInt64
        var lsn: UInt64
    }

    /// What follows when the events of a shard are durable.
    enum Pending {
        case release(sale: UInt64, units: UInt64)
        case opening(sale: UInt64)
        case restock(sale: UInt64, units: UInt64)
        case closing(sale: UInt64)
    }

    var shards: Int
    var capacities: Cluster.Capacities
    var nowMs: UInt64
    var sales: [UInt64: Sale] = [:]
    var saleOrder: [UInt64] = []
    var orders: [Id128: Order] = [:]
    var ordersOfUser: [Id128: [Id128]] = [:]
    var userLsn: [Id128: UInt64] = [:]
    var tombstones: [Id128: Tombstone] = [:]
    var operations: [Id128: Operation] = [:]
    var lsns: [UInt64]
    var pending: [[Pending]]

    init(shards: Int, capacities: Cluster.Capacities, nowMs: UInt64) {
        self.shards = shards
        self.capacities = capacities
        self.nowMs = nowMs
        lsns = Array(repeating: 0, count: shards)
        pending = Array(repeating: [], count: shards)
    }

    func shard(_ id: Id128) -> Int { id.carriedPartition * shards / 4096 }
    func shard(ofUser user: Id128) -> Int { Partition.of(user: user) * shards / 4096 }

    /// One event of a user's record.
    mutating func log(user: Id128) -> UInt64 {
        lsns[shard(ofUser: user)] += 1
        userLsn[user] = lsns[shard(ofUser: user)]
        return lsns[shard(ofUser: user)]
    }

    mutating func logCatalogue(_ sale: UInt64) -> UInt64 {
        lsns[0] += 1
        sales[sale]?.lastLsn = lsns[0]
        return lsns[0]
    }

    // MARK: Durability

    mutating func sync(_ shard: Int) {
        for entry in pending[shard] {
            switch entry {
            case .release(let sale, let units), .restock(let sale, let units): sales[sale]!.free += units
            case .opening(let sale):
                sales[sale]!.isVisible = true
                sales[sale]!.free = sales[sale]!.created.stock
            case .closing(let sale): sales[sale]!.isVisiblyClosed = true
            }
        }
        pending[shard] = []
    }

    /// A clean end and another start, perhaps with another number of shards: all that was logged is there.
    mutating func restart(shards: Int) {
        for shard in 0..<self.shards { sync(shard) }
        self.shards = shards
        lsns = Array(repeating: 0, count: shards)
        pending = Array(repeating: [], count: shards)
        userLsn = userLsn.mapValues { _ in 0 }
        tombstones = tombstones.mapValues { Tombstone(createdAtMs: $0.createdAtMs, lsn: 0) }
        for sale in sales.keys { sales[sale]!.lastLsn = 0 }
    }

    // MARK: Counts

    func units(_ sale: UInt64, _ state: OrderState) -> UInt64 {
        orders.values.reduce(0) { $0 + ($1.sale == sale && $1.state == state ? UInt64($1.quantity) : 0) }
    }

    func units(of user: Id128, _ sale: UInt64) -> UInt64 {
        (ordersOfUser[user] ?? []).reduce(0) { sum, id in
            let order = orders[id]!
            return sum + (order.sale == sale && order.isCounted ? UInt64(order.quantity) : 0)
        }
    }

    func ordersCount(_ shard: Int) -> Int { orders.keys.count { self.shard($0) == shard } }
    func usersCount(_ shard: Int) -> Int { ordersOfUser.keys.count { self.shard(ofUser: $0) == shard } }
    func tombstonesCount(_ shard: Int) -> Int { tombstones.keys.count { self.shard($0) == shard } }
}

// MARK: Orders

extension Model {
    func ageFault(_ id: Id128) -> ResultCode? {
        guard let mintMs = id.mintTimeMs else { return nil }
        if mintMs > nowMs + 300_000 { return .idInFuture }
        return mintMs + Cluster.retainMs < nowMs ? .idTooOld : nil
    }

    mutating func order(_ entry: OrderEntry) -> Reply<OrderResult> {
        func refused(_ code: ResultCode, _ waitLsn: UInt64 = 0) -> Reply<OrderResult> {
            Reply(
                OrderResult(code: code, state: 0, flags: 0, quantity: 0, createdAtMs: 0, expiresAtMs: 0), waitLsn)
        }
        if entry.quantity < 1 || entry.quantity > 1_000_000 || entry.userId == .zero { return refused(.invalid) }
        if !entry.orderId.isOperationId { return refused(.invalidId) }
        if entry.orderId.carriedPartition != Partition.of(user: entry.userId) { return refused(.wrongPartition) }
        if let known = orders[entry.orderId] {
            let lsn = userLsn[known.user]!
            let isSame = known.user == entry.userId && known.sale == entry.saleId && known.quantity == entry.quantity
            return isSame ? Reply(result(known, flags: ResultFlags.repeat), lsn) : refused(.idReused, lsn)
        }
        if let tombstone = tombstones[entry.orderId] { return refused(.cancelled, tombstone.lsn) }
        if let operation = operations[entry.orderId] { return refused(.idReused, lsn(of: operation)) }
        if let code = ageFault(entry.orderId) { return refused(code) }

        guard let sale = sales[entry.saleId], sale.isVisible else { return refused(.notFound) }
        if sale.isVisiblyClosed { return refused(.closed) }
        if sale.created.endsAtMs != 0 && nowMs >= sale.created.endsAtMs { return refused(.ended) }
        if nowMs < sale.created.startsAtMs { return refused(.notStarted) }
        let limit = sale.created.perUserLimit
        if limit != 0 && units(of: entry.userId, entry.saleId) + UInt64(entry.quantity) > UInt64(limit) {
            return refused(.limitExceeded, userLsn[entry.userId] ?? 0)
        }
        let shard = shard(entry.orderId)
        let isNew = ordersOfUser[entry.userId] == nil
        if ordersCount(shard) >= capacities.orders || isNew && usersCount(shard) >= capacities.users {
            return refused(.capacity)
        }
        if sale.free < UInt64(entry.quantity) { return refused(.soldOut) }

        sales[entry.saleId]!.free -= UInt64(entry.quantity)
        let holdMs = UInt64(sale.created.holdMs)
        let order = Order(
            user: entry.userId, sale: entry.saleId, quantity: entry.quantity, state: holdMs == 0 ? .confirmed : .held,
            createdAtMs: nowMs, deadlineMs: nowMs + holdMs)
        orders[entry.orderId] = order
        ordersOfUser[entry.userId, default: []].append(entry.orderId)
        let lsn = log(user: entry.userId)
        return Reply(result(order, flags: 0), lsn)
    }

    private func result(_ order: Order, flags: UInt8) -> OrderResult {
        OrderResult(
            code: .ok, state: order.state.rawValue, flags: flags | (order.isLate ? ResultFlags.late : 0),
            quantity: order.quantity, createdAtMs: order.createdAtMs,
            expiresAtMs: order.state == .held ? order.deadlineMs : 0)
    }

    private func lsn(of operation: Operation) -> UInt64 {
        switch operation {
        case .creation(let entry): sales[entry.saleId]!.lastLsn
        case .restock(let sale, _): sales[sale]!.lastLsn
        }
    }

    // MARK: Holds

    func view(_ id: Id128, _ code: ResultCode = .ok, flags: UInt8 = 0) -> OrderViewResult {
        let order = orders[id]!
        return OrderViewResult(
            code: code, state: order.state.rawValue, flags: flags | (order.isLate ? ResultFlags.late : 0),
            quantity: order.quantity, orderId: id, userId: order.user, saleId: order.sale,
            createdAtMs: order.createdAtMs, expiresAtMs: order.state == .held ? order.deadlineMs : 0)
    }

    private func shown(_ id: Id128, _ code: ResultCode = .ok, flags: UInt8 = 0) -> Reply<OrderViewResult> {
        Reply(view(id, code, flags: flags), userLsn[orders[id]!.user]!)
    }

    private func refused(_ code: ResultCode, _ id: Id128) -> Reply<OrderViewResult> {
        let view = OrderViewResult(
            code: code, state: 0, flags: 0, quantity: 0, orderId: id, userId: .zero, saleId: 0, createdAtMs: 0,
            expiresAtMs: 0)
        return Reply(view, 0)
    }

    /// For whoever names no order: a tombstone, an id of something else, a malformed or an unknown one.
    private func strange(_ id: Id128) -> Reply<OrderViewResult> {
        guard id.isOperationId else { return refused(.invalidId, id) }
        guard let tombstone = tombstones[id] else { return refused(.notFound, id) }
        var reply = refused(.cancelled, id)
        reply.result.state = OrderState.cancelled.rawValue
        reply.result.flags = ResultFlags.tombstone
        reply.waitLsn = tombstone.lsn
        return reply
    }

    func get(_ id: Id128) -> Reply<OrderViewResult> { orders[id] == nil ? strange(id) : shown(id) }

    mutating func confirm(_ id: Id128) -> Reply<OrderViewResult> {
        guard let order = orders[id] else { return strange(id) }
        switch order.state {
        case .confirmed: return shown(id, flags: ResultFlags.repeat)
        case .cancelled: return shown(id, .cancelled)
        case .held: break
        case .expired:
            let sale = sales[order.sale]!
            let limit = sale.created.perUserLimit
            let had = units(of: order.user, order.sale)
            if limit != 0 && had + UInt64(order.quantity) > UInt64(limit) { return shown(id, .expired) }
            if sale.free < UInt64(order.quantity) { return shown(id, .expired) }
            sales[order.sale]!.free -= UInt64(order.quantity)
            orders[id]!.isLate = true
        }
        orders[id]!.state = .confirmed
        _ = log(user: order.user)
        return shown(id)
    }

    mutating func cancel(_ id: Id128) -> Reply<OrderViewResult> {
        guard id.isOperationId else { return refused(.invalidId, id) }
        if let order = orders[id] {
            if order.state == .cancelled { return shown(id, flags: ResultFlags.repeat) }
            end(id, .cancelled)
            _ = log(user: order.user)
            return shown(id)
        }
        if let operation = operations[id] {
            var reply = refused(.notFound, id)
            reply.waitLsn = lsn(of: operation)
            return reply
        }
        var flags = ResultFlags.tombstone
        if tombstones[id] != nil {
            flags |= ResultFlags.repeat
        } else {
            if let code = ageFault(id) { return refused(code, id) }
            if tombstonesCount(shard(id)) >= capacities.tombstones { return refused(.capacity, id) }
            lsns[shard(id)] += 1
            tombstones[id] = Tombstone(createdAtMs: nowMs, lsn: lsns[shard(id)])
        }
        var reply = refused(.ok, id)
        reply.result.state = OrderState.cancelled.rawValue
        reply.result.flags = flags
        reply.result.createdAtMs = tombstones[id]!.createdAtMs
        reply.waitLsn = tombstones[id]!.lsn
        return reply
    }

    private mutating func end(_ id: Id128, _ state: OrderState) {
        let order = orders[id]!
        if order.isCounted {
            pending[shard(id)].append(.release(sale: order.sale, units: UInt64(order.quantity)))
        }
        orders[id]!.state = state
    }

    mutating func extend(_ id: Id128, to deadlineMs: UInt64) -> Reply<OrderViewResult> {
        if deadlineMs > nowMs + UInt64(UInt32.max) { return refused(.invalid, id) }
        guard let order = orders[id] else { return strange(id) }
        switch order.state {
        case .confirmed: return shown(id, .confirmed)
        case .cancelled: return shown(id, .cancelled)
        case .expired: return shown(id, .expired)
        case .held: break
        }
        if deadlineMs <= order.deadlineMs { return shown(id, flags: ResultFlags.repeat) }
        orders[id]!.deadlineMs = deadlineMs
        _ = log(user: order.user)
        return shown(id)
    }

    /// The orders whose holds a shard has to end now.
    func due(_ shard: Int) -> Set<Id128> {
        let due = orders.filter { id, order in
            self.shard(id) == shard && order.state == .held && order.deadlineMs <= nowMs
        }
        return Set(due.keys)
    }

    /// Holds end in the order in which the engine logged it: by deadline, else as it likes.
    mutating func expire(_ ids: [Id128]) {
        for id in ids {
            end(id, .expired)
            _ = log(user: orders[id]!.user)
        }
    }

    mutating func grace(_ shard: Int, notBeforeMs: UInt64) {
        let held = orders.filter { self.shard($0.key) == shard && $0.value.state == .held }
        if held.isEmpty { return }
        lsns[shard] += 1
        for (id, order) in held where order.deadlineMs < notBeforeMs {
            orders[id]!.deadlineMs = notBeforeMs
            userLsn[order.user] = lsns[shard]
        }
    }

    func list(_ user: Id128, after: Id128, limit: Int) -> OrderPage {
        let waitLsn = userLsn[user] ?? 0
        var rest = (ordersOfUser[user] ?? []).reversed()[...]
        if after != .zero {
            guard let place = rest.firstIndex(of: after) else {
                return OrderPage(code: .notFound, orders: [], more: false, waitLsn: waitLsn)
            }
            rest = rest[rest.index(after: place)...]
        }
        let page = rest.prefix(limit).map { view($0) }
        return OrderPage(code: .ok, orders: page, more: rest.count > limit, waitLsn: waitLsn)
    }
}

// MARK: Catalogue

extension Model {
    private func refused(_ code: ResultCode, _ sale: UInt64, _ waitLsn: UInt64 = 0) -> Reply<SaleResult> {
        let result = SaleResult(
            code: code, state: 0, flags: 0, perUserLimit: 0, saleId: sale, stock: 0, available: 0, held: 0, sold: 0,
            startsAtMs: 0, endsAtMs: 0, unitPrice: 0, createdAtMs: 0, holdMs: 0, name: Name())
        return Reply(result, waitLsn)
    }

    private func shown(_ id: UInt64, flags: UInt8 = 0) -> Reply<SaleResult> {
        let sale = sales[id]!
        let state: SaleState
        if sale.isClosed {
            state = .closed
        } else if sale.created.endsAtMs != 0 && nowMs >= sale.created.endsAtMs {
            state = .ended
        } else if nowMs < sale.created.startsAtMs {
            state = .scheduled
        } else {
            state = sale.isVisible && sale.free == 0 ? .soldOut : .open
        }
        let result = SaleResult(
            code: .ok, state: state.rawValue, flags: flags, perUserLimit: sale.created.perUserLimit, saleId: id,
            stock: sale.stock, available: sale.isVisible ? sale.free : 0, held: units(id, .held),
            sold: units(id, .confirmed), startsAtMs: sale.created.startsAtMs, endsAtMs: sale.created.endsAtMs,
            unitPrice: sale.created.unitPrice, createdAtMs: sale.createdAtMs, holdMs: sale.created.holdMs,
            name: sale.created.name)
        return Reply(result, sale.lastLsn)
    }

    private func idFault(_ id: Id128) -> ResultCode? {
        if !id.isOperationId { return .invalidId }
        return id.carriedPartition == 0 ? nil : .wrongPartition
    }

    /// The event behind an id that something else than the catalogue has.
    private func foreignLsn(_ id: Id128) -> UInt64? {
        if let order = orders[id] { return userLsn[order.user]! }
        return tombstones[id]?.lsn
    }

    mutating func create(_ entry: CreateSaleEntry) -> Reply<SaleResult> {
        let sale = entry.saleId
        if let code = idFault(entry.operationId) { return refused(code, sale) }
        if let lsn = foreignLsn(entry.operationId) { return refused(.idReused, sale, lsn) }
        switch operations[entry.operationId] {
        case .creation(let first):
            return first == entry
                ? shown(sale, flags: ResultFlags.repeat) : refused(.idReused, sale, sales[first.saleId]!.lastLsn)
        case .restock(let other, _): return refused(.idReused, sale, sales[other]!.lastLsn)
        case nil: break
        }
        if let code = ageFault(entry.operationId) { return refused(code, sale) }
        let isBackward = entry.endsAtMs != 0 && (entry.endsAtMs <= entry.startsAtMs || entry.endsAtMs <= nowMs)
        if sale == 0 || entry.stock == 0 || entry.stock > 1 << 40 || isBackward { return refused(.invalid, sale) }
        if let existing = sales[sale] { return refused(.alreadyExists, sale, existing.lastLsn) }
        if sales.count >= capacities.sales || operations.count >= capacities.catalogueOperations {
            return refused(.capacity, sale)
        }
        sales[sale] = Sale(created: entry, stock: entry.stock, createdAtMs: nowMs, free: 0, lastLsn: 0)
        saleOrder.append(sale)
        operations[entry.operationId] = .creation(entry)
        pending[0].append(.opening(sale: sale))
        _ = logCatalogue(sale)
        return shown(sale)
    }

    mutating func restock(_ sale: UInt64, _ quantity: UInt64, id: Id128) -> Reply<SaleResult> {
        if let code = idFault(id) { return refused(code, sale) }
        if let lsn = foreignLsn(id) { return refused(.idReused, sale, lsn) }
        switch operations[id] {
        case .creation(let entry): return refused(.idReused, sale, sales[entry.saleId]!.lastLsn)
        case .restock(let other, let units):
            let isSame = other == sale && units == quantity
            return isSame ? shown(sale, flags: ResultFlags.repeat) : refused(.idReused, sale, sales[other]!.lastLsn)
        case nil: break
        }
        if let code = ageFault(id) { return refused(code, sale) }
        guard let known = sales[sale], known.isVisible else { return refused(.notFound, sale) }
        if quantity < 1 || quantity > 1 << 40 || known.stock + quantity > 1 << 40 { return refused(.invalid, sale) }
        if known.isClosed { return refused(.closed, sale, known.lastLsn) }
        if operations.count >= capacities.catalogueOperations { return refused(.capacity, sale) }
        sales[sale]!.stock += quantity
        operations[id] = .restock(sale: sale, quantity: quantity)
        pending[0].append(.restock(sale: sale, units: quantity))
        _ = logCatalogue(sale)
        return shown(sale)
    }

    mutating func close(_ sale: UInt64) -> Reply<SaleResult> {
        guard let known = sales[sale], known.isVisible else { return refused(.notFound, sale) }
        if known.isClosed { return shown(sale, flags: ResultFlags.repeat) }
        sales[sale]!.isClosed = true
        pending[0].append(.closing(sale: sale))
        _ = logCatalogue(sale)
        return shown(sale)
    }

    func sale(_ sale: UInt64) -> Reply<SaleResult> {
        guard let known = sales[sale], known.isVisible else { return refused(.notFound, sale) }
        return shown(sale)
    }

    func listSales(after: UInt64, limit: Int, stateMask: UInt8) -> SalePage {
        var rest = saleOrder[...]
        if after != 0 {
            guard let place = rest.firstIndex(of: after) else {
                return SalePage(code: .notFound, sales: [], more: false, waitLsn: 0)
            }
            rest = rest[(place + 1)...]
        }
        // A sale that is left out, or that tells that more follows, is shown by that as well.
        var page = SalePage(code: .ok, sales: [], more: false, waitLsn: 0)
        for id in rest where sales[id]!.isVisible {
            let shown = self.shown(id)
            page.waitLsn = max(page.waitLsn, shown.waitLsn)
            guard stateMask == 0 || stateMask >> shown.result.state & 1 == 1 else { continue }
            if page.sales.count == limit {
                page.more = true
                return page
            }
            page.sales.append(shown.result)
        }
        return page
    }
}
