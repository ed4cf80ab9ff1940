import Protocol
import Testing

@testable import Engine

// The orders of a sale: slot after slot, in parts.

@Suite struct SaleOrderTests {
    let cluster = Cluster(capacities: .init(users: 6000, orders: 50_000))

    init() {
        cluster.sell(1, stock: 100_000)
        cluster.sell(2, stock: 100_000)
    }

    /// A sale with few orders among many others is found in parts, with positions alone in between.
    @Test func aSparseSaleIsFoundInParts() {
        var wanted: [Id128] = []
        for number in 0..<40_000 {
            if number == 100 || number == 39_000 { wanted.append(cluster.place(user(7), 2, 1)) }
            _ = cluster.place(user(UInt64(number % 5000 + 10)), 1, 1)
        }
        var found: [Id128] = []
        var pages: [Int] = []
        var after = SaleOrdersPosition.start
        while true {
            let page = cluster.list(sale: 2, after: after)
            #expect(page.code == .ok)
            pages.append(page.orders.count)
            found += page.orders.filter { $0.order.code == .ok }.map(\.order.orderId)
            guard page.more else { break }
            after = page.orders.last!.position
        }
        #expect(found == wanted && pages == [1, 1, 1])
    }

    @Test func showsEachOrderAsItIsAndWaitsForIt() {
        let first = cluster.place(user(1), 1, 2)
        _ = cluster.confirm(first)
        let lsn = cluster.lastLsn()
        _ = cluster.place(user(2), 2, 3)
        let page = cluster.list(sale: 1)
        #expect(page.orders.map(\.order) == [cluster.get(first).result] && !page.more)
        #expect(page.waitLsn == lsn)
    }

    @Test func malformedRequestsAreInvalid() {
        #expect(cluster.list(sale: 1, limit: 0).code == .invalid)
        #expect(cluster.list(sale: 1, limit: 1001).code == .invalid)
        #expect(cluster.list(sale: 1, limit: 1000).code == .ok)
        #expect(cluster.list(sale: 3).code == .notFound)
        let before = SaleOrdersPosition(instance: Cluster.instance + 1, shard: 0, slot: 1)
        #expect(cluster.list(sale: 1, after: before).code == .trimmed)
        for byte in 18..<24 {
            let entry = ListSaleOrdersEntry(saleId: 1, after: .start, limit: 5)
            var bytes = encode(ListSaleOrdersEntry.sizeBytes) { entry.store(to: $0) }
            bytes[byte] = 1
            #expect(cluster.listSaleOrders(on: 0, bytes).code == .invalid)
        }
    }
}
