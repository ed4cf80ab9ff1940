import Engine

// What leaves memory: each shard lets go of its own, the catalogue's of offers that no shard needs any more.

extension ShardCore {
    /// Records that one call may look at: with a miss of the cache each, some 20 us.
    static let recordsPerCall = 128
    /// The same when there are requests to work on.
    static let recordsPerBusyCall = 16

    /// Goes on with a pass over what is remembered, if one is due. Answers whether more of it is left to do right away.
    @inline(never)
    public mutating func retire(isBusy: Bool, nowMs: UInt64) -> Bool {
        precondition(!isTaking, "a take has to settle first")
        let before = engine.pointee.statistics.retired
        let budget = isBusy ? Self.recordsPerBusyCall : Self.recordsPerCall
        let isUnderWay = engine.pointee.retire(
            nowMs: nowMs, budget: budget, durableLsn: writer.durableLsn)
        if engine.pointee.statistics.retired != before { lastRetirementLsn = engine.pointee.events.pointee.lastLsn }
        let offer = engine.pointee.takeRetirableOffer()
        if offer != 0 { ask(aboutOffer: offer, nowMs: nowMs) }
        return isUnderWay
    }

    /// Asks every shard whether it needs an offer that this one does not.
    @inline(never)
    private mutating func ask(aboutOffer offer: UInt32, nowMs: UInt64) {
        catalogue.lastOrdinal += 1
        let question = engine.pointee.question(aboutOffer: offer)
        catalogue.changes.append(.init(change: question, ordinal: catalogue.lastOrdinal))
        advanceCatalogue(nowMs: nowMs)
    }

    /// Whether an offer has to stay for this shard: it has records of it, or had some of which it is not yet durable
    /// that they have left, or may still get some. The clock of a turn that is held up is behind that of the others.
    mutating func needs(offer slot: UInt32, nowMs: UInt64) -> Bool {
        if !engine.pointee.isOver(offer: slot, nowMs: nowMs) { return true }
        if engine.pointee.hasRecords(ofOffer: slot) { return true }
        if lastRetirementLsn <= writer.durableLsn || PlantedBug.saleRetiredBeforeItsOrders.isPlanted { return false }
        retirementIsAwaited = true
        return true
    }

    /// All shards have answered whether they need an offer.
    mutating func retireOffer(_ question: CatalogueProgress.PendingChange, nowMs: UInt64) {
        if question.isNeeded || needs(offer: question.change.offer, nowMs: nowMs) { return }
        guard let change = engine.pointee.retireOffer(slot: question.change.offer, nowMs: nowMs) else { return }
        catalogue.lastOrdinal += 1
        catalogue.changes.append(.init(change: change, ordinal: catalogue.lastOrdinal))
    }

    /// Whether somebody waits for the last retirement to be durable.
    mutating func awaitsRetirement() -> Bool {
        if lastRetirementLsn <= writer.durableLsn { retirementIsAwaited = false }
        return retirementIsAwaited
    }
}
