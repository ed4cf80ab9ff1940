import Engine
import Protocol

/// The points of one user as the log says, after one event after the other.
struct Ledger {
    /// An earning or a use, in the order of their events. What a use took never changes.
    struct Transaction {
        var id: Id128
        var kind: TransactionKind
        var amount: UInt32
        /// Of an earning; 0: never.
        var expiresAtMs: UInt64
        var createdAtMs: UInt64
        var reason = Reason()
        var takings: [(lot: Int, amount: UInt32)] = []
    }

    /// The state after an event.
    struct Moment {
        var life = 0
        var lsn: UInt64 = 0
        /// By transaction: what uses have left of an earning, 0 for a use.
        var remaining: [UInt32] = []
        var isCancelled: [Bool] = []

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
        if isKnown(id) { throw Violation(4, "transaction \(id) was posted, an id that was known") }
        var ledger = ledgers[user] ?? Ledger()
        var moment = ledger.moments.last ?? Ledger.Moment()
        var transaction = Ledger.Transaction(
            id: id, kind: kind == .pointsEarned ? .earning : .use, amount: event.loadLE(EventField.quantity),
            expiresAtMs: kind == .pointsEarned ? event.loadLE(EventField.pointsExpireAtMs) : 0, createdAtMs: timeMs)
        if transaction.kind == .use {
            var missing = transaction.amount
            for lot in ledger.lots(moment, atMs: timeMs) where missing > 0 {
                let taken = min(missing, moment.remaining[lot])
                transaction.takings.append((lot, taken))
                moment.remaining[lot] -= taken
                missing -= taken
            }
            guard missing == 0 else {
                throw Violation(7, "transaction \(id) used \(missing) points more than user \(user) had")
            }
        }
        moment.remaining.append(transaction.kind == .earning ? transaction.amount : 0)
        moment.isCancelled.append(false)
        (moment.life, moment.lsn) = (life, lsn)
        ledger.transactions.append(transaction)
        ledger.moments.append(moment)
        ledgers[user] = ledger
        transactions[id] = user
        block.undo.append(.transaction(id))
        block.undo.append(.moment(user))
    }

    mutating func cancelTransaction(
        _ event: UnsafeRawPointer, _ shard: Int, _ lsn: UInt64, _ block: inout Block
    ) throws(Violation) {
        let id = event.loadId(EventField.id)
        guard owner(id) == shard, let user = transactions[id], let ledger = ledgers[user],
            let index = ledger.transactions.firstIndex(where: { $0.id == id }), var moment = ledger.moments.last
        else { throw Violation(0, "transaction \(id) was cancelled before it was posted") }
        if moment.isCancelled[index] { throw Violation(4, "transaction \(id) was cancelled twice") }
        let transaction = ledger.transactions[index]
        if transaction.kind == .earning && moment.remaining[index] != transaction.amount {
            throw Violation(7, "earning \(id) was cancelled, of which points were spent")
        }
        for taking in transaction.takings { moment.remaining[taking.lot] += taking.amount }
        moment.isCancelled[index] = true
        (moment.life, moment.lsn) = (life, lsn)
        ledgers[user]!.moments.append(moment)
        block.undo.append(.moment(user))
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
