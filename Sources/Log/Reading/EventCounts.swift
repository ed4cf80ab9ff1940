import Engine
import Protocol

/// How many events and records there are of each kind: what tables have to hold.
public struct EventCounts: Equatable, Sendable {
    private var byKind = [Int](repeating: 0, count: 256)

    public init() {}

    public subscript(kind: EventKind) -> Int { byKind[Int(kind.rawValue)] }

    /// All of them.
    public var total: Int { byKind.reduce(0, +) }

    public mutating func add(_ kind: EventKind) { byKind[Int(kind.rawValue)] += 1 }

    public mutating func add(_ other: EventCounts) {
        for kind in byKind.indices { byKind[kind] += other.byKind[kind] }
    }

    /// Counts the events of a block; a fault where its bytes are not events, behind those that are.
    public mutating func add(_ block: LogBlock) throws(RecoveryFault) {
        var cursor = block.events
        do {
            while let (kind, _) = try cursor.next() { add(kind) }
        } catch {
            throw RecoveryFault(error, file: block.file, offset: block.offset, lsn: cursor.lastLsn)
        }
    }

    /// Tables that hold what was counted, in one shard.
    public var capacities: Capacities {
        let orders = self[.orderPlaced] + self[.orderKept]
        let checkouts = self[.checkoutPlaced] + self[.checkoutKept]
        // A checkout posts up to two, in events that are its own.
        let transactions = self[.pointsEarned] + self[.pointsUsed] + self[.transactionKept] + 2 * checkouts
        let coupons = self[.couponIssued]
        let offers =
            self[.saleCreated] + self[.saleKept] + self[.policyCreated] + self[.policyKept]
            + self[.offerRetiredKept]
        let couponOperations = self[.couponUsed] + self[.couponRestored] + self[.couponOperationKept] + checkouts
        let restocks = self[.saleRestocked] + self[.policyRestocked] + self[.catalogueOperationKept]
        return Capacities(
            users: orders + transactions + coupons, orders: orders, tombstones: self[.tombstonePlaced],
            transactions: transactions, checkouts: checkouts, coupons: coupons, couponOperations: couponOperations,
            offers: offers, catalogueOperations: offers + restocks)
    }
}

extension RecoveryConfiguration {
    /// One shard with tables that hold what was counted: for a tool.
    public init(holding counts: EventCounts, segmentSizeBytes: Int) {
        self.init(
            shards: 1, segmentSizeBytes: segmentSizeBytes, capacities: counts.capacities, retainMs: 0,
            hashSeed: 0x7469_6d65_7361_6c65)
    }
}
