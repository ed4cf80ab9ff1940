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
        model.earn(entry)
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

/// What the ledger should be, as plainly as it can be said.
private struct LedgerModel {
    struct Lot {
        var id: Id128
        var owner: Id128
        var amount: UInt32
        var expiresAtMs: UInt64
        var remaining: UInt32
        var isCancelled = false
    }

    struct Use {
        var owner: Id128
        var takings: [(lot: Int, amount: UInt32)]
        var isCancelled = false
    }

    private var all: [Lot] = []
    private var uses: [Id128: Use] = [:]
    /// In the order of their making.
    private(set) var ids: [Id128] = []

    mutating func earn(_ entry: EarnEntry) {
        all.append(
            Lot(
                id: entry.transactionId, owner: entry.userId, amount: entry.amount, expiresAtMs: entry.expiresAtMs,
                remaining: entry.amount))
        ids.append(entry.transactionId)
    }

    mutating func use(_ entry: UsePointsEntry, nowMs: UInt64) -> ResultCode {
        guard balance(entry.userId, nowMs: nowMs) >= UInt64(entry.amount) else { return .insufficientPoints }
        var missing = entry.amount
        var takings: [(lot: Int, amount: UInt32)] = []
        while missing > 0 {
            let best = all.indices.filter { isSpendable(all[$0], entry.userId, nowMs) }.min { left, right in
                let (a, b) = (all[left].expiresAtMs, all[right].expiresAtMs)
                return a == b ? left < right : a != 0 && (b == 0 || a < b)
            }!
            let amount = min(missing, all[best].remaining)
            all[best].remaining -= amount
            missing -= amount
            takings.append((best, amount))
        }
        uses[entry.transactionId] = Use(owner: entry.userId, takings: takings)
        ids.append(entry.transactionId)
        return .ok
    }

    mutating func cancel(_ id: Id128) -> ResultCode {
        if let use = uses[id] {
            if use.isCancelled { return .ok }
            uses[id]!.isCancelled = true
            for taking in use.takings { all[taking.lot].remaining += taking.amount }
            return .ok
        }
        let lot = all.firstIndex { $0.id == id }!
        if all[lot].isCancelled { return .ok }
        guard all[lot].remaining == all[lot].amount else { return .alreadySpent }
        all[lot].isCancelled = true
        return .ok
    }

    private func isSpendable(_ lot: Lot, _ owner: Id128, _ nowMs: UInt64) -> Bool {
        lot.owner == owner && !lot.isCancelled && lot.remaining > 0
            && (lot.expiresAtMs == 0 || lot.expiresAtMs > nowMs)
    }

    func lots(_ owner: Id128, nowMs: UInt64) -> [Lot] { all.filter { isSpendable($0, owner, nowMs) } }

    func balance(_ owner: Id128, nowMs: UInt64) -> UInt64 {
        lots(owner, nowMs: nowMs).reduce(0) { $0 + UInt64($1.remaining) }
    }

    func history(_ owner: Id128) -> [Id128] {
        ids.reversed().filter { id in uses[id]?.owner == owner || all.contains { $0.id == id && $0.owner == owner } }
    }

    func remaining(_ id: Id128) -> UInt32 { all.first { $0.id == id }?.remaining ?? 0 }
}
