import Protocol
import Testing

@testable import Engine

/// A checkout that fails leaves no trace, at whichever of its steps: before and after, the digest, the counters, the
/// timers and the tables are the same, and the reply says what failed.
@Suite struct NoTraceTests {
    static let alice = user(1)

    /// A shop with some of everything; alice has 500 points, a coupon of each policy, and 3 of 4 units of sale 4.
    /// Of the policies the second is over, the third wants a larger purchase.
    static func shop(shards: Int = 3, _ capacities: Cluster.Capacities = Cluster.Capacities()) -> Cluster {
        let cluster = Cluster(shards: shards, capacities: capacities)
        for sale in [6, 1, 5, 2, 4, 3] as [UInt64] {
            cluster.sell(
                sale, stock: 100, startsAtMs: sale == 5 ? cluster.nowMs + 1000 : 0,
                endsAtMs: sale == 6 ? cluster.nowMs + 1 : 0, limit: sale == 4 ? 4 : 0)
        }
        _ = cluster.close(3)
        _ = cluster.place(alice, 4, 3)
        _ = cluster.earn(alice, 500)
        for policy in 1...3 as ClosedRange<UInt64> {
            cluster.offer(
                policy, quantity: 9, minPurchase: policy == 3 ? 3961 : 3960,
                validUntilMs: policy == 2 ? cluster.nowMs + 1 : 0)
            _ = cluster.claim(alice, policy)
        }
        cluster.nowMs += 1
        return cluster
    }

    static func coupon(_ cluster: Cluster, _ policy: UInt64) -> Id128 {
        cluster.coupons(of: alice).first { $0.policyId == policy }!.couponId
    }

    struct Step: CustomTestStringConvertible, Sendable {
        var name: String
        var code: ResultCode
        var failedAt: CheckoutPart
        var testDescription: String { name }
        /// Changes an entry that would succeed; may do something to the shop before.
        var spoil: @Sendable (Cluster, inout PlaceCheckoutEntry) -> Void

        init(
            _ name: String, _ code: ResultCode, _ failedAt: CheckoutPart = .whole,
            _ spoil: @escaping @Sendable (Cluster, inout PlaceCheckoutEntry) -> Void
        ) {
            self.name = name
            self.code = code
            self.failedAt = failedAt
            self.spoil = spoil
        }
    }

    static func line(_ index: Int, _ sale: UInt64, _ quantity: UInt32) -> @Sendable (Cluster, inout PlaceCheckoutEntry)
        -> Void
    {
        { $1.lines[index] = CheckoutLine(saleId: sale, quantity: quantity) }
    }

    /// An order of alice stands under the id of a part.
    static func takenId(_ part: CheckoutPart) -> @Sendable (Cluster, inout PlaceCheckoutEntry) -> Void {
        { _ = $0.order(alice, 1, 1, id: $1.checkoutId.ofPart(part)) }
    }

    static let steps: [Step] = [
        Step("no line", .invalid) { $1.lineCount = 0 },
        Step("17 lines", .invalid) { $1.lineCount = 17 },
        Step("no user", .invalid) { $1.userId = .zero },
        Step("a line behind the last", .invalid) { $1.lines[3] = CheckoutLine(saleId: 1, quantity: 1) },
        Step("no units", .invalid, .line(1), line(1, 2, 0)),
        Step("too many units", .invalid, .line(2), line(2, 1, 1_000_001)),
        Step("too many units of two lines", .invalid, .line(2), line(2, 1, 1_000_000)),
        Step("too many points to use", .invalid, .pointsUsed) { $1.usePoints = 1_000_000_001 },
        Step("too many points to earn", .invalid, .pointsEarned) { $1.earnPoints = 1_000_000_001 },
        Step("an expiry of nothing", .invalid, .pointsEarned) { cluster, entry in
            entry.earnPoints = 0
            entry.earnExpiresAtMs = cluster.nowMs + 5
        },
        Step("no id", .invalidId) { $1.checkoutId = Id128(7) },
        Step("an id of another partition", .wrongPartition) { $1.checkoutId = $0.mint(user(2)) },
        Step("an old id", .idTooOld) { $1.checkoutId = $0.mint(alice, agoMs: Cluster.retainMs + 1) },
        Step("an order's id", .idReused) { $1.checkoutId = $0.place(alice, 1) },
        Step("a cancelled id", .cancelled) { _ = $0.cancelCheckout($1.checkoutId) },

        Step("an unknown sale", .notFound, .line(1), line(1, 77, 1)),
        Step("a closed sale", .closed, .line(0), line(0, 3, 1)),
        Step("a sale that has ended", .ended, .line(2), line(2, 6, 1)),
        Step("a sale that has not begun", .notStarted, .line(1), line(1, 5, 1)),
        Step("more than the limit", .limitExceeded, .line(1), line(1, 4, 2)),
        Step("more than the limit in two lines", .limitExceeded, .line(2)) { _, entry in
            entry.lines[1] = CheckoutLine(saleId: 4, quantity: 1)
            entry.lines[2] = CheckoutLine(saleId: 4, quantity: 1)
        },
        Step("no coupon's id", .invalidId, .coupon) { $1.couponId = Id128(7) },
        Step("an unknown coupon", .notFound, .coupon) { $1.couponId = $0.mint(alice) },
        Step("an order for a coupon", .notFound, .coupon) { $1.couponId = $0.place(alice, 1) },
        Step("a coupon of another partition", .notOwner, .coupon) { $1.couponId = $0.claim(user(2), 1) },
        Step("another user's coupon", .notOwner, .coupon) {
            $1.couponId = $0.claim(user(partition: Partition.of(user: alice)), 1)
        },
        Step("a used coupon", .alreadyUsed, .coupon) { _ = $0.use(alice, coupon: $1.couponId, amount: 5000) },
        Step("a coupon that another checkout uses", .alreadyUsed, .coupon) {
            _ = $0.buy(alice, [(1, 4)], coupon: $1.couponId)
        },
        Step("an expired coupon", .expired, .coupon) { $1.couponId = coupon($0, 2) },
        Step("too small a purchase", .minPurchase, .coupon) { $1.couponId = coupon($0, 3) },
        Step("more points than there is to pay", .invalid, .pointsUsed) { cluster, entry in
            _ = cluster.earn(alice, 100_000)
            entry.usePoints = 4 * 990 - 500 + 1
        },
        Step("more points than there are", .insufficientPoints, .pointsUsed) { $1.usePoints = 501 },
        Step("points to earn that have expired", .expired, .pointsEarned) { $1.earnExpiresAtMs = $0.nowMs },

        Step("the id of the first order", .idReused, .line(0), takenId(.line(0))),
        Step("the id of the second order", .idReused, .line(1), takenId(.line(1))),
        Step("the id of the coupon's use", .idReused, .coupon, takenId(.coupon)),
        Step("the id of the use", .idReused, .pointsUsed, takenId(.pointsUsed)),
        Step("the id of the earning", .idReused, .pointsEarned, takenId(.pointsEarned)),
        Step("the id of an order, cancelled", .cancelled, .line(1)) {
            _ = $0.cancel($1.checkoutId.ofPart(.line(1)))
        },
    ]

    @Test(arguments: steps) func whatFailsLeavesNoTrace(_ step: Step) {
        let cluster = Self.shop()
        // Two lines of sale 1, so that orders and lines have other numbers.
        var entry = cluster.entry(
            Self.alice, [(1, 1), (2, 1), (1, 2)], coupon: Self.coupon(cluster, 1), use: 500, earn: 20)
        step.spoil(cluster, &entry)
        let before = cluster.trace
        // Wherever its id says that it belongs: the shard looks again.
        let bytes = encode(PlaceCheckoutEntry.sizeBytes) { entry.store(to: $0) }
        let reply = cluster.checkout(bytes, on: cluster.shard(ofId: entry.checkoutId)).result
        #expect(reply == CheckoutResult(code: step.code, failedAt: step.failedAt, checkoutId: entry.checkoutId))
        #expect(cluster.trace == before)
    }

    /// The entry that the steps spoil is a good one.
    @Test func unspoiltItSucceeds() {
        let cluster = Self.shop()
        let reply = cluster.checkout(
            Self.alice, [(1, 1), (2, 1), (1, 2)], coupon: Self.coupon(cluster, 1), use: 500, earn: 20)
        #expect(reply.result.code == .ok && reply.result.toPay == 4 * 990 - 500 - 500)
    }

    @Test func reservedBytes() {
        let cluster = Self.shop()
        let entry = cluster.entry(Self.alice, [(1, 1)])
        for offset in [66, 71, 84, 87, 88, PlaceCheckoutEntry.sizeBytes - 1] {
            var bytes = encode(PlaceCheckoutEntry.sizeBytes) { entry.store(to: $0) }
            bytes[offset] = 1
            #expect(cluster.checkout(bytes, on: cluster.shard(of: Self.alice)).result.code == .invalid)
        }
    }

    // MARK: Units

    /// Sixteen sales, whose slots come in another order than the lines; each in turn is sold out, for other units
    /// than one stripe has.
    @Test(arguments: [1, 3]) func unitsOfEachLine(shards: Int) {
        let cluster = Cluster(shards: shards)
        let sales = (1...16 as ClosedRange<UInt64>).map { $0 * 7 % 17 }
        for sale in 1...16 as ClosedRange<UInt64> { cluster.sell(sale, stock: 9) }
        _ = cluster.earn(Self.alice, 500)
        cluster.offer(1, quantity: 9)
        let coupon = cluster.claim(Self.alice, 1)
        for number in 0..<16 {
            // Six are left, in three stripes: four have to be gathered; of the short one there are three.
            let buyer = user(99)
            let lent = cluster.place(buyer, sales[number], 6)
            let before = cluster.trace
            let refused = cluster.checkout(Self.alice, sales.map { ($0, 4) }, coupon: coupon, use: 500, earn: 20).result
            #expect(refused.code == .soldOut && refused.failedAt == .line(number))
            #expect(cluster.trace == before, "line \(number)")
            _ = cluster.cancel(lent)
        }
        let reply = cluster.checkout(Self.alice, sales.map { ($0, 4) }, coupon: coupon, use: 500, earn: 20)
        #expect(reply.result.code == .ok)
        for sale in sales { #expect(cluster.totals(sale) == StockTotals(available: 5, held: 4, sold: 0)) }
    }

    /// Two lines of the sale that is short: the first of them is named.
    @Test func unitsOfASumOfLines() {
        let cluster = Cluster()
        cluster.sell(2, stock: 9)
        cluster.sell(1, stock: 3)
        let before = cluster.trace
        let refused = cluster.checkout(Self.alice, [(2, 1), (1, 2), (2, 1), (1, 2)]).result
        #expect(refused.code == .soldOut && refused.failedAt == .line(1))
        #expect(cluster.trace == before)
        let single = cluster.checkout(Self.alice, [(1, 2), (1, 2)]).result
        #expect(single.code == .soldOut && single.failedAt == .line(0))
    }

    // MARK: Room

    @Test func room() {
        func full(_ set: (inout Cluster.Capacities) -> Void) -> Cluster {
            var capacities = Cluster.Capacities()
            set(&capacities)
            return Self.shop(shards: 1, capacities)
        }
        let newcomer = user(50)
        for (what, cluster, buyer) in [
            ("orders", full { $0.orders = 2 }, Self.alice), ("users", full { $0.users = 1 }, newcomer),
            ("transactions", full { $0.transactions = 2 }, Self.alice),
            ("uses of coupons", full { $0.couponOperations = 1 }, Self.alice),
        ] {
            if what == "uses of coupons" { _ = cluster.use(Self.alice, coupon: Self.coupon(cluster, 3), amount: 4000) }
            let before = cluster.trace
            let use: UInt32 = buyer == newcomer ? 0 : 5
            let coupon = buyer == newcomer ? .zero : Self.coupon(cluster, 1)
            let refused = cluster.checkout(buyer, [(1, 2), (2, 2)], coupon: coupon, use: use, earn: 20).result
            #expect(refused.code == .capacity && refused.failedAt == .whole, "\(what)")
            #expect(cluster.trace == before, "\(what)")
        }
        let cluster = full { $0.checkouts = 1 }
        _ = cluster.buy(Self.alice, [(1, 1)])
        let before = cluster.trace
        #expect(cluster.checkout(Self.alice, [(1, 1)]).result.code == .capacity)
        #expect(cluster.trace == before)
    }

    /// Lots of a user are bounded, those included that confirms will make.
    @Test func roomForLots() {
        let cluster = Self.shop(shards: 1)
        for _ in 0..<(Engine.lotsPerUserMax - 3) { _ = cluster.earn(Self.alice, 1) }
        let ids = (0..<2).map { _ in cluster.buy(Self.alice, [(1, 1)], earn: 1) }
        let before = cluster.trace
        let refused = cluster.checkout(Self.alice, [(1, 1)], earn: 1).result
        #expect(refused.code == .capacity && refused.failedAt == .pointsEarned)
        #expect(cluster.earn(Self.alice, 1).result.code == .capacity)
        #expect(cluster.trace == before)
        _ = cluster.cancelCheckout(ids[0])
        #expect(cluster.confirmCheckout(ids[1]).result.code == .ok)
        #expect(cluster.earn(Self.alice, 1).result.code == .ok && cluster.earn(Self.alice, 1).result.code == .capacity)
    }
}
