import Engine
import Protocol

// Coupons and points after a restart: exactly what the surviving log says, and everything that a client was shown.

extension World {
    /// The engines against the model, coupon by coupon and balance by balance. Promises 3, 7 and 10.
    func compareModules() throws(Violation) {
        for coupon in model.coupons {
            guard let version = coupon.versions.last, coupon.retired == nil else { continue }
            let view = machine.coupon(coupon.id, nowMs: clockMs)
            let use = version.operation?.use
            let isSame =
                view.code == .ok && view.userId == coupon.user && view.issuedAtMs == coupon.issuedAtMs
                && view.policyId == model.offers[coupon.policy].creation.key.id
                && (view.state == CouponState.used.rawValue) == (version.use != nil)
                && view.discount == use?.discount ?? 0 && view.orderId == use?.orderId ?? .zero
            guard isSame else {
                throw Violation(7, "after a restart coupon \(coupon.id) is \(view), the log says \(version)")
            }
        }
        for (user, ledger) in model.ledgers {
            let moment = ledger.moments.last ?? Ledger.Moment()
            let balance = machine.balance(user, nowMs: clockMs)
            guard balance == ledger.balance(moment, atMs: clockMs) else {
                throw Violation(
                    7, "after a restart user \(user) has \(balance) points, the log says "
                        + "\(ledger.balance(moment, atMs: clockMs))")
            }
            for (place, transaction) in ledger.transactions.enumerated() where !moment.isGone[place] {
                let view = machine.transaction(transaction.id, nowMs: clockMs)
                guard view.code == .ok, view.remaining == moment.remaining[place],
                    (view.state == TransactionState.cancelled.rawValue) == moment.isCancelled[place]
                else {
                    throw Violation(
                        7, "after a restart transaction \(transaction.id) is \(view), the log says "
                            + "\(moment.remaining[place]) left")
                }
            }
        }
        try compareCounts()
    }

    private func compareCounts() throws(Violation) {
        var (coupons, operations, transactions) = (0, 0, 0)
        for shard in 0..<machine.shards {
            coupons += machine.engine(shard).pointee.couponsRemembered
            operations += machine.engine(shard).pointee.couponOperationsRemembered
            transactions += machine.engine(shard).pointee.transactionsRemembered
        }
        guard coupons == model.couponPlaces.count, operations == model.couponOperations.count,
            transactions == model.transactions.count
        else {
            throw Violation(
                10,
                "after a restart \(coupons) coupons, \(operations) operations on them and \(transactions) transactions "
                    + "are known, the log has \(model.couponPlaces.count), \(model.couponOperations.count) and "
                    + "\(model.transactions.count)")
        }
    }

    /// What clients were shown has survived. Promises 3 and 5.
    func checkModuleFacts() throws(Violation) {
        for known in coupons where known.shownVersions > 0 {
            coverage[.factsChecked] += 1
            let versions = model.versionsOfCoupon(known.entry.couponId)
            guard versions >= known.shownVersions else {
                throw Violation(
                    3, "a client saw coupon \(known.entry.couponId) after \(known.shownVersions) events; a crash left "
                        + "\(versions)")
            }
        }
        for known in changes where known.isShown && !isLogged(known) {
            throw Violation(3, "a client saw that \(known.change.id) was accepted; a crash undid it")
        }
        for known in changes where known.isTombstoneShown && model.allTombstones(known.change.id).isEmpty {
            throw Violation(3, "a client was told that \(known.change.id) is cancelled; a crash undid it")
        }
        for (user, shown) in shownMoments where (model.ledgers[user]?.moments.count ?? 0) < shown {
            throw Violation(3, "a client saw the points of user \(user) after \(shown) events; a crash left less")
        }
    }

    private func isLogged(_ known: KnownChange) -> Bool { !timesMs(known.change.id).isEmpty }

    /// When the log has that an id was accepted, once or, where it was forgotten in between, again.
    private func timesMs(_ id: Id128) -> [UInt64] {
        let posted = model.userOfTransaction(id).flatMap { model.ledgers[$0] }?.transactions.filter { $0.id == id }
        return model.operations(id).map(\.timeMs) + (posted ?? []).map(\.createdAtMs)
    }

    /// Where replies wait for the write alone, a power loss may undo what they said.
    func forgetLostModules() {
        for index in coupons.indices {
            let (id, decidedAtMs) = (coupons[index].entry.couponId, coupons[index].decidedAtMs)
            coupons[index].shownVersions = min(coupons[index].shownVersions, model.versionsOfCoupon(id))
            if model.coupon(id, issuedAtMs: decidedAtMs)?.issuedAtMs != decidedAtMs { coupons[index].decidedAtMs = 0 }
        }
        for index in changes.indices {
            let times = timesMs(changes[index].change.id)
            if times.isEmpty { changes[index].isShown = false }
            changes[index].decidedAtMs.removeAll { !times.contains($0) }
            if model.allTombstones(changes[index].change.id).isEmpty { changes[index].isTombstoneShown = false }
        }
        for (user, shown) in shownMoments {
            shownMoments[user] = min(shown, model.ledgers[user]?.moments.count ?? 0)
        }
    }
}
