import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension ClientTests {
    /// Shows that concurrent calls ride together, that users go to the shard that owns them, and that queues are
    /// bounded.
    @Suite struct BatchingTests {
        @Test(arguments: [1, 2, 3])
        func concurrentCallsShareFramesAndFindTheirShard(_ shards: Int) async throws {
            try await withTimesale(["--shards", "\(shards)"]) { client in
                try await client.createSale(NewSale(id: 1, name: "many", stock: 1_000_000))
                #expect(await eventually { client.status.connections == shards })
                let before = try await client.stats()
                let calls = 2_000
                let ids = try await withThrowingTaskGroup(of: OrderID.self) { group in
                    for user in 1...calls {
                        group.addTask { try await client.order(sale: 1, user: UserID(UInt64(user))).id }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(ids.count == calls)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for id in ids { group.addTask { _ = try await client.cancel(id) } }
                    try await group.waitForAll()
                }
                // A shard tells the counters of the others as it last heard of them.
                var after = before
                let isComplete = try await eventually {
                    after = try await client.stats()
                    return after.reduce(0) { $0 + $1.ordersAccepted } == UInt64(calls)
                }
                #expect(isComplete)
                let frames = zip(before, after).reduce(0) { $0 + $1.1.frames - $1.0.frames }
                #expect(frames < calls / 2, "\(2 * calls) calls in \(frames) frames")
                for (shard, stats) in after.enumerated() {
                    #expect(stats.forwarded == 0, "shard \(shard)")
                    #expect(stats.ordersAccepted > 0, "shard \(shard)")
                }
                #expect(client.status.callsOutstanding == 0)
            }
        }

        @Test func explicitBatchesAreCutAndSpread() async throws {
            try await withTimesale(["--shards", "2"]) { client in
                try await client.createSale(NewSale(id: 1, name: "many", stock: 1_000_000))
                #expect(await eventually { client.status.connections == 2 })
                let requests = (1...20_000).map { OrderRequest(sale: 1, user: UserID($0)) }
                let results = await client.orders(requests)
                for (request, result) in zip(requests, results) {
                    if try result.get().id != request.id { Issue.record("result of another order") }
                }
                #expect(try await client.sale(1).sold == 20_000)
                #expect(try await client.stats().allSatisfy { $0.forwarded == 0 })
            }
        }

        @Test func callsOnTheClientsOwnThread() async throws {
            try await withTimesale { client in
                try await client.createSale(NewSale(id: 1, name: "many", stock: 1_000))
                let count = await withTaskExecutorPreference(client.taskExecutor) {
                    await withTaskGroup(of: Bool.self) { group in
                        for user in 1...500 {
                            group.addTask {
                                (try? await client.order(sale: 1, user: UserID(UInt64(user)))) != nil
                            }
                        }
                        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                    }
                }
                #expect(count == 500)
            }
        }

        /// While as many frames are under way as may be, calls gather; then all of them leave in one frame.
        @Test func callsGatherWhileFramesAreUnderWay() async throws {
            let gate = DispatchSemaphore(value: 0)
            let server = ScriptedServer { request in
                if request.number == 0 { gate.wait() }
                return request.accepted
            }
            defer { server.stop() }
            let client = server.client {
                $0.framesInFlightMax = 1
                $0.timeoutMs = 60_000
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await client.order(sale: 1, user: 1) }
                _ = await eventually { server.requests.count == 1 }
                for user in 2...101 {
                    group.addTask { _ = try? await client.order(sale: 1, user: UserID(UInt64(user))) }
                }
                _ = await eventually { client.status.callsOutstanding == 101 }
                gate.signal()
                await group.waitForAll()
            }
            #expect(server.requests.map(\.header.count) == [1, 100])
            await client.shutdown()
        }

        @Test func aFullQueueSuspendsItsCallers() async throws {
            let gate = DispatchSemaphore(value: 0)
            let server = ScriptedServer { request in
                if request.number == 0 { gate.wait() }
                return request.accepted
            }
            defer { server.stop() }
            let client = server.client {
                $0.callsMax = 10
                $0.batchCountMax = 4
            }
            let done = await withTaskGroup(of: Bool.self) { group in
                for user in 1...30 {
                    group.addTask { (try? await client.order(sale: 1, user: UserID(UInt64(user)))) != nil }
                }
                #expect(await eventually { client.status.callsSuspended == 20 })
                #expect(client.status.callsOutstanding == 10)
                gate.signal()
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(done == 30)
            #expect(server.requests.allSatisfy { $0.header.count <= 4 })
            #expect(client.status.callsOutstanding == 0 && client.status.callsSuspended == 0)

            // A batch that is larger than the queue goes through it piece by piece.
            let results = await client.orders((1...95).map { OrderRequest(sale: 1, user: UserID($0)) })
            #expect(results.allSatisfy { (try? $0.get()) != nil })
            await client.shutdown()
        }

        @Test func aFullQueueRefusesIfToldTo() async throws {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client {
                $0.callsMax = 5
                $0.whenFull = .refuse
                // Each call may have a frame of its own: one that was never sent would know that nothing happened.
                $0.framesInFlightMax = 5
            }
            let calls = (1...5).map { user in
                Task { await fault { try await client.order(sale: 1, user: UserID(UInt64(user))) } }
            }
            #expect(await eventually { client.status.callsOutstanding == 5 })
            #expect(await fault { try await client.order(sale: 1, user: 6) } == .overloaded)
            // Other operations have queues of their own.
            #expect(
                await fault { try await client.confirm(.mint(for: 1), timeoutMs: 500) }?.cause == .timedOut)
            await client.shutdown(withinMs: 0)
            for call in calls { #expect(await call.value?.cause == .shutDown) }
        }
    }
}
