import Protocol
import Testing

@testable import Engine

/// A late confirm of a checkout takes everything again or nothing: each of its parts in turn is not there any more,
/// and nothing of the others is taken; then it is back, and all of them are.
@Suite struct LateCheckoutTests {
    private let alice = user(1)
    private let bob = user(2)

    /// An expired checkout of three sales (the second with a limit), a coupon and 200 of 300 points.
    private func expired() -> (Cluster, Id128) {
        let cluster = Cluster(shards: 2)
        cluster.offer(5, quantity: 9, validUntilMs: cluster.nowMs + 70_000)
        for sale in [3, 1, 2] as [UInt64] { cluster.sell(sale, stock: 10, limit: sale == 2 ? 5 : 0) }
        _ = cluster.earn(alice, 300)
        let id = cluster.buy(alice, [(1, 6), (2, 3), (3, 6)], coupon: cluster.claim(alice, 5), use: 200, earn: 29)
        cluster.advance(byMs: 60_000)
        return (cluster, id)
    }

    private func expectRefused(_ cluster: Cluster, _ id: Id128, _ part: CheckoutPart) {
        let before = cluster.trace
        let refused = cluster.confirmCheckout(id)
        #expect(refused.result.code == .expired && refused.result.failedAt == part)
        #expect(refused.result.state == OrderState.expired.rawValue && refused.waitLsn != 0)
        #expect(cluster.trace == before)
    }

    private func expectTaken(_ cluster: Cluster, _ id: Id128, points: UInt64) {
        let reply = cluster.confirmCheckout(id).result
        #expect(reply.code == .ok && reply.state == OrderState.confirmed.rawValue && reply.flags == ResultFlags.late)
        #expect(reply.subtotal == 15 * 990 && reply.toPay == 15 * 990 - 500 - 200)
        #expect(cluster.coupon(reply.couponId).result.orderId == id)
        #expect(cluster.policy(5).result.used == 1 && reply.discount == 500)
        #expect((1...3).map { cluster.totals($0).sold } == [6, 3, 6])
        #expect(cluster.balance(alice).balance == points)
        for number in 0..<3 {
            let order = cluster.get(id.ofPart(.line(number))).result
            #expect(order.flags == ResultFlags.late | ResultFlags.ofCheckout)
        }
        let use = cluster.getTransaction(id.ofPart(.pointsUsed)).result
        #expect(use.state == TransactionState.posted.rawValue && use.amount == 200)
        #expect(cluster.confirmCheckout(id).result.flags == ResultFlags.late | ResultFlags.repeat)
        #expect(cluster.getCheckout(id).result.flags == ResultFlags.late)
    }

    @Test func everythingIsTakenAgain() {
        let (cluster, id) = expired()
        _ = cluster.close(1)
        expectTaken(cluster, id, points: 300 - 200 + 29)
    }

    @Test(arguments: [0, 2]) func unitsOfEachOrder(number: Int) {
        let (cluster, id) = expired()
        let other = cluster.place(bob, UInt64(number + 1), 5)
        expectRefused(cluster, id, .line(number))
        _ = cluster.cancel(other)
        expectTaken(cluster, id, points: 129)
    }

    @Test func theLimit() {
        let (cluster, id) = expired()
        let other = cluster.place(alice, 2, 3)
        expectRefused(cluster, id, .line(1))
        _ = cluster.cancel(other)
        expectTaken(cluster, id, points: 129)
    }

    @Test func theCoupon() {
        let (cluster, id) = expired()
        let coupon = cluster.coupons(of: alice)[0].couponId
        _ = cluster.use(alice, coupon: coupon, amount: 600)
        expectRefused(cluster, id, .coupon)
        _ = cluster.restore(alice, coupon: coupon)
        expectTaken(cluster, id, points: 129)
    }

    @Test func anExpiredCoupon() {
        let (cluster, id) = expired()
        cluster.nowMs += 10_000
        expectRefused(cluster, id, .coupon)
    }

    @Test func thePoints() {
        let (cluster, id) = expired()
        _ = cluster.use(alice, 101)
        expectRefused(cluster, id, .pointsUsed)
        _ = cluster.earn(alice, 1)
        expectTaken(cluster, id, points: 29)
    }

    /// Points of lots that have expired meanwhile are no points.
    @Test func pointsThatExpired() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        _ = cluster.earn(alice, 300, expiresAtMs: cluster.nowMs + 70_000)
        let id = cluster.buy(alice, [(1, 1)], use: 200)
        cluster.advance(byMs: 69_999)
        #expect(cluster.balance(alice).balance == 300)
        cluster.advance(byMs: 1)
        expectRefused(cluster, id, .pointsUsed)
    }

    /// What was confirmed late is cancelled like any other: everything comes back once.
    @Test func aLateConfirmIsCancelled() {
        let (cluster, id) = expired()
        expectTaken(cluster, id, points: 129)
        #expect(cluster.cancelCheckout(id).result.flags == ResultFlags.late)
        #expect((1...3).map { cluster.totals($0).available } == [10, 10, 10])
        #expect(cluster.policy(5).result.used == 0)
        #expect(cluster.balance(alice).balance == 300)
    }

    /// One sale only: its units come as those of an order do.
    @Test func ofOneSale() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        let id = cluster.buy(alice, [(1, 6)])
        cluster.advance(byMs: 60_000)
        let other = cluster.place(bob, 1, 5)
        expectRefused(cluster, id, .line(0))
        _ = cluster.cancel(other)
        #expect(cluster.confirmCheckout(id).result.flags == ResultFlags.late)
    }
}
