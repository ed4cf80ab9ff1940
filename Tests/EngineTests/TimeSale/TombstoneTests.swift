import Protocol
import Testing

@testable import Engine

// A cancel that comes before its order: the order must not arrive after its own cancel.

@Suite struct TombstoneTests {
    let cluster = Cluster(capacities: .init(tombstones: 3))

    init() { cluster.sell(1, stock: 10, holdMs: 1000) }

    @Test func aCancelComesBeforeItsOrder() {
        let id = cluster.mint(user(1))
        let reply = cluster.cancel(id)
        let expected = OrderViewResult(
            code: .ok, state: OrderState.cancelled.rawValue, flags: ResultFlags.tombstone, quantity: 0, orderId: id,
            userId: .zero, saleId: 0, createdAtMs: cluster.nowMs, expiresAtMs: 0)
        #expect(reply.result == expected && reply.waitLsn == cluster.lastLsn())
        let lsn = cluster.lastLsn()

        let order = cluster.order(user(1), 1, id: id)
        #expect(order.result == OrderTests.refused(.cancelled) && order.waitLsn == lsn)
        #expect(cluster.totals(1).available == 10)

        for reply in [cluster.confirm(id), cluster.get(id), cluster.extend(id, to: cluster.nowMs + 1)] {
            #expect(reply.result.code == .cancelled && reply.waitLsn == lsn)
            #expect(reply.result.flags == ResultFlags.tombstone)
            #expect(reply.result.state == OrderState.cancelled.rawValue)
        }
        let again = cluster.cancel(id)
        #expect(again.result.code == .ok && again.waitLsn == lsn)
        #expect(again.result.flags == ResultFlags.tombstone | ResultFlags.repeat)
        #expect(cluster.lastLsn() == lsn)
    }

    @Test func anIdThatNoOrderMayHaveLeavesNone() {
        let old = cluster.mint(user(1), agoMs: Cluster.retainMs + 1)
        #expect(cluster.cancel(old).result.code == .idTooOld)
        let ahead = cluster.configurations[0].mintAheadMaxMs + 1
        let future = Id128.version7(timeMs: cluster.nowMs + ahead, partition: 5, random: 1)
        #expect(cluster.cancel(future).result.code == .idInFuture)
        #expect(cluster.tombstonesKept() == 0)
    }

    @Test func whenFullOnlySuchCancelsAreRefused() {
        let held = cluster.place(user(1), 1)
        let expiring = cluster.place(user(2), 1)
        for number in 0..<3 as Range<UInt64> {
            #expect(cluster.cancel(cluster.mint(user(number))).result.code == .ok)
        }
        let refused = cluster.mint(user(9))
        let reply = cluster.cancel(refused)
        #expect(reply.result.code == .capacity && reply.waitLsn == 0)
        #expect(cluster.order(user(9), 1, id: refused).result.code == .ok)
        #expect(cluster.cancel(held).result.code == .ok)
        cluster.advance(byMs: 1000)
        #expect(cluster.cancel(expiring).result.code == .ok)
        #expect(cluster.order(user(4), 1).result.code == .ok)
    }
}

// At capacity: new orders are refused, and nothing else is.

@Suite struct CapacityTests {
    @Test func whenOrdersAreFullHoldsStillEnd() {
        let cluster = Cluster(capacities: .init(users: 100, orders: 4))
        cluster.sell(1, stock: 100, limit: 10, holdMs: 1000)
        let ids = (0..<4 as Range<UInt64>).map { cluster.place(user($0), 1, 2) }
        let refused = cluster.mint(user(9))
        let reply = cluster.order(user(9), 1, id: refused)
        #expect(reply.result == OrderTests.refused(.capacity) && reply.waitLsn == 0)
        #expect(cluster.totals(1).available == 92)
        #expect(cluster.get(refused).result.code == .notFound)

        #expect(cluster.confirm(ids[0]).result.code == .ok)
        #expect(cluster.cancel(ids[1]).result.code == .ok)
        #expect(cluster.extend(ids[2], to: cluster.nowMs + 5000).result.code == .ok)
        cluster.advance(byMs: 1000)
        #expect(cluster.confirm(ids[3]).result.flags == ResultFlags.late)
        #expect(cluster.cancel(ids[0]).result.code == .ok)
        #expect(cluster.order(user(0), 1, 2, id: ids[0]).result.flags == ResultFlags.repeat)
        #expect(cluster.cancel(refused).result.flags == ResultFlags.tombstone)
        // A limit is told before the capacity: it will not go away.
        #expect(cluster.order(user(3), 1, 9).result.code == .limitExceeded)
    }

    @Test func whenUsersAreFullKnownOnesStillOrder() {
        let cluster = Cluster(capacities: .init(users: 2, orders: 100))
        cluster.sell(1, stock: 100)
        _ = cluster.place(user(1), 1)
        _ = cluster.place(user(2), 1)
        #expect(cluster.order(user(3), 1).result.code == .capacity)
        #expect(cluster.order(user(2), 1).result.code == .ok)
        #expect(cluster.usersKnown() == 2)
    }

    /// Every user with a limit record of their own, up to the last order.
    @Test func limitsNeverRunOut() {
        let cluster = Cluster(capacities: .init(users: 500, orders: 500))
        cluster.sell(1, stock: 10_000, limit: 3)
        cluster.sell(2, stock: 10_000, limit: 3)
        for number in 0..<250 as Range<UInt64> {
            _ = cluster.place(user(number), 1)
            _ = cluster.place(user(number), 2)
        }
        #expect(cluster.order(user(1), 1).result.code == .capacity)
    }

    /// The events of a call never outgrow the buffer: without room an expiry stops, and a batch pauses.
    @Test func withoutRoomForEventsNothingHappens() {
        let cluster = Cluster()
        cluster.sell(1, stock: 1000, holdMs: 1000)
        for number in 0..<400 as Range<UInt64> { _ = cluster.place(user(number), 1) }
        cluster.nowMs += 1000
        #expect(!cluster.expireOnce(0, limit: .max))
        #expect(cluster.openHolds() > 0)
        #expect(!cluster.hasRoom())
        cluster.expire(0)
        #expect(cluster.openHolds() == 0)
        #expect(cluster.totals(1) == StockTotals(available: 1000, held: 0, sold: 0))
    }
}
