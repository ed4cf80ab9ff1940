import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// How a server ends, and that the next one finds everything.
    @Suite(.serialized) struct Stopping {
        /// The signal comes while hundreds of frames are under way. What was answered is there after the next
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
                let batch = (0..<20).map { _ in
                    let user = mint.user()
                    return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 2)
                }
                requests[try client.send(.order, batch)] = batch
            }
            for _ in 0..<100 { try send() }
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
                accepted += zip(batch, results).filter { $1.code == .ok }
            }
            try take(client.receive())
            server.kill(signal)
            do {
                while true {
                    if requests.count < 100 { try? send() }
                    try take(client.receive())
                }
            } catch ClientFault.closed {}
            try idle.expectClosed()
            #expect(server.wait() == .exited(0), "\(server.stderr)")
            #expect(accepted.count >= 20)

            let again = try smallServer(["--shards", "\(shards)"], in: directory)
            let reader = try again.client()
            let found = try reader.getOrder(accepted.map(\.0.orderId))
            for ((entry, result), view) in zip(accepted, found) {
                #expect(view.code == .ok && view.userId == entry.userId && view.quantity == 2)
                #expect(view.createdAtMs == result.createdAtMs && view.state == OrderState.confirmed.rawValue)
            }
            if !refused.isEmpty {
                #expect(try reader.getOrder(refused).allSatisfy { $0.code == .notFound }, "nothing was done")
            }
            // What was not answered was done whole or not at all.
            let open = requests.values.flatMap { $0 }
            let extra = open.isEmpty ? [] : try reader.getOrder(open.map(\.orderId)).filter { $0.code == .ok }
            #expect(try reader.getSale(1).sold == UInt64(2 * (accepted.count + extra.count)))
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
