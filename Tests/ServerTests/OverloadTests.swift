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
        private static let frames = 10

        private struct Flood: Sendable {
            var accepted = 0
            var refused: [[OrderEntry]] = []
            var hints: [UInt32] = []
            var others = 0
        }

        /// Frames of new orders, all made before the first is sent, and sent before any reply is looked at: to make
        /// them takes a client longer than a shard takes to decide on them.
        private final class Flooding: @unchecked Sendable {
            private let client: TestClient
            private var orders: [UInt64: [OrderEntry]] = [:]
            private let bytes: [UInt8]
            private let result = Mutex<Result<Flood, any Error>?>(nil)

            /// `seed` keeps the users of floods apart.
            init(_ server: ServerProcess, seed: UInt64) throws {
                client = try server.client(timeoutMs: 120_000)
                var mint = IdMint(seed: seed)
                let frames = (0..<Overload.frames).map { _ in
                    (0..<Overload.batch).map { _ in
                        let user = mint.user()
                        return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
                    }
                }
                let made = client.make(.order, frames.map { OrderEntry.pack($0) })
                bytes = made.bytes
                for (id, entries) in zip(made.ids, frames) { orders[id] = entries }
            }

            /// On a thread of its own.
            func begin() {
                Thread { [self] in
                    let found = Result { try flood() }
                    result.withLock { $0 = found }
                }.start()
            }

            private func flood() throws -> Flood {
                try client.send(made: bytes)
                var flood = Flood()
                for (request, entries) in orders {
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

            var isOver: Bool { result.withLock { $0 != nil } }

            func wait() throws -> Flood {
                while !isOver { usleep(10_000) }
                return try result.withLock { try $0!.get() }
            }
        }

        /// On a thread of its own. A shard beside sixty clients on two cores may just keep up with them; this one gets
        /// a seventh of the time.
        private static func slowDown(_ server: ServerProcess, until isOver: @escaping @Sendable () -> Bool) {
            Thread {
                while !isOver() {
                    server.pause()
                    usleep(120_000)
                    server.resume()
                    usleep(20_000)
                }
            }.start()
        }

        @Test func newOrdersAreBusyAndEndsAreServed() throws {
            let server = try smallServer([
                "--queue-delay", "1ms", "--orders", "4000000", "--users", "4000000", "--log-ahead", "0KiB",
                "--client-timeout", "120s",
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

            // How much waits at once is for the kernel and the moment to say: now and then too little for a refusal.
            var all: [Flood] = []
            var ended = 0
            for attempt in 0..<3 where all.allSatisfy(\.refused.isEmpty) {
                let floods = try (0..<60).map { try Flooding(server, seed: UInt64(100 * (attempt + 1) + $0)) }
                floods.forEach { $0.begin() }
                Self.slowDown(server, until: { floods.allSatisfy(\.isOver) })
                while ended < holds.count && !floods.allSatisfy(\.isOver) {
                    let id = OrderIdEntry(orderId: holds[ended].orderId)
                    let reply = try shop.receive(try shop.send(ended % 2 == 0 ? .confirm : .cancel, [id]))
                    #expect(reply.header.status == .ok, "the end of a hold is never refused")
                    let results: [OrderViewResult] = try reply.results()
                    #expect(results.map(\.code) == [.ok])
                    ended += 1
                }
                all += try floods.map { try $0.wait() }
            }
            #expect(ended > 0)
            let refused = all.flatMap(\.refused)
            let first = try #require(
                refused.first, "sixty clients that wait for nothing ask for more than one shard can do")
            #expect(all.flatMap(\.hints).allSatisfy { $0 == 1 })
            #expect(all.allSatisfy { $0.others == 0 })
            let accepted = all.reduce(0) { $0 + $1.accepted }
            #expect(accepted > 0)
            #expect(try shop.getSale(1).sold == UInt64(accepted), "a refused order has taken nothing")

            // Sent again, as the hint says, they are orders like any other.
            let again = try shop.order(first)
            #expect(again.allSatisfy { $0.code == .ok && $0.flags & ResultFlags.repeat == 0 })
            stop(server)
        }
    }
}
