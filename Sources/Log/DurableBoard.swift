import CAtomics
import Engine

/// What is durable of all logs together.
///
/// Each block carries a sequence from one counter, so that "all blocks up to sequence S" is a cut across shards. It
/// may be built upon once everything in it is durable: snapshots, `tail` and the mirror ask here for the highest
/// such S.
///
/// One cache line for each shard:
///
///     word 0   a sequence that none of its blocks that are not durable yet is below; 0: all are durable
///     word 1   bytes of log that it has sealed since the start
///     word 2   its last durable LSN
///
/// A shard writes word 0 before it draws a sequence. So whoever reads the counter first and the lines after it
/// either finds a block that was drawn by then durable, or the bound that was written before it.
///
/// Written by the thread of each shard for its own line, read by any.
public struct DurableBoard: @unchecked Sendable {
    private let words: UnsafeMutablePointer<UInt64>
    private let counter: UnsafeMutablePointer<UInt64>
    public let shards: Int

    /// `counter` holds the last sequence drawn.
    public init(shards: Int, counter: UnsafeMutablePointer<UInt64>, memory: MemorySource) {
        self.shards = shards
        self.counter = counter
        words = memory.allocate(shards * 64).bindMemory(to: UInt64.self, capacity: shards * 8)
    }

    private func word(_ shard: Int, _ index: Int) -> UnsafeMutablePointer<UInt64> { words + shard * 8 + index }

    /// The sequence of the next block of a shard.
    @inline(__always)
    func draw(_ shard: Int) -> UInt64 {
        if ts_load_relaxed(word(shard, 0)) == 0 {
            ts_store_seq_cst(word(shard, 0), ts_load_relaxed(counter) &+ 1)
        }
        return ts_fetch_add(counter, 1) &+ 1
    }

    /// The shard's blocks below `sequence` are durable; 0: all of them are.
    @inline(__always)
    func isDurable(_ shard: Int, below sequence: UInt64, lsn: UInt64) {
        ts_store_release(word(shard, 2), lsn)
        ts_store_seq_cst(word(shard, 0), sequence)
    }

    @inline(__always)
    func sealed(_ shard: Int, bytes: UInt64) { ts_store_relaxed(word(shard, 1), bytes) }

    /// The highest sequence S such that every block up to S, of every shard, is durable.
    public func cut() -> UInt64 {
        var cut = ts_load_seq_cst(counter)
        if PlantedBug.cutNotDurable.isPlanted { return cut }
        for shard in 0..<shards {
            let bound = ts_load_seq_cst(word(shard, 0))
            if bound != 0 { cut = min(cut, bound - 1) }
        }
        return cut
    }

    /// The last sequence that any block has, durable or not.
    public var lastDrawn: UInt64 { ts_load_seq_cst(counter) }

    /// Bytes of log that all shards have sealed since the start.
    public var bytesSealed: UInt64 { (0..<shards).reduce(0) { $0 + ts_load_relaxed(word($1, 1)) } }

    public func durableLsn(_ shard: Int) -> UInt64 { ts_load_acquire(word(shard, 2)) }
}
