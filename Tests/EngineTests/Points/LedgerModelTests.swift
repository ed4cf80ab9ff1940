import Protocol
import Testing

@testable import Engine

/// The ledger against a simple model, by random operations of a few users; through replay, other numbers of shards and
/// snapshots.
@Suite struct LedgerModelTests {
    @Test(arguments: 1...24 as ClosedRange<UInt64>) func balancesAreTheSumsOfTheirHistories(_ seed: UInt64) throws {
        _ = try LedgerRun.played(seed: seed, steps: 300)
    }
}

/// One random history.
private struct LedgerRun: SeededRun {
    private var dice: Dice
    private var cluster: Cluster
    private var model = LedgerModel()
    private let users = (1...4 as ClosedRange<UInt64>).map(user)
    private var stepsDone = 0

    init(seed: UInt64) {
        dice = Dice(seed: seed)
        cluster = Cluster(shards: dice.pick(1...3))
    }

    mutating func step() throws -> String? {
        stepsDone += 1
        let owner = dice.pick(users)
        let fault =
            switch dice.below(10) {
            case 0..<4: earn(owner)
            case 4..<7: use(owner)
            case 7..<9: cancel()
            default: time()
            }
        if let fault { return fault }
        if dice.oneIn(60), let fault = try restart() { return fault }
        return compare(owner)
    }

    mutating func finish() throws -> String? {
        for owner in users { if let fault = compare(owner) { return fault } }
        return nil
    }

    // MARK: Operations

    private mutating func earn(_ owner: Id128) -> String? {
        let id = freshId(owner)
        let expiresAtMs = dice.oneIn(3) ? 0 : cluster.nowMs + UInt64(dice.pick(1...400))
        let entry = EarnEntry(
            transactionId: id, userId: owner, expiresAtMs: expiresAtMs, amount: UInt32(dice.pick(1...20)),
            reason: reason())
        model.earn(entry, nowMs: cluster.nowMs)
        let code = cluster.earn(entry).result.code
        return code == .ok ? nil : "\(entry) got \(code)"
    }

    private mutating func use(_ owner: Id128) -> String? {
        let entry = UsePointsEntry(
            transactionId: freshId(owner), userId: owner, amount: UInt32(dice.pick(1...30)), reason: reason())
        let expected = model.use(entry, nowMs: cluster.nowMs)
        let code = cluster.use(entry).result.code
        return code == expected ? nil : "\(entry) got \(code), not \(expected)"
    }

    private mutating func cancel() -> String? {
        guard !model.ids.isEmpty else { return nil }
        let known = dice.pick(model.ids)
        let expected = model.cancel(known)
        let code = cluster.cancelTransaction(known).result.code
        return code == expected ? nil : "a cancel of \(known) got \(code), not \(expected)"
    }

    private mutating func time() -> String? {
        cluster.nowMs += UInt64(dice.pick(1...100))
        return nil
    }

    private mutating func freshId(_ owner: Id128) -> Id128 {
        .version7(timeMs: cluster.nowMs, partition: Partition.of(user: owner), random: dice.next())
    }

    private mutating func reason() -> Reason { dice.oneIn(2) ? Reason() : Reason("step \(stepsDone)")! }

    /// From the log, or from a snapshot; the history goes on from there.
    private mutating func restart() throws -> String? {
        let digest = cluster.digest()
        let shards = dice.pick(1...3)
        let past = cluster
        cluster = dice.oneIn(2) ? try past.replayed(shards: shards) : try past.rebuilt(shards: shards)
        if cluster.digest() != digest { return "\(shards) shards have another state after a restart" }
        for owner in users where past.history(owner) != cluster.history(owner) {
            return "\(owner) has another history after a restart"
        }
        return nil
    }

    // MARK: Looking

    private func compare(_ owner: Id128) -> String? {
        let balance = cluster.balance(owner)
        let history = cluster.history(owner, page: 7)
        let expected = model.balance(owner, nowMs: cluster.nowMs)
        if balance.balance != expected { return "\(owner) has \(balance.balance) points, not \(expected)" }
        if history.map(\.transactionId) != model.history(owner) { return "\(owner) has another history: \(history)" }
        var sum = 0
        for transaction in history {
            if transaction.remaining != model.remaining(transaction.transactionId) {
                return "\(transaction) has not \(model.remaining(transaction.transactionId)) left"
            }
            switch (TransactionState(rawValue: transaction.state), TransactionKind(rawValue: transaction.kind)) {
            case (.cancelled, _): break
            case (.expired, _): sum += Int(transaction.amount) - Int(transaction.remaining)
            case (_, .earning): sum += Int(transaction.amount)
            case (_, _): sum -= Int(transaction.amount)
            }
        }
        if sum != Int(balance.balance) { return "the history of \(owner) comes to \(sum), not \(balance.balance)" }
        let lots = model.lots(owner, nowMs: cluster.nowMs)
        let next = lots.map(\.expiresAtMs).filter { $0 != 0 }.min() ?? 0
        if Int(balance.lots) != lots.count || balance.nextExpiryMs != next {
            return "\(balance) has not \(lots.count) lots, of which the first expires at \(next)"
        }
        return nil
    }
}
