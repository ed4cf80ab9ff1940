import Protocol
import Testing

@testable import Engine

// A confirm after expiry: the payment has been made, so it takes everything again if it can.

@Suite struct LateConfirmTests {
    let cluster = Cluster(shards: 2)

    func expired(_ user: Id128, _ quantity: UInt32) -> Id128 {
        let id = cluster.place(user, 1, quantity)
        cluster.advance(byMs: 1000)
        return id
    }

    @Test func takesItsUnitsAgainAndSaysThatItWasLate() {
        cluster.sell(1, stock: 10, holdMs: 1000)
        let id = expired(user(1), 4)
        let reply = cluster.confirm(id)
        #expect(reply.result.code == .ok && reply.result.state == OrderState.confirmed.rawValue)
        #expect(reply.result.flags == ResultFlags.late)
        #expect(reply.waitLsn == cluster.lastLsn(cluster.shard(of: user(1))))
        #expect(cluster.totals(1) == StockTotals(available: 6, held: 0, sold: 4))
        // It stays known as late.
        #expect(cluster.confirm(id).result.flags == ResultFlags.late | ResultFlags.repeat)
        #expect(cluster.get(id).result.flags == ResultFlags.late)
        // And it can be refunded.
        #expect(cluster.cancel(id).result.code == .ok)
        #expect(cluster.totals(1) == StockTotals(available: 10, held: 0, sold: 0))
    }

    /// Nine of ten units are elsewhere: both stripes together have too few.
    @Test func withoutEnoughUnitsItIsExpired() {
        cluster.sell(1, stock: 10, holdMs: 1000)
        let id = expired(user(1), 4)
        let other = cluster.place(user(2), 1, 7)
        let events = cluster.history.count
        let reply = cluster.confirm(id)
        #expect(reply.result.code == .expired && reply.result.state == OrderState.expired.rawValue)
        #expect(reply.waitLsn > 0)
        #expect(cluster.history.count == events)
        #expect(cluster.totals(1) == StockTotals(available: 3, held: 7, sold: 0))
        // Units came back: the same confirm succeeds.
        _ = cluster.cancel(other)
        #expect(cluster.confirm(id).result.code == .ok)
    }

    @Test func unitsAreGatheredFromAllStripes() {
        cluster.sell(1, stock: 10, holdMs: 1000)
        let id = expired(user(1), 9)
        #expect(cluster.confirm(id).result.code == .ok)
        #expect(cluster.totals(1) == StockTotals(available: 1, held: 0, sold: 9))
    }

    @Test func windowAndClosingNoLongerMatter() {
        cluster.sell(1, stock: 10, endsAtMs: cluster.nowMs + 500, holdMs: 1000)
        let id = expired(user(1), 4)
        _ = cluster.close(1)
        #expect(cluster.confirm(id).result.code == .ok)
    }

    @Test func theUsersLimitDoes() {
        cluster.sell(1, stock: 100, limit: 5, holdMs: 1000)
        let id = expired(user(1), 3)
        let second = cluster.place(user(1), 1, 3)
        let reply = cluster.confirm(id)
        #expect(reply.result.code == .expired && reply.waitLsn == cluster.lastLsn(cluster.shard(of: user(1))))
        _ = cluster.cancel(second)
        #expect(cluster.confirm(id).result.code == .ok)
        // And its units count again.
        #expect(cluster.order(user(1), 1, 3).result.code == .limitExceeded)
        #expect(cluster.order(user(1), 1, 2).result.code == .ok)
    }

    @Test func aSecondExpiryNeverHappens() {
        cluster.sell(1, stock: 10, holdMs: 1000)
        let id = expired(user(1), 4)
        _ = cluster.confirm(id)
        cluster.advance(byMs: 1_000_000)
        #expect(cluster.get(id).result.state == OrderState.confirmed.rawValue)
        #expect(cluster.totals(1) == StockTotals(available: 6, held: 0, sold: 4))
    }
}
