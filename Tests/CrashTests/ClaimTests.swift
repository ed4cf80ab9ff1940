import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension CrashTests {
    /// Many clients, each a connection and a thread of its own, that want the same coupons or the same points at
    /// once: those who are told that they have them have them, and nobody else.
    @Suite(.serialized) struct Claims {
        /// What clients were told, by code.
        private final class Tally: Sendable {
            private let codes = Mutex<[ResultCode: Int]>([:])
            private let ids = Mutex<[Id128]>([])

            func add(_ code: ResultCode, _ id: Id128) {
                codes.withLock { $0[code, default: 0] += 1 }
                if code == .ok { ids.withLock { $0.append(id) } }
            }

            subscript(_ code: ResultCode) -> Int { codes.withLock { $0[code] ?? 0 } }
            var total: Int { codes.withLock { $0.values.reduce(0, +) } }
            var done: [Id128] { ids.withLock { $0 } }
        }

        /// All begin at the same moment, when the last of them is connected.
        private final class Gate: Sendable {
            private let missing: Atomic<Int>
            init(_ count: Int) { missing = Atomic(count) }

            func pass() {
                missing.subtract(1, ordering: .acquiringAndReleasing)
                while missing.load(ordering: .acquiring) > 0 { sched_yield() }
            }
        }

        private static let clients = 64

        /// 64 users claim the last coupon of a policy at once, again and again: one has it, 63 are told that none is
        /// left.
        @Test(arguments: [1, 2]) func theLastCoupon(_ shards: Int) throws {
            let siege = try Siege(shards: shards)
            var mint = IdMint(seed: 71)
            let admin = try siege.current.client()
            for policy in 1...20 as ClosedRange<UInt64> {
                #expect(
                    try admin.createPolicy(.open(policy, quantity: 1, operationId: mint.catalogueId())).code
                        == .ok)
                let tally = Tally()
                let gate = Gate(Self.clients)
                let claims = (0..<Self.clients).map { _ in
                    let user = mint.user()
                    return IssueCouponEntry(couponId: mint.id(user: user), userId: user, policyId: policy)
                }
                try siege.run(clients: Self.clients, kills: 0, every: 0) { number, client in
                    _ = try client.ask { client throws(ClientFault) in try client.ping() }
                    gate.pass()
                    let result = try client.ask { client throws(ClientFault) in
                        try client.issue([claims[number]])
                    }[0]
                    tally.add(result.code, claims[number].couponId)
                }
                #expect(tally[.ok] == 1 && tally[.exhausted] == Self.clients - 1, "policy \(policy)")
                let shown = try admin.getPolicy(policy)
                #expect(
                    shown.issued == 1 && shown.remaining == 0 && shown.state == SaleState.soldOut.rawValue
                )
                for claim in claims {
                    let isThere = try admin.getCoupon(claim.couponId).code == .ok
                    #expect(isThere == tally.done.contains(claim.couponId))
                }
            }
            stop(siege.current)
        }

        /// One user claims from 64 connections at once what the policy gives once to each: there is enough for all,
        /// and one of them has it.
        @Test(arguments: [1, 2]) func oneForEach(_ shards: Int) throws {
            let siege = try Siege(shards: shards)
            var mint = IdMint(seed: 72)
            let admin = try siege.current.client()
            let policy = CreatePolicyEntry.open(
                1, quantity: 100_000, perUserLimit: 1, operationId: mint.catalogueId())
            #expect(try admin.createPolicy(policy).code == .ok)
            for round in 0..<20 {
                let user = mint.user()
                let ids = (0..<Self.clients).map { _ in mint.id(user: user) }
                let tally = Tally()
                let gate = Gate(Self.clients)
                try siege.run(clients: Self.clients, kills: 0, every: 0) { number, client in
                    _ = try client.ask { client throws(ClientFault) in try client.ping() }
                    gate.pass()
                    let result = try client.ask { client throws(ClientFault) in
                        try client.issue(ids[number], user: user, policy: 1)
                    }
                    tally.add(result.code, ids[number])
                }
                #expect(tally[.ok] == 1 && tally[.alreadyIssued] == Self.clients - 1, "round \(round)")
                #expect(try admin.listUserCoupons(user).items.map(\.couponId) == tally.done)
            }
            stop(siege.current)
        }

        /// `kill -9` while 64 clients claim more coupons than there are, and ask again with the same ids until they
        /// are answered: as many are told that they have one as were issued, each has its own, and none is lost.
        @Test(arguments: [(shards: 1, seed: UInt64(73)), (shards: 2, seed: UInt64(74))])
        func successesAreIssuesAcrossKills(_ shards: Int, _ seed: UInt64) throws {
            let directory = TemporaryDirectory()
            let siege = try Siege(shards: shards, in: directory)
            var mint = IdMint(seed: seed)
            let quantity: UInt64 = 4000
            let policy = CreatePolicyEntry.open(
                1, quantity: quantity, perUserLimit: 1, operationId: mint.catalogueId())
            #expect(try siege.current.client().createPolicy(policy).code == .ok)
            let claims = (0..<Self.clients).map { _ in
                (0..<100).map { _ in
                    let user = mint.user()
                    return IssueCouponEntry(couponId: mint.id(user: user), userId: user, policyId: 1)
                }
            }
            let tally = Tally()
            try siege.run(clients: Self.clients, kills: 6, every: 700) { number, client in
                for claim in claims[number] { try Self.settle(claim, client, tally) }
            }
            #expect(tally.total == Self.clients * 100, "seed \(seed): each claim was answered")
            #expect(tally[.ok] + tally[.exhausted] == tally.total, "seed \(seed)")
            // A crash may undo an issue that nobody was told of, after others were told that none was left.
            let client = try siege.current.client()
            while true {
                let user = mint.user()
                let id = mint.id(user: user)
                let code = try client.issue(id, user: user, policy: 1).code
                tally.add(code, id)
                if code == .exhausted { break }
            }
            #expect(tally[.ok] == Int(quantity) && Set(tally.done).count == Int(quantity), "seed \(seed)")
            try expectIssued(tally.done, quantity, client, seed)
            try siege.restart()
            try expectIssued(tally.done, quantity, try siege.current.client(), seed)
            killAtOnce(siege.current)
            let logged = try LogState.read(directory).policy(1)
            #expect(logged.issued == quantity && logged.remaining == 0 && logged.used == 0, "seed \(seed)")
        }

        private static func settle(_ claim: IssueCouponEntry, _ client: Besieger, _ tally: Tally) throws {
            while true {
                let code = try client.ask { client throws(ClientFault) in try client.issue([claim]) }[0].code
                if code == .busy { continue }
                return tally.add(code, claim.couponId)
            }
        }

        private func expectIssued(_ ids: [Id128], _ quantity: UInt64, _ client: TestClient, _ seed: UInt64)
            throws
        {
            let policy = try client.getPolicy(1)
            #expect(policy.issued == quantity && policy.remaining == 0, "seed \(seed): \(policy)")
            for start in stride(from: 0, to: ids.count, by: 1000) {
                for view in try client.getCoupons(Array(ids[start..<min(start + 1000, ids.count)])) {
                    let isThere = view.code == .ok && view.state == CouponState.issued.rawValue
                    #expect(isThere, "seed \(seed): \(view)")
                }
            }
        }

        // MARK: Points

        private static let rivals = 20

        /// 750 points in lots that expire at different times.
        private static func lots(of user: Id128, _ mint: inout IdMint) -> [EarnEntry] {
            (0..<15).map { lot in
                EarnEntry(
                    transactionId: mint.id(user: user), userId: user,
                    expiresAtMs: lot % 3 == 0 ? 0 : wallClockMs() + UInt64(lot) * 3_600_000, amount: 50)
            }
        }

        /// 20 uses of one balance at once that suffices for 7 of them: exactly 7 succeed.
        @Test(arguments: [1, 2]) func oneBalanceForSeven(_ shards: Int) throws {
            let siege = try Siege(shards: shards)
            var mint = IdMint(seed: 75)
            let admin = try siege.current.client()
            for round in 0..<20 {
                let user = mint.user()
                #expect(try admin.earn(Self.lots(of: user, &mint)).allSatisfy { $0.code == .ok })
                let ids = (0..<Self.rivals).map { _ in mint.id(user: user) }
                let tally = Tally()
                let gate = Gate(Self.rivals)
                try siege.run(clients: Self.rivals, kills: 0, every: 0) { number, client in
                    _ = try client.ask { client throws(ClientFault) in try client.ping() }
                    gate.pass()
                    try Self.use(ids[number], user, client, tally)
                }
                try expectSeven(user, tally, admin, "round \(round)")
            }
            stop(siege.current)
        }

        /// The same for 40 users, with a server that is killed meanwhile: each of the 20 asks again with the same id
        /// until it is answered.
        @Test(arguments: [(shards: 1, seed: UInt64(76)), (shards: 2, seed: UInt64(77))])
        func sevenOfTwentyAcrossKills(_ shards: Int, _ seed: UInt64) throws {
            let siege = try Siege(shards: shards)
            var mint = IdMint(seed: seed)
            let users = (0..<40).map { _ in mint.user() }
            let admin = try siege.current.client()
            var ids: [[Id128]] = []
            for user in users {
                #expect(try admin.earn(Self.lots(of: user, &mint)).allSatisfy { $0.code == .ok })
                ids.append((0..<Self.rivals).map { _ in mint.id(user: user) })
            }
            let tallies = users.map { _ in Tally() }
            let wanted = ids
            try siege.run(clients: Self.rivals, kills: 5, every: 120) { number, client in
                for (index, user) in users.enumerated() {
                    try Self.use(wanted[index][number], user, client, tallies[index])
                }
            }
            for (index, user) in users.enumerated() {
                try expectSeven(
                    user, tallies[index], try siege.current.client(), "seed \(seed), user \(index)")
            }
            stop(siege.current)
        }

        private static func use(_ id: Id128, _ user: Id128, _ client: Besieger, _ tally: Tally) throws {
            while true {
                let code = try client.ask { client throws(ClientFault) in try client.use(id, user: user, 100)
                }.code
                if code == .busy { continue }
                return tally.add(code, id)
            }
        }

        private func expectSeven(_ user: Id128, _ tally: Tally, _ client: TestClient, _ place: Comment) throws
        {
            #expect(tally[.ok] == 7 && tally[.insufficientPoints] == Self.rivals - 7, place)
            #expect(try client.getBalance(user).balance == 50, place)
            let history = try client.listTransactions(user).items
            let used = history.filter { $0.kind == TransactionKind.use.rawValue }.map(\.transactionId)
            #expect(Set(used) == Set(tally.done) && history.count == 15 + 7, place)
        }

        private func stop(_ server: ServerProcess) {
            server.kill(SIGTERM)
            #expect(server.wait() == .exited(0))
        }
    }
}
