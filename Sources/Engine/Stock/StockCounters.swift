import CAtomics

/// The units left of every sale: one counter per sale, striped over the shards, without locks.
///
///     counter of one sale, (1 + shards) cache lines of 64 bytes
///     +-------------+--------------+--------------+----
///     | turnstile   | stripe of    | stripe of    |
///     |             | shard 0      | shard 1      | ...
///     +-------------+--------------+--------------+----
///     stripe:  available | put sequence | held | sold | changed
///
/// - `available` goes down by compare-and-swap from any shard, and up from the owner of the stripe alone.
/// - `put sequence` is odd while its owner puts units back. One writer.
/// - `held` and `sold` count the units of the owner's own orders. One writer; sums are for readers.
/// - `changed` is the owner's alone: see `ChangedOffers`.
/// - the turnstile holds the shard (plus one) whose tentative take is open, 0 for none. Whoever gathers
///   units from several stripes, or takes units of several sales, holds it, so that two of them cannot starve
///   each other, and whoever wants to say SOLD_OUT waits until it is free, since a tentative take may come back.
///
/// Shared by all shards; every function may be called from any of them unless it says otherwise.
public struct StockCounters: @unchecked Sendable {
    @usableFromInline static let lineWords = 8
    @usableFromInline let words: UnsafeMutablePointer<UInt64>
    @usableFromInline let strideWords: Int
    public let shards: Int
    public let saleCountMax: Int

    public init(sales: Int, shards: Int, memory: MemorySource) {
        precondition(sales > 0 && shards > 0 && shards <= 64)
        strideWords = (1 + shards) * Self.lineWords
        words = memory.table(of: UInt64.self, count: sales * strideWords)
        self.shards = shards
        saleCountMax = sales
    }

    @inlinable @inline(__always)
    func turnstile(_ sale: Int) -> UnsafeMutablePointer<UInt64> {
        assert(sale >= 0 && sale < saleCountMax)
        return words + sale &* strideWords
    }

    @inlinable @inline(__always)
    func stripe(_ sale: Int, _ shard: Int) -> UnsafeMutablePointer<UInt64> {
        assert(sale >= 0 && sale < saleCountMax && shard >= 0 && shard < shards)
        return words + (sale &* strideWords &+ (1 &+ shard) &* Self.lineWords)
    }

    @inlinable @inline(__always)
    func available(_ sale: Int, _ shard: Int) -> UnsafeMutablePointer<UInt64> { stripe(sale, shard) }

    @inlinable @inline(__always)
    func putSequence(_ sale: Int, _ shard: Int) -> UnsafeMutablePointer<UInt64> { stripe(sale, shard) + 1 }

    /// Takes exactly `quantity` units from one stripe, or nothing.
    @inlinable @inline(__always)
    public func takeWhole(_ sale: Int, stripe shard: Int, _ quantity: UInt64) -> Bool {
        let word = available(sale, shard)
        var seen = ts_load_relaxed(word)
        while seen >= quantity {
            if ts_compare_exchange(word, &seen, seen &- quantity) { return true }
        }
        return false
    }

    /// Takes up to `quantity` units from one stripe; answers how many. A gather that finds nothing may end
    /// in SOLD_OUT, so that the load keeps its place between those of the put sequences.
    func takeUpTo(_ sale: Int, stripe shard: Int, _ quantity: UInt64) -> UInt64 {
        let word = available(sale, shard)
        var seen = ts_load_seq_cst(word)
        while seen > 0 {
            let taken = min(seen, quantity)
            if ts_compare_exchange(word, &seen, seen - taken) { return taken }
        }
        return 0
    }

    /// Puts units into the stripe of `shard`. Only that shard's thread may call it, and only for units
    /// whose release is durable (or that were never given away: a rollback, a new sale).
    ///
    /// The sequence is odd meanwhile: a scan that saw this stripe before and another one after units had
    /// moved on would otherwise miss them in both places and say SOLD_OUT wrongly.
    public func put(_ sale: Int, stripe shard: Int, _ quantity: UInt64) {
        let sequence = putSequence(sale, shard)
        let before = ts_load_relaxed(sequence)
        precondition(before & 1 == 0, "a stripe has one writer")
        ts_store_seq_cst(sequence, before + 1)
        _ = ts_fetch_add(available(sale, shard), quantity)
        ts_store_seq_cst(sequence, before + 2)
    }

    /// Ends a tentative take: its units are taken for good, or all put back.
    func freeTurnstile(_ sale: Int, _ shard: Int) {
        precondition(ts_load_relaxed(turnstile(sale)) == UInt64(shard) + 1)
        ts_store_seq_cst(turnstile(sale), 0)
    }

    // MARK: Held and sold

    /// Adds to the units that orders of `shard` hold. Only that shard's thread may call it.
    @inlinable @inline(__always)
    func addHeld(_ sale: Int, _ shard: Int, _ delta: Int64) {
        let word = stripe(sale, shard) + 2
        ts_store_relaxed(word, ts_load_relaxed(word) &+ UInt64(bitPattern: delta))
    }

    /// Adds to the units that confirmed orders of `shard` have. Only that shard's thread may call it.
    @inlinable @inline(__always)
    func addSold(_ sale: Int, _ shard: Int, _ delta: Int64) {
        let word = stripe(sale, shard) + 3
        ts_store_relaxed(word, ts_load_relaxed(word) &+ UInt64(bitPattern: delta))
    }

    /// What of an offer has changed on a shard. Only that shard's thread may look at it.
    @inline(__always)
    func changeMark(_ sale: Int, _ shard: Int) -> UnsafeMutablePointer<UInt64> { stripe(sale, shard) + 4 }

    /// The units of a sale as they stand at about this moment: free, held, sold.
    public func totals(_ sale: Int) -> StockTotals {
        var totals = StockTotals(available: 0, held: 0, sold: 0)
        for shard in 0..<shards {
            let line = stripe(sale, shard)
            totals.available &+= ts_load_relaxed(line)
            totals.held &+= ts_load_relaxed(line + 2)
            totals.sold &+= ts_load_relaxed(line + 3)
        }
        return totals
    }

    /// The units that orders of one shard hold and have.
    public func totals(_ sale: Int, of shard: Int) -> (held: UInt64, sold: UInt64) {
        (ts_load_relaxed(stripe(sale, shard) + 2), ts_load_relaxed(stripe(sale, shard) + 3))
    }

    /// Starts the load of the line that an order of this shard will change.
    @inlinable @inline(__always)
    func prefetch(_ sale: Int, _ shard: Int) { ts_prefetch_write(stripe(sale, shard)) }
}

public struct StockTotals: Equatable, Sendable {
    public var available: UInt64
    public var held: UInt64
    public var sold: UInt64
}
