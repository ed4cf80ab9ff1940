import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// Holds end by themselves, and what they held sells again.
    @Suite(.serialized) struct Holds {
        @Test(arguments: [1, 2]) func expiredUnitsSellAgain(_ shards: Int) throws {
            var mint = IdMint(seed: 5)
            let server = try smallServer(["--shards", "\(shards)"])
            let client = try server.client()
            let sale = CreateSaleEntry.open(1, stock: 20, holdMs: 300, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            func orders(_ count: Int) -> [OrderEntry] {
                (0..<count).map { index in
                    let user = mint.user(shard: index % shards, of: shards)
                    return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
                }
            }
            let first = orders(20)
            let held = try client.order(first)
            #expect(held.allSatisfy { $0.code == .ok && $0.state == OrderState.held.rawValue })
            let kept = try client.confirm(first.prefix(5).map(\.orderId))
            #expect(kept.allSatisfy { $0.code == .ok })

            let free = try eventually({ try client.getSale(1) }) { $0.available == 15 }
            #expect(free != nil)
            let after = try client.getOrder(first.map(\.orderId))
            #expect(after.prefix(5).allSatisfy { $0.state == OrderState.confirmed.rawValue })
            #expect(after.dropFirst(5).allSatisfy { $0.state == OrderState.expired.rawValue })

            // The 15 sell once more, and not one of them twice.
            let second = try client.order(orders(16))
            #expect(second.filter { $0.code == .ok }.count == 15)
            #expect(second.filter { $0.code == .soldOut }.count == 1)
            let late = try client.confirm(first[5].orderId)
            #expect(late.code == .expired)
            let freeAgain = try eventually({ try client.getSale(1) }) { $0.available == 15 }
            #expect(freeAgain != nil)
            let confirmedLate = try client.confirm(first[5].orderId)
            #expect(confirmedLate.code == .ok && confirmedLate.flags == ResultFlags.late)
            #expect(try client.getSale(1).sold == 6)
            #expect(try client.cancel(first[6].orderId).state == OrderState.cancelled.rawValue)
            #expect(try client.confirm(first[6].orderId).code == .cancelled)
            stop(server)
        }

        /// After a start a hold gets its grace, however long the server was away.
        @Test func graceAfterAStart() throws {
            var mint = IdMint(seed: 6)
            let directory = TemporaryDirectory()
            let server = try smallServer(in: directory)
            let client = try server.client()
            let sale = CreateSaleEntry.open(1, stock: 1, holdMs: 400, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            let user = mint.user()
            let order = mint.id(user: user)
            let placed = try client.order(order, user: user, sale: 1)
            #expect(placed.code == .ok)
            server.kill(SIGKILL)
            #expect(server.wait() == .killed(signal: SIGKILL))
            let again = try smallServer(["--grace", "10m"], in: directory)
            let found = try again.client().getOrder(order)
            #expect(found.state == OrderState.held.rawValue)
            #expect(found.expiresAtMs > placed.expiresAtMs + 500_000)
            #expect(try again.client().confirm(order).flags == 0)
            stop(again)
        }
    }
}
