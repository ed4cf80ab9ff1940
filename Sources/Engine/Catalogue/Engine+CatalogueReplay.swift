import Protocol

// The catalogue in logs and snapshots.

extension OfferKind {
    var created: EventKind { self == .sale ? .saleCreated : .policyCreated }
    var restocked: EventKind { self == .sale ? .saleRestocked : .policyRestocked }
    var closed: EventKind { self == .sale ? .saleClosed : .policyClosed }
    var kept: EventKind { self == .sale ? .saleKept : .policyKept }
    var closedAtOffset: Int { self == .sale ? EventField.saleClosedAtMs : EventField.policyClosedAtMs }
    var stockNowOffset: Int { self == .sale ? EventField.saleStockNow : EventField.policyStockNow }
}

extension EventKind {
    /// What kind of offer an event of the catalogue is about.
    var offerKind: OfferKind {
        switch self {
        case .policyCreated, .policyRestocked, .policyClosed, .policyKept, .policyRetired: .policy
        default: .sale
        }
    }
}

extension OfferTerms {
    /// The terms in an event of a creation; nil if there is no such discount.
    init?(_ kind: OfferKind, event: UnsafeRawPointer) {
        self.init(
            id: event.loadLE(EventField.offer), startsAtMs: event.loadLE(EventField.startsAtMs),
            endsAtMs: event.loadLE(EventField.endsAtMs), value: event.loadLE(EventField.unitPrice),
            perUserLimit: event.loadLE(EventField.perUserLimit), kind: kind)
        switch kind {
        case .sale: holdMs = event.loadLE(EventField.holdMs)
        case .policy:
            let raw: UInt32 = event.loadLE(EventField.discountKind)
            guard let found = UInt8(exactly: raw).flatMap(DiscountKind.init(rawValue:)) else { return nil }
            if found == .percent && value > 100 { return nil }
            discountKind = found
            maxDiscount = event.loadLE(EventField.maxDiscount)
            minPurchase = event.loadLE(EventField.minPurchase)
        }
    }

    func store(toEvent event: UnsafeMutableRawPointer) {
        event.storeLE(id, EventField.offer)
        event.storeLE(startsAtMs, EventField.startsAtMs)
        event.storeLE(endsAtMs, EventField.endsAtMs)
        event.storeLE(value, EventField.unitPrice)
        event.storeLE(perUserLimit, EventField.perUserLimit)
        switch kind {
        case .sale: event.storeLE(holdMs, EventField.holdMs)
        case .policy:
            event.storeLE(UInt32(discountKind.rawValue), EventField.discountKind)
            event.storeLE(maxDiscount, EventField.maxDiscount)
            event.storeLE(minPurchase, EventField.minPurchase)
        }
    }
}

extension Engine {
    mutating func replayCatalogue(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        switch kind {
        case .saleCreated, .saleKept, .policyCreated, .policyKept: try replayCreation(kind, event)
        case .saleRestocked, .policyRestocked: try replayRestock(kind.offerKind, event, isKept: false)
        case .catalogueOperationKept:
            let raw: UInt8 = event.loadLE(EventField.flags)
            guard let offerKind = OfferKind(rawValue: raw) else {
                throw .contradiction("a restock kept is of an offer of kind \(raw)")
            }
            try replayRestock(offerKind, event, isKept: true)
        default: try replayClose(kind.offerKind, event)
        }
    }

    private mutating func replayCreation(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let offerKind = kind.offerKind
        guard let terms = OfferTerms(offerKind, event: event) else {
            throw .contradiction("a policy was created with a discount of no known kind")
        }
        let operationId = event.loadId(EventField.id)
        if findOffer(offerKind, terms.id) != 0 { throw .contradiction("\(offerKind) \(terms.id) was created twice") }
        if find(operationId, hash: idHash(operationId)) != nil {
            throw .contradiction(
                "\(offerKind) \(terms.id) was created under the id \(operationId), which was used before")
        }
        if offers.isFull { throw .capacity(what: "sales", countMax: offers.countMax) }
        let isKept = kind == offerKind.kept
        let closedAtMs = isKept ? closedAtMs(ofKept: event, kind) : 0
        let slot = insertOffer(terms)
        offers[slot].pointee.isOpen = true
        if closedAtMs != 0 { stopOffer(slot: slot, closedAtMs: closedAtMs) }
        guard isCatalogue else { return }
        if catalogueOperations.isFull { throw .capacity(what: "sales", countMax: offers.countMax) }
        let stock: UInt64 = event.loadLE(EventField.stock)
        insertOfferDetail(
            slot,
            OfferDetail(
                operationId: operationId, stock: isKept ? event.loadLE(offerKind.stockNowOffset) : stock,
                stockAtCreation: stock, createdAtMs: event.loadLE(EventField.timeMs), lastLsn: 0,
                name: Name(event + EventField.name), closedAtMs: closedAtMs, isPublished: true))
    }

    /// When a kept offer was closed; 0: it was not. Version 1 of the log said only that it was: then it counts from the
    /// creation, since its orders have ages of their own.
    private func closedAtMs(ofKept event: UnsafeRawPointer, _ kind: EventKind) -> UInt64 {
        let offerKind = kind == .saleKept ? OfferKind.sale : .policy
        let closedAtMs: UInt64 = kind.isOfVersionBefore(event) ? 0 : event.loadLE(offerKind.closedAtOffset)
        if closedAtMs != 0 { return closedAtMs }
        let flags: UInt8 = event.loadLE(EventField.flags)
        return flags & 1 == 0 ? 0 : max(1, event.loadLE(EventField.timeMs))
    }

    private mutating func replayRestock(
        _ kind: OfferKind, _ event: UnsafeRawPointer, isKept: Bool
    ) throws(EventFault) {
        guard isCatalogue else { return }
        let id = event.loadId(EventField.id)
        let offer = try knownOffer(kind, event.loadLE(EventField.offer), "restock")
        if find(id, hash: idHash(id)) != nil { throw .contradiction("restock \(id) happened twice") }
        if catalogueOperations.isFull { throw .capacity(what: "restocks", countMax: catalogueOperations.countMax) }
        let units: UInt64 = event.loadLE(EventField.stock)
        insertRestock(offer, id, quantity: units, timeMs: event.loadLE(EventField.timeMs))
        if isKept { return }
        offerDetails[Int(offer)].stock += units
        noteChange(offer, ChangedOffers.Part.detail)
    }

    private mutating func replayClose(_ kind: OfferKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let offer = try knownOffer(kind, event.loadLE(EventField.closedOffer), "closing")
        let timeMs: UInt64 = event.loadLE(EventField.timeMs)
        stopOffer(slot: offer, closedAtMs: timeMs)
        guard isCatalogue else { return }
        offerDetails[Int(offer)].closedAtMs = timeMs
        noteChange(offer, ChangedOffers.Part.detail)
    }

    private func knownOffer(_ kind: OfferKind, _ id: UInt64, _ what: String) throws(EventFault) -> UInt32 {
        let slot = findOffer(kind, id)
        if slot == 0 { throw .contradiction("\(what) of \(kind) \(id), which no event created") }
        return slot
    }

    /// Writes the catalogue as events that rebuild it: offers in the order of their creation, then restocks.
    /// `emit` gets each with its kind; the memory is valid during the call.
    public func keepCatalogue(_ emit: (EventKind, UnsafeRawBufferPointer) -> Void) {
        precondition(isCatalogue)
        withUnsafeTemporaryAllocation(byteCount: EventField.sizeMaxBytes, alignment: 8) { memory in
            let base = memory.baseAddress!
            for slot in stride(from: 1, through: offers.count, by: 1) {
                if lives[slot].isRetired {
                    keepRetiredOffer(slot, base, emit)
                    continue
                }
                let terms = offers[UInt32(slot)].pointee.terms
                let kind = terms.kind.kept
                let event = beginKept(
                    base, kind, flags: offerDetails[slot].isClosed ? 1 : 0, timeMs: offerDetails[slot].createdAtMs)
                event.storeId(offerDetails[slot].operationId, EventField.id)
                event.storeLE(offerDetails[slot].stockAtCreation, EventField.stock)
                terms.store(toEvent: event)
                offerDetails[slot].name.store(to: event + EventField.name)
                event.storeLE(offerDetails[slot].stock, terms.kind.stockNowOffset)
                event.storeLE(offerDetails[slot].closedAtMs, terms.kind.closedAtOffset)
                emit(kind, UnsafeRawBufferPointer(start: event, count: kind.sizeBytes))
            }
            for slot in catalogueOperations.slots {
                let operation = catalogueOperations[slot].pointee
                if operation.isCreation || operation.id.isZero { continue }
                let terms = offers[operation.offer].pointee.terms
                let kind = EventKind.catalogueOperationKept
                let event = beginKept(base, kind, flags: terms.kind.rawValue, timeMs: operation.timeMs)
                event.storeId(operation.id, EventField.id)
                event.storeLE(terms.id, EventField.offer)
                event.storeLE(operation.quantity, EventField.stock)
                emit(kind, UnsafeRawBufferPointer(start: event, count: kind.sizeBytes))
            }
        }
    }

    // MARK: After the last event

    /// Fills the stripes with what has not been given out of each offer, in even shares, or refuses: a state with
    /// more units given out than there were must never be served. Called once, on the catalogue's engine,
    /// when every engine has replayed everything.
    public mutating func restoreStock() throws(EventFault) {
        precondition(isCatalogue)
        for slot in stride(from: 1, through: offers.count, by: 1) where !lives[slot].isRetired {
            let totals = counters.totals(slot)
            let stock = offerDetails[slot].stock
            let out = totals.held &+ totals.sold
            guard out <= stock else {
                let terms = offers[UInt32(slot)].pointee.terms
                let found =
                    terms.kind == .sale
                    ? "has \(totals.held) units held and \(totals.sold) sold of a stock of \(stock)"
                    : "has issued \(out) coupons of \(stock)"
                throw .contradiction("\(terms.kind) \(terms.id) \(found)")
            }
            for shard in 0..<counters.shards {
                counters.put(slot, stripe: shard, StockCounters.share(of: stock - out, shard: shard, counters.shards))
            }
        }
    }
}

extension StockCounters {
    /// A shard's even share of units; the first shards get what is left over.
    public static func share(of units: UInt64, shard: Int, _ shards: Int) -> UInt64 {
        units / UInt64(shards) + (UInt64(shard) < units % UInt64(shards) ? 1 : 0)
    }
}
