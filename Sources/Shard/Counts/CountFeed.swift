import CAtomics
import Engine
import Protocol

/// What one shard tells the mirror: with each block that it seals, the counts of its own orders of every offer that the
/// block changed; from the catalogue's shard also what an offer is. All values are absolute.
///
/// The mirror so has the state at any sequence without remembering orders, which the events of a log would ask of it,
/// and a sale that sold 10,000 times within a block is one record. In `docs/architecture.md` stands why not the log.
///
/// The shard never waits. When the queue is full, what has changed stays noted and comes with a later block; what lies
/// between is a *gap*, within which the state of this shard is not known.
///
///     record   4 kind   8 sequence (8)    counts: 16 slot (4)  24 held (8)  32 sold (8)
///                                         offer: as counts, 40 `OfferFacts`
///                                         gap: 16 the first sequence of which something is missing (8); it goes
///                                         up to the record's own, or on while the shard says so
///
/// One producer, the shard's thread, and one consumer, the mirror's.
public struct CountFeed: @unchecked Sendable {
    private let ring: SpscRing
    /// The first sequence of an open gap, 0: there is none. Written by the shard.
    private let gap: UnsafeMutablePointer<UInt64>

    private enum Kind: UInt8 {
        case counts = 1
        case offer = 2
        case gap = 3
    }

    private static let countsSizeBytes = 40
    private static var offerSizeBytes: Int { countsSizeBytes + MemoryLayout<OfferFacts>.size }
    private static let gapSizeBytes = 24

    /// What 20,000 sales need that all change within a flush of the mirror.
    public static let sizeBytesUsual = 1 << 20

    /// `sizeBytes`: a power of two.
    public init(memory: MemorySource, sizeBytes: Int = sizeBytesUsual) {
        ring = SpscRing(capacityBytes: sizeBytes, memory: memory)
        gap = memory.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
    }

    // MARK: The shard

    /// Whether something is missing that `put` has to be called for again.
    var hasGap: Bool { ts_load_relaxed(gap) != 0 }

    /// Tells what has changed in the blocks up to `sequence`, the last one that was sealed. Before the block may become
    /// durable: so who knows a sequence to be durable finds all up to it here, or the gap.
    func put(_ engine: UnsafeMutablePointer<Engine>, sequence: UInt64) {
        if hasGap {
            // Before what ends it: who does not come that far must see that something is missing.
            guard let record = ring.reserve(Self.gapSizeBytes) else { return }
            begin(record, .gap, sequence)
            record.storeLE(ts_load_relaxed(gap), 16)
            ring.publish(record, Self.gapSizeBytes)
        }
        while let change = engine.pointee.nextChange {
            guard put(engine, change.slot, change.parts, sequence) else {
                if !hasGap { ts_store_release(gap, sequence) }
                return
            }
            engine.pointee.changeIsTold()
        }
        if hasGap { ts_store_release(gap, 0) }
    }

    private func put(
        _ engine: UnsafeMutablePointer<Engine>, _ slot: UInt32, _ parts: UInt64, _ sequence: UInt64
    ) -> Bool {
        let isOffer = parts & ChangedOffers.Part.detail != 0 && engine.pointee.isCatalogue
        let sizeBytes = isOffer ? Self.offerSizeBytes : Self.countsSizeBytes
        guard let record = ring.reserve(sizeBytes) else { return false }
        begin(record, isOffer ? .offer : .counts, sequence)
        let own = engine.pointee.counters.totals(Int(slot), of: engine.pointee.configuration.shard)
        record.storeLE(slot, 16)
        record.storeLE(own.held, 24)
        record.storeLE(own.sold, 32)
        if isOffer {
            record.storeBytes(
                of: engine.pointee.facts(ofOffer: slot), toByteOffset: Self.countsSizeBytes, as: OfferFacts.self)
        }
        ring.publish(record, sizeBytes)
        return true
    }

    private func begin(_ record: UnsafeMutableRawPointer, _ kind: Kind, _ sequence: UInt64) {
        record.storeLE(UInt32(kind.rawValue), 4)
        record.storeLE(sequence, 8)
    }

    // MARK: The mirror

    /// What a record of the feed says of an offer.
    public struct Record {
        public var slot: UInt32
        public var held: UInt64
        public var sold: UInt64
        public var facts: OfferFacts?
    }

    /// Hands out what was told of the blocks up to `cut`, which must have been read before. Answers whether that is
    /// all: if not, the state of this shard at the cut is not known, but will be at a later one.
    public func take(upTo cut: UInt64, _ body: (Record) -> Void) -> Bool {
        // Before the queue: a gap is closed behind the records that end it.
        let open = ts_load_acquire(gap)
        var isWhole = open == 0 || open > cut
        while let record = ring.peek() {
            let sequence: UInt64 = record.loadLE(8)
            let kind = Kind(rawValue: record.loadLE(4, as: UInt8.self))!
            if sequence > cut {
                if kind == .gap && record.loadLE(16, as: UInt64.self) <= cut { isWhole = false }
                break
            }
            if kind != .gap {
                body(
                    Record(
                        slot: record.loadLE(16), held: record.loadLE(24), sold: record.loadLE(32),
                        facts: kind == .offer
                            ? record.loadUnaligned(fromByteOffset: Self.countsSizeBytes, as: OfferFacts.self) : nil))
            }
            ring.advance()
        }
        return isWhole
    }
}
