import CAtomics

/// One attempt to take units of one sale, as a machine of small steps.
///
/// The caller repeats `step` until it answers `taken` or `soldOut`. Every step touches one word that
/// other shards may be changing, so that a simulator can put other shards' steps between any two of
/// them. The whole attempt runs within one turn of its shard, without I/O.
///
///     single --whole quantity in one stripe--> taken
///       | no stripe has it
///       v
///     scan (turnstile free, sequences, available; turnstile still free, sequences still the same)
///       | fewer than wanted, nothing moved --------------> soldOut
///       | one stripe has it --> single
///       v units are spread
///     await turnstile --> gather (keep what is found) --all of it--> taken
///                           | a whole pass without a put brought too little
///                           v
///                         roll back into the own stripe --> soldOut
///
/// Why SOLD_OUT is never false. Without puts `available` only falls, so that the sum of the values read
/// one after the other is at least what is free when the last is read: if it is below the wanted
/// quantity, that last read is a moment when fewer were free. Two things could break this. A put during
/// the reads: then a sequence is odd or has changed. Units on loan to a tentative take that may yet fail:
/// then the turnstile is occupied before or after the reads, or its rollback (a put) changed a sequence.
/// The turnstile is looked at before the sequences are read again: the other way round, a rollback
/// between the two looks would escape both.
///
/// Why two gathers do not both fail: only the holder of the turnstile gathers, and the other one waits
/// and scans again. Why none waits for ever: the holder needs no one else's step to finish a pass, and
/// passes repeat only when units came in.
///
/// A part of a `JointTake` is tentative from its first unit on, since another part may yet fail. So it goes
/// through the turnstile first, and leaves it to the whole to free it:
///
///     await turnstile --> single --whole quantity in one stripe--> taken
///                           | no stripe has it
///                           v
///                         gather --> taken, or roll back --> soldOut
public struct StockTake {
    public enum Answer: UInt8, Sendable {
        /// Call `step` again.
        case again
        /// Call `step` again when another shard has moved.
        case wait
        case taken
        case soldOut
    }

    enum Phase: UInt8 {
        case single, scanTurnstile, scanSequences, scanAvailable, verifyTurnstile, verifySequences
        case awaitTurnstile, gatherSequences, gather, gatherVerify, rollBack, settle
    }

    let counters: StockCounters
    public let sale: Int
    let shard: Int
    public let wanted: UInt64
    /// Whether it is a part of a joint take, which holds the turnstiles of all its sales until its end.
    let isPart: Bool
    private(set) var phase: Phase
    private(set) var visited = 0
    private(set) var found: UInt64 = 0
    private(set) var largest: UInt64 = 0
    private(set) var sequenceSum: UInt64 = 0
    private(set) var verifySum: UInt64 = 0
    private(set) var collected: UInt64 = 0

    /// `shard` is the caller's own; its stripe is tried first.
    public init(counters: StockCounters, sale: Int, shard: Int, quantity: UInt64) {
        self.init(counters: counters, sale: sale, shard: shard, quantity: quantity, isPart: false)
    }

    init(counters: StockCounters, sale: Int, shard: Int, quantity: UInt64, isPart: Bool) {
        precondition(quantity > 0)
        self.counters = counters
        self.sale = sale
        self.shard = shard
        self.isPart = isPart
        wanted = quantity
        phase = isPart ? .awaitTurnstile : .single
    }

    /// Takes one step. After `taken` the units are the caller's; after `soldOut` nothing has changed, but for
    /// the turnstile of a part, which is held either way.
    public mutating func step() -> Answer {
        switch phase {
        case .single: return stepSingle()
        case .scanTurnstile: return stepScanTurnstile()
        case .scanSequences: return stepSequences(next: .scanAvailable)
        case .scanAvailable: return stepScanAvailable()
        case .verifyTurnstile: return stepVerifyTurnstile()
        case .verifySequences: return stepVerifyScan()
        case .awaitTurnstile: return stepAwaitTurnstile()
        case .gatherSequences: return stepSequences(next: .gather)
        case .gather: return stepGather()
        case .gatherVerify: return stepVerifyGather()
        case .rollBack: return stepRollBack()
        case .settle: return stepSettle()
        }
    }

    private mutating func enter(_ next: Phase) -> Answer {
        phase = next
        visited = 0
        return .again
    }

    /// The stripe to visit now: the own one first, then round.
    private var current: Int { (shard + visited) % counters.shards }

    private mutating func stepSingle() -> Answer {
        if counters.takeWhole(sale, stripe: current, wanted) { return .taken }
        visited += 1
        if PlantedBug.soldOutFromOwnStripe.isPlanted { return .soldOut }
        return visited < counters.shards ? .again : enter(isPart ? .gatherSequences : .scanTurnstile)
    }

    // MARK: Scan

    private mutating func stepScanTurnstile() -> Answer {
        if !PlantedBug.noWaitForGathers.isPlanted {
            guard ts_load_seq_cst(counters.turnstile(sale)) == 0 else { return .wait }
        }
        found = 0
        largest = 0
        return enter(.scanSequences)
    }

    /// Sequences only grow, so that an unchanged sum means that each is unchanged.
    private mutating func stepSequences(next: Phase) -> Answer {
        if visited == 0 { sequenceSum = 0 }
        let sequence = ts_load_seq_cst(counters.putSequence(sale, current))
        guard sequence & 1 == 0 else {
            visited = 0
            return .wait
        }
        sequenceSum &+= sequence
        visited += 1
        return visited < counters.shards ? .again : enter(next)
    }

    private mutating func stepScanAvailable() -> Answer {
        let available = ts_load_seq_cst(counters.available(sale, current))
        found &+= available
        largest = max(largest, available)
        visited += 1
        return visited < counters.shards ? .again : enter(.verifyTurnstile)
    }

    private mutating func stepVerifyTurnstile() -> Answer {
        if !PlantedBug.noWaitForGathers.isPlanted {
            guard ts_load_seq_cst(counters.turnstile(sale)) == 0 else { return enter(.scanTurnstile) }
        }
        return enter(.verifySequences)
    }

    private mutating func stepVerifyScan() -> Answer {
        guard let isUnchanged = readSequenceAgain() else { return .again }
        if !isUnchanged { return enter(.scanTurnstile) }
        if found >= wanted { return enter(largest >= wanted ? .single : .awaitTurnstile) }
        return .soldOut
    }

    /// Reads one more sequence; after the last one, answers whether all are what they were.
    private mutating func readSequenceAgain() -> Bool? {
        if visited == 0 { verifySum = 0 }
        verifySum &+= ts_load_seq_cst(counters.putSequence(sale, current))
        visited += 1
        return visited < counters.shards ? nil : verifySum == sequenceSum
    }

    // MARK: Gather

    private mutating func stepAwaitTurnstile() -> Answer {
        var free: UInt64 = 0
        guard ts_compare_exchange(counters.turnstile(sale), &free, UInt64(shard) + 1) else {
            // The holder may take what we saw: look again once it has settled.
            if !isPart { _ = enter(.scanTurnstile) }
            return .wait
        }
        return enter(isPart ? .single : .gatherSequences)
    }

    private mutating func stepGather() -> Answer {
        collected += counters.takeUpTo(sale, stripe: current, wanted - collected)
        if collected == wanted { return enter(.settle) }
        visited += 1
        return visited < counters.shards ? .again : enter(.gatherVerify)
    }

    private mutating func stepVerifyGather() -> Answer {
        guard let isUnchanged = readSequenceAgain() else { return .again }
        return enter(isUnchanged ? .rollBack : .gatherSequences)
    }

    private mutating func stepRollBack() -> Answer {
        if collected > 0 { counters.put(sale, stripe: shard, collected) }
        collected = 0
        return enter(.settle)
    }

    private mutating func stepSettle() -> Answer {
        if !isPart { counters.freeTurnstile(sale, shard) }
        return collected == wanted ? .taken : .soldOut
    }
}
