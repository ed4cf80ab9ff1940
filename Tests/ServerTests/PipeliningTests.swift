import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// Many frames under way on one connection: each reply finds its request, and none waits for another's disk.
    @Suite(.serialized) struct Pipelining {
        private var mint = IdMint(seed: 4)

        private mutating func entries(_ count: Int, sale: UInt64 = 1, quantity: UInt32 = 1) -> [OrderEntry] {
            (0..<count).map { _ in
                let user = mint.user()
                return OrderEntry(
                    orderId: mint.id(user: user), userId: user, saleId: sale, quantity: quantity)
            }
        }

        /// Orders and reads in turn, each read of another order: a reply that went to the wrong request shows.
        @Test(arguments: Setup.all) mutating func hundredsOfFrames(_ setup: Setup) throws {
            let server = try setup.start()
            let client = try server.client(setup.transport)
            #expect(
                try client.createSale(.open(1, stock: 1_000_000, operationId: mint.catalogueId())).code == .ok
            )
            let known = entries(600)
            #expect(try client.order(known).allSatisfy { $0.code == .ok })
            var orders: [(request: UInt64, quantity: UInt32)] = []
            var reads: [(request: UInt64, id: Id128)] = []
            var pings: [(request: UInt64, nonce: UInt64)] = []
            for index in 0..<600 {
                let quantity = UInt32(index % 90 + 1)
                orders.append((try client.send(.order, entries(1, quantity: quantity)), quantity))
                let id = known[(index * 7) % known.count].orderId
                reads.append((try client.send(.getOrder, [OrderIdEntry(orderId: id)]), id))
                pings.append((try client.send(.ping, [PingEntry(nonce: UInt64(index))]), UInt64(index)))
            }
            // Last first: those that come earlier are kept by their request ids.
            for (request, nonce) in pings.reversed() {
                let results: [PingResult] = try client.receive(request).results()
                #expect(results[0].nonce == nonce)
            }
            for (request, id) in reads.reversed() {
                let results: [OrderViewResult] = try client.receive(request).results()
                #expect(results[0].orderId == id && results[0].code == .ok)
            }
            for (request, quantity) in orders.reversed() {
                let results: [OrderResult] = try client.receive(request).results()
                #expect(results[0].quantity == quantity && results[0].code == .ok)
            }
            stop(server)
        }

        /// Frames of all sizes mixed, sent without reading until all are out.
        @Test(arguments: [1, 2]) mutating func largeFramesInFlight(_ shards: Int) throws {
            let server = try smallServer(["--shards", "\(shards)"])
            let client = try server.client()
            #expect(
                try client.createSale(.open(1, stock: 10_000_000, operationId: mint.catalogueId())).code
                    == .ok)
            var sent: [(request: UInt64, count: Int)] = []
            for index in 0..<24 {
                let count = [1, 128, 1024, Frame.batchCountMax][index % 4]
                sent.append((try client.send(.order, entries(count)), count))
            }
            var accepted = 0
            for (request, count) in sent {
                let results: [OrderResult] = try client.receive(request).results()
                #expect(results.count == count)
                // A full queue between shards may refuse, and says so.
                #expect(results.allSatisfy { $0.code == .ok || (shards > 1 && $0.code == .busy) })
                accepted += results.filter { $0.code == .ok }.count
            }
            #expect(try client.getSale(1).sold == UInt64(accepted))
            #expect(accepted > 0)
            stop(server)
        }

        /// One accepted order, then a flood of refusals, in one piece: the refusals do not wait for the disk,
        /// and cost it nothing.
        @Test func refusalsOvertakeTheDisk() throws {
            var test = self
            let server = try smallServer()
            let client = try server.client()
            for (sale, stock) in [(UInt64(1), UInt64(1)), (2, 1_000_000)] {
                let entry = CreateSaleEntry.open(sale, stock: stock, operationId: test.mint.catalogueId())
                #expect(try client.createSale(entry).code == .ok)
            }
            #expect(try client.order(test.entries(1)).first?.code == .ok)
            let before = try client.stats()[0]
            let refusals = 400
            for round in 0..<20 {
                let first = UInt64(round * 1000 + 100_000)
                var bytes = FrameBytes.request(.order, requestId: first, test.entries(1, sale: 2))
                for index in 1...refusals {
                    bytes += FrameBytes.request(.order, requestId: first + UInt64(index), test.entries(1))
                }
                try client.sendRaw(bytes)
                let replies = try (0...refusals).map { _ in try client.receiveUnpaired() }
                let place = try #require(replies.firstIndex { $0.header.requestId == first })
                #expect(place > 0, "the first refusal waited for the order before it")
                let accepted: [OrderResult] = try replies[place].results()
                #expect(accepted[0].code == .ok)
                for (index, reply) in replies.enumerated() where index != place {
                    let results: [OrderResult] = try reply.results()
                    #expect(results[0].code == .soldOut)
                }
            }
            let after = try client.stats()[0]
            #expect(after.logEvents - before.logEvents == 20)
            #expect(after.ordersRefused - before.ordersRefused == UInt64(20 * refusals))
            stop(server)
        }
    }
}
