import Protocol

/// What the ledger should be, as plainly as it can be said.
struct LedgerModel {
    struct Lot {
        var id: Id128
        var owner: Id128
        var amount: UInt32
        var expiresAtMs: UInt64
        var createdAtMs: UInt64
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

    mutating func earn(_ entry: EarnEntry, nowMs: UInt64) {
        all.append(
            Lot(
                id: entry.transactionId, owner: entry.userId, amount: entry.amount, expiresAtMs: entry.expiresAtMs,
                createdAtMs: nowMs, remaining: entry.amount))
        ids.append(entry.transactionId)
    }

    mutating func use(_ entry: UsePointsEntry, nowMs: UInt64) -> ResultCode {
        guard balance(entry.userId, nowMs: nowMs) >= UInt64(entry.amount) else { return .insufficientPoints }
        uses[entry.transactionId] = Use(
            owner: entry.userId, takings: take(entry.amount, from: entry.userId, nowMs: nowMs))
        ids.append(entry.transactionId)
        return .ok
    }

    /// Takes what a cancelled use took again, from the lots there are now. They suffice.
    mutating func useAgain(_ id: Id128, nowMs: UInt64) {
        let amount = uses[id]!.takings.reduce(0) { $0 + $1.amount }
        uses[id]!.takings = take(amount, from: uses[id]!.owner, nowMs: nowMs)
        uses[id]!.isCancelled = false
    }

    private mutating func take(_ points: UInt32, from owner: Id128, nowMs: UInt64) -> [(lot: Int, amount: UInt32)] {
        var missing = points
        var takings: [(lot: Int, amount: UInt32)] = []
        while missing > 0 {
            let best = all.indices.filter { isSpendable(all[$0], owner, nowMs) }.min { left, right in
                let (a, b) = (all[left], all[right])
                if a.expiresAtMs != b.expiresAtMs {
                    return a.expiresAtMs != 0 && (b.expiresAtMs == 0 || a.expiresAtMs < b.expiresAtMs)
                }
                return (a.createdAtMs, a.id.high, a.id.low) < (b.createdAtMs, b.id.high, b.id.low)
            }!
            let amount = min(missing, all[best].remaining)
            all[best].remaining -= amount
            missing -= amount
            takings.append((best, amount))
        }
        return takings
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
