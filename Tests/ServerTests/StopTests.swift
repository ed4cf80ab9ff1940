import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// How a server ends, and that the next one finds everything.
    @Suite(.serialized) struct Stopping {
        /// The signal comes while large frames are under way. What was answered is there after the next
        /// start; of a frame that was refused for the stop nothing is.
        @Test(arguments: [SIGTERM, SIGINT], [1, 2]) func inFlight(_ signal: Int32, _ shards: Int) throws {
            var mint = IdMint(seed: UInt64(signal) * 10 + UInt64(shards))
            let directory = TemporaryDirectory()
            let server = try smallServer(["--shards", "\(shards)"], in: directory)
            let idle = try server.client()
            let client = try server.client()
            #expect(
                try client.createSale(.open(1, stock: 1_000_000, operationId: mint.catalogueId())).code == .ok
            )
            var requests: [UInt64: [OrderEntry]] = [:]
            func send() throws {
                let batch = (0..<1500).map { _ in
                    let user = mint.user()
                    return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 2)
                }
                requests[try client.send(.order, batch)] = batch
            }
            for _ in 0..<24 { try send() }
            var accepted: [(OrderEntry, OrderResult)] = []
            var refused: [Id128] = []
            func take(_ reply: TestClient.Reply) throws {
                let asked = requests.removeValue(forKey: reply.header.requestId)
                let batch = try #require(asked)
                if reply.header.status == .shuttingDown {
                    refused += batch.map(\.orderId)
                    return
                }
                let results: [OrderResult] = try reply.results()
                // A full queue between shards may refuse some.
                #expect(results.allSatisfy { $0.code == .ok || (shards > 1 && $0.code == .busy) })
                accepted += zip(batch, results).filter { $1.code == .ok }
            }
            try take(client.receive())
            server.kill(signal)
            // Each of them was sent before the signal, so each is answered: done, or refused for the stop.
            while !requests.isEmpty { try take(client.receive()) }
            try client.expectClosed()
            try idle.expectClosed()
            #expect(server.wait() == .exited(0), "\(server.stderr)")
            #expect(accepted.count >= 1500)

            let again = try smallServer(["--shards", "\(shards)"], in: directory)
            let reader = try again.client()
            for start in stride(from: 0, to: accepted.count, by: 1500) {
                let chunk = accepted[start..<min(start + 1500, accepted.count)]
                for ((entry, result), view) in zip(chunk, try reader.getOrder(chunk.map(\.0.orderId))) {
                    #expect(view.code == .ok && view.userId == entry.userId && view.quantity == 2)
                    #expect(
                        view.createdAtMs == result.createdAtMs && view.state == OrderState.confirmed.rawValue)
                }
            }
            for start in stride(from: 0, to: refused.count, by: 1500) {
                let views = try reader.getOrder(Array(refused[start..<min(start + 1500, refused.count)]))
                #expect(views.allSatisfy { $0.code == .notFound }, "nothing was done of what was refused")
            }
            #expect(try reader.getSale(1).sold == UInt64(2 * accepted.count))
            stop(again, signal)
        }

        /// With the weaker modes a reply survives the end of the process all the same.
        @Test(arguments: ["everysec", "no"], [1, 2]) func killedWithoutSync(_ mode: String, _ shards: Int)
            throws
        {
            var mint = IdMint(seed: 7)
            let directory = TemporaryDirectory()
            let arguments = ["--fsync", mode, "--shards", "\(shards)"]
            var placed: [Id128] = []
            var cancelled: Set<Id128> = []
            for round in 0..<4 {
                let server = try smallServer(arguments, in: directory)
                let client = try server.client()
                if round == 0 {
                    let sale = CreateSaleEntry.open(
                        1, stock: 1_000_000, holdMs: 600_000, operationId: mint.catalogueId())
                    #expect(try client.createSale(sale).code == .ok)
                }
                if !placed.isEmpty {
                    let found = try client.getOrder(placed)
                    #expect(found.allSatisfy { $0.code == .ok })
                    for view in found {
                        let isCancelled = view.state == OrderState.cancelled.rawValue
                        #expect(isCancelled == cancelled.contains(view.orderId))
                    }
                    #expect(try client.getSale(1).held == UInt64(placed.count - cancelled.count))
                }
                // More than a segment, with releases in between, which each ask for a sync.
                for _ in 0..<30 {
                    let batch = (0..<100).map { _ in
                        let user = mint.user()
                        return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
                    }
                    if placed.count >= 8000 { break }
                    #expect(try client.order(batch).allSatisfy { $0.code == .ok })
                    placed += batch.map(\.orderId)
                    let ended = batch.prefix(20).map(\.orderId)
                    #expect(try client.cancel(ended).allSatisfy { $0.code == .ok })
                    cancelled.formUnion(ended)
                }
                server.kill(SIGKILL)
                #expect(server.wait() == .killed(signal: SIGKILL))
            }
            let server = try smallServer(arguments, in: directory)
            stop(server)
        }
    }
}
