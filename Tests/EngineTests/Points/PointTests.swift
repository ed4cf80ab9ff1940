import Protocol
import Testing

@testable import Engine

/// Points, one rule at a time.
@Suite struct PointTests {
    private let alice = user(1)

    @Test func lotsThatExpireFirstAreSpentFirst() {
        let cluster = Cluster()
        let never = cluster.mint(alice)
        let late = cluster.mint(alice)
        let soon = cluster.mint(alice)
        _ = cluster.earn(alice, 100, id: never)
        _ = cluster.earn(alice, 50, expiresAtMs: cluster.nowMs + 2000, id: late)
        _ = cluster.earn(alice, 30, expiresAtMs: cluster.nowMs + 1000, id: soon)
        #expect(cluster.use(alice, 60).result.balance == 120)
        let left = [soon, late, never].map { cluster.getTransaction($0).result.remaining }
        #expect(left == [0, 20, 100])
        let balance = cluster.balance(alice)
        #expect(balance.balance == 120 && balance.lots == 2)
        #expect(balance.nextExpiryMs == cluster.nowMs + 2000 && balance.nextExpiryAmount == 20)
    }

    @Test func whatHasExpiredCannotBeSpent() {
        let cluster = Cluster()
        let id = cluster.mint(alice)
        _ = cluster.earn(alice, 30, expiresAtMs: cluster.nowMs + 1000, id: id)
        _ = cluster.earn(alice, 5)
        cluster.nowMs += 999
        #expect(cluster.balance(alice).balance == 35)
        cluster.nowMs += 1
        #expect(cluster.balance(alice).balance == 5 && cluster.balance(alice).nextExpiryMs == 0)
        #expect(cluster.use(alice, 6).result.code == .insufficientPoints)
        #expect(cluster.use(alice, 5).result.code == .ok)
        #expect(cluster.getTransaction(id).result.state == TransactionState.expired.rawValue)
    }

    @Test func aCancelledUseGivesBackWhatItTook() {
        let cluster = Cluster()
        let (soon, never, use) = (cluster.mint(alice), cluster.mint(alice), cluster.mint(alice))
        _ = cluster.earn(alice, 30, expiresAtMs: cluster.nowMs + 1000, id: soon)
        _ = cluster.earn(alice, 30, id: never)
        _ = cluster.use(alice, 40, id: use)
        #expect(cluster.cancelTransaction(use).result.balance == 60)
        #expect([soon, never].map { cluster.getTransaction($0).result.remaining } == [30, 30])
        // Once: the second time it is a repeat.
        let again = cluster.cancelTransaction(use).result
        #expect(again.code == .ok && again.flags == ResultFlags.repeat && again.balance == 60)
    }

    /// What comes back to a lot that has expired meanwhile has expired too.
    @Test func aReturnedLotKeepsItsExpiry() {
        let cluster = Cluster()
        let (soon, use) = (cluster.mint(alice), cluster.mint(alice))
        _ = cluster.earn(alice, 30, expiresAtMs: cluster.nowMs + 1000, id: soon)
        _ = cluster.earn(alice, 30)
        _ = cluster.use(alice, 40, id: use)
        cluster.nowMs += 1000
        #expect(cluster.cancelTransaction(use).result.balance == 30)
        #expect(cluster.getTransaction(soon).result.remaining == 30)
        #expect(cluster.use(alice, 31).result.code == .insufficientPoints)
    }

    @Test func aSpentEarningStays() {
        let cluster = Cluster()
        let (earning, use) = (cluster.mint(alice), cluster.mint(alice))
        _ = cluster.earn(alice, 30, id: earning)
        _ = cluster.use(alice, 1, id: use)
        let refused = cluster.cancelTransaction(earning).result
        #expect(refused.code == .alreadySpent && refused.balance == 29)
        _ = cluster.cancelTransaction(use)
        #expect(cluster.cancelTransaction(earning).result.balance == 0)
        #expect(cluster.balance(alice).lots == 0)
    }

    @Test func aRepeatChangesNothing() {
        let cluster = Cluster()
        let (earning, use) = (cluster.mint(alice), cluster.mint(alice))
        for repeats in 0..<2 {
            let reply = cluster.earn(alice, 30, id: earning).result
            #expect(reply.code == .ok && reply.flags == UInt8(repeats) && reply.balance == 30)
        }
        for repeats in 0..<2 {
            let reply = cluster.use(alice, 10, id: use).result
            #expect(reply.code == .ok && reply.flags == UInt8(repeats) && reply.balance == 20)
        }
        #expect(cluster.earn(alice, 31, id: earning).result.code == .idReused)
        #expect(cluster.earn(alice, 30, expiresAtMs: cluster.nowMs + 5, id: earning).result.code == .idReused)
        #expect(cluster.use(alice, 30, id: earning).result.code == .idReused)
        #expect(cluster.order(alice, 1, id: earning).result.code == .idReused)
        #expect(cluster.history(alice).count == 2)
    }

    /// A reason stays with its transaction, is part of its content, and costs an event only where there is one.
    @Test func aReasonIsKept() throws {
        let cluster = Cluster()
        let (earning, use, plain) = (cluster.mint(alice), cluster.mint(alice), cluster.mint(alice))
        let welcome = Reason("welcome gift")!
        let longest = Reason(String(repeating: "x", count: Reason.countMax))!
        let reply = cluster.earn(alice, 30, reason: welcome, id: earning)
        #expect(reply.waitLsn == cluster.lastLsn() && cluster.history.count == 2)
        _ = cluster.use(alice, 10, reason: longest, id: use)
        _ = cluster.use(alice, 1, id: plain)
        #expect(cluster.history.map(\.kind).suffix(3) == [.pointsUsed, .transactionReasoned, .pointsUsed])
        let reasons = [plain, use, earning].map { cluster.getTransaction($0).result.reason }
        #expect(reasons == [Reason(), longest, welcome])
        #expect(cluster.history(alice).map(\.reason) == reasons)

        #expect(cluster.earn(alice, 30, reason: welcome, id: earning).result.flags == ResultFlags.repeat)
        #expect(cluster.earn(alice, 30, id: earning).result.code == .idReused)
        #expect(cluster.use(alice, 10, reason: welcome, id: use).result.code == .idReused)
        #expect(cluster.use(alice, 1, reason: welcome, id: plain).result.code == .idReused)
        #expect(cluster.cancelTransaction(use).result.reason == longest)

        for past in [try cluster.replayed(shards: 2), try cluster.rebuilt(shards: 3)] {
            #expect(past.digest() == cluster.digest())
            #expect(past.history(alice) == cluster.history(alice))
        }
    }

    @Test func aReasonIsText() {
        let cluster = Cluster()
        for bytes: [UInt8] in [[32], [1], [0, 0x61], [1, 0x61, 0x61], [1, 0x0a], [1, 0x80], [2, 0xc3, 0x28]] {
            let field = bytes + [UInt8](repeating: 0, count: Reason.sizeBytes - bytes.count)
            let reason = field.withUnsafeBytes { Reason($0.baseAddress!) }
            #expect(cluster.earn(alice, 1, reason: reason).result.code == .invalid)
            #expect(cluster.use(alice, 1, reason: reason).result.code == .invalid)
        }
        #expect(cluster.history(alice).isEmpty && cluster.usersKnown() == 0)
    }

    /// What a log cannot say of reasons is damage.
    @Test func reasonsWithoutATransactionAreRefused() throws {
        let cluster = Cluster()
        _ = cluster.earn(alice, 30, reason: Reason("one")!)
        let (earned, reasoned) = (cluster.history[0], cluster.history[1])
        var empty = reasoned
        for index in EventField.reason..<empty.bytes.count { empty.bytes[index] = 0 }
        for past in [[reasoned], [earned, reasoned, reasoned], [earned, empty]] {
            let damaged = Cluster()
            damaged.adopt(past)
            #expect(throws: EventFault.self) { try damaged.replayed(shards: 1) }
        }
    }

    @Test func aCancelBeforeItsTransaction() {
        let cluster = Cluster()
        let id = cluster.mint(alice)
        #expect(cluster.cancelTransaction(id).result.flags == ResultFlags.tombstone)
        #expect(cluster.earn(alice, 30, id: id).result.code == .cancelled)
        #expect(cluster.getTransaction(id).result.code == .cancelled)
        #expect(cluster.balance(alice).balance == 0)
    }

    @Test func badInput() {
        let cluster = Cluster()
        let nowMs = cluster.nowMs
        #expect(cluster.earn(alice, 0).result.code == .invalidAmount)
        #expect(cluster.earn(alice, 1_000_000_001).result.code == .invalidAmount)
        #expect(cluster.earn(alice, 1, expiresAtMs: nowMs).result.code == .expired)
        #expect(cluster.earn(alice, 1, id: cluster.mint(user(2))).result.code == .wrongPartition)
        #expect(cluster.earn(alice, 1, id: .zero).result.code == .invalidId)
        #expect(cluster.use(alice, 0).result.code == .invalidAmount)
        #expect(cluster.use(alice, 1).result.code == .insufficientPoints)
        #expect(cluster.getTransaction(cluster.mint(alice)).result.code == .notFound)
        #expect(cluster.cancelTransaction(.zero).result.code == .invalidId)
        #expect(cluster.balance(.zero).code == .invalid)
        #expect(cluster.history(alice).isEmpty && cluster.usersKnown() == 0)
    }

    @Test func lotsAreBounded() {
        var capacities = Cluster.Capacities()
        capacities.transactions = 3000
        let cluster = Cluster(capacities: capacities)
        for _ in 0..<Engine.lotsPerUserMax {
            #expect(cluster.earn(alice, 1, expiresAtMs: cluster.nowMs + 9).result.code == .ok)
        }
        #expect(cluster.earn(alice, 1).result.code == .capacity)
        #expect(cluster.earn(user(2), 1).result.code == .ok)
        cluster.nowMs += 9
        #expect(cluster.earn(alice, 1).result.balance == 1, "expired lots make room")
    }
}
