import Engine
import Protocol

// Replies about points. Each shows all or some of a user's points at one moment: there has to be an event after which,
// and a time during the request at which, they were just so. Promise 7.

extension World {
    func checkPoints(
        _ request: Request, _ item: Item, _ code: ResultCode, _ result: PointResult
    ) throws(Violation) {
        guard let index = item.change, let entry = item.entry else { return }
        if item.isShown && code != .ok && code != .idReused {
            try checkForgotten(
                request, item, code, Violation(4, "transaction \(item.id) was posted before, a repeat got \(code)"))
        }
        if item.isTombstoneShown && code != .cancelled && code != .ok {
            try checkForgotten(
                request, item, code,
                Violation(4, "transaction \(item.id) was cancelled before it came, and got \(code)"))
        }
        switch code {
        case .ok: break
        case .insufficientPoints:
            coverage[.insufficientBalances] += 1
            guard case .spend(let use) = entry,
                explains(request, item, { $0.balance($1, atMs: $2) < UInt64(use.amount) })
            else { throw Violation(7, "\(item.id) was refused, but its user's points sufficed at every moment") }
            return
        case .expired:
            guard case .earn(let earn) = entry, earn.expiresAtMs != 0, earn.expiresAtMs <= clockMs else {
                throw Violation(0, "earning \(item.id) was refused as expired, and was not")
            }
            return
        case .idReused:
            coverage[.idReused] += 1
            if isTakenByCheckout(item.id) { return }
            guard isPosted(item.id, where: { !isSame($0, item.user, entry) }) else {
                throw Violation(4, "transaction \(item.id) is ID_REUSED, which no durable event explains")
            }
            return
        case .cancelled:
            try checkTombstone(item)
            changes[index].isTombstoneShown = true
            return
        case .idInFuture: return try checkIdInFuture(request, item)
        case .idTooOld: return try checkTooOld(request, item)
        default: throw Violation(0, "transaction \(item.id) was refused with \(code), which nothing explains")
        }
        guard let posted = posted(item.id, createdAtMs: result.createdAtMs),
            isSame(posted.transaction, item.user, entry),
            posted.transaction.createdAtMs == result.createdAtMs, posted.transaction.amount == result.amount,
            posted.transaction.expiresAtMs == result.expiresAtMs
        else {
            throw Violation(
                5,
                "transaction \(item.id) was posted at \(result.createdAtMs), but no sealed event says so; the last "
                    + "that had its id: \(posted(item.id).map { "\($0.transaction)" } ?? "none")")
        }
        let isRepeat = result.flags & ResultFlags.repeat != 0
        coverage[isRepeat ? .repeats : request.operation == .earnPoints ? .earnings : .pointUses] += 1
        if !isRepeat {
            let isKnown = (item.isShown || item.isTombstoneShown) && !model.wasForgotten(item.id)
            if isKnown || changes[index].decidedAtMs.contains(posted.transaction.createdAtMs) {
                throw Violation(4, "transaction \(item.id) was posted a second time")
            }
            if changes[index].isDecisionShown { coverage[.acceptedAnew] += 1 }
            changes[index].decidedAtMs.append(posted.transaction.createdAtMs)
            postedChanges.append(index)
        }
        changes[index].isShown = true
        let place = posted.place
        let isExplained = explains(request, item, from: posted.firstMoment) { ledger, moment, timeMs in
            ledger.balance(moment, atMs: timeMs) == result.balance
                && ledger.state(place, moment, atMs: timeMs).rawValue == result.state
        }
        guard isExplained else {
            throw Violation(7, "\(item.id) is answered with a balance of \(result.balance), which never was")
        }
    }

    func checkTransaction(
        _ request: Request, _ item: Item, _ code: ResultCode, _ view: TransactionViewResult
    ) throws(Violation) {
        guard let index = item.change else { return try checkOtherKind(request, item, code, view.flags) }
        if view.flags & ResultFlags.tombstone != 0 {
            try checkTombstone(item)
            changes[index].isTombstoneShown = true
            return
        }
        switch code {
        case .ok: break
        case .alreadySpent: coverage[.alreadySpent] += 1
        case .partOfCheckout:
            coverage[.partsOfCheckouts] += 1
            guard request.operation == .cancelTransaction, isTakenByCheckout(item.id) else {
                throw Violation(5, "transaction \(item.id) is PART_OF_CHECKOUT, which no durable event says")
            }
            // What will be earned is not posted yet.
            if view.userId.isZero { return }
        case .notFound, .idInFuture, .idTooOld:
            let violation = Violation(3, "transaction \(item.id), which was shown, got \(code)")
            if code == .notFound && request.operation == .cancelTransaction { throw violation }
            if item.isShown || item.isTombstoneShown { try checkForgotten(request, item, code, violation) }
            if code == .idTooOld { try checkTooOld(request, item) }
            if code == .idInFuture { try checkIdInFuture(request, item) }
            return
        default: throw Violation(0, "\(request.operation) \(item.id) got \(code), which nothing explains")
        }
        guard let posted = posted(item.id, createdAtMs: view.createdAtMs),
            explainsViews(request, item, [view], from: posted.firstMoment)
        else {
            throw Violation(
                7,
                "transaction \(item.id) is shown in state \(view.state) with \(view.remaining) of \(view.amount) "
                    + "left and a balance of \(view.balance), which it never was at once")
        }
        if code == .alreadySpent && view.remaining == view.amount {
            throw Violation(0, "earning \(item.id) is ALREADY_SPENT, and whole")
        }
        if request.operation == .cancelTransaction && code == .ok {
            postedChanges.removeAll { $0 == index }
            guard view.state == TransactionState.cancelled.rawValue, model.parts[item.id] == nil else {
                throw Violation(4, "transaction \(item.id) was cancelled, and is in state \(view.state)")
            }
            coverage[view.flags & ResultFlags.repeat != 0 ? .repeats : .transactionsCancelled] += 1
        }
        changes[index].isShown = true
    }

    func checkBalance(_ request: Request, _ item: Item, _ result: BalanceResult) throws(Violation) {
        coverage[.balancesChecked] += 1
        let isExplained = explains(request, item) { ledger, moment, timeMs in
            let lots = ledger.lots(moment, atMs: timeMs)
            let nextMs = lots.first.map { ledger.transactions[$0].expiresAtMs } ?? 0
            let next = lots.filter { nextMs != 0 && ledger.transactions[$0].expiresAtMs == nextMs }
            return ledger.balance(moment, atMs: timeMs) == result.balance && lots.count == Int(result.lots)
                && nextMs == result.nextExpiryMs
                && next.reduce(0) { $0 + UInt64(moment.remaining[$1]) } == result.nextExpiryAmount
        }
        guard isExplained else {
            throw Violation(7, "user \(item.user) is shown \(result), which was never so")
        }
    }

    func checkHistory(
        _ request: Request, _ item: Item, _ header: FrameHeader, _ views: [TransactionViewResult]
    ) throws(Violation) {
        coverage[.balancesChecked] += 1
        if header.flags & Frame.Flags.more != 0 || explainsViews(request, item, views, isAll: true) { return }
        let violation = Violation(7, "the history of user \(item.user), as it is listed, was never so")
        guard views.isEmpty else { throw violation }
        // With the last of them their user has left, for whom no reply waits any more; and may be back since.
        let (user, owner) = (item.user, Partition.owner(of: Partition.of(user: item.user), shards: model.shards))
        try expectForgotten(owner, violation) { $0.wasForgotten(pointsOf: user, shown: item.shownMoments) }
    }

    // MARK: What may be shown

    /// Whether all these views, newest first, are right after one and the same event, at one and the same time.
    private func explainsViews(
        _ request: Request, _ item: Item, _ views: [TransactionViewResult], from first: Int = -1, isAll: Bool = false
    ) -> Bool {
        let named = isAll ? [] : views.compactMap { posted($0.transactionId, createdAtMs: $0.createdAtMs)?.place }
        return explains(request, item, from: first) { ledger, moment, timeMs in
            let places = isAll ? (0..<moment.count).reversed().filter { !moment.isGone[$0] } : named
            guard places.count == views.count else { return false }
            let balance = ledger.balance(moment, atMs: timeMs)
            return zip(places, views).allSatisfy { place, view in
                guard place < moment.count, !moment.isGone[place], view.userId == item.user, view.balance == balance
                else { return false }
                let transaction = ledger.transactions[place]
                return transaction.id == view.transactionId && transaction.kind.rawValue == view.kind
                    && transaction.amount == view.amount && transaction.expiresAtMs == view.expiresAtMs
                    && transaction.createdAtMs == view.createdAtMs && transaction.reason == view.reason
                    && moment.remaining[place] == view.remaining
                    && moment.isOfCheckout[place] == (view.flags & ResultFlags.ofCheckout != 0)
                    && ledger.state(place, moment, atMs: timeMs).rawValue == view.state
            }
        }
    }

    /// Whether there was a moment that explains what is shown: after an event no older than what had been shown when it
    /// was asked for, which no crash undoes any more; at a time between the request and now. `first`: the first event
    /// that comes into question, -1 for none.
    func explains(
        _ request: Request, _ item: Item, from first: Int = -1, _ matches: (Ledger, Ledger.Moment, UInt64) -> Bool
    ) -> Bool {
        let ledger = model.ledgers[item.user] ?? Ledger()
        // Balances change with events and with the expiry of lots, and at no other time.
        let times = [request.earliestMs] + ledger.transactions.map(\.expiresAtMs).filter {
            $0 > request.earliestMs && $0 <= clockMs
        }
        if item.shownMoments == 0, first < 0, times.contains(where: { matches(ledger, Ledger.Moment(), $0) }) {
            return true
        }
        for place in ledger.moments.indices.dropFirst(max(item.shownMoments - 1, first, 0)) {
            let moment = ledger.moments[place]
            guard isShowable(moment, item.user) else { return false }
            if times.contains(where: { matches(ledger, moment, $0) }) {
                shownMoments[item.user] = max(shownMoments[item.user, default: 0], place + 1)
                return true
            }
        }
        return false
    }

    private func isShowable(_ moment: Ledger.Moment, _ user: Id128) -> Bool {
        let owner = Partition.owner(of: Partition.of(user: user), shards: model.shards)
        return moment.life < model.life || isShowable(lsn: moment.lsn, shard: owner)
    }

    private struct Posted {
        var ledger: Ledger
        var transaction: Ledger.Transaction
        var place: Int
        /// The first moment that it is part of.
        var firstMoment: Int
    }

    /// The transaction with an id, or the last one that had it. `createdAtMs`: the one of that time, if there is one.
    private func posted(_ id: Id128, createdAtMs: UInt64? = nil) -> Posted? {
        guard let user = model.userOfTransaction(id), let ledger = model.ledgers[user],
            let place = ledger.transactions.lastIndex(where: { $0.id == id && $0.createdAtMs == createdAtMs })
                ?? ledger.transactions.lastIndex(where: { $0.id == id }),
            let first = ledger.moments.firstIndex(where: { $0.count > place })
        else { return nil }
        return Posted(ledger: ledger, transaction: ledger.transactions[place], place: place, firstMoment: first)
    }

    /// Whether a transaction with this id is in the log for good, one of several that had it if `isIt`.
    func isPosted(_ id: Id128, where isIt: (Ledger.Transaction) -> Bool = { _ in true }) -> Bool {
        guard let user = model.userOfTransaction(id), let ledger = model.ledgers[user] else { return false }
        return ledger.transactions.indices.contains { place in
            guard ledger.transactions[place].id == id, isIt(ledger.transactions[place]),
                let first = ledger.moments.first(where: { $0.count > place })
            else { return false }
            return isShowable(first, user)
        }
    }

    private func isSame(_ transaction: Ledger.Transaction, _ user: Id128, _ entry: Change) -> Bool {
        // When its checkout has left, it stands for itself; and the part of another may have had its id before.
        guard model.userOfTransaction(transaction.id) == user,
            !transaction.isOfCheckout || model.parts[transaction.id] == nil
        else { return false }
        switch entry {
        case .earn(let earn):
            return transaction.kind == .earning && transaction.amount == earn.amount
                && transaction.expiresAtMs == earn.expiresAtMs && transaction.reason == earn.reason
        case .spend(let use):
            return transaction.kind == .use && transaction.amount == use.amount && transaction.reason == use.reason
        default: return false
        }
    }
}
