import Protocol
import Testing

@testable import Engine

// What becomes visible when: nothing that a crash could undo, and no unit before its release is durable.
// Nothing here is durable before the test says so.

@Suite struct DurabilityTests {
    let cluster = Cluster()

    init() {
        cluster.sell(1, stock: 4, limit: 2, holdMs: 1000)
        cluster.syncsAtOnce = false
    }

    @Test func aReleasedUnitWaitsForItsEvent() {
        let held = cluster.place(user(1), 1, 2)
        let refunded = cluster.place(user(2), 1, 2)
        _ = cluster.confirm(refunded)
        cluster.sync()
        #expect(cluster.totals(1) == StockTotals(available: 0, held: 2, sold: 2))

        _ = cluster.cancel(held)
        let afterCancel = cluster.lastLsn()
        _ = cluster.cancel(refunded)
        #expect(cluster.totals(1) == StockTotals(available: 0, held: 0, sold: 0))
        #expect(cluster.order(user(3), 1).result.code == .soldOut)
        #expect(cluster.hasReleases())
        cluster.engines[0].releaseUnits(durableLsn: afterCancel - 1)
        #expect(cluster.totals(1).available == 0)
        cluster.engines[0].releaseUnits(durableLsn: afterCancel)
        #expect(cluster.totals(1).available == 2)
        cluster.engines[0].releaseUnits(durableLsn: afterCancel)
        #expect(cluster.totals(1).available == 2, "once, not each time")
        cluster.sync()
        #expect(cluster.totals(1).available == 4 && !cluster.hasReleases())
        #expect(cluster.order(user(3), 1, 2).result.code == .ok)
    }

    @Test func anExpiredUnitWaitsToo() {
        _ = cluster.place(user(1), 1, 2)
        cluster.advance(byMs: 1000)
        #expect(cluster.totals(1) == StockTotals(available: 2, held: 0, sold: 0))
        cluster.sync()
        #expect(cluster.totals(1).available == 4)
    }

    /// The user's limit is freed at once: both events lie in one log, in their order.
    @Test func theLimitDoesNotWait() {
        let id = cluster.place(user(1), 1, 2)
        _ = cluster.cancel(id)
        #expect(cluster.order(user(1), 1, 2).result.code == .ok)
    }

    @Test func aNewSaleIsVisibleWhenItIsKnown() {
        let created = cluster.sell(2, stock: 10)
        #expect(cluster.order(user(1), 2).result.code == .notFound)
        #expect(cluster.sale(2).result.code == .notFound && cluster.sale(2).waitLsn == 0)
        #expect(cluster.listSales().sales.map(\.saleId) == [1])
        #expect(cluster.restock(2, 1).result.code == .notFound)
        #expect(cluster.close(2).result.code == .notFound)
        #expect(cluster.totals(2).available == 0)
        let again = cluster.create(created)
        #expect(again.result.flags == ResultFlags.repeat && again.waitLsn == cluster.lastLsn())
        cluster.sync()
        #expect(cluster.order(user(1), 2).result.code == .ok)
        #expect(cluster.listSales().sales.map(\.saleId) == [1, 2])
    }

    @Test func restockAndClosingTakeEffectWhenDurable() {
        _ = cluster.place(user(1), 1, 2)
        _ = cluster.place(user(2), 1, 2)
        let restock = cluster.restock(1, 5)
        #expect(restock.waitLsn == cluster.lastLsn())
        #expect(cluster.order(user(3), 1).result.code == .soldOut)
        // Who is shown the new stock waits for it.
        #expect(cluster.sale(1).waitLsn == restock.waitLsn && cluster.listSales().waitLsn == restock.waitLsn)
        cluster.sync()
        #expect(cluster.order(user(3), 1).result.code == .ok)
        let close = cluster.close(1)
        #expect(cluster.order(user(4), 1).result.code == .ok)
        #expect(cluster.sale(1).waitLsn == close.waitLsn)
        // A list of open sales tells of the closing by leaving the sale out.
        let open = cluster.listSales(stateMask: 1 << SaleState.open.rawValue)
        #expect(open.sales.isEmpty && open.waitLsn == close.waitLsn)
        let late = cluster.restock(1, 1)
        #expect(late.result.code == .closed && late.waitLsn == close.waitLsn)
        cluster.sync()
        #expect(cluster.order(user(5), 1).result.code == .closed)
    }

    /// What each answer waits for: its own event, the last one of the user whose records it shows, or nothing.
    @Test func everyAnswerWaitsForWhatItShows() {
        let first = cluster.place(user(1), 1)
        let firstLsn = cluster.lastLsn()
        let other = cluster.place(user(2), 1)
        let otherLsn = cluster.lastLsn()
        let second = cluster.place(user(1), 1)
        let lsn = cluster.lastLsn()
        #expect(firstLsn < otherLsn && otherLsn < lsn)

        // Reads and repeats: the last event of any record of this user.
        #expect(cluster.get(first).waitLsn == lsn)
        #expect(cluster.get(other).waitLsn == otherLsn)
        #expect(cluster.order(user(1), 1, 1, id: first).waitLsn == lsn)
        #expect(cluster.order(user(1), 1, 2, id: first).waitLsn == lsn, "ID_REUSED")
        #expect(cluster.extend(first, to: 0).waitLsn == lsn)
        #expect(cluster.list(user(1)).waitLsn == lsn)
        // LIMIT_EXCEEDED tells of them as well; of a user without any there is nothing to tell.
        #expect(cluster.order(user(1), 1).result.code == .limitExceeded)
        #expect(cluster.order(user(1), 1).waitLsn == lsn)
        #expect(cluster.order(user(9), 1, 3).result.code == .limitExceeded)
        #expect(cluster.order(user(9), 1, 3).waitLsn == 0)
        // Statements about the moment wait for nothing, also of a user with records.
        #expect(cluster.order(user(2), 1, 0).waitLsn == 0)
        #expect(cluster.order(user(2), 77).waitLsn == 0)
        _ = cluster.place(user(3), 1)
        let soldOut = cluster.order(user(2), 1)
        #expect(soldOut.result.code == .soldOut && soldOut.waitLsn == 0)

        _ = cluster.cancel(second)
        let cancelLsn = cluster.lastLsn()
        #expect(cluster.confirm(second).result.code == .cancelled)
        #expect(cluster.confirm(second).waitLsn == cancelLsn && cluster.cancel(second).waitLsn == cancelLsn)
        #expect(cluster.extend(second, to: cluster.nowMs + 1).waitLsn == cancelLsn)
        cluster.advance(byMs: 1000)
        let expired = cluster.get(first)
        #expect(expired.result.state == OrderState.expired.rawValue && expired.waitLsn > cancelLsn)
        let late = cluster.confirm(first)
        #expect(late.result.code == .expired && late.waitLsn == expired.waitLsn, "its units are not durably free")
        cluster.sync()
        #expect(cluster.confirm(first).waitLsn == cluster.lastLsn())
    }

    @Test func aBatchWaitsForTheLatestOfItsEntries() {
        let known = cluster.place(user(1), 1)
        let knownLsn = cluster.lastLsn()
        _ = cluster.place(user(2), 1)
        var bytes: [UInt8] = []
        for id in [cluster.mint(user(5)), known, cluster.mint(user(6))] {
            bytes += encode(OrderIdEntry.sizeBytes) { OrderIdEntry(orderId: id).store(to: $0) }
        }
        #expect(cluster.run(.getOrder, on: 0, bytes).waitLsn == knownLsn)
    }

    @Test func aFloodOfSoldOutLogsNothing() {
        _ = cluster.place(user(1), 1, 2)
        _ = cluster.place(user(2), 1, 2)
        let events = cluster.history.count
        for number in 10..<1000 as Range<UInt64> {
            let reply = cluster.order(user(number), 1)
            if reply.result.code != .soldOut || reply.waitLsn != 0 { Issue.record("\(reply)") }
        }
        #expect(cluster.history.count == events)
        #expect(cluster.usersKnown() == 2, "refused users leave no record")
    }
}
