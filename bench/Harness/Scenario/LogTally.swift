import Foundation
import Generator
import Log
import Protocol
import Storage

/// What the log of a server says was done, read event by event: neither the server's counters nor its recovery has a
/// part in it.
public struct LogTally: Equatable, Sendable {
    public var orders: UInt64 = 0
    public var couponsIssued: UInt64 = 0
    public var couponUses: UInt64 = 0
    public var earnings: UInt64 = 0
    public var uses: UInt64 = 0
    public var checkouts: UInt64 = 0
    public var unitsOfSale: [UInt64: UInt64] = [:]
    public var couponsOfPolicy: [UInt64: UInt64] = [:]
    /// Of the users that were asked for.
    public var users: [Id128: Generator.UserRecords] = [:]
    /// The most that one user has of each sale and policy that was asked for.
    public var mostOfSale: [UInt64: UInt64] = [:]
    public var mostOfPolicy: [UInt64: UInt64] = [:]
    /// Of the last block.
    public var lastSequence: UInt64 = 0

    public init() {}

    /// What is counted for single users, which costs memory.
    public struct Scope: Sendable {
        public var users: [Id128] = []
        public var limitedSales: Set<UInt64> = []
        public var limitedPolicies: Set<UInt64> = []

        public init() {}
    }

    /// Reads a directory, from behind a sequence on. A server may run on it, as long as nobody gives it work.
    public static func read(
        _ path: String, after sequence: UInt64 = 0, _ scope: Scope = Scope()
    ) throws(LoadError) -> LogTally {
        var fault = LoadError(description: "")
        // A block that a live server writes at this moment may look like damage.
        for attempt in 0..<5 {
            if attempt > 0 { usleep(200_000) }
            do throws(LoadError) { return try readOnce(path, sequence, scope) } catch { fault = error }
        }
        throw fault
    }

    private static func readOnce(
        _ path: String, _ sequence: UInt64, _ scope: Scope
    ) throws(LoadError) -> LogTally {
        do {
            let directory = try LogDirectory(storage: try DirectoryStorage.openForReading(path: path))
            guard let manifest = directory.manifest else {
                throw LoadError(description: "\(path) holds no log")
            }
            let base = manifest.bases[0]
            guard base.sequence <= sequence else {
                throw LoadError(
                    description: "a snapshot has taken the place of the log up to \(base.sequence), behind "
                        + "\(sequence), where this began: stop snapshots (--snapshot-after 0KiB) for such a run")
            }
            var counter = Counter(scope)
            for shard in manifest.logs.indices {
                var reader = try LogReader(directory, manifest: manifest, base: base, shard: shard)
                while let block = try reader.next() {
                    counter.tally.lastSequence = max(counter.tally.lastSequence, block.header.sequence)
                    if block.header.sequence <= sequence { continue }
                    var events = block.events
                    while let (kind, event) = try events.next() { counter.add(kind, event) }
                }
                if case .damaged(let fault) = try reader.end() { throw fault }
            }
            return counter.finished
        } catch let error as LoadError {
            throw error
        } catch {
            throw LoadError(description: "\(error)")
        }
    }

    /// Adds up events, in whatever order the shards' logs are read.
    struct Counter {
        private struct Purchase: Hashable {
            var user: Id128
            var offer: UInt64
        }

        var tally = LogTally()
        private let scope: Scope
        private var unitsOfUser: [Purchase: UInt64] = [:]
        private var couponsOfUser: [Purchase: UInt64] = [:]
        /// A user may be seen to use what is found later in the log of no other shard: never below zero at the end.
        private var balances: [Id128: Int64] = [:]

        init(_ scope: Scope) {
            self.scope = scope
            for user in scope.users {
                balances[user] = 0
                tally.users[user] = Generator.UserRecords()
            }
        }

        mutating func add(_ kind: EventKind, _ event: UnsafeRawPointer) {
            let quantity = UInt64(event.loadLE(EventField.quantity, as: UInt32.self))
            switch kind {
            case .orderPlaced:
                let sale: UInt64 = event.loadLE(EventField.orderSale)
                tally.orders += 1
                tally.unitsOfSale[sale, default: 0] += quantity
                if scope.limitedSales.contains(sale) {
                    unitsOfUser[Purchase(user: event.loadId(EventField.userId), offer: sale), default: 0] += quantity
                }
            case .couponIssued:
                let policy: UInt64 = event.loadLE(EventField.couponPolicy)
                let user = event.loadId(EventField.userId)
                tally.couponsIssued += 1
                tally.couponsOfPolicy[policy, default: 0] += 1
                tally.users[user]?.coupons += 1
                if scope.limitedPolicies.contains(policy) {
                    couponsOfUser[Purchase(user: user, offer: policy), default: 0] += 1
                }
            case .couponUsed: tally.couponUses += 1
            case .pointsEarned:
                tally.earnings += 1
                balances[event.loadId(EventField.userId)]? += Int64(quantity)
            case .pointsUsed:
                tally.uses += 1
                balances[event.loadId(EventField.userId)]? -= Int64(quantity)
            case .checkoutPlaced: addCheckout(event)
            default: break
            }
        }

        /// Its orders stand before it, as events of their own; its coupon and its points are in it.
        private mutating func addCheckout(_ event: UnsafeRawPointer) {
            let used = event.loadLE(EventField.checkoutPointsUsed, as: UInt32.self)
            let earned = event.loadLE(EventField.checkoutPointsEarned, as: UInt32.self)
            tally.checkouts += 1
            if !event.loadId(EventField.checkoutCoupon).isZero { tally.couponUses += 1 }
            if used > 0 { tally.uses += 1 }
            if earned > 0 { tally.earnings += 1 }
            balances[event.loadId(EventField.userId)]? += Int64(earned) - Int64(used)
        }

        var finished: LogTally {
            var tally = tally
            for (user, balance) in balances { tally.users[user]?.balance = UInt64(max(0, balance)) }
            for (purchase, units) in unitsOfUser {
                tally.mostOfSale[purchase.offer] = max(tally.mostOfSale[purchase.offer] ?? 0, units)
            }
            for (purchase, coupons) in couponsOfUser {
                tally.mostOfPolicy[purchase.offer] = max(tally.mostOfPolicy[purchase.offer] ?? 0, coupons)
            }
            return tally
        }
    }
}
