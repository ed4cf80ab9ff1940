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

    enum Undo {
        case order(Int)
        case version(Int)
        case tombstone(Id128)
        case offer
        case restock(Id128)
        case closed(Int)
        case units(UserOffer)
        case coupon(Int)
        case couponVersion(Int)
        case couponOperation(Id128)
        case moment(Id128)
        case transaction(Id128)
        case takings(user: Id128, place: Int)
        case checkout(Int)
        case forgotten(Forgotten)
    }

    /// A block on its way to the disk.
    struct Block {
        var ticket: UInt64
        var segment: UInt64
        var offset: Int
        var bytes: [UInt8]
        var firstLsn: UInt64
        var lastLsn: UInt64
        /// Its write has completed.
        var isWritten = false
        /// It survives a power loss.
        var isSynced = false
        /// Units given out by its events, by offer, and units that they add to offers.
        var given: [(offer: Int, units: Int)] = []
        var stocked: [(offer: Int, units: Int)] = []
        var undo: [Undo] = []
    }

    // Records keep their index when a crash undoes them: they are left without versions.
    var orders: [Order] = []
    var places: [Id128: Int] = [:]
    var orderCount = 0
    /// Held orders, for graces: kept few by the sizes of the scenario.
    var held: [Int] = []
    var tombstones: [Id128: Tombstone] = [:]
    /// In the order of their creation: the slots that shards know them by, less one.
    var offers: [Offer] = []
    var offerPlaces: [OfferKey: Int] = [:]
    var restocks: [Id128: Restock] = [:]
    var creations: [Id128: Int] = [:]
    var unitHistory: [UserOffer: [(units: Int, life: Int, lsn: UInt64)]] = [:]
    var coupons: [Coupon] = []
    var couponPlaces: [Id128: Int] = [:]
    var couponOperations: [Id128: CouponOperation] = [:]
    /// By user.
    var ledgers: [Id128: Ledger] = [:]
    /// Whose transaction an id is.
    var transactions: [Id128: Id128] = [:]
    var checkouts: [Checkout] = []
    var checkoutPlaces: [Id128: Int] = [:]
    /// The checkout, by the ids of its parts.
    var parts: [Id128: Int] = [:]
    /// Ids that were asked for as those of orders of checkouts, and as nothing else.
    var wantedParts: Set<Id128> = []
    /// What has left memory: found by nobody any more but replies that are on their way.
    var past = Past()
    /// Checkouts that crashes have undone, and retirements.
    private(set) var checkoutsUndone = 0
    private(set) var retirementsUndone = 0

    private(set) var life = 0
    private(set) var shards = 0
    /// Of this life.
    private(set) var retainMs: UInt64 = 0
    /// Blocks not yet known to survive a power loss, by shard, oldest first.
    private(set) var tails: [[Block]] = []
    private(set) var syncedLsns: [UInt64] = []
    private(set) var sealedLsns: [UInt64] = []
    /// Units given out at the end of each shard's log, by offer.
    var given: [[Int]] = []

    func owner(_ id: Id128) -> Int { Partition.owner(of: id.carriedPartition, shards: shards) }
    var catalogue: Int { Partition.owner(of: Partition.catalogue, shards: shards) }

    /// Whether an operation of a user has this id.
    func isKnown(_ id: Id128) -> Bool {
        places[id] != nil || tombstones[id] != nil || couponPlaces[id] != nil || couponOperations[id] != nil
            || transactions[id] != nil || checkoutPlaces[id] != nil || parts[id] != nil
    }

    // MARK: Life

    /// A new life of the process begins: what is there is durable.
    mutating func begin(shards: Int, lsns: [UInt64], retainMs: UInt64) {
        life += 1
        self.shards = shards
        self.retainMs = retainMs
        tails = Array(repeating: [], count: shards)
        syncedLsns = lsns
        sealedLsns = lsns
        given = Array(repeating: Array(repeating: 0, count: offers.count), count: shards)
        held = []
        for (index, order) in orders.enumerated() where !order.versions.isEmpty {
            given[owner(order.id)][order.sale] += order.units
            if order.versions.last!.state == .held { held.append(index) }
        }
        for coupon in coupons where !coupon.versions.isEmpty { given[owner(coupon.id)][coupon.policy] += 1 }
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
            firstLsn: header.firstLsn, lastLsn: header.lastLsn)
        guard header.firstLsn == sealedLsns[shard] + 1 else {
            throw Violation(0, "shard \(shard) sealed LSN \(header.firstLsn) after \(sealedLsns[shard])")
        }
        guard header.durableLsn <= syncedLsns[shard] else {
            throw Violation(
                3, "shard \(shard) says LSN \(header.durableLsn) is durable, the disk has synced \(syncedLsns[shard])")
        }
        var lsn = header.firstLsn
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: command.lengthBytes, alignment: 8)
        defer { memory.deallocate() }
        for event in Self.events(of: command) {
            memory.copyBytes(from: event)
            let kind: EventKind
            do {
                kind = try EventKind.read(UnsafeRawBufferPointer(rebasing: memory[..<event.count]))
            } catch { throw Violation(0, "shard \(shard) sealed a malformed event at LSN \(lsn): \(error)") }
            try apply(kind, UnsafeRawPointer(memory.baseAddress!), shard, lsn, &block)
            lsn += 1
        }
        try checkWholeness(block)
        sealedLsns[shard] = header.lastLsn
        tails[shard].append(block)
    }

    /// The events of a block as they were sealed, each in full: a short order gets what the full one before it says.
    /// Written once more here, so that it is no echo of the log's own reader.
    static func events(of command: WriteCommand) -> [[UInt8]] {
        let bytes = UnsafeRawBufferPointer(start: command.memory, count: command.lengthBytes)
        let count = BlockHeader(command.memory).eventCount
        var offset = BlockHeader.sizeBytes
        var model: [UInt8] = []
        var events: [[UInt8]] = []
        while events.count < count {
            let size = Int(bytes[offset + 2]) | Int(bytes[offset + 3]) << 8
            let event = Array(bytes[offset..<min(offset + size, bytes.count)])
            offset = min(offset + max(size, 16), bytes.count - 16)
            let isOrder = event.first == EventKind.orderPlaced.rawValue
            if isOrder && size % 32 == 8 && model.count == 64 {
                for place in stride(from: 8, to: size, by: 32) {
                    let ids = event[place..<(place + 32)]
                    events.append([1, event[1], 64, 0] + event[4..<8] + model[8..<16] + ids + model[48...])
                }
            } else {
                events.append(event)
                if isOrder { model = event }
            }
        }
        return events
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
        case .forgotten(let forgotten):
            retirementsUndone += 1
            revertForgotten(forgotten)
        case .offer:
            let creation = offers.removeLast().creation
            offerPlaces[creation.key] = nil
            creations[creation.operationId] = nil
        case .restock(let id):
            let restock = restocks.removeValue(forKey: id)!
            offers[restock.offer].stocks.removeLast()
            offers[restock.offer].lastOperationMs = restock.lastOperationMsBefore
        case .closed(let offer):
            offers[offer].closed = nil
            offers[offer].closedAtMs = 0
        case .units(let key): unitHistory[key]!.removeLast()
        case .coupon(let index):
            couponPlaces[coupons[index].id] = nil
            coupons[index].versions = []
        case .couponVersion(let index): coupons[index].versions.removeLast()
        case .couponOperation(let id): couponOperations[id] = nil
        case .moment(let user): ledgers[user]!.moments.removeLast()
        case .takings(let user, let place): ledgers[user]!.transactions[place].takings.removeLast()
        case .checkout(let index):
            checkoutsUndone += 1
            revertCheckout(index)
        case .transaction(let id): ledgers[transactions.removeValue(forKey: id)!]!.transactions.removeLast()
        }
    }

    // MARK: Events

    private mutating func apply(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        switch kind {
        case .orderPlaced: try place(event, shard, lsn, &block)
        case .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended:
            try change(kind, event, shard, lsn, &block)
        case .tombstonePlaced: try placeTombstone(event, shard, lsn, &block)
        case .holdsGraced: grace(event, shard, lsn, &block)
        case .saleCreated, .saleRestocked, .saleClosed, .policyCreated, .policyRestocked, .policyClosed:
            try changeCatalogue(kind, event, shard, lsn, &block)
        case .couponIssued: try issue(event, shard, lsn, &block)
        case .couponUsed, .couponRestored: try changeCoupon(kind, event, shard, lsn, &block)
        case .pointsEarned, .pointsUsed: try post(kind, event, shard, lsn, &block)
        case .transactionCancelled: try cancelTransaction(event, shard, lsn, &block)
        case .transactionReasoned: try reason(event, shard)
        case .checkoutPlaced: try placeCheckout(event, shard, lsn, &block)
        case .checkoutConfirmed, .checkoutCancelled, .checkoutExpired:
            try changeCheckout(kind, event, shard, lsn, &block)
        case .retired: try forget(event, shard, lsn, &block)
        case .saleRetired, .policyRetired: try forgetOffer(kind, event, shard, lsn, &block)
        case .unitsRetiredKept, .offerRetiredKept, .couponOperationKept, .idsForgottenKept,
            .orderKept, .saleKept, .policyKept, .catalogueOperationKept, .transactionKept, .takingKept, .checkoutKept:
            throw Violation(0, "a record of snapshots stands in the log of shard \(shard)")
        }
    }
}
