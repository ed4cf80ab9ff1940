import Protocol

// Earning and using points, and cancelling either.

extension Engine {
    static let pointsMax: UInt32 = 1_000_000_000

    mutating func earn(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = EarnEntry(bytes)
        guard !entry.userId.isZero, EarnEntry.reservedIsZero(bytes), entry.reason.isValid else {
            return refusePoints(.invalid, result)
        }
        guard entry.amount &- 1 < Self.pointsMax else { return refusePoints(.invalidAmount, result) }
        let idHash = idHash(entry.transactionId)
        let request = TransactionRequest(
            kind: .earning, id: entry.transactionId, userId: entry.userId, amount: entry.amount,
            expiresAtMs: entry.expiresAtMs, reason: entry.reason)
        if let decided = decideKnown(request, idHash, result, nowMs: nowMs) { return decided }
        guard entry.expiresAtMs == 0 || entry.expiresAtMs > nowMs else { return refusePoints(.expired, result) }
        let userHash = userHash(entry.userId)
        let user = findUser(entry.userId, hash: userHash)
        if user == 0 && users.isFull { return refusePoints(.capacity, result) }
        if !hasRoomForLot(ofUser: user, nowMs: nowMs) {
            return refusePoints(.capacity, result, waitLsn: users[user].pointee.lastLsn)
        }

        let event = log(.pointsEarned, quantity: entry.amount, timeMs: nowMs)
        event.storeId(entry.transactionId, EventField.id)
        event.storeId(entry.userId, EventField.userId)
        event.storeLE(entry.expiresAtMs, EventField.pointsExpireAtMs)
        logReason(request, nowMs: nowMs)
        let slot = insertTransaction(
            .earning, id: entry.transactionId, idHash: idHash,
            user: user != 0 ? user : insertUser(entry.userId, hash: userHash), amount: entry.amount,
            expiresAtMs: entry.expiresAtMs, createdAtMs: nowMs, lsn: events.pointee.lastLsn)
        if !entry.reason.isEmpty { applyReason(slot, entry.reason) }
        listLot(slot)
        statistics.pointEarnings &+= 1
        return answerPoints(slot, flags: 0, result, nowMs: nowMs)
    }

    mutating func usePoints(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = UsePointsEntry(bytes)
        guard !entry.userId.isZero, UsePointsEntry.reservedIsZero(bytes), entry.reason.isValid else {
            return refusePoints(.invalid, result)
        }
        guard entry.amount &- 1 < Self.pointsMax else { return refusePoints(.invalidAmount, result) }
        let idHash = idHash(entry.transactionId)
        let request = TransactionRequest(
            kind: .use, id: entry.transactionId, userId: entry.userId, amount: entry.amount, expiresAtMs: 0,
            reason: entry.reason)
        if let decided = decideKnown(request, idHash, result, nowMs: nowMs) { return decided }
        let user = findUser(entry.userId, hash: userHash(entry.userId))
        guard balance(ofUser: user, nowMs: nowMs) >= UInt64(entry.amount) else {
            return refusePoints(.insufficientPoints, result, waitLsn: user == 0 ? 0 : users[user].pointee.lastLsn)
        }

        let event = log(.pointsUsed, quantity: entry.amount, timeMs: nowMs)
        event.storeId(entry.transactionId, EventField.id)
        event.storeId(entry.userId, EventField.userId)
        logReason(request, nowMs: nowMs)
        let slot = insertTransaction(
            .use, id: entry.transactionId, idHash: idHash, user: user, amount: entry.amount, expiresAtMs: 0,
            createdAtMs: nowMs, lsn: events.pointee.lastLsn)
        if !entry.reason.isEmpty { applyReason(slot, entry.reason) }
        applyUse(slot, nowMs: nowMs)
        statistics.pointUses &+= 1
        return answerPoints(slot, flags: 0, result, nowMs: nowMs)
    }

    // MARK: What earning and using have in common

    struct TransactionRequest {
        var kind: TransactionKind
        var id: Id128
        var userId: Id128
        var amount: UInt32
        var expiresAtMs: UInt64
        var reason: Reason
    }

    /// The answer to an id that is malformed, known, too old, or finds no room; nil if the transaction is new.
    private mutating func decideKnown(
        _ request: TransactionRequest, _ idHash: UInt64, _ result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Outcome? {
        guard request.id.isOperationId else { return refusePoints(.invalidId, result) }
        guard request.id.carriedPartition == Partition.of(user: request.userId) else {
            return refusePoints(.wrongPartition, result)
        }
        if let known = find(request.id, hash: idHash) {
            if known.kind == .tombstone { return refusePoints(.cancelled, result, waitLsn: lastLsn(of: known)) }
            guard known.kind == .transaction else {
                return refusePoints(.idReused, result, waitLsn: lastLsn(of: known))
            }
            let record = transactions[known.slot]
            let isSame =
                record.pointee.kind == request.kind && record.pointee.amount == request.amount
                && record.pointee.expiresAtMs == request.expiresAtMs && reason(of: known.slot) == request.reason
                && users[record.pointee.user].pointee.id == request.userId && record.pointee.checkout == 0
            guard isSame else { return refusePoints(.idReused, result, waitLsn: lastLsn(of: known)) }
            return answerPoints(known.slot, flags: ResultFlags.repeat, result, nowMs: nowMs)
        }
        if let code = refusal(ofUnknown: request.id, nowMs: nowMs) { return refusePoints(code, result) }
        if !hasLogSpace { return refusePoints(.noSpace, result) }
        if transactionsLeft < 1 { return refusePoints(.capacity, result) }
        return nil
    }

    /// Behind the event of its transaction, in the same block: neither is seen without the other.
    private func logReason(_ request: TransactionRequest, nowMs: UInt64) {
        if request.reason.isEmpty { return }
        let event = log(.transactionReasoned, timeMs: nowMs)
        event.storeId(request.id, EventField.id)
        request.reason.store(to: event + EventField.reason)
    }

    /// Shows a transaction as it is now.
    private func answerPoints(_ slot: UInt32, flags: UInt8, _ result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> Outcome
    {
        let record = transactions[slot]
        PointResult(
            code: .ok, state: state(ofTransaction: slot, nowMs: nowMs).rawValue, flags: flags,
            amount: record.pointee.amount, balance: balance(ofUser: record.pointee.user, nowMs: nowMs),
            createdAtMs: record.pointee.createdAtMs, expiresAtMs: record.pointee.expiresAtMs
        ).store(to: result)
        return Outcome(waitLsn: users[record.pointee.user].pointee.lastLsn)
    }

    func state(ofTransaction slot: UInt32, nowMs: UInt64) -> TransactionState {
        let record = transactions[slot]
        if record.pointee.isCancelled { return .cancelled }
        return record.pointee.isExpired(nowMs: nowMs) ? .expired : .posted
    }

    private mutating func refusePoints(_ code: ResultCode, _ result: UnsafeMutableRawPointer, waitLsn: UInt64 = 0)
        -> Outcome
    {
        PointResult(code: code, state: 0, flags: 0, amount: 0, balance: 0, createdAtMs: 0, expiresAtMs: 0)
            .store(to: result)
        return Outcome(waitLsn: waitLsn)
    }
}
