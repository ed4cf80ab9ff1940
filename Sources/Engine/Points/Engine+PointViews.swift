import Protocol

// Cancelling and reading transactions of points.

extension Engine {
    /// Cancels for good: a use gives back what it took, an earning goes if nothing of it is spent. A cancel that comes
    /// before its transaction leaves a tombstone.
    mutating func cancelTransaction(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> Outcome
    {
        let id = TransactionIdEntry(bytes).transactionId
        guard id.isOperationId else { return refuseTransaction(.invalidId, id, result) }
        let hash = idHash(id)
        guard let known = find(id, hash: hash) else {
            if let code = refusal(ofUnknown: id, nowMs: nowMs) { return refuseTransaction(code, id, result) }
            if !hasLogSpace { return refuseTransaction(.noSpace, id, result) }
            if tombstones.isFull { return refuseTransaction(.capacity, id, result) }
            return showTombstone(logTombstone(id, hash, nowMs: nowMs), .ok, flags: 0, result)
        }
        switch known.kind {
        case .tombstone: return showTombstone(known.slot, .ok, flags: ResultFlags.repeat, result)
        case .checkout where !isCheckout(known, id):
            return refuseTransaction(.partOfCheckout, id, result, waitLsn: lastLsn(of: known))
        case .order, .catalogueOperation, .coupon, .couponOperation, .checkout:
            return refuseTransaction(.notFound, id, result, waitLsn: lastLsn(of: known))
        case .transaction: break
        }
        let record = transactions[known.slot]
        if record.pointee.checkout != 0 { return show(known.slot, .partOfCheckout, result, nowMs: nowMs) }
        if record.pointee.isCancelled { return show(known.slot, .ok, flags: ResultFlags.repeat, result, nowMs: nowMs) }
        if record.pointee.kind == .earning && record.pointee.remaining != record.pointee.amount {
            return show(known.slot, .alreadySpent, result, nowMs: nowMs)
        }
        if !hasLogSpace { return show(known.slot, .noSpace, result, nowMs: nowMs) }
        let event = log(.transactionCancelled, timeMs: nowMs)
        event.storeId(id, EventField.id)
        applyCancelTransaction(known.slot, nowMs: nowMs)
        users[record.pointee.user].pointee.lastLsn = events.pointee.lastLsn
        return show(known.slot, .ok, result, nowMs: nowMs)
    }

    mutating func getTransaction(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let id = TransactionIdEntry(bytes).transactionId
        guard id.isOperationId else { return refuseTransaction(.invalidId, id, result) }
        guard let known = find(id, hash: idHash(id)) else { return refuseTransaction(.notFound, id, result) }
        switch known.kind {
        case .transaction: return show(known.slot, .ok, result, nowMs: nowMs)
        case .tombstone: return showTombstone(known.slot, .cancelled, flags: 0, result)
        case .order, .catalogueOperation, .coupon, .couponOperation, .checkout:
            return refuseTransaction(.notFound, id, result)
        }
    }

    public mutating func getBalance(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> Outcome
    {
        let id = UserEntry(bytes).userId
        guard !id.isZero else {
            BalanceResult(code: .invalid, lots: 0, balance: 0, nextExpiryMs: 0, nextExpiryAmount: 0).store(to: result)
            return Outcome(waitLsn: 0)
        }
        let user = findUser(id, hash: userHash(id))
        var answer = BalanceResult(code: .ok, lots: 0, balance: 0, nextExpiryMs: 0, nextExpiryAmount: 0)
        var lot: UInt32 = 0
        if user != 0 && users[user].pointee.wallet != 0 {
            let wallet = wallets[users[user].pointee.wallet]
            linkLots(wallet)
            lot = wallet.pointee.firstLot
        }
        while lot != 0 {
            let record = transactions[lot]
            if !record.pointee.isExpired(nowMs: nowMs) {
                if answer.lots == 0 { answer.nextExpiryMs = record.pointee.expiresAtMs }
                if record.pointee.expiresAtMs == answer.nextExpiryMs && answer.nextExpiryMs != 0 {
                    answer.nextExpiryAmount += UInt64(record.pointee.remaining)
                }
                answer.lots += 1
                answer.balance += UInt64(record.pointee.remaining)
            }
            lot = record.pointee.next
        }
        answer.store(to: result)
        return Outcome(waitLsn: user == 0 ? 0 : users[user].pointee.lastLsn)
    }

    /// A page of a user's transactions, newest first. Answers how many results it wrote, whether more follow,
    /// and what the reply waits for.
    public mutating func listTransactions(
        _ bytes: UnsafeRawPointer, results: UnsafeMutableRawPointer, limit: Int, nowMs: UInt64
    ) -> Page {
        let entry = ListUserOrdersEntry(bytes)
        guard entry.limit >= 1, entry.limit <= Frame.pageCountMax, ListUserOrdersEntry.reservedIsZero(bytes),
            !entry.userId.isZero
        else {
            return Page(.invalid)
        }
        let user = findUser(entry.userId, hash: userHash(entry.userId))
        guard user != 0 else { return Page(entry.after.isZero ? .ok : .notFound) }
        let waitLsn = users[user].pointee.lastLsn
        let wallet = users[user].pointee.wallet
        var slot = wallet == 0 ? 0 : wallets[wallet].pointee.newestTransaction
        if !entry.after.isZero {
            guard let known = find(entry.after, hash: idHash(entry.after)), known.kind == .transaction,
                transactions[known.slot].pointee.user == user
            else {
                return Page(.notFound, waitLsn: waitLsn)
            }
            slot = transactions[known.slot].pointee.older
        }
        var count = 0
        while slot != 0 && count < min(limit, Int(entry.limit)) {
            _ = show(slot, .ok, results + count * TransactionViewResult.sizeBytes, nowMs: nowMs)
            slot = transactions[slot].pointee.older
            count += 1
        }
        return Page(.ok, count: count, more: slot != 0, waitLsn: waitLsn)
    }

    // MARK: Answers

    /// Shows a transaction as it is now; the reply waits for its user's last event.
    private func show(
        _ slot: UInt32, _ code: ResultCode, flags: UInt8 = 0, _ result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Outcome {
        let record = transactions[slot]
        TransactionViewResult(
            code: code, state: state(ofTransaction: slot, nowMs: nowMs).rawValue,
            flags: flags | (record.pointee.checkout == 0 ? 0 : ResultFlags.ofCheckout),
            amount: record.pointee.amount, transactionId: record.pointee.id,
            userId: users[record.pointee.user].pointee.id, kind: record.pointee.kind.rawValue,
            remaining: record.pointee.remaining, createdAtMs: record.pointee.createdAtMs,
            expiresAtMs: record.pointee.expiresAtMs, balance: balance(ofUser: record.pointee.user, nowMs: nowMs),
            reason: reason(of: slot)
        ).store(to: result)
        return Outcome(waitLsn: users[record.pointee.user].pointee.lastLsn)
    }

    private func showTombstone(
        _ slot: UInt32, _ code: ResultCode, flags: UInt8, _ result: UnsafeMutableRawPointer
    ) -> Outcome {
        let record = tombstones[slot]
        TransactionViewResult(
            code: code, state: TransactionState.cancelled.rawValue, flags: ResultFlags.tombstone | flags, amount: 0,
            transactionId: record.pointee.id, userId: .zero, kind: 0, remaining: 0,
            createdAtMs: record.pointee.createdAtMs, expiresAtMs: 0, balance: 0, reason: Reason()
        ).store(to: result)
        return Outcome(waitLsn: record.pointee.lsn)
    }

    private func refuseTransaction(
        _ code: ResultCode, _ id: Id128, _ result: UnsafeMutableRawPointer, waitLsn: UInt64 = 0
    ) -> Outcome {
        TransactionViewResult(
            code: code, state: 0, flags: 0, amount: 0, transactionId: id, userId: .zero, kind: 0, remaining: 0,
            createdAtMs: 0, expiresAtMs: 0, balance: 0, reason: Reason()
        ).store(to: result)
        return Outcome(waitLsn: waitLsn)
    }
}
