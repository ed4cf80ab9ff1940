import Protocol
import Testing

@testable import Engine

/// With every table full, what ends checkouts still works: a confirm finds the room for what it posts.
@Suite struct CheckoutCapacityTests {
    private let alice = user(1)

    @Test func confirmsAndCancelsWorkWhenTablesAreFull() {
        var capacities = Cluster.Capacities()
        (capacities.users, capacities.orders, capacities.checkouts) = (1, 6, 3)
        (capacities.transactions, capacities.tombstones) = (7, 1)
        (capacities.coupons, capacities.couponOperations) = (3, 3)
        let cluster = Cluster(capacities: capacities)
        cluster.sell(1, stock: 10)
        cluster.sell(2, stock: 10)
        _ = cluster.earn(alice, 300)
        cluster.offer(5, quantity: 9, limit: 0)
        let ids = (0..<3).map { _ in
            cluster.buy(alice, [(1, 1), (2, 1)], coupon: cluster.claim(alice, 5), use: 100, earn: 10)
        }
        _ = cluster.cancel(cluster.mint(alice))
        #expect(cluster.order(alice, 1).result.code == .capacity)
        #expect(cluster.order(user(2), 1).result.code == .capacity)
        #expect(cluster.earn(alice, 1).result.code == .capacity, "the room that is left is kept for confirms")
        #expect(cluster.cancelCheckout(cluster.mint(alice)).result.code == .capacity)

        #expect(cluster.confirmCheckout(ids[0]).result.code == .ok)
        #expect(cluster.cancelCheckout(ids[1]).result.code == .ok)
        cluster.advance(byMs: 60_000)
        #expect(cluster.confirmCheckout(ids[2]).result.flags == ResultFlags.late)
        #expect(cluster.cancelCheckout(ids[0]).result.code == .ok)
        #expect(cluster.balance(alice).balance == 300 - 100 + 10)
        // What was kept for the checkout that was cancelled is free.
        #expect(cluster.earn(alice, 1).result.code == .ok && cluster.earn(alice, 1).result.code == .capacity)
    }

    /// Uses that are posted, taken back and posted again split lots over and over: the table of what they took
    /// holds them all, in the worst order that is known.
    @Test func takingsSuffice() {
        var capacities = Cluster.Capacities()
        (capacities.transactions, capacities.checkouts, capacities.orders) = (40, 30, 60)
        let cluster = Cluster(capacities: capacities)
        cluster.sell(1, stock: 10_000)
        var dice = Dice(seed: 7)
        for round in 0..<12 { _ = cluster.earn(alice, 10, expiresAtMs: cluster.nowMs + 500_000 + UInt64(round)) }
        var ids: [Id128] = []
        while cluster.engines[0].transactionsLeft > 0 {
            let reply = cluster.checkout(alice, [(1, 1)], use: UInt32(dice.pick(1...25))).result
            if reply.code == .ok { ids.append(reply.checkoutId) }
            // Short of points: those of all checkouts that are held come back.
            if reply.code == .insufficientPoints { cluster.advance(byMs: 60_000) }
        }
        #expect(ids.count == 28)
        for _ in 0..<2000 {
            let id = dice.pick(ids)
            if dice.oneIn(12) { cluster.advance(byMs: 60_000) }
            _ = dice.oneIn(4) ? cluster.cancelCheckout(id) : cluster.confirmCheckout(id)
        }
        #expect(cluster.balance(alice).balance <= 120)
    }
}
