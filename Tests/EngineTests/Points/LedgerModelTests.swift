import Protocol
import Testing

@testable import Engine

/// The ledger against a simple model, by random operations of a few users; through replay, other numbers of shards and
/// snapshots.
@Suite struct LedgerModelTests {
    @Test(arguments: 1...24 as ClosedRange<UInt64>) func balancesAreTheSumsOfTheirHistories(_ seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var cluster = Cluster(shards: dice.pick(1...3))
        var model = LedgerModel()
        let users = (1...4 as ClosedRange<UInt64>).map(user)
        for step in 0..<300 {
            let owner = dice.pick(users)
            let id = Id128.version7(
                timeMs: cluster.nowMs, partition: Partition.of(user: owner), random: dice.next())
            switch dice.below(10) {
            case 0..<4:
                let expiresAtMs = dice.oneIn(3) ? 0 : cluster.nowMs + UInt64(dice.pick(1...400))
                let entry = EarnEntry(
                    transactionId: id, userId: owner, expiresAtMs: expiresAtMs,
                    amount: UInt32(dice.pick(1...20)), reason: dice.oneIn(2) ? Reason() : Reason("step \(step)")!)
                model.earn(entry)
                #expect(cluster.earn(entry).result.code == .ok)
            case 4..<7:
                let entry = UsePointsEntry(
                    transactionId: id, userId: owner, amount: UInt32(dice.pick(1...30)),
                    reason: dice.oneIn(2) ? Reason() : Reason("step \(step)")!)
                let code = model.use(entry, nowMs: cluster.nowMs)
                #expect(cluster.use(entry).result.code == code, "seed \(seed), step \(step)")
            case 7..<9:
                guard !model.ids.isEmpty else { continue }
                let known = dice.pick(model.ids)
                let code = model.cancel(known)
                #expect(cluster.cancelTransaction(known).result.code == code, "seed \(seed), step \(step)")
            default: cluster.nowMs += UInt64(dice.pick(1...100))
            }
            if dice.oneIn(60) {
                let digest = cluster.digest()
                let past = cluster
                let shards = dice.pick(1...3)
                if dice.oneIn(2) {
                    cluster = try past.replayed(shards: shards)
                } else {
                    let rebuilt = try past.rebuilt(shards: shards)
                    #expect(rebuilt.digest() == digest, "seed \(seed), step \(step)")
                    cluster = try past.replayed(shards: shards)
                    for owner in users { #expect(rebuilt.history(owner) == cluster.history(owner)) }
                }
                #expect(cluster.digest() == digest, "seed \(seed), step \(step)")
            }
            try expectSame(cluster, model, owner, "seed \(seed), step \(step)")
        }
        for owner in users { try expectSame(cluster, model, owner, "seed \(seed), at the end") }
    }

    private func expectSame(_ cluster: Cluster, _ model: LedgerModel, _ owner: Id128, _ place: String) throws {
        let balance = cluster.balance(owner)
        let history = cluster.history(owner, page: 7)
        try #require(balance.balance == model.balance(owner, nowMs: cluster.nowMs), "\(place)")
        try #require(history.map(\.transactionId) == model.history(owner), "\(place)")
        var sum = 0
        for transaction in history {
            try #require(transaction.remaining == model.remaining(transaction.transactionId), "\(place)")
            switch (TransactionState(rawValue: transaction.state), TransactionKind(rawValue: transaction.kind)) {
            case (.cancelled, _): break
            case (.expired, _): sum += Int(transaction.amount) - Int(transaction.remaining)
            case (_, .earning): sum += Int(transaction.amount)
            case (_, _): sum -= Int(transaction.amount)
            }
        }
        try #require(sum == Int(balance.balance), "\(place)")
        let lots = model.lots(owner, nowMs: cluster.nowMs)
        try #require(Int(balance.lots) == lots.count, "\(place)")
        let next = lots.map(\.expiresAtMs).filter { $0 != 0 }.min() ?? 0
        try #require(balance.nextExpiryMs == next, "\(place)")
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
