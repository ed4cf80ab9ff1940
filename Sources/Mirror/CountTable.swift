import Engine
import Shard

/// The counts of all offers at a cut of the logs, from what the shards tell: see `CountFeed`.
///
/// The mirror's thread.
struct CountTable {
    /// One offer, over all shards.
    struct Row {
        /// Nil while only counts have been told of it, within a gap of the catalogue's shard.
        var facts: OfferFacts?
        var held: UInt64 = 0
        var sold: UInt64 = 0

        var available: UInt64 { (facts?.stock ?? 0) &- held &- sold }
    }

    private let shards: Int
    private let feeds: [CountFeed]
    /// By slot, from 1.
    private(set) var rows: [Row]
    /// Held and sold of each shard, by slot.
    private var own: [(held: UInt64, sold: UInt64)]
    /// The sequence of which the rows are the state, as far as `isWhole`.
    private(set) var sequence: UInt64
    /// Whether every shard told everything up to there.
    private(set) var isWhole = true

    /// The state that recovery has built, before any shard runs: that at `sequence`. Engines in the order of shards.
    init(engines: [UnsafeMutablePointer<Engine>], feeds: [CountFeed], sequence: UInt64) {
        precondition(engines.count == feeds.count)
        shards = engines.count
        self.feeds = feeds
        self.sequence = sequence
        guard let catalogue = engines.first(where: { $0.pointee.isCatalogue }) else {
            preconditionFailure("one shard keeps the catalogue")
        }
        rows = [Row()]
        own = Array(repeating: (0, 0), count: shards)
        for slot in stride(from: UInt32(1), through: UInt32(catalogue.pointee.offersKnown), by: 1) {
            rows.append(Row(facts: catalogue.pointee.facts(ofOffer: slot)))
            own += Array(repeating: (0, 0), count: shards)
            for shard in 0..<shards {
                let units = engines[shard].pointee.counters.totals(Int(slot), of: shard)
                set(slot, shard, held: units.held, sold: units.sold)
            }
        }
    }

    var slots: Range<UInt32> { 1..<UInt32(rows.count) }

    /// Brings the rows to `cut`, up to which all logs are durable; `changed` gets the slots of those that did.
    mutating func advance(to cut: UInt64, changed: (UInt32) -> Void) {
        isWhole = true
        for shard in 0..<shards {
            let isAll = feeds[shard].take(upTo: cut) { record in
                grow(to: record.slot)
                if let facts = record.facts { rows[Int(record.slot)].facts = facts }
                set(record.slot, shard, held: record.held, sold: record.sold)
                changed(record.slot)
            }
            isWhole = isWhole && isAll
        }
        sequence = cut
    }

    private mutating func set(_ slot: UInt32, _ shard: Int, held: UInt64, sold: UInt64) {
        let place = Int(slot) * shards + shard
        rows[Int(slot)].held &+= held &- own[place].held
        rows[Int(slot)].sold &+= sold &- own[place].sold
        own[place] = (held, sold)
    }

    private mutating func grow(to slot: UInt32) {
        while rows.count <= Int(slot) {
            rows.append(Row())
            own += Array(repeating: (0, 0), count: shards)
        }
    }
}
