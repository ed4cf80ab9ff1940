import Protocol

// Points in logs and snapshots.

extension Engine {
    mutating func replayPoints(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        switch kind {
        case .transactionCancelled: try replayCancelTransaction(event)
        case .transactionReasoned: try replayReason(event)
        case .takingKept: try replayTaking(event)
        default: try replayTransaction(kind, event)
        }
    }

    private mutating func replayTransaction(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let userId = event.loadId(EventField.userId)
        let amount: UInt32 = event.loadLE(EventField.quantity)
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        let flags: UInt8 = kind == .transactionKept ? event.loadLE(EventField.flags) : 0
        let raw = kind == .transactionKept ? flags & 15 : (kind == .pointsUsed ? 1 : 0)
        guard let transactionKind = TransactionKind(rawValue: raw) else {
            throw .contradiction("transaction \(id) is of kind \(raw)")
        }
        guard id.carriedPartition == Partition.of(user: userId) else {
            throw .contradiction("transaction \(id) is not of its user's partition")
        }
        let idHash = idHash(id)
        if find(id, hash: idHash) != nil { throw .contradiction("transaction \(id) was posted twice") }
        if transactionsLeft < 1 { throw .capacity(what: "transactions", countMax: transactions.countMax) }
        let userHash = userHash(userId)
        var user = findUser(userId, hash: userHash)
        if kind == .pointsUsed {
            guard balance(ofUser: user, nowMs: timeMs) >= UInt64(amount) else {
                throw .contradiction("transaction \(id) used more points than there were")
            }
        }
        if user == 0 {
            if users.isFull { throw .capacity(what: "users", countMax: users.countMax) }
            user = insertUser(userId, hash: userHash)
        }
        let slot = insertTransaction(
            transactionKind, id: id, idHash: idHash, user: user, amount: amount,
            expiresAtMs: kind == .pointsUsed ? 0 : event.loadLE(EventField.pointsExpireAtMs), createdAtMs: timeMs,
            lsn: 0)
        if kind == .transactionKept && kind.isOfVersionBefore(event) {
            // What a lot has left followed from what was taken from it, which comes behind it.
            takingsReduceLots = true
        } else if kind == .transactionKept && transactionKind == .earning {
            transactions[slot].pointee.remaining = min(amount, event.loadLE(EventField.remaining))
        }
        if flags >> 4 != 0 {
            transactions[slot].pointee.isCancelled = true
        } else if transactionKind == .earning {
            if transactions[slot].pointee.remaining > 0 { listLot(slot) }
        } else if kind == .pointsUsed {
            applyUse(slot, nowMs: timeMs)
        }
    }

    private mutating func replayReason(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let reason = Reason(event + EventField.reason)
        guard let slot = transactionSlot(id) else {
            throw .contradiction("transaction \(id) got a reason before it was posted")
        }
        if transactions[slot].pointee.hasReason { throw .contradiction("transaction \(id) got two reasons") }
        guard !reason.isEmpty, reason.isValid else {
            throw .contradiction("the reason of transaction \(id) is no text")
        }
        applyReason(slot, reason)
    }

    private mutating func replayCancelTransaction(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        guard let slot = transactionSlot(id) else {
            throw .contradiction("transaction \(id) was cancelled before it was posted")
        }
        guard transactions[slot].pointee.checkout == 0 else {
            throw .contradiction("transaction \(id), which is part of a checkout, was cancelled without it")
        }
        if transactions[slot].pointee.isCancelled { throw .contradiction("transaction \(id) was cancelled twice") }
        applyCancelTransaction(slot, nowMs: event.loadLE(EventField.timeMs))
    }

    /// What a use kept before took from a lot kept before, which is less by that already unless version 1 kept it.
    private mutating func replayTaking(_ event: UnsafeRawPointer) throws(EventFault) {
        let amount: UInt32 = event.loadLE(EventField.quantity)
        let id = event.loadId(EventField.id)
        let lotId = event.loadId(EventField.takingLotId)
        guard let use = transactionSlot(id), let lot = transactionSlot(lotId) else {
            throw .contradiction("transaction \(id) took from \(lotId), one of which is not known")
        }
        let earning = transactions[lot].pointee
        let most = takingsReduceLots ? earning.remaining : earning.amount - earning.remaining
        guard transactions[use].pointee.kind == .use, !transactions[use].pointee.isCancelled, earning.kind == .earning,
            most >= amount, earning.isListed || !takingsReduceLots
        else {
            throw .contradiction("transaction \(id) took more from \(lotId) than it had")
        }
        var last = transactions[use].pointee.next
        while last != 0 && takings[last].pointee.next != 0 { last = takings[last].pointee.next }
        _ = appendTaking(lot, amount, to: use, after: last)
        if takingsReduceLots { takeFromLot(lot, amount) }
    }

    /// The slot of a transaction; nil for an unknown id and for one that is no transaction's.
    func transactionSlot(_ id: Id128) -> UInt32? {
        guard let known = find(id, hash: idHash(id)), known.kind == .transaction else { return nil }
        return known.slot
    }

    /// Writes this shard's transactions as events that rebuild them, by partition, each user's oldest first, and then
    /// what uses took.
    func keepPoints(
        _ users: [UInt32], _ base: UnsafeMutableRawPointer, _ emit: (EventKind, UnsafeRawBufferPointer) -> Void
    ) {
        let slots = users.flatMap { user in
            let wallet = self.users[user].pointee.wallet
            return wallet == 0 ? [] : transactions.oldestFirst(wallets[wallet].pointee.newestTransaction)
        }
        for slot in slots {
            let record = transactions[slot].pointee
            let event = beginKept(
                base, .transactionKept, flags: record.kind.rawValue | (record.isCancelled ? 1 << 4 : 0),
                quantity: record.amount, timeMs: record.createdAtMs)
            event.storeId(record.id, EventField.id)
            event.storeId(self.users[record.user].pointee.id, EventField.userId)
            event.storeLE(record.expiresAtMs, EventField.pointsExpireAtMs)
            event.storeLE(record.remaining, EventField.remaining)
            emit(.transactionKept, UnsafeRawBufferPointer(start: event, count: EventKind.transactionKept.sizeBytes))
            if record.hasReason { keepReason(slot, base, emit) }
        }
        for slot in slots where transactions[slot].pointee.kind == .use {
            var taking = transactions[slot].pointee.next
            while taking != 0 {
                let record = takings[taking].pointee
                let event = beginKept(
                    base, .takingKept, flags: 0, quantity: record.amount,
                    timeMs: transactions[slot].pointee.createdAtMs)
                event.storeId(transactions[slot].pointee.id, EventField.id)
                event.storeId(transactions[record.lot].pointee.id, EventField.takingLotId)
                emit(.takingKept, UnsafeRawBufferPointer(start: event, count: EventKind.takingKept.sizeBytes))
                taking = record.next
            }
        }
    }

    private func keepReason(
        _ slot: UInt32, _ base: UnsafeMutableRawPointer, _ emit: (EventKind, UnsafeRawBufferPointer) -> Void
    ) {
        let record = transactions[slot].pointee
        let event = beginKept(base, .transactionReasoned, flags: 0, timeMs: record.createdAtMs)
        event.storeId(record.id, EventField.id)
        reasons[Int(slot)].store(to: event + EventField.reason)
        emit(
            .transactionReasoned, UnsafeRawBufferPointer(start: event, count: EventKind.transactionReasoned.sizeBytes))
    }
}
