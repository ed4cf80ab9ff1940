import Protocol

// The catalogue: sales and policies. One shard writes it; every shard keeps a copy of what its orders need.
//
// A change goes: event, durable, known to every shard, visible, reply. Only then may an order of another
// shard depend on it, since that order could otherwise reach a disk before what it rests on.

/// A change of the catalogue that has been logged, for the shards to follow once it is durable.
public struct CatalogueChange: Sendable {
    public enum Kind: UInt8, Sendable {
        case created = 1
        case restocked = 2
        case closed = 3
        /// Nothing has happened yet: the shards are asked whether they have records of the offer.
        case asked = 4
        case retired = 5
    }

    public var kind: Kind
    public var offer: UInt32
    public var lsn: UInt64
    /// Units to put into the stripes: all of them at creation, the added ones after a restock. Of a closing: when it
    /// was.
    public var units: UInt64
}

/// How an operation on the catalogue ended: its result is written, and what else has to happen.
public struct CatalogueOutcome: Sendable {
    public var waitLsn: UInt64
    public var change: CatalogueChange?
}

/// What an operation on the catalogue comes to, before its result is written.
private struct CatalogueDecision {
    var code: ResultCode
    /// The offer to show, if the code is OK.
    var offer: UInt32 = 0
    var flags: UInt8 = 0
    var waitLsn: UInt64 = 0
    var change: CatalogueChange?

    static func refused(_ code: ResultCode, waitLsn: UInt64 = 0) -> Self {
        CatalogueDecision(code: code, waitLsn: waitLsn)
    }

    static func changed(_ kind: CatalogueChange.Kind, _ offer: UInt32, lsn: UInt64, units: UInt64 = 0) -> Self {
        let change = CatalogueChange(kind: kind, offer: offer, lsn: lsn, units: units)
        return CatalogueDecision(code: .ok, offer: offer, waitLsn: lsn, change: change)
    }
}

extension Engine {
    /// Carries out one entry of an operation on the catalogue, lists excepted.
    public mutating func runCatalogue(
        _ operation: Operation, _ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> CatalogueOutcome {
        let kind = operation.offerKind
        let decision: CatalogueDecision
        switch operation {
        case .createSale: decision = create(NewOffer(sale: bytes), nowMs: nowMs)
        case .createPolicy: decision = create(NewOffer(policy: bytes), nowMs: nowMs)
        case .restockSale, .restockPolicy: decision = restock(kind, RestockEntry(bytes), nowMs: nowMs)
        case .closeSale, .closePolicy: decision = close(kind, OfferIdEntry(bytes).offerId, nowMs: nowMs)
        case .getSale, .getPolicy: decision = get(kind, OfferIdEntry(bytes).offerId)
        default: preconditionFailure("not an operation on one offer")
        }
        if decision.code == .ok {
            show(decision.offer, flags: decision.flags, nowMs: nowMs).store(to: result)
        } else {
            refuseCatalogueEntry(operation, bytes, decision.code, result: result)
        }
        return CatalogueOutcome(waitLsn: decision.waitLsn, change: decision.change)
    }

    // MARK: Operations

    private mutating func create(_ new: NewOffer, nowMs: UInt64) -> CatalogueDecision {
        if let code = catalogueIdFault(new.operationId) { return .refused(code) }
        if let known = find(new.operationId, hash: idHash(new.operationId)) { return repeatCreation(known, new) }
        if let code = refusal(ofUnknown: new.operationId, nowMs: nowMs) { return .refused(code) }
        if let code = new.fault(nowMs: nowMs) { return .refused(code) }
        let existing = findOffer(new.terms.kind, new.terms.id)
        if existing != 0 { return .refused(.alreadyExists, waitLsn: offerDetails[Int(existing)].lastLsn) }
        if !hasLogSpace { return .refused(.noSpace) }
        if offers.isFull || catalogueOperations.isFull { return .refused(.capacity) }

        let event = log(new.terms.kind.created, timeMs: nowMs)
        event.storeId(new.operationId, EventField.id)
        event.storeLE(new.stock, EventField.stock)
        new.terms.store(toEvent: event)
        new.name.store(to: event + EventField.name)
        let lsn = events.pointee.lastLsn
        let slot = insertOffer(new.terms)
        insertOfferDetail(
            slot,
            OfferDetail(
                operationId: new.operationId, stock: new.stock, stockAtCreation: new.stock, createdAtMs: nowMs,
                lastLsn: lsn, name: new.name, closedAtMs: 0, isPublished: false))
        return .changed(.created, slot, lsn: lsn, units: new.stock)
    }

    private func repeatCreation(_ known: RecordHandle, _ new: NewOffer) -> CatalogueDecision {
        guard known.kind == .catalogueOperation else { return .refused(.idReused, waitLsn: lastLsn(of: known)) }
        let operation = catalogueOperations[known.slot].pointee
        let detail = offerDetails + Int(operation.offer)
        let isSame =
            operation.isCreation && offers[operation.offer].pointee.terms == new.terms
            && detail.pointee.stockAtCreation == new.stock && detail.pointee.name == new.name && new.fault == nil
        return isSame ? repeated(operation.offer) : .refused(.idReused, waitLsn: detail.pointee.lastLsn)
    }

    private mutating func restock(_ kind: OfferKind, _ entry: RestockEntry, nowMs: UInt64) -> CatalogueDecision {
        if let code = catalogueIdFault(entry.operationId) { return .refused(code) }
        if let known = find(entry.operationId, hash: idHash(entry.operationId)) {
            guard known.kind == .catalogueOperation else { return .refused(.idReused, waitLsn: lastLsn(of: known)) }
            let operation = catalogueOperations[known.slot].pointee
            let terms = offers[operation.offer].pointee.terms
            let isSame =
                !operation.isCreation && operation.quantity == entry.quantity && terms.kind == kind
                && terms.id == entry.offerId
            return isSame ? repeated(operation.offer) : .refused(.idReused, waitLsn: lastLsn(of: known))
        }
        if let code = refusal(ofUnknown: entry.operationId, nowMs: nowMs) { return .refused(code) }
        let slot = findPublished(kind, entry.offerId)
        guard slot != 0 else { return .refused(.notFound) }
        let detail = offerDetails + Int(slot)
        guard entry.quantity >= 1, entry.quantity <= NewOffer.stockMax,
            detail.pointee.stock + entry.quantity <= NewOffer.stockMax
        else { return .refused(.invalid) }
        if detail.pointee.isClosed { return .refused(.closed, waitLsn: detail.pointee.lastLsn) }
        if !hasLogSpace { return .refused(.noSpace) }
        if catalogueOperations.isFull { return .refused(.capacity) }

        let event = log(kind.restocked, timeMs: nowMs)
        event.storeId(entry.operationId, EventField.id)
        event.storeLE(entry.offerId, EventField.offer)
        event.storeLE(entry.quantity, EventField.stock)
        let lsn = events.pointee.lastLsn
        insertRestock(slot, entry.operationId, quantity: entry.quantity, timeMs: nowMs)
        detail.pointee.stock += entry.quantity
        detail.pointee.lastLsn = lsn
        noteChange(slot, ChangedOffers.Part.detail)
        return .changed(.restocked, slot, lsn: lsn, units: entry.quantity)
    }

    private mutating func close(_ kind: OfferKind, _ id: UInt64, nowMs: UInt64) -> CatalogueDecision {
        let slot = findPublished(kind, id)
        guard slot != 0 else { return .refused(.notFound) }
        let detail = offerDetails + Int(slot)
        if detail.pointee.isClosed { return repeated(slot) }
        let event = log(kind.closed, timeMs: nowMs)
        event.storeLE(id, EventField.closedOffer)
        let lsn = events.pointee.lastLsn
        detail.pointee.closedAtMs = nowMs
        detail.pointee.lastLsn = lsn
        noteChange(slot, ChangedOffers.Part.detail)
        return .changed(.closed, slot, lsn: lsn, units: nowMs)
    }

    /// Shows an offer. Its counts are of this moment; its stock and closing wait for their events.
    private func get(_ kind: OfferKind, _ id: UInt64) -> CatalogueDecision {
        let slot = findPublished(kind, id)
        if slot == 0 { return .refused(.notFound) }
        return CatalogueDecision(code: .ok, offer: slot, waitLsn: offerDetails[Int(slot)].lastLsn)
    }

    /// A page of sales or of policies in the order of their creation: only those that every shard knows.
    func listOffers(
        _ kind: OfferKind, _ bytes: UnsafeRawPointer, results: UnsafeMutableRawPointer, limit: Int, nowMs: UInt64
    ) -> Page {
        let entry = ListOffersEntry(bytes)
        guard entry.limit >= 1, entry.limit <= Frame.pageCountMax, ListOffersEntry.reservedIsZero(bytes) else {
            return Page(.invalid)
        }
        var slot = 0
        if entry.after != 0 {
            slot = Int(findOffer(kind, entry.after))
            if slot == 0 { return Page(.notFound) }
        }
        var place = results
        var count = 0
        var waitLsn: UInt64 = 0
        let most = min(limit, Int(entry.limit))
        while slot < offers.count {
            slot += 1
            guard offers[UInt32(slot)].pointee.terms.kind == kind, offerDetails[slot].isPublished else { continue }
            let shown = show(UInt32(slot), flags: 0, nowMs: nowMs)
            // One that is left out has been closed, which a crash must not undo either.
            waitLsn = max(waitLsn, offerDetails[slot].lastLsn)
            if entry.stateMask != 0 && entry.stateMask & (1 << shown.state.rawValue) == 0 { continue }
            if count == most { return Page(.ok, count: count, more: true, waitLsn: waitLsn) }
            place += shown.store(to: place)
            count += 1
        }
        return Page(.ok, count: count, waitLsn: waitLsn)
    }

    private func catalogueIdFault(_ id: Id128) -> ResultCode? {
        if !id.isOperationId { return .invalidId }
        return id.carriedPartition == Partition.catalogue ? nil : .wrongPartition
    }

    private func repeated(_ offer: UInt32) -> CatalogueDecision {
        CatalogueDecision(
            code: .ok, offer: offer, flags: ResultFlags.repeat, waitLsn: offerDetails[Int(offer)].lastLsn)
    }

    /// The slot of an offer that every shard knows, or 0.
    private func findPublished(_ kind: OfferKind, _ id: UInt64) -> UInt32 {
        let slot = findOffer(kind, id)
        return slot != 0 && offerDetails[Int(slot)].isPublished ? slot : 0
    }

    // MARK: Following a change on every shard

    /// What a shard that does not keep the catalogue learns of a new offer.
    public mutating func learnOffer(slot: UInt32, _ terms: OfferTerms) {
        precondition(!isCatalogue)
        let got = insertOffer(terms)
        precondition(got == slot, "offers reach every shard in the order of their creation")
    }

    /// Opens an offer on this shard, with its share of the units. The creation is durable.
    public mutating func openOffer(slot: UInt32, units: UInt64) {
        offers[slot].pointee.isOpen = true
        if units > 0 { counters.put(Int(slot), stripe: configuration.shard, units) }
    }

    /// Gives out no more units of an offer from now on. The closing is durable.
    public mutating func stopOffer(slot: UInt32, closedAtMs: UInt64) {
        offers[slot].pointee.isClosed = true
        lives[Int(slot)].closedAtMs = closedAtMs
    }

    /// Adds restocked units on this shard. The restock is durable.
    public mutating func addStock(slot: UInt32, units: UInt64) {
        counters.put(Int(slot), stripe: configuration.shard, units)
    }

    /// Every shard knows the offer: it can be shown.
    public mutating func publishOffer(slot: UInt32) { offerDetails[Int(slot)].isPublished = true }

    /// A question about an offer that may leave: see `CatalogueChange.Kind.asked`.
    public func question(aboutOffer slot: UInt32) -> CatalogueChange {
        CatalogueChange(kind: .asked, offer: slot, lsn: 0, units: 0)
    }

    /// What every shard has to know of an offer.
    public func offerTerms(slot: UInt32) -> OfferTerms { offers[slot].pointee.terms }

    // MARK: Shared with replay

    mutating func insertOffer(_ terms: OfferTerms) -> UInt32 {
        let slot = offers.allocate()
        offers[slot].initialize(to: OfferRecord(terms))
        offerIndex.insert(offerHash(terms.kind, terms.id), slot)
        return slot
    }

    mutating func insertOfferDetail(_ slot: UInt32, _ detail: OfferDetail) {
        offerDetails[Int(slot)] = detail
        noteChange(slot, ChangedOffers.Part.detail)
        insertCatalogueOperation(
            CatalogueOperationRecord(
                id: detail.operationId, timeMs: detail.createdAtMs, quantity: detail.stockAtCreation, offer: slot,
                isCreation: true))
    }

    mutating func insertRestock(_ offer: UInt32, _ id: Id128, quantity: UInt64, timeMs: UInt64) {
        insertCatalogueOperation(
            CatalogueOperationRecord(id: id, timeMs: timeMs, quantity: quantity, offer: offer, isCreation: false))
    }

    private mutating func insertCatalogueOperation(_ record: CatalogueOperationRecord) {
        let slot = catalogueOperations.allocate()
        let detail = offerDetails + Int(record.offer)
        catalogueOperations[slot].initialize(to: record)
        catalogueOperations[slot].pointee.older = detail.pointee.newestOperation
        detail.pointee.newestOperation = slot
        detail.pointee.lastOperationMs = max(
            detail.pointee.lastOperationMs, record.timeMs, record.id.mintTimeMs ?? 0)
        ids.insert(idHash(record.id), RecordHandle(.catalogueOperation, slot).rawValue)
    }
}
