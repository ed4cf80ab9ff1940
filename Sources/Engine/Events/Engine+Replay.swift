import Protocol

// Replay: building the state from events. It decides nothing; what contradicts itself is damage.

extension Engine {
    /// Applies an event of a log or a snapshot. `sourceOwns` says whether a partition belonged to the log
    /// the event comes from, which matters to events of a whole shard. Events of a partition go to its
    /// owner alone, all others to every engine. Runs before the shard serves.
    public mutating func replay(
        _ kind: EventKind, _ event: UnsafeRawPointer, sourceOwns: (Int) -> Bool
    ) throws(EventFault) {
        switch kind {
        case .orderPlaced, .orderKept: try replayOrder(kind, event)
        case .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended: try replayChange(kind, event)
        case .tombstonePlaced: try replayTombstone(event)
        case .pointsEarned, .pointsUsed, .transactionCancelled, .transactionReasoned, .transactionKept, .takingKept:
            try replayPoints(kind, event)
        case .couponIssued, .couponUsed, .couponRestored, .couponOperationKept: try replayCoupons(kind, event)
        case .checkoutPlaced, .checkoutConfirmed, .checkoutCancelled, .checkoutExpired, .checkoutKept:
            try replayCheckouts(kind, event)
        case .holdsGraced:
            applyGrace(notBeforeMs: event.loadLE(EventField.notBeforeMs), lsn: 0) { sourceOwns($0.carriedPartition) }
        case .retired, .saleRetired, .policyRetired, .unitsRetiredKept, .offerRetiredKept, .idsForgottenKept:
            try replayRetirement(kind, event)
        case .saleCreated, .saleRestocked, .saleClosed, .saleKept, .policyCreated, .policyRestocked, .policyClosed,
            .policyKept, .catalogueOperationKept:
            try replayCatalogue(kind, event)
        }
    }

    private mutating func replayOrder(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let userId = event.loadId(EventField.userId)
        let saleId: UInt64 = event.loadLE(EventField.orderSale)
        let deadlineMs: UInt64 = event.loadLE(EventField.orderDeadlineMs)
        let flags: UInt8 = event.loadLE(EventField.flags)
        guard id.carriedPartition == Partition.of(user: userId) else {
            throw .contradiction("order \(id) is not of its user's partition")
        }
        let sale = findOffer(.sale, saleId)
        guard sale != 0 else { throw .contradiction("order \(id) names sale \(saleId), which no event created") }
        let idHash = idHash(id)
        if find(id, hash: idHash) != nil { throw .contradiction("order \(id) was placed twice") }
        let userHash = userHash(userId)
        let user = findUser(userId, hash: userHash)
        if orders.isFull { throw .capacity(what: "orders", countMax: orders.countMax) }
        if user == 0 && users.isFull { throw .capacity(what: "users", countMax: users.countMax) }
        let state: OrderState
        if kind == .orderKept {
            guard let kept = OrderState(rawValue: flags & 15) else {
                throw .contradiction("order \(id) is in state \(flags & 15)")
            }
            state = kept
        } else {
            state = deadlineMs == 0 ? .confirmed : .held
        }
        if PlantedBug.idForgottenAfterRestart.isPlanted {
            let units: UInt32 = event.loadLE(EventField.quantity)
            addSold(sale, Int64(units))
            return
        }
        insertOrder(
            id: id, idHash: idHash, userId: userId, userHash: userHash, user: user, sale: sale,
            quantity: event.loadLE(EventField.quantity), createdAtMs: event.loadLE(EventField.timeMs),
            deadlineMs: deadlineMs, state: state, flags: kind == .orderKept ? flags >> 4 : 0, lsn: 0)
    }

    private mutating func replayChange(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        if PlantedBug.idForgottenAfterRestart.isPlanted { return }
        guard let slot = orderSlot(id) else { throw .contradiction("order \(id) changed before it was placed") }
        guard orders[slot].pointee.checkout == 0 else {
            throw .contradiction("order \(id), which is part of a checkout, got the event \(kind)")
        }
        let state = orders[slot].pointee.state
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        switch (kind, state) {
        case (.orderConfirmed, .held):
            applyConfirm(slot, isLate: false, timeMs: timeMs)
        case (.orderConfirmed, .expired):
            applyConfirm(slot, isLate: true, timeMs: timeMs)
        case (.orderCancelled, .held), (.orderCancelled, .confirmed), (.orderCancelled, .expired):
            applyEnd(slot, .cancelled, releaseLsn: 0, timeMs: timeMs)
        case (.orderExpired, .held):
            applyEnd(slot, .expired, releaseLsn: 0, timeMs: timeMs)
        case (.orderExtended, .held):
            applyDeadline(slot, event.loadLE(EventField.extendedDeadlineMs))
        default:
            throw .contradiction("order \(id), which is \(state), got the event \(kind)")
        }
    }

    private mutating func replayTombstone(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let hash = idHash(id)
        if find(id, hash: hash) != nil { throw .contradiction("tombstone of \(id), an id that is known") }
        if tombstones.isFull { throw .capacity(what: "tombstones", countMax: tombstones.countMax) }
        _ = insertTombstone(id, hash, createdAtMs: event.loadLE(EventField.timeMs), lsn: 0)
    }
}
