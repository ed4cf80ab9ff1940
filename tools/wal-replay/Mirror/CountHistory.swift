import Engine
import Log
import Protocol

/// The counts of offers at sequences that were asked for, each offer at its own, from one pass over the log.
///
/// A replay takes one log after the other, so no moment of it is the state at a sequence. But each block says by how
/// much it changes the counts: so what is asked for at S is what the replay began with, and the sum of the changes of
/// all blocks up to S.
final class CountHistory: ReplayObserver {
    /// An offer at a sequence.
    struct Counts: Equatable {
        var facts: OfferFacts
        var held: UInt64
        var sold: UInt64
        /// When one of them was changed last, as far as the log goes back.
        var changedAtMs: UInt64

        var available: UInt64 { facts.stock &- held &- sold }
    }

    private struct Probe {
        let sequence: UInt64
        /// Nil as long as the offer is not there.
        var facts: OfferFacts?
        var held: UInt64 = 0
        var sold: UInt64 = 0
        var changedAtMs: UInt64 = 0
    }

    private struct Row {
        var held: UInt64 = 0
        var sold: UInt64 = 0
        var probes: [Probe] = []
    }

    private let wanted: [OfferName: [UInt64]]
    /// Asked for of every offer.
    private let everywhere: [UInt64]
    private let event: LogPlace?
    /// The state before this sequence is not known.
    private(set) var oldest: UInt64 = 0
    private(set) var names: [OfferName] = []
    private var slots: [OfferName: Int] = [:]
    /// By slot, from 1.
    private var rows: [Row] = []
    /// What the log has at the place asked for.
    private(set) var eventFound: EventKind?

    /// - Parameters:
    ///   - wanted: the sequences at which an offer is asked for; the end of the log always is, as `.max`.
    ///   - everywhere: sequences at which every offer is.
    ///   - event: a place whose event is to be looked up.
    init(_ wanted: [OfferName: [UInt64]], everywhere: [UInt64], event: LogPlace?) {
        self.wanted = wanted
        self.everywhere = everywhere + [.max]
        self.event = event
    }

    /// Nil if there was no such offer at that sequence, which must have been asked for and not be before `oldest`.
    func counts(of name: OfferName, at sequence: UInt64) -> Counts? {
        precondition(sequence >= oldest)
        guard let slot = slots[name], let probe = rows[slot].probes.first(where: { $0.sequence == sequence }),
            let facts = probe.facts
        else { return nil }
        return Counts(facts: facts, held: probe.held, sold: probe.sold, changedAtMs: probe.changedAtMs)
    }

    // MARK: The replay

    func begins(_ engines: UnsafeMutablePointer<Engine>, sequence: UInt64) {
        oldest = sequence
        names = []
        slots = [:]
        rows = [Row()]
        eventFound = nil
        grow(engines)
        for slot in rows.indices.dropFirst() {
            take(engines, UInt32(slot), upTo: 0, hasDetail: true, timeMs: 0)
        }
        engines[0].changes.isFollowed = true
    }

    func applied(_ block: LogBlock, _ engines: UnsafeMutablePointer<Engine>) {
        let (sequence, timeMs) = (block.header.sequence, block.header.timeMs)
        grow(engines)
        while let change = engines[0].nextChange {
            let hasDetail = change.parts & ChangedOffers.Part.detail != 0
            take(engines, change.slot, upTo: sequence, hasDetail: hasDetail, timeMs: timeMs)
            engines[0].changeIsTold()
        }
        if let event, event.sequence == sequence { lookUp(event.index, block) }
    }

    private func grow(_ engines: UnsafeMutablePointer<Engine>) {
        while rows.count <= engines[0].offersKnown {
            let terms = engines[0].offerTerms(slot: UInt32(rows.count))
            let name = OfferName(kind: terms.kind, id: terms.id)
            slots[name] = rows.count
            names.append(name)
            let asked = Set(everywhere + (wanted[name] ?? []))
            rows.append(Row(probes: asked.map { Probe(sequence: $0) }))
        }
    }

    /// An offer has changed by the block of a sequence: all that is asked for at it or behind it changes alike.
    private func take(
        _ engines: UnsafeMutablePointer<Engine>, _ slot: UInt32, upTo sequence: UInt64, hasDetail: Bool, timeMs: UInt64
    ) {
        let now = engines[0].counters.totals(Int(slot), of: 0)
        let facts = hasDetail ? engines[0].facts(ofOffer: slot) : nil
        let row = Int(slot)
        let (held, sold) = (now.held &- rows[row].held, now.sold &- rows[row].sold)
        (rows[row].held, rows[row].sold) = (now.held, now.sold)
        for place in rows[row].probes.indices where rows[row].probes[place].sequence >= sequence {
            rows[row].probes[place].held &+= held
            rows[row].probes[place].sold &+= sold
            if let facts { rows[row].probes[place].facts = facts }
            rows[row].probes[place].changedAtMs = max(rows[row].probes[place].changedAtMs, timeMs)
        }
    }

    private func lookUp(_ index: UInt32, _ block: LogBlock) {
        var cursor = block.events
        var at: UInt32 = 0
        while let next = try? cursor.next() {
            if at == index {
                eventFound = next.kind
                return
            }
            at += 1
        }
    }
}
