import Protocol

// Offers that leave. Every shard must have let go its orders or coupons of one first, durably: then its event stands in
// the catalogue's log, which a replay reads before all others.
//
// What stays is the slot with the id, since ids of offers are never used again: in tables of offers, which it counts
// against, a slot means the same on every shard. Units, operations, text and, with the next snapshot, terms are gone.

/// What becomes of an offer behind its last unit; not touched by orders.
struct OfferLife: BitwiseCopyable {
    /// When it was closed, as far as this shard knows; 0: it was not.
    var closedAtMs: UInt64 = 0
    /// Units of this shard that records which have left had: of a policy, coupons that were never used count as held.
    var retiredHeld: UInt64 = 0
    var retiredSold: UInt64 = 0
    var isRetired = false
}

extension OfferKind {
    var retired: EventKind { self == .sale ? .saleRetired : .policyRetired }
}

extension Engine {
    /// Whether this shard has orders or coupons of an offer.
    public func hasRecords(ofOffer slot: UInt32) -> Bool { offers[slot].pointee.recordCount > 0 }

    /// Logs that an offer has left, of which no shard has a record any more, if it still may. Answers the change that
    /// the other shards have to follow when that is durable.
    public mutating func retireOffer(slot: UInt32, nowMs: UInt64) -> CatalogueChange? {
        guard mayRetire(offer: slot, nowMs: nowMs), hasRoom else { return nil }
        let terms = offers[slot].pointee.terms
        let event = log(terms.kind.retired, timeMs: nowMs)
        event.storeLE(terms.id, EventField.closedOffer)
        forgetOffer(slot: slot)
        offerDetails[Int(slot)].lastLsn = events.pointee.lastLsn
        statistics.retired &+= 1
        statistics.offersRetired &+= 1
        return CatalogueChange(kind: .retired, offer: slot, lsn: events.pointee.lastLsn, units: 0)
    }

    /// Lets an offer go on this shard, where no records of it are left.
    public mutating func forgetOffer(slot: UInt32) {
        precondition(offers[slot].pointee.recordCount == 0, "an offer leaves after its records")
        applyOfferRetired(slot)
        dropUnits(ofOffer: slot)
    }

    // MARK: Shared with replay

    /// In a replay records of it may still come, and leave, in the logs of other shards.
    mutating func applyOfferRetired(_ slot: UInt32) {
        lives[Int(slot)].isRetired = true
        offers[slot].pointee.isOpen = false
        guard isCatalogue else { return }
        noteChange(slot, ChangedOffers.Part.detail)
        let detail = offerDetails + Int(slot)
        detail.pointee.isPublished = false
        var operation = detail.pointee.newestOperation
        detail.pointee.newestOperation = 0
        while operation != 0 {
            let record = catalogueOperations[operation].pointee
            noteForgotten(record.id)
            ids.remove(idHash(record.id), RecordHandle(.catalogueOperation, operation).rawValue)
            catalogueOperations.free(operation)
            operation = record.older
        }
    }

    private mutating func dropUnits(ofOffer slot: UInt32) {
        let own = counters.totals(Int(slot), of: configuration.shard)
        addHeld(slot, -Int64(own.held))
        addSold(slot, -Int64(own.sold))
        lives[Int(slot)].retiredHeld = 0
        lives[Int(slot)].retiredSold = 0
    }

    /// After the last event of all logs, on every engine: of an offer that has left no record may be there.
    public mutating func finishReplay() throws(EventFault) {
        for slot in offers.slots where lives[Int(slot)].isRetired {
            let count = offers[slot].pointee.recordCount
            guard count == 0 else {
                let terms = offers[slot].pointee.terms
                throw .contradiction("\(terms.kind) \(terms.id) has left, but \(count) of its records have not")
            }
            dropUnits(ofOffer: slot)
        }
    }
}
