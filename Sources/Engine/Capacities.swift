/// The most records that the tables hold: of one shard, or of all shards together.
///
/// What does not fit is refused with CAPACITY. Tables become resident as they fill, so that a capacity that nobody
/// uses costs its part of the index of ids, and address space.
public struct Capacities: Equatable, Sendable {
    public var users: Int
    public var orders: Int
    public var tombstones: Int
    /// Earnings and uses of points.
    public var transactions: Int
    public var checkouts: Int
    public var coupons: Int
    /// Uses and restores of coupons.
    public var couponOperations: Int
    /// Sales and policies together: every shard has them all.
    public var offers: Int
    /// Creations and restocks of those.
    public var catalogueOperations: Int

    /// A server's, unless it is told otherwise; what is not named follows from what is.
    public init(
        users: Int = 1_000_000, orders: Int = 4_000_000, tombstones: Int? = nil, transactions: Int = 1_000_000,
        checkouts: Int = 1_000_000, coupons: Int = 1_000_000, couponOperations: Int? = nil, offers: Int = 100_000,
        catalogueOperations: Int? = nil
    ) {
        self.users = users
        self.orders = orders
        self.tombstones = tombstones ?? max(1024, orders / 16)
        self.transactions = transactions
        self.checkouts = checkouts
        self.coupons = coupons
        self.couponOperations = couponOperations ?? coupons
        self.offers = offers
        self.catalogueOperations = catalogueOperations ?? 4 * offers
    }

    /// The counts in a fixed order, to be handed to another process of the same program.
    public var counts: [Int] {
        [
            users, orders, tombstones, transactions, checkouts, coupons, couponOperations, offers, catalogueOperations,
        ]
    }

    /// What `counts` had; nil if these are not as many.
    public init?(counts: [Int]) {
        guard counts.count == 9 else { return nil }
        self.init(
            users: counts[0], orders: counts[1], tombstones: counts[2], transactions: counts[3], checkouts: counts[4],
            coupons: counts[5], couponOperations: counts[6], offers: counts[7], catalogueOperations: counts[8])
    }

    /// Every table by the name that an operator knows it by.
    public var byName: [(name: String, count: Int)] {
        [
            ("users", users), ("orders", orders), ("tombstones", tombstones), ("transactions", transactions),
            ("checkouts", checkouts), ("coupons", coupons), ("uses of coupons", couponOperations), ("sales", offers),
            ("catalogue operations", catalogueOperations),
        ]
    }

    /// What each of so many shards gets. Users are spread by a hash, so that no shard gets exactly its share: a quarter
    /// and some more than that is for the spread.
    public func perShard(_ shards: Int) -> Capacities {
        map { total in shards == 1 ? max(total, 1) : max(total, 1) / shards * 5 / 4 + 1024 }
    }

    /// What so many shards may hold in all: more than these, since each has room for the spread. One table holds at
    /// most `RecordHandle.slotCountMax` records, less one.
    public func ofAll(_ shards: Int) -> Capacities {
        perShard(shards).map { min(shards * $0, RecordHandle.slotCountMax - 1) }
    }

    /// The tables that are spread over the shards, changed; every shard has all of the catalogue.
    private func map(_ body: (Int) -> Int) -> Capacities {
        Capacities(
            users: body(users), orders: body(orders), tombstones: body(tombstones), transactions: body(transactions),
            checkouts: body(checkouts), coupons: body(coupons), couponOperations: body(couponOperations),
            offers: max(offers, 1), catalogueOperations: max(catalogueOperations, 1))
    }
}
