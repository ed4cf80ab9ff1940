import Protocol
import Testing

@testable import Engine

/// A log without room for more than the ends of what is open: whatever would begin something is refused and leaves no
/// trace, whatever ends an open hold goes on.
@Suite struct NoSpaceTests {
    private let alice = user(1)
    private let bob = user(2)

    @Test func whatIsNewIsRefusedAndLeavesNoTrace() {
        let cluster = Cluster()
        cluster.sell(1, stock: 100, holdMs: 1000)
        cluster.offer(5, quantity: 9, limit: 0)
        let expired = cluster.place(alice, 1)
        let lateCheckout = cluster.buy(alice, [(1, 1)])
        cluster.advance(byMs: 1000)
        let confirmed = cluster.place(alice, 1)
        _ = cluster.confirm(confirmed)
        let paid = cluster.buy(alice, [(1, 2)])
        _ = cluster.confirmCheckout(paid)
        let held = cluster.place(alice, 1)
        let earning = cluster.mint(alice)
        _ = cluster.earn(alice, 100, id: earning)
        let coupon = cluster.claim(alice, 5)
        let usedCoupon = cluster.claim(alice, 5)
        #expect(cluster.use(alice, coupon: usedCoupon).result.code == .ok)
        let (events, digest) = (cluster.history.count, cluster.digest())
        let id = cluster.mint(alice)

        cluster.engines[0].hasLogSpace = false
        var codes: [ResultCode] = []
        codes.append(cluster.order(alice, 1).result.code)
        codes.append(cluster.order(bob, 1).result.code)
        codes.append(cluster.confirm(expired).result.code)
        codes.append(cluster.cancel(expired).result.code)
        codes.append(cluster.cancel(confirmed).result.code)
        codes.append(cluster.cancel(cluster.mint(alice)).result.code)
        codes.append(cluster.extend(held, to: cluster.nowMs + 5000).result.code)
        codes.append(cluster.earn(alice, 1).result.code)
        codes.append(cluster.use(alice, 1).result.code)
        codes.append(cluster.cancelTransaction(earning).result.code)
        codes.append(cluster.cancelTransaction(cluster.mint(alice)).result.code)
        codes.append(cluster.issue(bob, 5).result.code)
        codes.append(cluster.use(alice, coupon: coupon, id: id).result.code)
        codes.append(cluster.restore(alice, coupon: usedCoupon).result.code)
        codes.append(cluster.checkout(cluster.entry(bob, [(1, 1)])).result.code)
        codes.append(cluster.confirmCheckout(lateCheckout).result.code)
        codes.append(cluster.cancelCheckout(lateCheckout).result.code)
        codes.append(cluster.cancelCheckout(paid).result.code)
        codes.append(cluster.cancelCheckout(cluster.mint(alice)).result.code)
        codes.append(cluster.restock(1, 5).result.code)
        codes.append(cluster.restockPolicy(5, 5).result.code)
        #expect(codes == Array(repeating: .noSpace, count: codes.count), "\(codes)")
        #expect(cluster.history.count == events && cluster.digest() == digest)

        // What was refused is not remembered.
        cluster.engines[0].hasLogSpace = true
        #expect(cluster.use(alice, coupon: coupon, id: id).result.code == .ok)
        #expect(cluster.confirm(expired).result.code == .ok)
    }

    @Test func creationsAreRefused() {
        let cluster = Cluster()
        cluster.engines[0].hasLogSpace = false
        let id = cluster.mintForCatalogue()
        let entry = CreateSaleEntry(
            operationId: id, saleId: 1, stock: 5, startsAtMs: 0, endsAtMs: 0, perUserLimit: 0, holdMs: 0, unitPrice: 1,
            name: Name("sale")!)
        #expect(cluster.create(entry).result.code == .noSpace)
        cluster.engines[0].hasLogSpace = true
        #expect(cluster.create(entry).result.code == .ok)
    }

    @Test func whatIsOpenEnds() {
        let cluster = Cluster()
        cluster.sell(1, stock: 100, holdMs: 1000)
        _ = cluster.earn(alice, 100)
        let orders = (0..<3).map { _ in cluster.place(alice, 1) }
        let checkouts = (0..<3).map { _ in cluster.buy(alice, [(1, 1)], use: 10, earn: 1) }

        cluster.engines[0].hasLogSpace = false
        #expect(cluster.confirm(orders[0]).result.code == .ok)
        #expect(cluster.cancel(orders[1]).result.code == .ok)
        #expect(cluster.confirmCheckout(checkouts[0]).result.code == .ok)
        #expect(cluster.cancelCheckout(checkouts[1]).result.code == .ok)
        // Repeats are answered as ever.
        #expect(cluster.confirm(orders[0]).result.flags & ResultFlags.repeat != 0)
        #expect(cluster.cancelCheckout(checkouts[1]).result.flags & ResultFlags.repeat != 0)
        cluster.advance(byMs: 1000)
        #expect(cluster.get(orders[2]).result.state == OrderState.expired.rawValue)
        #expect(cluster.openHolds() == 0)
        #expect(cluster.close(1).result.code == .ok)
    }
}
