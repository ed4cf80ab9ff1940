import Engine
import Protocol
import TestSupport
import Testing

@testable import Shard

/// Shows that a sale leaves memory when no shard has orders of it any more, and not before it is durable that they have
/// left: the catalogue's log is replayed first, and must not say so of a sale that other logs still rest on.
@Suite struct RetirementTests {
    private static let retainMs: UInt64 = 5000

    private func codes(_ rig: MeshRig, _ sale: UInt64) -> [ResultCode] {
        let shown: [SaleResult] = rig.ask(.getSale, [OfferIdEntry(offerId: sale)])
        return shown.map(\.code)
    }

    @Test(arguments: [1, 3]) func aSaleLeavesBehindTheOrdersOfAllShards(_ shards: Int) throws {
        let rig = MeshRig(shards: shards, retainMs: Self.retainMs)
        var mint = IdMint(seed: 7)
        let ending = CreateSaleEntry.open(
            1, stock: 300, endsAtMs: rig.nowMs + 100, operationId: mint.catalogueId(timeMs: rig.nowMs))
        let staying = CreateSaleEntry.open(2, stock: 300, operationId: mint.catalogueId(timeMs: rig.nowMs))
        let closing = CreateSaleEntry.open(3, stock: 300, operationId: mint.catalogueId(timeMs: rig.nowMs))
        let created: [SaleResult] = rig.ask(.createSale, [ending, staying, closing])
        #expect(created.map(\.code) == [.ok, .ok, .ok])
        var orders: [OrderEntry] = []
        for shard in 0..<shards {
            for sale in [1, 2, 3] as [UInt64] {
                let user = mint.user(shard: shard, of: shards)
                let id = mint.id(user: user, timeMs: rig.nowMs)
                orders.append(OrderEntry(orderId: id, userId: user, saleId: sale, quantity: 1))
            }
        }
        let placed: [OrderResult] = rig.ask(.order, orders)
        #expect(placed.allSatisfy { $0.code == .ok })
        let closed: [SaleResult] = rig.ask(.closeSale, [OfferIdEntry(offerId: 3)])
        #expect(closed.map(\.code) == [.ok])

        rig.nowMs += Self.retainMs + 101
        let last = shards - 1
        if shards > 1 {
            // One shard has not let go of its orders, then it has, but not durably.
            rig.settle(retiring: [0, 1])
            #expect(rig.engines[0].ordersRemembered == 1 && codes(rig, 1) == [.ok] && codes(rig, 3) == [.ok])
            rig.turn(last, diskWorks: false, retires: true)
            let isThere = rig.engines[last].hasRecords(ofOffer: 1)
            #expect(!isThere)
            for _ in 0..<3 {
                rig.nowMs += 1000
                rig.turn(0, retires: true)
                for shard in 1..<last { rig.turn(shard) }
                rig.turn(last, diskWorks: false)
                rig.turn(0)
            }
            #expect(rig.engines[0].statistics.retired == 2, "orders alone")
        }
        for _ in 0..<3 {
            rig.nowMs += 1000
            rig.settle(retiring: Set(0..<shards))
        }
        #expect(codes(rig, 1) == [.notFound] && codes(rig, 2) == [.ok] && codes(rig, 3) == [.notFound])
        let found: [OrderViewResult] = rig.ask(.getOrder, orders.map { OrderIdEntry(orderId: $0.orderId) })
        #expect(found.map(\.code) == orders.map { $0.saleId == 2 ? .ok : .notFound })
        let again: [OrderResult] = rig.ask(.order, orders)
        #expect(again.map(\.code) == orders.map { $0.saleId == 2 ? .ok : .idTooOld })
        let user = mint.user(shard: last, of: shards)
        let fresh = OrderEntry(
            orderId: mint.id(user: user, timeMs: rig.nowMs), userId: user, saleId: 1, quantity: 1)
        let refused: [OrderResult] = rig.ask(.order, [fresh])
        #expect(refused.map(\.code) == [.notFound])
        let anew = CreateSaleEntry.open(1, stock: 3, operationId: mint.catalogueId(timeMs: rig.nowMs))
        let known: [SaleResult] = rig.ask(.createSale, [anew])
        #expect(known.map(\.code) == [.alreadyExists])
        let isQuiet = (0..<shards).allSatisfy { rig.cores[$0].isQuiet }
        #expect(isQuiet)
    }
    /// A turn may be held up for longer than anything is remembered: by its clock the sale goes on, and an order of
    /// that turn must not come after the sale has left.
    @Test func aSaleStaysForAShardThatIsHeldUp() {
        let rig = MeshRig(shards: 2, retainMs: Self.retainMs)
        var mint = IdMint(seed: 8)
        let ending = CreateSaleEntry.open(
            1, stock: 300, endsAtMs: rig.nowMs + 100, operationId: mint.catalogueId(timeMs: rig.nowMs))
        let created: [SaleResult] = rig.ask(.createSale, [ending])
        #expect(created.map(\.code) == [.ok])
        let user = mint.user(shard: 1, of: 2)
        let order = OrderEntry(
            orderId: mint.id(user: user, timeMs: rig.nowMs), userId: user, saleId: 1, quantity: 1)

        rig.nowMs += Self.retainMs + 101
        rig.behindMs[1] = Self.retainMs + 101
        rig.settle(retiring: [0])
        let placed: [OrderResult] = rig.ask(.order, [order], on: 1)
        #expect(placed.map(\.code) == [.ok])
        rig.nowMs += 1000
        rig.settle(retiring: [0])
        #expect(codes(rig, 1) == [.ok])

        rig.behindMs[1] = 0
        for _ in 0..<3 {
            rig.nowMs += 1000
            rig.settle(retiring: [0, 1])
        }
        #expect(codes(rig, 1) == [.notFound] && rig.engines[1].ordersRemembered == 0)
    }
}
