import CAtomics
import Protocol

/// The sizes of one shard's tables and the rules that hold for all of them.
public struct EngineConfiguration: Sendable {
    public var shard: Int
    public var shards: Int
    /// Of this shard.
    public var capacities: Capacities
    /// How long ids are remembered, in ms: a version 7 id older than that is refused.
    public var retainMs: UInt64
    /// How far ahead of the clock a version 7 id may be minted, in ms.
    public var mintAheadMaxMs: UInt64 = 5 * 60 * 1000
    /// Drawn at each start: keys the hashes of the tables.
    public var hashSeed: UInt64

    public init(shard: Int, shards: Int, capacities: Capacities, retainMs: UInt64, hashSeed: UInt64) {
        self.shard = shard
        self.shards = shards
        self.capacities = capacities
        self.retainMs = retainMs
        self.hashSeed = hashSeed
    }
}

/// The state of one shard, as a function of its operations: no clock, no I/O, no random numbers.
///
/// An operation is given with the time, and leaves events in `events` and a result where it was told.
/// Each answers with the LSN that its reply must wait for (`Outcome.waitLsn`, 0: nothing), because a
/// reply must not show what a crash could undo.
///
/// Every mutation follows one pattern: look at everything that could refuse; take the units, which is
/// the last thing that can fail; then apply, which cannot fail, and append the event in the same breath.
///
/// One thread at a time may use an engine: the shard's, or the recovery's before there is one.
public struct Engine: ~Copyable {
    public let configuration: EngineConfiguration
    public let counters: StockCounters

    /// Where events go. The log swaps the memory behind it at each seal.
    public let events: UnsafeMutablePointer<EventBuffer>

    var ids: Index
    var userIndex: Index
    var limitIndex: Index
    var offerIndex: Index

    var orders: Pool<OrderRecord>
    var users: Pool<UserRecord>
    var limits: Pool<LimitRecord>
    var tombstones: Pool<TombstoneRecord>
    var wallets: Pool<WalletRecord>
    var transactions: Pool<TransactionRecord>
    /// Beside each transaction its reason, if it has one.
    var reasons: UnsafeMutablePointer<Reason>
    var takings: Takings
    var coupons: Pool<CouponRecord>
    var couponOperations: Pool<CouponOperationRecord>
    var checkouts: Pool<CheckoutRecord>
    /// Earnings that confirms of checkouts will post: room is kept for them.
    var earningsReserved = 0
    /// Whether the log has room on the disk for more than the ends of what is open. Without it only those are accepted:
    /// confirms, cancels and expiries of open holds and checkouts, and closings.
    public var hasLogSpace = true
    /// Whether the snapshot that is being replayed is one of version 1: its lots are as they were earned.
    var takingsReduceLots = false
    var offers: Pool<OfferRecord>
    /// The sale that an order named last, 0 for none.
    private var recentSale: UInt32 = 0
    public var changes: ChangedOffers
    var offerDetails: UnsafeMutablePointer<OfferDetail>
    /// Beside each offer what becomes of it behind its last unit.
    var lives: UnsafeMutablePointer<OfferLife>
    var catalogueOperations: Pool<CatalogueOperationRecord>

    var wheel: HoldWheel
    var releases: ReleaseQueue
    var prepared = PreparedUnits()
    var checkout = PreparedCheckout()
    let ahead: UnsafeMutablePointer<LookAheadEntries>
    let lookups: UnsafeMutablePointer<OrderLookups>
    var sweep = RetirementSweep()
    var orderCursor = ChainCursor()
    var transactionCursor = ChainCursor()
    var couponCursor = ChainCursor()
    /// The youngest mint time of a version 7 id that was forgotten. An older one that is not known is too old, also
    /// when the retention time has become longer since.
    var forgottenMintMs: UInt64 = 0
    private let inPlace = InPlace()
    public internal(set) var statistics = EngineStatistics()

    public init(
        configuration: EngineConfiguration, counters: StockCounters,
        events: UnsafeMutablePointer<EventBuffer>, memory: MemorySource, nowMs: UInt64
    ) {
        precondition(counters.shards == configuration.shards && configuration.shard < configuration.shards)
        let capacities = configuration.capacities
        precondition(counters.saleCountMax > capacities.offers, "slots of offers begin at 1")
        self.configuration = configuration
        self.counters = counters
        self.events = events
        let isCatalogue = Partition.owner(of: Partition.catalogue, shards: configuration.shards) == configuration.shard
        let catalogueOperationsMax = isCatalogue ? capacities.catalogueOperations : 1
        ids = Index(
            countMax: capacities.orders + capacities.tombstones + capacities.transactions + capacities.coupons
                + capacities.couponOperations + 2 * capacities.checkouts + catalogueOperationsMax, memory: memory)
        userIndex = Index(countMax: capacities.users, memory: memory)
        // What counts towards a limit is an order or a coupon.
        let limitsMax = capacities.orders + capacities.coupons
        limitIndex = Index(countMax: limitsMax, memory: memory, isPopulated: false)
        offerIndex = Index(countMax: capacities.offers, memory: memory)
        orders = Pool(countMax: capacities.orders, memory: memory)
        users = Pool(countMax: capacities.users, memory: memory)
        limits = Pool(countMax: limitsMax, memory: memory)
        tombstones = Pool(countMax: capacities.tombstones, memory: memory)
        wallets = Pool(countMax: min(capacities.users, capacities.transactions + capacities.coupons), memory: memory)
        transactions = Pool(countMax: capacities.transactions, memory: memory)
        reasons = memory.table(of: Reason.self, count: capacities.transactions + 1)
        takings = Takings(transactionsMax: capacities.transactions, memory: memory)
        coupons = Pool(countMax: capacities.coupons, memory: memory)
        couponOperations = Pool(countMax: capacities.couponOperations, memory: memory)
        checkouts = Pool(countMax: capacities.checkouts, memory: memory)
        offers = Pool(countMax: capacities.offers, memory: memory)
        changes = ChangedOffers(offersMax: capacities.offers, memory: memory)
        offerDetails = memory.table(of: OfferDetail.self, count: isCatalogue ? capacities.offers + 1 : 1)
        lives = memory.table(of: OfferLife.self, count: capacities.offers + 1)
        catalogueOperations = Pool(countMax: catalogueOperationsMax, memory: memory)
        wheel = HoldWheel(nowMs: nowMs, memory: memory)
        releases = ReleaseQueue(memory: memory)
        ahead = .allocate(capacity: 1)
        ahead.initialize(to: LookAheadEntries())
        lookups = .allocate(capacity: 1)
        lookups.initialize(to: OrderLookups())
    }

    /// Whether this shard keeps the catalogue.
    public var isCatalogue: Bool {
        Partition.owner(of: Partition.catalogue, shards: configuration.shards) == configuration.shard
    }
}

/// Counts since the start, for statistics.
public struct EngineStatistics: Sendable {
    public var ordersAccepted: UInt64 = 0
    public var ordersRefused: UInt64 = 0
    /// Of those, what a shop watches.
    public var refusedSoldOut: UInt64 = 0
    public var refusedLimitExceeded: UInt64 = 0
    public var refusedNotStarted: UInt64 = 0
    public var refusedEnded: UInt64 = 0
    public var refusedClosed: UInt64 = 0
    public var refusedNotFound: UInt64 = 0
    public var refusedCapacity: UInt64 = 0
    public var refusedNoSpace: UInt64 = 0
    public var confirms: UInt64 = 0
    public var cancels: UInt64 = 0
    public var expiries: UInt64 = 0
    public var extends: UInt64 = 0
    public var pointEarnings: UInt64 = 0
    public var pointUses: UInt64 = 0
    public var couponsIssued: UInt64 = 0
    public var couponUses: UInt64 = 0
    public var couponRestores: UInt64 = 0
    public var checkoutsPlaced: UInt64 = 0
    public var checkoutConfirms: UInt64 = 0
    public var checkoutCancels: UInt64 = 0
    public var checkoutExpiries: UInt64 = 0
    /// Records that have left memory. Orders of checkouts count among the orders.
    public var ordersRetired: UInt64 = 0
    public var tombstonesRetired: UInt64 = 0
    public var transactionsRetired: UInt64 = 0
    public var couponsRetired: UInt64 = 0
    public var couponOperationsRetired: UInt64 = 0
    public var checkoutsRetired: UInt64 = 0
    /// By the catalogue's shard.
    public var offersRetired: UInt64 = 0
    /// Events of it.
    public var retired: UInt64 = 0

    /// An order was refused. Sold out comes first, of which there is a flood.
    @inline(__always)
    mutating func orderRefused(_ code: ResultCode) {
        ordersRefused &+= 1
        switch code {
        case .soldOut: refusedSoldOut &+= 1
        case .limitExceeded: refusedLimitExceeded &+= 1
        case .notStarted: refusedNotStarted &+= 1
        case .ended: refusedEnded &+= 1
        case .closed: refusedClosed &+= 1
        case .notFound: refusedNotFound &+= 1
        case .capacity: refusedCapacity &+= 1
        case .noSpace: refusedNoSpace &+= 1
        default: break
        }
    }
}

extension Engine {
    public var ordersRemembered: Int { orders.count }
    public var usersKnown: Int { users.count }
    public var openHolds: Int { wheel.count }
    public var tombstonesKept: Int { tombstones.count }
    public var checkoutsKnown: Int { checkouts.count }
    /// Sales and policies, in slots 1 ... of the catalogue, those that have left among them.
    public var offersKnown: Int { offers.count }
    public var transactionsRemembered: Int { transactions.count }
    public var couponsRemembered: Int { coupons.count }
    public var couponOperationsRemembered: Int { couponOperations.count }
}

// MARK: Memory

/// A table that is filled from its front: what lies behind `usedBytes` is not resident yet.
public struct GrowingTable {
    public var base: UnsafeMutableRawPointer
    public var usedBytes: Int
    public var sizeBytes: Int
}

extension Engine {
    public static let growingTableCount = 10
    /// As many of them get memory before their first use; the others when that has shown that there is any.
    public static let expectedTableCount = 4

    /// The tables that grow with what users do, those of orders first. So that somebody can make the memory that comes
    /// next resident before the shard touches it.
    public func growingTable(_ index: Int) -> GrowingTable {
        switch index {
        case 0: orders.growingTable
        case 1: users.growingTable
        case 2: limits.growingTable
        case 3: limitIndex.growingTable
        case 4: wallets.growingTable
        case 5: transactions.growingTable
        case 6: takings.growingTable
        case 7: coupons.growingTable
        case 8: couponOperations.growingTable
        default: checkouts.growingTable
        }
    }
}

// MARK: Lookups

extension Engine {
    /// Under what an id of an operation stands in `ids`: by when it was minted, if it says so.
    @inline(__always)
    func idHash(_ id: Id128) -> UInt64 {
        let hash = id.hash(seed: configuration.hashSeed)
        guard let mintTimeMs = id.mintTimeMs else { return hash }
        return ids.hash(hash, atMs: mintTimeMs)
    }

    /// Under what a user stands in `userIndex`.
    @inline(__always)
    func userHash(_ id: Id128) -> UInt64 { id.hash(seed: configuration.hashSeed) }

    /// The record of an operation id, or nil.
    @inline(__always)
    func find(_ id: Id128, hash: UInt64) -> RecordHandle? {
        var probe = ids.probe(hash)
        while true {
            let raw = probe.next()
            if raw == 0 { return nil }
            let handle = RecordHandle(rawValue: raw)
            let found: Id128
            switch handle.kind {
            case .order: found = orders[handle.slot].pointee.id
            case .tombstone: found = tombstones[handle.slot].pointee.id
            case .catalogueOperation: found = catalogueOperations[handle.slot].pointee.id
            case .transaction: found = transactions[handle.slot].pointee.id
            case .coupon: found = coupons[handle.slot].pointee.id
            case .couponOperation: found = couponOperations[handle.slot].pointee.id
            case .checkout:
                if leads(id, toCheckout: handle.slot) { return handle }
                continue
            }
            if found == id { return handle }
        }
    }

    /// The last event of what an id stands for: a reply that shows that it is taken waits for it.
    func lastLsn(of known: RecordHandle) -> UInt64 {
        switch known.kind {
        case .order: users[orders[known.slot].pointee.user].pointee.lastLsn
        case .tombstone: tombstones[known.slot].pointee.lsn
        case .transaction: users[transactions[known.slot].pointee.user].pointee.lastLsn
        case .coupon: users[coupons[known.slot].pointee.user].pointee.lastLsn
        case .couponOperation:
            users[coupons[couponOperations[known.slot].pointee.coupon].pointee.user].pointee.lastLsn
        case .checkout: users[user(ofCheckout: known.slot)].pointee.lastLsn
        case .catalogueOperation: offerDetails[Int(catalogueOperations[known.slot].pointee.offer)].lastLsn
        }
    }

    /// The slot of a user, or 0.
    @inline(__always)
    func findUser(_ id: Id128, hash: UInt64) -> UInt32 {
        var probe = userIndex.probe(hash)
        while true {
            let slot = probe.next()
            if slot == 0 || users[slot].pointee.id == id { return slot }
        }
    }

    @inline(__always)
    func offerHash(_ kind: OfferKind, _ id: UInt64) -> UInt64 {
        Partition.mix(id ^ configuration.hashSeed ^ kind.hashSalt)
    }

    /// The slot of an offer that this shard knows, or 0.
    @inline(__always)
    func findOffer(_ kind: OfferKind, _ id: UInt64) -> UInt32 {
        var probe = offerIndex.probe(offerHash(kind, id))
        while true {
            let slot = probe.next()
            if slot == 0 { return 0 }
            let offer = offers[slot]
            if offer.pointee.terms.id == id && offer.pointee.terms.kind == kind { return slot }
        }
    }

    /// The slot of a sale that this shard knows, or 0. In a rush one order after the other names the same sale.
    @inline(__always)
    mutating func findSale(_ id: UInt64) -> UInt32 {
        // Slots of offers are never given back.
        if recentSale != 0 && offers[recentSale].pointee.terms.id == id { return recentSale }
        let slot = findOffer(.sale, id)
        if slot != 0 { recentSale = slot }
        return slot
    }

    /// Why an id that is not remembered may not be used, or nil if it may.
    @inline(__always)
    func refusal(ofUnknown id: Id128, nowMs: UInt64) -> ResultCode? {
        guard let mintTimeMs = id.mintTimeMs else { return nil }
        if mintTimeMs > nowMs &+ configuration.mintAheadMaxMs { return .idInFuture }
        if mintTimeMs &+ configuration.retainMs < nowMs || mintTimeMs <= forgottenMintMs { return .idTooOld }
        return nil
    }
}
