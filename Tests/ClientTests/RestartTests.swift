import Foundation
import Synchronization
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension ClientTests {
    /// Shows that callers live through a server that is killed and started again under load: no order twice, none lost
    /// that was reported, and orders flow again. How fast is a matter of benchmarks.
    @Suite struct RestartTests {
        private final class Tally: Sendable {
            struct State {
                /// Orders reported as done.
                var done: [OrderID] = []
                var errors: [TimesaleError] = []
                var isOver = false
            }

            private let state = Mutex(State())

            func withLock<Value: Sendable>(_ body: (inout State) -> sending Value) -> Value {
                state.withLock(body)
            }
        }

        @Test(arguments: [1, 2])
        func killedAndRestartedUnderLoad(_ shards: Int) async throws {
            try await withTimesaleServer(["--shards", "\(shards)"]) { server in
                let client = try await server.client { $0.timeoutMs = 120_000 }
                try await client.createSale(NewSale(id: 1, name: "many", stock: 1 << 30))
                let tally = Tally()
                let count = { @Sendable in tally.withLock { $0.done.count } }

                try await withThrowingTaskGroup(of: Void.self) { group in
                    for user in 1...64 {
                        group.addTask {
                            while !tally.withLock({ $0.isOver }) {
                                let request = OrderRequest(sale: 1, user: UserID(UInt64(user)))
                                do throws(TimesaleError) {
                                    let order = try await client.order(request)
                                    tally.withLock { $0.done.append(order.id) }
                                } catch {
                                    tally.withLock { $0.errors.append(error) }
                                }
                            }
                        }
                    }
                    for round in 1...3 {
                        #expect(await eventually { count() > round * 500 })
                        await server.kill()
                        try await server.restart()
                        let atReady = count()
                        #expect(await eventually { count() > atReady + 500 })
                    }
                    tally.withLock { $0.isOver = true }
                    try await group.waitForAll()
                }

                let (done, errors) = tally.withLock { ($0.done, $0.errors) }
                #expect(errors.isEmpty, "\(errors.prefix(3))")
                // None twice: what the server counts is what was reported, one unit each.
                #expect(Set(done).count == done.count)
                #expect(try await client.sale(1).sold == UInt64(done.count))
                // None lost.
                for id in done { #expect(try await client.order(id).state == .confirmed) }
                #expect(client.status.restartsSeen == 3)
                await client.shutdown()
            }
        }

        /// A restart with another number of shards moves users; the client follows.
        @Test func restartedWithMoreShards() async throws {
            try await withTimesaleServer(["--shards", "1"]) { server in
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "many", stock: 1_000))
                for user in 1...20 { try await client.order(sale: 1, user: UserID(UInt64(user))) }
                await server.terminate()
                try await server.restart(["--shards", "2"])
                for user in 21...40 { try await client.order(sale: 1, user: UserID(UInt64(user))) }
                #expect(await eventually { client.status.connections == 2 })
                #expect(try await client.sale(1).sold == 40)
                await client.shutdown()
            }
        }

        /// Many clients lose their server at once. They all come back, and they have not hammered at its door.
        @Test func aStormOfReconnects() async throws {
            try await withTimesaleServer { server in
                var clients: [TimesaleClient] = []
                for _ in 0..<40 { clients.append(try await server.client()) }
                await server.kill()
                let killed = ContinuousClock.now
                #expect(await eventually { clients.allSatisfy { $0.status.connections == 0 } })
                try await Task.sleep(for: .milliseconds(500))
                let away = (ContinuousClock.now - killed) / .milliseconds(1)
                for client in clients {
                    // 10, 20, 40 ... 250 ms, at least half of each.
                    #expect(client.status.connectionsFailed <= UInt64(away / 125) + 6)
                }
                try await server.restart()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in clients { group.addTask { try await client.ping() } }
                    try await group.waitForAll()
                }
                for client in clients { await client.shutdown() }
            }
        }

        @Test func theNextAddressIsTried() async throws {
            try await withTimesaleServer { server in
                let client = try await server.client {
                    $0.addresses = [.unix(path: "/nowhere/at/all.sock"), server.unixAddress]
                }
                try await client.ping()
                await client.shutdown()
            }
        }
    }
}
