import Protocol

// Ids that were forgotten. An answer that does not know what it had shown needs a retirement in the log. That may be
// one which is not sealed yet, since a shard answers by what it has in hand: the answer shows nothing that a crash
// could undo.

extension World {
    /// Something that a shard has let go by what it answered: by the time that it seals this LSN the log says so.
    struct AwaitedRetirement {
        var shard: Int
        var lsn: UInt64
        var violation: Violation
        var isForgotten: (LogModel) -> Bool
    }

    /// An operation on an id that was shown got an answer of something that does not know it: that is right if it was
    /// forgotten, and then an operation that would make it known again has to refuse it by its age.
    func checkForgotten(
        _ request: Request, _ item: Item, _ code: ResultCode, _ violation: Violation,
        _ isForgotten: ((LogModel) -> Bool)? = nil
    ) throws(Violation) {
        if item.id.mintTimeMs != nil && request.operation.makesIdsKnown && code != .idTooOld { throw violation }
        coverage[.forgottenAnswers] += 1
        let id = item.id
        let shard = request.operation.isCatalogue ? model.catalogue : model.owner(id)
        try expectForgotten(shard, violation, isForgotten ?? { $0.wasForgotten(id) })
    }

    func expectForgotten(
        _ shard: Int, _ violation: Violation, _ isForgotten: @escaping (LogModel) -> Bool
    ) throws(Violation) {
        if isForgotten(model) { return }
        let lsn = machine.engine(shard).pointee.events.pointee.lastLsn
        guard lsn > model.sealedLsns[shard] else { throw violation }
        awaitedRetirements.append(
            AwaitedRetirement(shard: shard, lsn: lsn, violation: violation, isForgotten: isForgotten))
    }

    /// A shard has sealed a block.
    func checkAwaited(_ shard: Int) throws(Violation) {
        let due = awaitedRetirements.filter { $0.shard == shard && $0.lsn <= model.sealedLsns[shard] }
        if due.isEmpty { return }
        awaitedRetirements.removeAll { $0.shard == shard && $0.lsn <= model.sealedLsns[shard] }
        for awaited in due where !awaited.isForgotten(model) { throw awaited.violation }
    }

    func countForgotten(_ block: LogModel.Block) {
        for case .forgotten(let forgotten) in block.undo {
            switch forgotten {
            case .order(let index): if model.orders[index].checkout == nil { coverage[.ordersRetired] += 1 }
            case .tombstone: coverage[.tombstonesRetired] += 1
            case .coupon: coverage[.couponsRetired] += 1
            case .couponOperation: coverage[.couponOperationsRetired] += 1
            case .transaction: coverage[.transactionsRetired] += 1
            case .checkout: coverage[.checkoutsRetired] += 1
            case .offer: coverage[.offersRetired] += 1
            }
        }
    }

    /// An id was refused by its age.
    func checkTooOld(_ request: Request, _ item: Item) throws(Violation) {
        coverage[.tooOld] += 1
        guard request.operation.makesIdsKnown, let mintTimeMs = item.id.mintTimeMs,
            mintTimeMs + model.retainMs < clockMs || mintTimeMs <= model.past.youngestMintMs
        else { throw Violation(4, "\(request.operation) \(item.id) is refused as too old, and is not") }
    }
}

extension Operation {
    /// Whether an id that is not known becomes known by it, or may.
    var makesIdsKnown: Bool {
        switch self {
        case .order, .cancel, .createSale, .restockSale, .createPolicy, .restockPolicy, .issueCoupon, .useCoupon,
            .restoreCoupon, .earnPoints, .usePoints, .cancelTransaction, .placeCheckout, .cancelCheckout:
            true
        default: false
        }
    }
}

extension LogModel {
    /// Whether the order that had an id when so many versions of it had been shown has left.
    func isForgotten(order id: Id128, shown: Int) -> Bool { shown <= versionsBefore(ofOrder: id) }
    func isForgotten(coupon id: Id128, shown: Int) -> Bool { shown <= versionsBefore(ofCoupon: id) }
    func isForgotten(checkout id: Id128, shown: Int) -> Bool { shown <= versionsBefore(ofCheckout: id) }

    /// Whether all transactions of a user had left at a moment: the last one that had been shown, or a later one.
    func wasForgotten(pointsOf user: Id128, shown: Int) -> Bool {
        guard let moments = ledgers[user]?.moments, !moments.isEmpty else { return true }
        return moments.dropFirst(max(shown - 1, 0)).contains { $0.isGone.allSatisfy { $0 } }
    }
}
