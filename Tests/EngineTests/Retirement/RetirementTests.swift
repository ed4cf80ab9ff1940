import Protocol
import Testing

@testable import Engine

// What leaves memory, when, and what stays behind. Each rule by itself; the model tests put them together.

@Suite struct RetirementTests {
    private let cluster = Cluster()
    private let alice = user(1)

    private func pass(_ ms: UInt64 = Cluster.retainMs + 1) {
        cluster.advance(byMs: ms)
        cluster.retireAll()
    }

    @Test func anOrderLeavesWhenItsSaleHasEndedForLongEnough() {
        cluster.sell(1, stock: 10, endsAtMs: cluster.nowMs + 1000, limit: 5, holdMs: 0)
        let id = cluster.place(alice, 1, 3)
        pass(Cluster.retainMs + 1000)
        #expect(cluster.get(id).result.code == .ok, "its sale ended exactly that long ago")
        pass(1)
        #expect(cluster.get(id).result.code == .notFound && cluster.list(alice).orders.isEmpty)
        #expect(cluster.order(alice, 1, 3, id: id).result.code == .idTooOld)
        #expect(cluster.confirm(id).result.code == .notFound)
        #expect(cluster.cancel(id).result.code == .idTooOld && cluster.tombstonesKept() == 0)
        #expect(cluster.recordCounts().allSatisfy { $0 == 0 })
    }

    @Test func anOrderStaysAsLongAsItsSaleLives() {
        cluster.sell(1, stock: 10, holdMs: 0)
        let id = cluster.place(alice, 1)
        pass(20 * Cluster.retainMs)
        #expect(cluster.get(id).result.code == .ok)
        _ = cluster.close(1)
        pass(Cluster.retainMs)
        #expect(cluster.get(id).result.code == .ok)
        pass(1)
        #expect(cluster.get(id).result.code == .notFound)
    }

    @Test func aHoldStaysAndWhatEndsItCountsAnew() {
        cluster.sell(1, stock: 10, endsAtMs: cluster.nowMs + 1000)
        let id = cluster.place(alice, 1)
        let deadlineMs = cluster.nowMs + 2 * Cluster.retainMs
        #expect(cluster.extend(id, to: deadlineMs).result.code == .ok)
        pass(2 * Cluster.retainMs - 1000)
        #expect(cluster.confirm(id).result.code == .ok)
        // Whoever asks again about the payment, since the first answer was lost, is not told of an unknown order.
        pass(Cluster.retainMs)
        #expect(cluster.confirm(id).result.code == .ok)
        pass(1)
        #expect(cluster.confirm(id).result.code == .notFound)
    }

    /// Units of a confirmed order stay sold: a late confirm must not get them.
    @Test func unitsOfRetiredOrdersStaySold() throws {
        cluster.sell(1, stock: 2, endsAtMs: cluster.nowMs + 1000, holdMs: 500)
        let late = cluster.place(alice, 1)
        cluster.advance(byMs: 600)
        let sold = [cluster.place(user(2), 1), cluster.place(user(3), 1)]
        for id in sold { #expect(cluster.confirm(id).result.code == .ok) }
        cluster.advance(byMs: Cluster.retainMs + 400)
        _ = cluster.cancel(late)
        pass(1)
        #expect(cluster.ordersRemembered() == 1, "the cancel is news of the last order")
        #expect(cluster.totals(1) == StockTotals(available: 0, held: 0, sold: 2))
        for other in [try cluster.replayed(shards: 3), try cluster.rebuilt(shards: 3)] {
            #expect(other.totals(1) == cluster.totals(1) && other.digest() == cluster.digest())
            let again = try other.rebuilt(shards: 2)
            #expect(again.totals(1) == cluster.totals(1) && again.digest() == cluster.digest())
        }
    }

    @Test func aTombstoneLeavesByItsAge() {
        let id = Id128.version8(hashHigh: 1, hashLow: 2, partition: Partition.of(user: alice))
        _ = cluster.cancel(id)
        pass(Cluster.retainMs)
        #expect(cluster.tombstonesKept() == 1)
        pass(1)
        #expect(cluster.tombstonesKept() == 0)
        cluster.sell(1, stock: 1)
        #expect(cluster.order(alice, 1, id: id).result.code == .ok, "the id is new again")
    }

    /// An id minted ahead of its use is remembered by its mint time.
    @Test func anIdMintedAheadStaysLonger() {
        cluster.sell(1, stock: 1, endsAtMs: cluster.nowMs + 1)
        let id = Id128.version7(timeMs: cluster.nowMs + 200_000, partition: Partition.of(user: alice), random: 1)
        _ = cluster.cancel(id)
        pass(Cluster.retainMs + 200_000)
        #expect(cluster.tombstonesKept() == 1)
        pass(1)
        #expect(cluster.tombstonesKept() == 0 && cluster.cancel(id).result.code == .idTooOld)
    }

    @Test func pointsStayWithTheirLots() {
        let (rest, spent) = (cluster.mint(alice), cluster.mint(alice))
        _ = cluster.earn(alice, 10, expiresAtMs: cluster.nowMs + 50 * Cluster.retainMs, id: spent)
        _ = cluster.earn(alice, 10, id: rest)
        let use = cluster.mint(alice)
        _ = cluster.use(alice, 15, id: use)
        pass()
        #expect(cluster.balance(alice).balance == 5)
        #expect(cluster.history(alice).map(\.transactionId) == [rest])
        #expect(cluster.getTransaction(use).result.code == .notFound)
        #expect(cluster.use(alice, 15, id: use).result.code == .idTooOld)
        #expect(cluster.getTransaction(rest).result.remaining == 5)
        #expect(cluster.cancelTransaction(rest).result.code == .alreadySpent)
        _ = cluster.use(alice, 5)
        pass()
        #expect(cluster.recordCounts().allSatisfy { $0 == 0 })
    }

    /// A lot stays as long as a use is remembered that could give points back to it.
    @Test func aSpentLotWaitsForItsUses() {
        _ = cluster.earn(alice, 10)
        cluster.advance(byMs: 1000)
        let use = cluster.mint(alice)
        _ = cluster.use(alice, 10, id: use)
        pass(Cluster.retainMs - 500)
        #expect(cluster.history(alice).count == 2)
        #expect(cluster.cancelTransaction(use).result.code == .ok && cluster.balance(alice).balance == 10)
    }

    @Test func anExpiredLotLeavesWithWhatItHad() {
        _ = cluster.earn(alice, 10, expiresAtMs: cluster.nowMs + 10)
        pass()
        #expect(cluster.recordCounts().allSatisfy { $0 == 0 } && cluster.balance(alice).balance == 0)
    }

    @Test func aCouponLeavesWhenItsValidityHasEndedForLongEnough() {
        cluster.offer(1, quantity: 5, validUntilMs: cluster.nowMs + 1000)
        let (used, unused) = (cluster.claim(alice, 1), cluster.claim(user(2), 1))
        _ = cluster.use(alice, coupon: used)
        pass(Cluster.retainMs + 1000)
        #expect(cluster.coupon(used).result.code == .alreadyUsed || cluster.coupon(used).result.code == .ok)
        pass(1)
        #expect(cluster.coupon(used).result.code == .notFound && cluster.coupon(unused).result.code == .notFound)
        #expect(cluster.recordCounts().allSatisfy { $0 == 0 })
    }

    /// A coupon stays, used or not, as long as it is valid, also of a policy that is closed; uses and restores that are
    /// over leave.
    @Test func aValidCouponStays() throws {
        cluster.offer(1, quantity: 5)
        let (used, unused) = (cluster.claim(alice, 1), cluster.claim(user(2), 1))
        _ = cluster.use(alice, coupon: used)
        _ = cluster.restore(alice, coupon: used)
        let last = cluster.mint(alice)
        _ = cluster.use(alice, coupon: used, id: last)
        _ = cluster.closePolicy(1)
        pass(3 * Cluster.retainMs)
        #expect(cluster.engines[0].couponOperationsRemembered == 1 && cluster.engines[0].couponsRemembered == 2)
        #expect(cluster.policy(1).result.issued == 2 && cluster.policy(1).result.used == 1)
        #expect(cluster.use(user(2), coupon: unused).result.code == .ok)
        for other in [try cluster.replayed(shards: 2), try cluster.rebuilt(shards: 2)] {
            #expect(other.digest() == cluster.digest())
            #expect(other.restore(alice, coupon: used).result.code == .ok)
        }
    }

    /// A checkout leaves as a whole; what it earned stays as a lot like any other.
    @Test func aCheckoutLeavesWithItsOrders() throws {
        cluster.sell(1, stock: 10, endsAtMs: cluster.nowMs + 1000, holdMs: 0)
        cluster.sell(2, stock: 10, endsAtMs: cluster.nowMs + 5000, holdMs: 0)
        cluster.offer(1, quantity: 5, validUntilMs: cluster.nowMs + 1000)
        _ = cluster.earn(alice, 10)
        let coupon = cluster.claim(alice, 1)
        let id = cluster.buy(alice, [(1, 1), (2, 2)], coupon: coupon, use: 10, earn: 7)
        pass(Cluster.retainMs + 5000)
        #expect(cluster.getCheckout(id).result.code == .ok && cluster.ordersRemembered() == 2)
        pass(1)
        #expect(cluster.getCheckout(id).result.code == .notFound && cluster.ordersRemembered() == 0)
        #expect(cluster.history(alice).map(\.transactionId) == [id.ofPart(.pointsEarned)])
        #expect(cluster.balance(alice).balance == 7 && cluster.engines[0].couponsRemembered == 0)
        for other in [try cluster.replayed(shards: 2), try cluster.rebuilt(shards: 2)] {
            #expect(other.digest() == cluster.digest() && other.balance(alice).balance == 7)
        }
        #expect(cluster.checkout(alice, [(1, 1)], id: id).result.code == .idTooOld)
        _ = cluster.use(alice, 7)
        pass()
        #expect(cluster.recordCounts().allSatisfy { $0 == 0 })
    }

    /// An expired checkout keeps room for what a late confirm would earn, until it leaves.
    @Test func anExpiredCheckoutGivesItsRoomBack() {
        cluster.sell(1, stock: 10, endsAtMs: cluster.nowMs + 1000, holdMs: 500)
        let id = cluster.buy(alice, [(1, 1)], earn: 7)
        cluster.advance(byMs: 500)
        #expect(cluster.engines[0].earningsReserved == 1)
        pass(Cluster.retainMs + 501)
        #expect(cluster.engines[0].earningsReserved == 0 && cluster.getCheckout(id).result.code == .notFound)
        #expect(cluster.recordCounts().allSatisfy { $0 == 0 })
    }

    @Test(arguments: [1, 3]) func anOfferLeavesAfterAllItsRecords(_ shards: Int) throws {
        let cluster = Cluster(shards: shards)
        let sale = cluster.sell(1, stock: 50, endsAtMs: cluster.nowMs + 1000, holdMs: 0)
        cluster.offer(1, quantity: 5, validUntilMs: cluster.nowMs + 1000)
        cluster.sell(2, stock: 50, holdMs: 0)
        let restock = cluster.mintForCatalogue()
        _ = cluster.restock(1, 5, id: restock)
        for number in 0..<20 as Range<UInt64> { _ = cluster.place(user(number), 1) }
        _ = cluster.claim(alice, 1)
        cluster.advance(byMs: Cluster.retainMs + 1001)
        cluster.retire(cluster.catalogueShard)
        if shards > 1 { #expect(cluster.sale(1).result.code == .ok, "other shards have orders of it") }
        cluster.retireAll()
        #expect(cluster.sale(1).result.code == .notFound && cluster.policy(1).result.code == .notFound)
        #expect(cluster.listSales().sales.map(\.saleId) == [2])
        #expect(cluster.order(alice, 1).result.code == .notFound)
        #expect(cluster.create(sale).result.code == .idTooOld)
        var again = sale
        again.operationId = cluster.mintForCatalogue()
        again.endsAtMs = 0
        #expect(cluster.create(again).result.code == .alreadyExists, "ids of sales are never used again")
        #expect(cluster.restock(1, 5, id: restock).result.code == .idTooOld)
        #expect(cluster.engines[cluster.catalogueShard].catalogueOperations.count == 1)
        for other in [try cluster.replayed(shards: 2), try cluster.rebuilt(shards: 2)] {
            #expect(other.digest() == cluster.digest() && other.sale(1).result.code == .notFound)
            again.operationId = other.mintForCatalogue()
            #expect(other.create(again).result.code == .alreadyExists)
        }
        // The catalogue's log is replayed before those of shards whose orders it says have left.
        if shards > 1 { #expect(try cluster.replayedLogByLog(shards: 2).digest() == cluster.digest()) }
    }

    /// A sale whose orders have not all left cannot have: such logs do not belong together.
    @Test func aSaleThatLeftBeforeItsOrdersIsAContradiction() throws {
        cluster.sell(1, stock: 50, endsAtMs: cluster.nowMs + 1000, holdMs: 0)
        let id = cluster.place(alice, 1)
        pass(Cluster.retainMs + 1001)
        let fresh = Cluster()
        for event in cluster.history where event.kind != .retired { try fresh.replay(event) }
        #expect(throws: EventFault.self) { try fresh.engines[0].finishReplay() }
        // Nor can anything leave twice, or while it is held.
        let gone = cluster.history.first { $0.kind == .retired }!
        #expect(throws: EventFault.self) { try cluster.replay(gone) }
        #expect(cluster.get(id).result.code == .notFound)
        let held = Cluster()
        held.sell(1, stock: 5)
        _ = held.order(alice, 1, id: id)
        #expect(throws: EventFault.self) { try held.replay(gone) }
    }

    /// A retention time that has become longer does not make ids new that were forgotten before.
    @Test func forgottenIdsStayTooOld() throws {
        let id = cluster.mint(alice)
        _ = cluster.cancel(id)
        pass()
        cluster.nowMs -= Cluster.retainMs / 2
        for other in [cluster, try cluster.replayed(shards: 2), try cluster.rebuilt(shards: 2)] {
            #expect(other.cancel(id).result.code == .idTooOld)
        }
    }

    /// Nor does it those that left with something else: the use in effect with its coupon, operations with their offer.
    @Test func idsThatLeftWithOthersStayTooOld() throws {
        cluster.offer(1, quantity: 5, validUntilMs: cluster.nowMs + 1000)
        let coupon = cluster.claim(alice, 1)
        cluster.advance(byMs: 500)
        let (use, restock) = (cluster.mint(alice), cluster.mintForCatalogue())
        _ = cluster.use(alice, coupon: coupon, id: use)
        cluster.sell(1, stock: 50, endsAtMs: cluster.nowMs + 400, holdMs: 0)
        _ = cluster.restock(1, 5, id: restock)
        pass(Cluster.retainMs + 1001)
        #expect(cluster.sale(1).result.code == .notFound && cluster.coupons(of: alice).isEmpty)
        cluster.nowMs -= Cluster.retainMs / 2
        for other in [cluster, try cluster.replayed(shards: 2), try cluster.rebuilt(shards: 2)] {
            #expect(other.use(alice, coupon: coupon, id: use).result.code == .idTooOld)
            #expect(other.restock(1, 5, id: restock).result.code == .idTooOld)
        }
    }

    /// To let a user go with any number of orders is one walk along them, in a replay as well.
    @Test func manyOrdersOfOneUserLeaveInOneWalk() throws {
        let many: UInt32 = 20_000
        let capacities = Cluster.Capacities(orders: Int(many) + 10)
        let cluster = Cluster(capacities: capacities)
        cluster.sell(1, stock: 100_000, endsAtMs: cluster.nowMs + 1000, holdMs: 0)
        cluster.sell(2, stock: 100_000, holdMs: 0)
        for number in 0..<many { _ = cluster.place(alice, number % 4 == 0 ? 2 : 1) }
        cluster.advance(byMs: Cluster.retainMs + 1001)
        cluster.retire(0, budget: 64)
        #expect(cluster.ordersRemembered() == Int(many / 4))
        #expect(cluster.engines[0].orderCursor.steps <= UInt64(many))
        let other = try cluster.replayed(shards: 1, capacities: capacities)
        #expect(other.engines[0].orderCursor.steps <= UInt64(many))
        #expect(other.digest() == cluster.digest())
        #expect(other.list(alice).orders == cluster.list(alice).orders)
    }

    /// A pass goes on in small steps, and rests behind its end; soon again only where room is short and some was made.
    @Test func aPassTakesItsTimeAndRests() {
        cluster.sell(1, stock: 100, endsAtMs: cluster.nowMs + 1000, holdMs: 0)
        for number in 0..<30 as Range<UInt64> { _ = cluster.place(user(number), 1) }
        cluster.advance(byMs: Cluster.retainMs + 1001)
        var calls = 0
        while cluster.engines[0].retire(nowMs: cluster.nowMs, budget: 8) {
            calls += 1
            cluster.collect(0)
            _ = cluster.engines[0].takeRetirableOffer()
        }
        #expect(calls >= 10 && cluster.ordersRemembered() == 0)
        let isUnderWay = cluster.engines[0].retire(nowMs: cluster.nowMs + Cluster.retainMs / 64 - 1, budget: 8)
        #expect(!isUnderWay)
        let isUnderWayLater = cluster.engines[0].retire(nowMs: cluster.nowMs + Cluster.retainMs / 64, budget: 8)
        #expect(isUnderWayLater || cluster.engines[0].sweep.passAtMs > cluster.nowMs + Cluster.retainMs / 64)
    }

    /// What was left of a balance is gone, which is not durable yet, and then its record: a refusal for want of points
    /// still waits for that. The simulator found it.
    @Test func aUserStaysUntilAllThatHappenedIsDurable() {
        let id = cluster.mint(alice)
        #expect(cluster.earn(alice, 10, id: id).result.code == .ok)
        cluster.advance(byMs: Cluster.retainMs + 1)
        #expect(cluster.cancelTransaction(id).result.code == .ok)
        let cancelledLsn = cluster.engines[0].events.pointee.lastLsn
        for durableLsn in [cancelledLsn - 1, cancelledLsn] {
            cluster.engines[0].sweep.passAtMs = 0
            while cluster.engines[0].retire(nowMs: cluster.nowMs, budget: 100, durableLsn: durableLsn) {}
            #expect(cluster.recordCounts()[5] == 0 && cluster.usersKnown() == 1)
            let refusal = cluster.use(alice, 1)
            #expect(refusal.result.code == .insufficientPoints && refusal.waitLsn >= cancelledLsn)
        }
        cluster.engines[0].sweep.passAtMs = 0
        while cluster.engines[0].retire(nowMs: cluster.nowMs, budget: 100, durableLsn: cancelledLsn + 1) {}
        #expect(cluster.usersKnown() == 0)
    }

    /// At the end of the event buffer a pass waits for the log.
    @Test func aPassStopsWhereThereIsNoRoom() {
        cluster.sell(1, stock: 1000, endsAtMs: cluster.nowMs + 1000, holdMs: 0)
        for number in 0..<500 as Range<UInt64> { _ = cluster.place(user(number), 1) }
        cluster.advance(byMs: Cluster.retainMs + 1001)
        cluster.engines[0].sweep.passAtMs = 0
        let isUnderWay = cluster.engines[0].retire(nowMs: cluster.nowMs, budget: .max)
        #expect(isUnderWay && !cluster.hasRoom() && cluster.ordersRemembered() > 0)
        cluster.collect(0)
        cluster.retireAll()
        #expect(cluster.ordersRemembered() == 0)
    }
}
