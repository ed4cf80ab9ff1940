import Engine
import Log
import Protocol

/// What the log says, event by event: written anew from the meaning of the events, so that it shares no
/// mistake with the engine. It knows the state at the end of all sealed blocks, and the way back to any point
/// at which a crash could cut them.
struct LogModel {
    /// Where an event stands: events of earlier lives of the process are durable.
    struct Place {
        var life: Int
        var shard: Int
        var lsn: UInt64
    }

    struct Version: Equatable {
        var state: OrderState
        var isLate: Bool
        var deadlineMs: UInt64
        var life: Int
        var lsn: UInt64
    }

    struct Order {
        var id: Id128
        var user: Id128
        var sale: Int
        var quantity: UInt32
        var createdAtMs: UInt64
        /// Empty if a crash has undone it.
        var versions: [Version]

        var units: Int {
            switch versions.last?.state {
            case .held, .confirmed: Int(quantity)
            default: 0
            }
        }
    }

    struct Sale {
        var entry: CreateSaleEntry
        /// The stock after its creation and each restock.
        var stocks: [(units: UInt64, place: Place)]
        var closed: Place?

        var stock: UInt64 { stocks.last?.units ?? 0 }
    }

    struct Restock {
        var sale: Int
        var units: UInt64
        var place: Place
    }

    struct UserSale: Hashable {
        var user: Id128
        var sale: Int
    }

    fileprivate enum Undo {
        case order(Int)
        case version(Int)
        case tombstone(Id128)
        case sale
        case restock(Id128)
        case closed(Int)
        case units(UserSale)
    }

    /// A block on its way to the disk.
    struct Block {
        var ticket: UInt64
        var segment: UInt64
        var offset: Int
        var bytes: [UInt8]
        var lastLsn: UInt64
        /// Its write has completed.
        var isWritten = false
        /// It survives a power loss.
        var isSynced = false
        /// Units given out by its events, by sale, and units put up for sale.
        fileprivate var given: [(sale: Int, units: Int)] = []
        fileprivate var stocked: [(sale: Int, units: Int)] = []
        fileprivate var undo: [Undo] = []
    }

    private(set) var orders: [Order] = []
    private var places: [Id128: Int] = [:]
    private(set) var tombstones: [Id128: Place] = [:]
    private(set) var sales: [Sale] = []
    private var salePlaces: [UInt64: Int] = [:]
    private(set) var restocks: [Id128: Restock] = [:]
    private(set) var creations: [Id128: Int] = [:]
    private(set) var unitHistory: [UserSale: [(units: Int, life: Int, lsn: UInt64)]] = [:]
    /// Held orders by the sale's slot, for graces: kept small by the sizes of the scenario.
    private var held: [Int] = []

    private(set) var life = 0
    private(set) var shards = 0
    /// Blocks not yet known to survive a power loss, by shard, oldest first.
    private(set) var tails: [[Block]] = []
    private(set) var syncedLsns: [UInt64] = []
    private(set) var sealedLsns: [UInt64] = []
    /// Units given out at the end of each shard's log, by sale.
    private var given: [[Int]] = []

    private(set) var orderCount = 0

    func order(_ id: Id128) -> Order? { places[id].map { orders[$0] } }
    func sale(_ id: UInt64) -> Int? { salePlaces[id] }

    func owner(_ id: Id128) -> Int { Partition.owner(of: id.carriedPartition, shards: shards) }
    var catalogue: Int { Partition.owner(of: Partition.catalogue, shards: shards) }

    // MARK: Life

    /// A new life of the process begins: what is there is durable.
    mutating func begin(shards: Int, lsns: [UInt64]) {
        life += 1
        self.shards = shards
        tails = Array(repeating: [], count: shards)
        syncedLsns = lsns
        sealedLsns = lsns
        given = Array(repeating: Array(repeating: 0, count: sales.count), count: shards)
        held = []
        for (index, order) in orders.enumerated() where !order.versions.isEmpty {
            given[owner(order.id)][order.sale] += order.units
            if order.versions.last!.state == .held { held.append(index) }
        }
    }

    /// Whether an event survives a power loss now.
    func isSynced(_ place: Place) -> Bool { place.life < life || place.lsn <= syncedLsns[place.shard] }

    /// The last LSN whose block, and all before it, has been written.
    func writtenLsn(_ shard: Int) -> UInt64 {
        var lsn = syncedLsns[shard]
        for block in tails[shard] {
            guard block.isWritten else { break }
            lsn = block.lastLsn
        }
        return lsn
    }

    // MARK: Blocks

    /// Takes a block that is on its way to the disk, event by event.
    mutating func seal(_ command: WriteCommand, shard: Int) throws(Violation) {
        let header = BlockHeader(command.memory)
        let bytes = Array(UnsafeRawBufferPointer(start: command.memory, count: command.lengthBytes))
        var block = Block(
            ticket: command.ticket, segment: command.segment, offset: command.offsetBytes, bytes: bytes,
            lastLsn: header.lastLsn)
        guard header.firstLsn == sealedLsns[shard] + 1 else {
            throw Violation(0, "shard \(shard) sealed LSN \(header.firstLsn) after \(sealedLsns[shard])")
        }
        guard header.durableLsn <= syncedLsns[shard] else {
            throw Violation(
                3, "shard \(shard) says LSN \(header.durableLsn) is durable, the disk has synced \(syncedLsns[shard])")
        }
        var offset = BlockHeader.sizeBytes
        var lsn = header.firstLsn
        for _ in 0..<header.eventCount {
            let kind: EventKind
            do {
                kind = try EventKind.read(
                    UnsafeRawBufferPointer(start: command.memory + offset, count: command.lengthBytes - offset))
            } catch { throw Violation(0, "shard \(shard) sealed a malformed event at LSN \(lsn): \(error)") }
            try apply(kind, command.memory + offset, shard, lsn, &block)
            offset += kind.sizeBytes
            lsn += 1
        }
        sealedLsns[shard] = header.lastLsn
        tails[shard].append(block)
    }

    /// The write of a ticket is done. Answers whether the memory it was written from is still what was sealed.
    mutating func isWritten(shard: Int, ticket: UInt64) {
        let index = tails[shard].firstIndex { $0.ticket == ticket }!
        tails[shard][index].isWritten = true
    }

    /// What is on the disk for good: the blocks of these tickets.
    mutating func areSynced(shard: Int, tickets: [UInt64]) {
        for index in tails[shard].indices where tickets.contains(tails[shard][index].ticket) {
            tails[shard][index].isSynced = true
        }
        while let first = tails[shard].first, first.isSynced {
            syncedLsns[shard] = first.lastLsn
            tails[shard].removeFirst()
        }
    }

    /// A crash has left only the first `count` blocks of a shard's tail.
    mutating func cut(shard: Int, keeping count: Int) {
        while tails[shard].count > count {
            for undo in tails[shard].removeLast().undo.reversed() { revert(undo) }
        }
        sealedLsns[shard] = tails[shard].last?.lastLsn ?? syncedLsns[shard]
    }

    private mutating func revert(_ undo: Undo) {
        switch undo {
        case .order(let index):
            places[orders[index].id] = nil
            orders[index].versions = []
            orderCount -= 1
        case .version(let index): orders[index].versions.removeLast()
        case .tombstone(let id): tombstones[id] = nil
        case .sale:
            let sale = sales.removeLast()
            salePlaces[sale.entry.saleId] = nil
            creations[sale.entry.operationId] = nil
        case .restock(let id):
            sales[restocks[id]!.sale].stocks.removeLast()
            restocks[id] = nil
        case .closed(let sale): sales[sale].closed = nil
        case .units(let key): unitHistory[key]!.removeLast()
        }
    }
}

// MARK: Events

extension LogModel {
    private mutating func apply(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        switch kind {
        case .orderPlaced: try place(event, shard, lsn, &block)
        case .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended:
            try change(kind, event, shard, lsn, &block)
        case .tombstonePlaced:
            let id = event.loadId(EventField.id)
            guard places[id] == nil, tombstones[id] == nil else {
                throw Violation(4, "a tombstone was placed for \(id), an id that was known")
            }
            tombstones[id] = Place(life: life, shard: shard, lsn: lsn)
            block.undo.append(.tombstone(id))
        case .holdsGraced:
            let notBeforeMs: UInt64 = event.loadLE(EventField.notBeforeMs)
            for index in held where owner(orders[index].id) == shard {
                guard let last = orders[index].versions.last, last.state == .held, last.deadlineMs < notBeforeMs
                else { continue }
                append(.held, isLate: last.isLate, deadlineMs: notBeforeMs, to: index, lsn, &block)
            }
        case .saleCreated, .saleRestocked, .saleClosed: try catalogue(kind, event, shard, lsn, &block)
        case .pointsEarned, .pointsUsed, .transactionCancelled, .transactionReasoned:
            throw Violation(0, "nobody asked for points")
        case .couponIssued, .couponUsed, .couponRestored: throw Violation(0, "nobody asked for coupons")
        case .policyCreated, .policyRestocked, .policyClosed: throw Violation(0, "nobody asked for policies")
        case .checkoutPlaced, .checkoutConfirmed, .checkoutCancelled, .checkoutExpired:
            throw Violation(0, "nobody asked for checkouts")
        case .orderKept, .saleKept, .policyKept, .catalogueOperationKept, .transactionKept, .takingKept, .checkoutKept:
            throw Violation(0, "a record of snapshots stands in the log of shard \(shard)")
        }
    }

    private mutating func place(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let user = event.loadId(EventField.userId)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        let deadlineMs: UInt64 = event.loadLE(EventField.orderDeadlineMs)
        let quantity: UInt32 = event.loadLE(EventField.quantity)
        guard owner(id) == shard, id.carriedPartition == Partition.of(user: user) else {
            throw Violation(4, "order \(id) was placed on shard \(shard), which does not own it")
        }
        if places[id] != nil { throw Violation(4, "order \(id) was placed twice") }
        if tombstones[id] != nil { throw Violation(4, "order \(id) was placed after its cancel") }
        guard let sale = salePlaces[event.loadLE(EventField.orderSale)] else {
            throw Violation(6, "order \(id) was sealed before the sale that it orders from")
        }
        let entry = sales[sale].entry
        if timeMs < entry.startsAtMs || entry.endsAtMs != 0 && timeMs >= entry.endsAtMs {
            throw Violation(0, "order \(id) was placed outside the window of its sale")
        }
        orders.append(Order(id: id, user: user, sale: sale, quantity: quantity, createdAtMs: timeMs, versions: []))
        let index = orders.count - 1
        places[id] = index
        orderCount += 1
        block.undo.append(.order(index))
        append(deadlineMs == 0 ? .confirmed : .held, isLate: false, deadlineMs: deadlineMs, to: index, lsn, &block)
        try give(index, Int(quantity), shard, lsn, &block)
    }

    private mutating func change(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        guard let index = places[id], let last = orders[index].versions.last else {
            throw Violation(0, "order \(id) changed before it was placed")
        }
        let units = Int(orders[index].quantity)
        switch (kind, last.state) {
        case (.orderConfirmed, .held):
            append(.confirmed, isLate: last.isLate, deadlineMs: 0, to: index, lsn, &block)
        case (.orderConfirmed, .expired):
            append(.confirmed, isLate: true, deadlineMs: 0, to: index, lsn, &block)
            try give(index, units, shard, lsn, &block)
        case (.orderCancelled, .held), (.orderCancelled, .confirmed):
            append(.cancelled, isLate: last.isLate, deadlineMs: 0, to: index, lsn, &block)
            try give(index, -units, shard, lsn, &block)
        case (.orderCancelled, .expired):
            append(.cancelled, isLate: last.isLate, deadlineMs: 0, to: index, lsn, &block)
        case (.orderExpired, .held):
            guard event.loadLE(EventField.timeMs, as: UInt64.self) >= last.deadlineMs else {
                throw Violation(0, "order \(id) expired before its deadline")
            }
            append(.expired, isLate: last.isLate, deadlineMs: 0, to: index, lsn, &block)
            try give(index, -units, shard, lsn, &block)
        case (.orderExtended, .held):
            let deadlineMs: UInt64 = event.loadLE(EventField.extendedDeadlineMs)
            guard deadlineMs > last.deadlineMs else { throw Violation(0, "an extension of \(id) shortened its hold") }
            append(.held, isLate: last.isLate, deadlineMs: deadlineMs, to: index, lsn, &block)
        default: throw Violation(4, "order \(id), which is \(last.state), got the event \(kind)")
        }
    }

    private mutating func catalogue(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        guard shard == catalogue else { throw Violation(0, "shard \(shard) wrote to the catalogue") }
        let place = Place(life: life, shard: shard, lsn: lsn)
        if kind == .saleClosed {
            guard let sale = salePlaces[event.loadLE(EventField.closedOffer)], sales[sale].closed == nil else {
                throw Violation(4, "a sale was closed that was not open")
            }
            sales[sale].closed = place
            block.undo.append(.closed(sale))
            return
        }
        let id = event.loadId(EventField.id)
        let saleId: UInt64 = event.loadLE(EventField.offer)
        let units: UInt64 = event.loadLE(EventField.stock)
        guard creations[id] == nil, restocks[id] == nil else { throw Violation(4, "operation \(id) was logged twice") }
        if kind == .saleRestocked {
            guard let sale = salePlaces[saleId] else { throw Violation(0, "restock of a sale that was not created") }
            sales[sale].stocks.append((sales[sale].stock + units, place))
            restocks[id] = Restock(sale: sale, units: units, place: place)
            block.undo.append(.restock(id))
            block.stocked.append((sale, Int(units)))
            return
        }
        if salePlaces[saleId] != nil { throw Violation(4, "sale \(saleId) was created twice") }
        let entry = CreateSaleEntry(
            operationId: id, saleId: saleId, stock: units, startsAtMs: event.loadLE(EventField.startsAtMs),
            endsAtMs: event.loadLE(EventField.endsAtMs), perUserLimit: event.loadLE(EventField.perUserLimit),
            holdMs: event.loadLE(EventField.holdMs), unitPrice: event.loadLE(EventField.unitPrice),
            name: Name(event + EventField.name))
        salePlaces[saleId] = sales.count
        creations[id] = sales.count
        block.stocked.append((sales.count, Int(units)))
        block.undo.append(.sale)
        sales.append(Sale(entry: entry, stocks: [(units, place)], closed: nil))
        for other in 0..<shards where given[other].count < sales.count { given[other].append(0) }
    }

    private mutating func append(
        _ state: OrderState, isLate: Bool, deadlineMs: UInt64, to index: Int, _ lsn: UInt64, _ block: inout Block
    ) {
        orders[index].versions.append(
            Version(state: state, isLate: isLate, deadlineMs: deadlineMs, life: life, lsn: lsn))
        block.undo.append(.version(index))
        if state == .held && orders[index].versions.count == 1 { held.append(index) }
    }

    /// Counts units given out (or, below zero, taken back).
    private mutating func give(
        _ index: Int, _ units: Int, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let order = orders[index]
        given[shard][order.sale] += units
        block.given.append((order.sale, units))
        let limit = sales[order.sale].entry.perUserLimit
        guard limit > 0 else { return }
        let key = UserSale(user: order.user, sale: order.sale)
        let now = (unitHistory[key]?.last?.units ?? 0) + units
        guard now <= Int(limit) else {
            throw Violation(7, "user \(order.user) has \(now) units of a sale with a limit of \(limit)")
        }
        unitHistory[key, default: []].append((now, life, lsn))
        block.undo.append(.units(key))
    }
}

// MARK: Crash points

extension LogModel {
    /// Promises 1 and 6, for a crash at this moment, whatever it loses: a crash may cut each log behind any of
    /// the blocks that are not synced yet, independently of the others. No choice of cuts may give out more
    /// than there was.
    func weighCrashPoints() throws(Violation) {
        for sale in sales.indices {
            var others = 0
            for shard in 0..<shards where shard != catalogue { others += most(shard, sale) }
            var stock = Int(sales[sale].stock)
            var own = given[catalogue][sale]
            try weigh(others + own, stock, sale)
            for block in tails[catalogue].reversed() {
                for (which, units) in block.given where which == sale { own -= units }
                for (which, units) in block.stocked where which == sale { stock -= units }
                try weigh(others + own, stock, sale)
            }
        }
    }

    private func weigh(_ given: Int, _ stock: Int, _ sale: Int) throws(Violation) {
        guard given > stock else { return }
        throw Violation(
            6, "a crash at this moment could leave \(given) units given out of sale \(sales[sale].entry.saleId), "
                + "which would have a stock of \(stock)")
    }

    /// The most units of a sale that the log of a shard gives out, wherever it is cut.
    private func most(_ shard: Int, _ sale: Int) -> Int {
        var units = given[shard][sale]
        var most = units
        for block in tails[shard].reversed() {
            for (which, change) in block.given where which == sale { units -= change }
            most = max(most, units)
        }
        return most
    }

    /// Units held and sold at the end of the log.
    func totals(_ sale: Int) -> (held: Int, sold: Int) {
        var totals = (held: 0, sold: 0)
        for order in orders where order.sale == sale {
            switch order.versions.last?.state {
            case .held: totals.held += Int(order.quantity)
            case .confirmed: totals.sold += Int(order.quantity)
            default: break
            }
        }
        return totals
    }
}
