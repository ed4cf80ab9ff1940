import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension ServerTests {
    /// More orders than a shard can do: those beyond its bound are BUSY, with a hint, and nothing else is.
    @Suite(.serialized) struct Overload {
        private var mint = IdMint(seed: 21)

        private static let batch = 2048
        private static let frames = 150

        /// Frames of new orders, all sent before any reply is read; `userSpace` keeps the users of floods apart.
        private static func flood(_ server: ServerProcess, seed: UInt64) throws -> Flood {
            let client = try server.client(timeoutMs: 120_000)
            var mint = IdMint(seed: seed)
            var sent: [UInt64: [OrderEntry]] = [:]
            for _ in 0..<frames {
                let entries = (0..<batch).map { _ in
                    let user = mint.user()
                    return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
                }
                sent[try client.send(.order, entries)] = entries
            }
            var flood = Flood()
            for (request, entries) in sent {
                let reply = try client.receive(request)
                switch reply.header.status {
                case .ok:
                    let results: [OrderResult] = try reply.results()
                    flood.accepted += results.count { $0.code == .ok }
                case .busy:
                    flood.hints.append(reply.header.retryAfterMs)
                    flood.refused.append(entries)
                default: flood.others += 1
                }
            }
            return flood
        }

        private struct Flood: Sendable {
            var accepted = 0
            var refused: [[OrderEntry]] = []
            var hints: [UInt32] = []
            var others = 0
        }

        /// A flood on a thread of its own.
        private final class Flooding: Sendable {
            private let result = Mutex<Result<Flood, any Error>?>(nil)

            init(_ server: ServerProcess, seed: UInt64) {
                Thread { [self] in
                    let found = Result { try Overload.flood(server, seed: seed) }
                    result.withLock { $0 = found }
                }.start()
            }

            var isOver: Bool { result.withLock { $0 != nil } }

            func wait() throws -> Flood {
                while !isOver { usleep(10_000) }
                return try result.withLock { try $0!.get() }
            }
        }

        @Test func newOrdersAreBusyAndEndsAreServed() throws {
            let server = try smallServer([
                "--queue-delay", "1ms", "--orders", "2000000", "--users", "2000000", "--log-ahead", "0KiB",
            ])
            var mint = mint
            let shop = try server.client(timeoutMs: 120_000)
            #expect(
                try shop.createSale(.open(1, stock: 1 << 40, operationId: mint.catalogueId())).code == .ok)
            #expect(
                try shop.createSale(.open(2, stock: 1000, holdMs: 600_000, operationId: mint.catalogueId())).code
                    == .ok)
            let holds = (0..<600).map { _ in
                let user = mint.user()
                return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 2, quantity: 1)
            }
            #expect(try shop.order(holds).allSatisfy { $0.code == .ok })

            let floods = (0..<3).map { Flooding(server, seed: 100 + UInt64($0)) }
            var ended = 0
            while ended < holds.count && !floods.allSatisfy(\.isOver) {
                let id = OrderIdEntry(orderId: holds[ended].orderId)
                let reply = try shop.receive(try shop.send(ended % 2 == 0 ? .confirm : .cancel, [id]))
                #expect(reply.header.status == .ok, "the end of a hold is never refused")
                let results: [OrderViewResult] = try reply.results()
                #expect(results.map(\.code) == [.ok])
                ended += 1
            }
            #expect(ended > 0)
            let all = try floods.map { try $0.wait() }
            let refused = all.flatMap(\.refused)
            #expect(!refused.isEmpty, "three clients that wait for nothing ask for more than one shard can do")
            #expect(all.flatMap(\.hints).allSatisfy { $0 == 1 })
            #expect(all.allSatisfy { $0.others == 0 })
            let accepted = all.reduce(0) { $0 + $1.accepted }
            #expect(accepted > 0)
            #expect(try shop.getSale(1).sold == UInt64(accepted), "a refused order has taken nothing")

            // Sent again, as the hint says, they are orders like any other.
            let again = try shop.order(refused[0])
            #expect(again.allSatisfy { $0.code == .ok && $0.flags & ResultFlags.repeat == 0 })
            stop(server)
        }
    }
}
