import Engine
import Protocol

/// The points of one user as the log says, after one event after the other.
struct Ledger {
    /// An earning or a use, in the order of their events.
    struct Transaction {
        var id: Id128
        var kind: TransactionKind
        var amount: UInt32
        /// Of an earning; 0: never.
        var expiresAtMs: UInt64
        var createdAtMs: UInt64
        var reason = Reason()
        /// It was posted by a checkout.
        var isOfCheckout = false
        /// What a use took from each lot; once more for each time that a checkout took it again.
        var takings: [[(lot: Int, amount: UInt32)]] = []
    }

    /// The state after an event.
    struct Moment {
        var life = 0
        var lsn: UInt64 = 0
        /// By transaction: what uses have left of an earning, 0 for a use.
        var remaining: [UInt32] = []
        var isCancelled: [Bool] = []
        /// It is part of a checkout.
        var isOfCheckout: [Bool] = []
        /// It has left memory.
        var isGone: [Bool] = []

        var count: Int { remaining.count }
    }

    var transactions: [Transaction] = []
    var moments: [Moment] = []

    func isExpired(_ index: Int, atMs timeMs: UInt64) -> Bool {
        let expiresAtMs = transactions[index].expiresAtMs
        return expiresAtMs != 0 && expiresAtMs <= timeMs
    }

    /// Lots with points left, those that expire first before others, the older of equals first (of one ms the lower
    /// id).
    func lots(_ moment: Moment, atMs timeMs: UInt64) -> [Int] {
        let lots = (0..<moment.count).filter { index in
            transactions[index].kind == .earning && !moment.isCancelled[index] && moment.remaining[index] > 0
                && !isExpired(index, atMs: timeMs)
        }
        return lots.sorted { left, right in
            let (a, b) = (transactions[left], transactions[right])
            if a.expiresAtMs != b.expiresAtMs { return a.expiresAtMs &- 1 < b.expiresAtMs &- 1 }
            return (a.createdAtMs, a.id.high, a.id.low) < (b.createdAtMs, b.id.high, b.id.low)
        }
    }

    func balance(_ moment: Moment, atMs timeMs: UInt64) -> UInt64 {
        lots(moment, atMs: timeMs).reduce(0) { $0 + UInt64(moment.remaining[$1]) }
    }

    func state(_ index: Int, _ moment: Moment, atMs timeMs: UInt64) -> TransactionState {
        if moment.isCancelled[index] { return .cancelled }
        return isExpired(index, atMs: timeMs) ? .expired : .posted
    }

    // MARK: Changes

    mutating func add(_ transaction: Transaction, _ moment: inout Moment) {
        transactions.append(transaction)
        moment.remaining.append(transaction.kind == .earning ? transaction.amount : 0)
        moment.isCancelled.append(false)
        moment.isOfCheckout.append(false)
        moment.isGone.append(false)
    }

    /// Takes the points of a use from the lots that expire first. Answers how many are missing.
    mutating func take(_ use: Int, _ moment: inout Moment, atMs timeMs: UInt64) -> UInt32 {
        var missing = transactions[use].amount
        var takings: [(lot: Int, amount: UInt32)] = []
        for lot in lots(moment, atMs: timeMs) where missing > 0 {
            let taken = min(missing, moment.remaining[lot])
            takings.append((lot, taken))
            moment.remaining[lot] -= taken
            missing -= taken
        }
        transactions[use].takings.append(takings)
        return missing
    }

    /// Cancels a use, or an earning. Answers whether points of it were spent: then nothing has changed.
    func cancel(_ place: Int, _ moment: inout Moment) -> Bool {
        let transaction = transactions[place]
        if transaction.kind == .earning && moment.remaining[place] != transaction.amount { return true }
        for taking in transaction.takings.last ?? [] { moment.remaining[taking.lot] += taking.amount }
        moment.isCancelled[place] = true
        return false
    }
}

// Points in the log. Promise 7: no balance goes below zero, and a cancel gives back exactly what was taken.

extension LogModel {
    mutating func post(
        _ kind: EventKind, _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        let user = event.loadId(EventField.userId)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        guard owner(id) == shard, id.carriedPartition == Partition.of(user: user) else {
            throw Violation(4, "transaction \(id) was posted on shard \(shard), which does not own it")
        }
        try checkIsNew(id, atMs: timeMs, "transaction")
        let transaction = Ledger.Transaction(
            id: id, kind: kind == .pointsEarned ? .earning : .use, amount: event.loadLE(EventField.quantity),
            expiresAtMs: kind == .pointsEarned ? event.loadLE(EventField.pointsExpireAtMs) : 0, createdAtMs: timeMs)
        try changePoints(of: user, lsn, &block) { ledger, moment, undo throws(Violation) in
            try Self.add(transaction, of: user, to: &ledger, &moment, &undo, atMs: timeMs)
        }
        transactions[id] = user
    }

    /// Posts a transaction; a use takes its points.
    static func add(
        _ transaction: Ledger.Transaction, of user: Id128, to ledger: inout Ledger, _ moment: inout Ledger.Moment,
        _ undo: inout [Undo], atMs timeMs: UInt64
    ) throws(Violation) {
        ledger.add(transaction, &moment)
        undo.append(.transaction(transaction.id))
        guard transaction.kind == .use else { return }
        let missing = ledger.take(ledger.transactions.count - 1, &moment, atMs: timeMs)
        guard missing == 0 else {
            throw Violation(7, "transaction \(transaction.id) used \(missing) points more than user \(user) had")
        }
    }

    /// Changes the points of a user by one event.
    mutating func changePoints(
        of user: Id128, _ lsn: UInt64, _ block: inout Block,
        _ change: (inout Ledger, inout Ledger.Moment, inout [Undo]) throws(Violation) -> Void
    ) throws(Violation) {
        // Not in two places at once, or each change would copy it.
        var ledger = ledgers.removeValue(forKey: user) ?? Ledger()
        var moment = ledger.moments.last ?? Ledger.Moment()
        (moment.life, moment.lsn) = (life, lsn)
        try change(&ledger, &moment, &block.undo)
        ledger.moments.append(moment)
        ledgers[user] = ledger
        block.undo.append(.moment(user))
    }

    mutating func cancelTransaction(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        guard owner(id) == shard, let user = transactions[id],
            let place = ledgers[user]?.transactions.lastIndex(where: { $0.id == id })
        else { throw Violation(0, "transaction \(id) was cancelled before it was posted") }
        if parts[id] != nil { throw Violation(7, "transaction \(id) of a checkout was cancelled by itself") }
        try changePoints(of: user, lsn, &block) { ledger, moment, _ throws(Violation) in
            try Self.cancel(place, of: ledger, &moment)
        }
    }

    static func cancel(_ place: Int, of ledger: Ledger, _ moment: inout Ledger.Moment) throws(Violation) {
        let id = ledger.transactions[place].id
        if moment.isCancelled[place] { throw Violation(4, "transaction \(id) was cancelled twice") }
        if ledger.cancel(place, &moment) {
            throw Violation(7, "earning \(id) was cancelled, of which points were spent")
        }
    }

    /// The reason of the transaction before it, which has the same fate.
    mutating func reason(_ event: UnsafeRawPointer, _ shard: Int) throws(Violation) {
        let id = event.loadId(EventField.id)
        guard owner(id) == shard, let user = transactions[id], let last = ledgers[user]?.transactions.indices.last,
            ledgers[user]!.transactions[last].id == id, ledgers[user]!.transactions[last].reason.isEmpty
        else { throw Violation(0, "a reason stands in the log of shard \(shard), and not behind its transaction") }
        ledgers[user]!.transactions[last].reason = Reason(event + EventField.reason)
    }
}
