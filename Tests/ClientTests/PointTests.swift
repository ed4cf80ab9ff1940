import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension ClientTests {
    /// Shows points through the client: every operation against a real server, a campaign over all shards, a server
    /// that is killed under load, and what is said when an outcome is not known.
    @Suite struct PointTests {
        @Test func fromEarningToSpending() async throws {
            try await withTimesale { client in
                let id = TransactionID.mint(for: 42)
                let expiresAtMs = wallClockMs() + 3_600_000
                let earned = try await client.earnPoints(
                    500, user: 42, expiresAtMs: expiresAtMs, reason: "Grüße", id: id)
                #expect(
                    earned.id == id && earned.user == 42 && earned.kind == .earning && earned.amount == 500)
                #expect(earned.state == .posted && earned.expiresAtMs == expiresAtMs && earned.balance == 500)
                #expect(earned.reason == "Grüße" && !earned.isRepeat && earned.remaining == nil)
                let again = try await client.earnPoints(
                    500, user: 42, expiresAtMs: expiresAtMs, reason: "Grüße", id: id)
                #expect(again.isRepeat && again.createdAtMs == earned.createdAtMs && again.balance == 500)
                #expect(
                    await fault { try await client.earnPoints(500, user: 42, id: id) }?.refusal == .idReused)

                try await client.earnPoints(100, user: 42)
                let use = TransactionID(idempotencyKey: "basket-7", for: 42, scope: "/v1/users/42/points/use")
                let used = try await client.usePoints(520, user: 42, reason: "basket 7", id: use)
                #expect(used.kind == .use && used.balance == 80 && used.expiresAtMs == nil)
                #expect(try await client.usePoints(520, user: 42, reason: "basket 7", id: use).isRepeat)
                #expect(
                    await fault { try await client.usePoints(81, user: 42) }?.refusal == .insufficientPoints)
                #expect(await fault { try await client.cancelTransaction(id) }?.refusal == .alreadySpent)
                #expect(try await client.transaction(id).remaining == 0)
                #expect(try await client.points(of: 42) == PointBalance(points: 80, lots: 1))

                guard case .transaction(let cancelled) = try await client.cancelTransaction(use) else {
                    Issue.record("the use is known")
                    return
                }
                #expect(
                    cancelled.state == .cancelled && cancelled.balance == 600 && cancelled.remaining == nil)
                #expect(cancelled.reason == "basket 7")
                let balance = try await client.points(of: 42)
                #expect(balance.nextExpiry == .init(amount: 500, atMs: expiresAtMs) && balance.lots == 2)
                guard case .transaction(let repeated) = try await client.cancelTransaction(use) else {
                    Issue.record("the use is known")
                    return
                }
                #expect(repeated.isRepeat && repeated.balance == 600)
            }
        }

        @Test func whatIsRefused() async throws {
            try await withTimesale { client in
                let now = wallClockMs()
                #expect(await fault { try await client.earnPoints(0, user: 1) }?.refusal == .invalidAmount)
                #expect(
                    await fault { try await client.earnPoints(1_000_000_001, user: 1) }?.refusal
                        == .invalidAmount)
                #expect(await fault { try await client.usePoints(0, user: 1) }?.refusal == .invalidAmount)
                #expect(
                    await fault { try await client.earnPoints(1, user: 1, expiresAtMs: now - 1000) }?.refusal
                        == .expired)
                #expect(
                    await fault { try await client.earnPoints(1, user: 2, id: .mint(for: 1)) }?.refusal
                        == .wrongPartition)
                #expect(await fault { try await client.earnPoints(1, user: 0) }?.refusal == .invalid)
                #expect(await fault { try await client.points(of: 0) }?.refusal == .invalid)
                #expect(await fault { try await client.transaction(.mint(for: 1)) }?.refusal == .notFound)
                for reason in [String(repeating: "x", count: 32), "a\u{7}b"] {
                    #expect(
                        await fault { try await client.earnPoints(1, user: 1, reason: reason) }
                            == .invalidArgument(.reason))
                    #expect(
                        await fault { try await client.usePoints(1, user: 1, reason: reason) }
                            == .invalidArgument(.reason))
                }
                let balance = try await client.points(of: 1)
                #expect(balance == PointBalance(points: 0, lots: 0))
                #expect(try await client.transactions(of: 1).transactions.isEmpty)
            }
        }

        @Test func aCancelThatComesFirst() async throws {
            try await withTimesale { client in
                let id = TransactionID.mint(for: 42)
                let cancellation = try await client.cancelTransaction(id)
                #expect(cancellation == .beforeTransaction(id))
                #expect(
                    await fault { try await client.earnPoints(1, user: 42, id: id) }?.refusal == .cancelled)
                #expect(await fault { try await client.transaction(id) }?.refusal == .cancelled)
            }
        }

        @Test func historyPageByPage() async throws {
            try await withTimesale { client in
                var posted: [TransactionID] = []
                for amount in 1...7 {
                    posted.append(try await client.earnPoints(UInt32(amount), user: 42).id)
                }
                let first = try await client.transactions(of: 42, limit: 3)
                #expect(first.transactions.map(\.amount) == [7, 6, 5] && first.next == posted[4])
                var listed: [TransactionID] = []
                for try await transaction in client.allTransactions(of: 42, pageLimit: 3) {
                    listed.append(transaction.id)
                }
                #expect(listed == posted.reversed())
                #expect(
                    await fault { try await client.transactions(of: 42, after: .mint(for: 42)) }?.refusal
                        == .notFound)
                #expect(
                    await fault { try await client.transactions(of: 42, limit: 0) }
                        == .invalidArgument(.limit))
            }
        }

        /// One call credits thousands of users on all shards; each is told, and sent again it changes nothing.
        @Test(arguments: [1, 3])
        func aCampaign(_ shards: Int) async throws {
            try await withTimesale(["--shards", "\(shards)"]) { client in
                #expect(await eventually { client.status.connections == shards })
                var requests = (1...6_000).map {
                    EarnRequest(user: UserID(UInt64($0)), amount: UInt32($0), reason: "birthday")
                }
                requests[10].amount = 0
                requests[20].reason = String(repeating: "x", count: 32)
                requests[30].id = .mint(for: 32)
                let refusals: [Int: TimesaleError] = [
                    10: .refused(.invalidAmount, retryAfterMs: 0), 20: .invalidArgument(.reason),
                    30: .refused(.wrongPartition, retryAfterMs: 0),
                ]
                for round in 0..<2 {
                    let results = await client.earnPoints(requests)
                    for (index, result) in results.enumerated() {
                        if let refusal = refusals[index] {
                            #expect(result == .failure(refusal))
                            continue
                        }
                        let earned = try result.get()
                        #expect(earned.id == requests[index].id && earned.isRepeat == (round == 1))
                        #expect(earned.balance == UInt64(requests[index].amount))
                    }
                }
                #expect(await client.earnPoints([]).isEmpty)
                #expect(try await client.points(of: 6_000).points == 6_000)
                #expect(try await client.points(of: 11).points == 0)
                let stats = try await client.stats()
                // To its own shard went what a connection was there for; on a slow machine one may have come late.
                #expect(stats.reduce(0) { $0 + $1.forwarded } < UInt64(requests.count))
            }
        }

        // MARK: Certainty

        private static func result(_ code: ResultCode) -> PointResult {
            PointResult(
                code: code, state: 0, flags: 0, amount: 5, balance: 7, createdAtMs: 1, expiresAtMs: 0)
        }

        /// The id is told, also a minted one, or nobody could settle the outcome.
        @Test func anUnknownOutcomeTellsItsTransaction() async {
            let server = ScriptedServer { _ in .ignore }
            defer { server.stop() }
            let client = server.client()
            let id = TransactionID.mint(for: 1)
            let unknown = UnknownOutcome(cause: .timedOut, subject: .transaction(id))
            #expect(
                await fault { try await client.earnPoints(1, user: 1, id: id, timeoutMs: 200) }
                    == .outcomeUnknown(unknown))
            #expect(
                await fault { try await client.usePoints(1, user: 1, id: id, timeoutMs: 200) }
                    == .outcomeUnknown(unknown))
            #expect(
                await fault { try await client.cancelTransaction(id, timeoutMs: 200) }
                    == .outcomeUnknown(unknown))
            guard
                case .outcomeUnknown(let minted) = await fault({
                    try await client.usePoints(1, user: 1, timeoutMs: 200)
                }), case .transaction? = minted.subject
            else {
                Issue.record("the outcome is open, and its id is told")
                return
            }
            // What only reads has no outcome that could be open.
            #expect(await fault { try await client.points(of: 1, timeoutMs: 200) } == .timedOut)
            #expect(await fault { try await client.transaction(id, timeoutMs: 200) } == .timedOut)
            await client.shutdown(withinMs: 0)
        }

        @Test func aLostCallIsSentAgainUnchanged() async throws {
            let server = ScriptedServer { request in
                request.number < 2 ? .hangUp : request.results { _ in Self.result(.ok) }
            }
            defer { server.stop() }
            let client = server.client()
            #expect(try await client.usePoints(5, user: 1, reason: "once").balance == 7)
            let bodies = server.requests.map(\.body)
            #expect(bodies.count == 3 && Set(bodies).count == 1)
            await client.shutdown()
        }

        /// A refusal of the second attempt says nothing about the first where a moment decides; it does where the
        /// content does, and in another run of the server.
        @Test(arguments: [
            (ResultCode.insufficientPoints, true, false), (.insufficientPoints, false, true),
            (.invalidAmount, true, true), (.capacity, false, false),
        ])
        func aRefusalAfterALoss(_ code: ResultCode, _ isSameRun: Bool, _ isCertain: Bool) async {
            let server = ScriptedServer(instance: { isSameRun ? 1 : UInt64($0 + 1) }) { request in
                request.number == 0 ? .hangUp : request.results { _ in Self.result(code) }
            }
            defer { server.stop() }
            let client = server.client()
            let error = await fault { try await client.usePoints(5, user: 1) }
            #expect((error?.refusal != nil) == isCertain && (error?.mayHaveHappened == true) == !isCertain)
            await client.shutdown()
        }

        @Test func answersThatMakeNoSenseAreNotBelieved() async {
            let server = ScriptedServer { request in
                request.results { _ in
                    PointResult(
                        code: .ok, state: 9, flags: 0, amount: 5, balance: 7, createdAtMs: 1, expiresAtMs: 0)
                }
            }
            defer { server.stop() }
            let client = server.client()
            #expect(await fault { try await client.earnPoints(5, user: 1) }?.cause == .protocolViolation)
            await client.shutdown()
        }

        // MARK: A server that is killed

        /// What callers were told, by user: earnings above zero, uses below.
        private final class Told: Sendable {
            private let state = Mutex((amounts: [UInt64: [Int]](), isOver: false))

            var amounts: [UInt64: [Int]] { state.withLock { $0.amounts } }
            var count: Int { state.withLock { $0.amounts.values.reduce(0) { $0 + $1.count } } }
            var isOver: Bool { state.withLock { $0.isOver } }
            func add(_ amounts: [Int], _ user: UInt64) {
                state.withLock { $0.amounts[user, default: []] += amounts }
            }
            func end() { state.withLock { $0.isOver = true } }
        }

        /// Every user earns and uses under a server that is killed and started again: what was reported is what
        /// there is, once each.
        @Test(arguments: [1, 2])
        func killedAndRestartedUnderLoad(_ shards: Int) async throws {
            try await withTimesaleServer(["--shards", "\(shards)"]) { server in
                let client = try await server.client { $0.timeoutMs = 120_000 }
                let told = Told()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for user in 1...32 as ClosedRange<UInt64> {
                        group.addTask {
                            var amount: UInt32 = 0
                            while !told.isOver {
                                amount += 1
                                let spent = max(1, amount - 1)
                                try await client.earnPoints(amount, user: UserID(user))
                                try await client.usePoints(spent, user: UserID(user))
                                told.add([Int(amount), -Int(spent)], user)
                            }
                        }
                    }
                    for round in 1...2 {
                        #expect(await eventually { told.count > round * 500 })
                        await server.kill()
                        try await server.restart()
                        let atReady = told.count
                        #expect(await eventually { told.count > atReady + 500 })
                    }
                    told.end()
                    try await group.waitForAll()
                }
                for (user, amounts) in told.amounts {
                    let balance = try await client.points(of: UserID(user))
                    #expect(Int(balance.points) == amounts.reduce(0, +))
                    var history: [Int] = []
                    for try await transaction in client.allTransactions(of: UserID(user), pageLimit: 1000) {
                        history.append(Int(transaction.amount) * (transaction.kind == .earning ? 1 : -1))
                    }
                    #expect(history == amounts.reversed())
                }
                #expect(client.status.restartsSeen == 2)
                await client.shutdown()
            }
        }
    }
}
