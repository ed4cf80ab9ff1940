/// The offers of which this shard's part has changed since somebody last looked, each once: for the mirror, which
/// copies counts and need not see each event.
///
/// What has changed of an offer stands in the shard's stripe of its counter, a line that the change touches anyway. So
/// an order of a sale that has changed already costs one comparison, and where nobody follows, one as well.
///
/// The shard's thread.
public struct ChangedOffers {
    /// Bits of what has changed.
    public enum Part {
        /// Units that this shard's orders hold and have.
        public static var counts: UInt64 { 1 }
        /// What the catalogue's shard says of it: that it is there, its stock, its closing, its leaving.
        public static var detail: UInt64 { 2 }
    }

    /// Whether anybody follows; else nothing is noted. Set before the shard runs.
    public var isFollowed = false
    private let slots: UnsafeMutablePointer<UInt32>
    public private(set) var count = 0

    init(offersMax: Int, memory: MemorySource) {
        slots = memory.table(of: UInt32.self, count: offersMax + 1)
    }

    @inline(__always)
    mutating func append(_ slot: UInt32) {
        slots[count] = slot
        count &+= 1
    }

    fileprivate var last: UInt32? { count > 0 ? slots[count - 1] : nil }

    fileprivate mutating func removeLast() -> UInt32 {
        count -= 1
        return slots[count]
    }
}

extension Engine {
    /// Adds to the units that orders of this shard hold.
    @inline(__always)
    mutating func addHeld(_ offer: UInt32, _ delta: Int64) {
        counters.addHeld(Int(offer), configuration.shard, delta)
        noteChange(offer, ChangedOffers.Part.counts)
    }

    /// Adds to the units that confirmed orders of this shard have.
    @inline(__always)
    mutating func addSold(_ offer: UInt32, _ delta: Int64) {
        counters.addSold(Int(offer), configuration.shard, delta)
        noteChange(offer, ChangedOffers.Part.counts)
    }

    /// Something of an offer is not any more as it was. In the same breath as its event: when a block is sealed, all
    /// that is noted is in it or in those before.
    @inline(__always)
    mutating func noteChange(_ offer: UInt32, _ part: UInt64) {
        if !changes.isFollowed { return }
        let mark = counters.changeMark(Int(offer), configuration.shard)
        let before = mark.pointee
        mark.pointee = before | part
        if before == 0 { changes.append(offer) }
    }

    /// An offer that has changed, with what of it; nil when all have been told of. It stays until `changeIsTold`.
    public var nextChange: (slot: UInt32, parts: UInt64)? {
        guard let slot = changes.last else { return nil }
        return (slot, counters.changeMark(Int(slot), configuration.shard).pointee)
    }

    /// The offer of `nextChange` is as it was told, until it changes again.
    public mutating func changeIsTold() {
        counters.changeMark(Int(changes.removeLast()), configuration.shard).pointee = 0
    }

    /// What an offer is, as its events up to now say. On the catalogue's shard.
    public func facts(ofOffer slot: UInt32) -> OfferFacts {
        precondition(isCatalogue)
        let detail = offerDetails[Int(slot)]
        return OfferFacts(
            terms: offers[slot].pointee.terms, name: detail.name, stock: detail.stock, createdAtMs: detail.createdAtMs,
            closedAtMs: detail.closedAtMs, isRetired: lives[Int(slot)].isRetired)
    }
}
