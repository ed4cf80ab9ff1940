import Protocol

// Retirement in logs and snapshots.

extension Engine {
    mutating func replayRetirement(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        switch kind {
        case .retired: try replayRetired(event)
        case .unitsRetiredKept: try replayUnits(event)
        case .offerRetiredKept: try replayKeptOffer(event)
        case .idsForgottenKept:
            forgottenMintMs = max(forgottenMintMs, event.loadLE(EventField.forgottenMintMs))
        default:
            let id: UInt64 = event.loadLE(EventField.closedOffer)
            let slot = findOffer(kind.offerKind, id)
            guard slot != 0, !lives[Int(slot)].isRetired else {
                throw .contradiction("\(kind.offerKind) \(id) has left, which was not there")
            }
            applyOfferRetired(slot)
        }
    }

    private mutating func replayRetired(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let raw: UInt8 = event.loadLE(EventField.flags)
        if PlantedBug.idForgottenAfterRestart.isPlanted { return }
        guard let known = find(id, hash: idHash(id)), known.kind.rawValue == UInt32(raw) else {
            throw .contradiction("\(id) has left, which was not there as what is said to have left")
        }
        let mayLeave: Bool
        switch known.kind {
        case .tombstone: mayLeave = true
        case .order:
            let order = orders[known.slot].pointee
            mayLeave = order.checkout == 0 && order.state != .held
        case .checkout: mayLeave = isCheckout(known, id) && state(ofCheckout: known.slot) != .held
        case .transaction:
            mayLeave =
                transactions[known.slot].pointee.checkout == 0
                && isUsedUp(transaction: known.slot, nowMs: event.loadLE(EventField.timeMs))
        case .coupon: mayLeave = hasNoStrangers(coupon: known.slot)
        case .couponOperation: mayLeave = isWithoutEffect(couponOperation: known.slot)
        case .catalogueOperation: mayLeave = false
        }
        guard mayLeave else { throw .contradiction("\(id) has left, which others need or which is not over") }
        forget(known, id, lsn: 0)
    }

    /// Units that left before the snapshot: whichever shard had them, the catalogue's has them now.
    private mutating func replayUnits(_ event: UnsafeRawPointer) throws(EventFault) {
        guard isCatalogue else { return }
        let slot = try offerOfRecord(event)
        let held: UInt64 = event.loadLE(EventField.retiredHeld)
        let sold: UInt64 = event.loadLE(EventField.retiredSold)
        guard held < 1 << 62, sold < 1 << 62 else { throw .contradiction("more units have left than there can be") }
        lives[Int(slot)].retiredHeld += held
        lives[Int(slot)].retiredSold += sold
        addHeld(slot, Int64(held))
        addSold(slot, Int64(sold))
    }

    private func offerOfRecord(_ event: UnsafeRawPointer) throws(EventFault) -> UInt32 {
        let raw: UInt8 = event.loadLE(EventField.flags)
        let id: UInt64 = event.loadLE(EventField.closedOffer)
        guard let kind = OfferKind(rawValue: raw) else { throw .contradiction("units are of an offer of kind \(raw)") }
        let slot = findOffer(kind, id)
        if slot == 0 { throw .contradiction("units of \(kind) \(id), which no event created") }
        return slot
    }

    private mutating func replayKeptOffer(_ event: UnsafeRawPointer) throws(EventFault) {
        let raw: UInt8 = event.loadLE(EventField.flags)
        let id: UInt64 = event.loadLE(EventField.closedOffer)
        guard let kind = OfferKind(rawValue: raw), findOffer(kind, id) == 0 else {
            throw .contradiction("an offer \(id) has left that was there, or is of kind \(raw)")
        }
        if offers.isFull { throw .capacity(what: "sales", countMax: offers.countMax) }
        let slot = insertOffer(OfferTerms(retired: kind, id: id))
        lives[Int(slot)].isRetired = true
        if isCatalogue { offerDetails[Int(slot)] = OfferDetail.ofRetired }
    }

    // MARK: Snapshots

    func keepRetiredOffer(
        _ slot: Int, _ base: UnsafeMutableRawPointer, _ emit: (EventKind, UnsafeRawBufferPointer) -> Void
    ) {
        let terms = offers[UInt32(slot)].pointee.terms
        let kind = EventKind.offerRetiredKept
        let event = beginKept(base, kind, flags: terms.kind.rawValue, timeMs: 0)
        event.storeLE(terms.id, EventField.closedOffer)
        emit(kind, UnsafeRawBufferPointer(start: event, count: kind.sizeBytes))
    }

    /// What this shard knows of records that have left.
    func keepRetirement(_ base: UnsafeMutableRawPointer, _ emit: (EventKind, UnsafeRawBufferPointer) -> Void) {
        for slot in offers.slots {
            let life = lives[Int(slot)]
            if life.isRetired || life.retiredHeld | life.retiredSold == 0 { continue }
            let terms = offers[slot].pointee.terms
            let event = beginKept(base, .unitsRetiredKept, flags: terms.kind.rawValue, timeMs: 0)
            event.storeLE(terms.id, EventField.closedOffer)
            event.storeLE(life.retiredHeld, EventField.retiredHeld)
            event.storeLE(life.retiredSold, EventField.retiredSold)
            emit(.unitsRetiredKept, UnsafeRawBufferPointer(start: event, count: EventKind.unitsRetiredKept.sizeBytes))
        }
        if forgottenMintMs == 0 { return }
        let event = beginKept(base, .idsForgottenKept, flags: 0, timeMs: 0)
        event.storeLE(forgottenMintMs, EventField.forgottenMintMs)
        emit(.idsForgottenKept, UnsafeRawBufferPointer(start: event, count: EventKind.idsForgottenKept.sizeBytes))
    }

    /// The part of a digest that is not a sum over records: units of one offer that have left count alike however
    /// shards share them, and what each shard takes for the youngest id that was forgotten does not count.
    static func linearDigest(_ kind: EventKind, _ record: UnsafeRawPointer) -> UInt64? {
        switch kind {
        case .idsForgottenKept: return 0
        case .unitsRetiredKept:
            let id: UInt64 = record.loadLE(EventField.closedOffer)
            let offer = Partition.mix(id &+ UInt64(record.loadLE(EventField.flags, as: UInt8.self)) << 63)
            let held: UInt64 = record.loadLE(EventField.retiredHeld)
            let sold: UInt64 = record.loadLE(EventField.retiredSold)
            return held &* (Partition.mix(offer ^ 1) | 1) &+ sold &* (Partition.mix(offer ^ 2) | 1)
        default: return nil
        }
    }
}
