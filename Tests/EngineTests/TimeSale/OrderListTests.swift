import Protocol
import Testing

@testable import Engine

// A user's orders, newest first, page by page.

@Suite struct OrderListTests {
    let cluster = Cluster()

    init() { cluster.sell(1, stock: 1000) }

    @Test func pagesJoinWithoutGapOrOverlap() {
        var ids: [Id128] = []
        for _ in 0..<17 {
            ids.append(cluster.place(user(1), 1))
            _ = cluster.place(user(2), 1)
        }
        for limit in [1, 2, 5, 16, 17, 18] as [UInt16] {
            var seen: [Id128] = []
            var after = Id128.zero
            while true {
                let page = cluster.list(user(1), after: after, limit: limit)
                #expect(page.code == .ok && page.orders.count <= limit)
                seen += page.orders.map(\.orderId)
                #expect(page.more == (seen.count < 17))
                if !page.more { break }
                after = page.orders.last!.orderId
            }
            #expect(seen == ids.reversed(), "pages of \(limit)")
        }
        // The caller's room is a bound as well.
        let page = cluster.list(user(1), limit: 17, room: 4)
        #expect(page.orders.count == 4 && page.more)
        // Behind the oldest there is nothing.
        let end = cluster.list(user(1), after: ids[0])
        #expect(end.code == .ok && end.orders.isEmpty && !end.more)
    }

    @Test func showsEachOrderAsItIs() {
        let first = cluster.place(user(1), 1, 2)
        let second = cluster.place(user(1), 1, 3)
        _ = cluster.confirm(first)
        let page = cluster.list(user(1))
        #expect(page.orders == [cluster.get(second).result, cluster.get(first).result])
        #expect(page.waitLsn == cluster.lastLsn())
        // It waits for the user's last event, not for those of others.
        let lsn = cluster.lastLsn()
        _ = cluster.place(user(2), 1)
        #expect(cluster.list(user(1)).waitLsn == lsn)
    }

    @Test func whoHasNoOrdersGetsAnEmptyPage() {
        let page = cluster.list(user(1))
        #expect(page.code == .ok && page.orders.isEmpty && !page.more && page.waitLsn == 0)
    }

    @Test func whatComesBeforeThePageHasToBeTheUsers() {
        _ = cluster.place(user(1), 1)
        let foreign = cluster.place(user(2), 1)
        #expect(cluster.list(user(1), after: foreign).code == .notFound)
        #expect(cluster.list(user(1), after: cluster.mint(user(1))).code == .notFound)
        #expect(cluster.list(user(3), after: foreign).code == .notFound)
        let tombstone = cluster.mint(user(1))
        _ = cluster.cancel(tombstone)
        #expect(cluster.list(user(1), after: tombstone).code == .notFound)
    }

    @Test func malformedRequestsAreInvalid() {
        _ = cluster.place(user(1), 1)
        #expect(cluster.list(user(1), limit: 0).code == .invalid)
        #expect(cluster.list(user(1), limit: 1001).code == .invalid)
        #expect(cluster.list(user(1), limit: 1000).code == .ok)
        #expect(cluster.list(.zero).code == .invalid)
        for byte in 34..<40 {
            let entry = ListUserOrdersEntry(userId: user(1), after: .zero, limit: 5)
            var bytes = encode(ListUserOrdersEntry.sizeBytes) { entry.store(to: $0) }
            bytes[byte] = 1
            #expect(cluster.list(on: 0, bytes).code == .invalid)
        }
    }
}
