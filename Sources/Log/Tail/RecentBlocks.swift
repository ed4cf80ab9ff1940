import CAtomics
import Engine

/// The last blocks of one log in memory, for who follows it closely: reading them from the disk would make the
/// log's own writes wait.
///
/// A ring of bytes in which whole blocks lie one behind the other, each of which says by itself what it is. A block
/// that does not fit before the end of the ring begins at its front; a length of 0 in its place says so.
///
///     words    0 reserved: bytes that the writer may have overwritten up to     1 published: bytes that are whole
///              2 whether anybody follows     3 the sequence of the last block that is written, kept or not
///     bytes    ... older [block][block][block] next ...     positions count up for ever; places repeat
///
/// One writer, the log's shard; it never waits. A reader copies a block out and looks afterwards whether the writer
/// has come round meanwhile (a seqlock); the block's checksums vouch for the copy besides.
public struct RecentBlocks: @unchecked Sendable {
    private let words: UnsafeMutablePointer<UInt64>
    private let bytes: UnsafeMutableRawPointer
    private let sizeBytes: Int

    public static let sizeBytesUsual = 8 << 20

    /// The memory is touched only when somebody follows.
    public init(memory: MemorySource, sizeBytes: Int = sizeBytesUsual) {
        precondition(sizeBytes % BlockHeader.alignmentBytes == 0)
        words = memory.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
        bytes = memory.allocate(sizeBytes)
        self.sizeBytes = sizeBytes
    }

    /// Makes all of the memory resident, so that no shard waits for that: before anybody follows.
    public func populate(_ memory: MemorySource) { memory.populate(bytes, sizeBytes) }

    /// Whether blocks are kept at all. Any thread.
    public var isWanted: Bool {
        get { ts_load_relaxed(words + 2) != 0 }
        nonmutating set { ts_store_relaxed(words + 2, newValue ? 1 : 0) }
    }

    /// A block is written: keeps it if anybody follows. The shard's thread, before it says that the block is
    /// durable: so who knows a block to be durable finds its sequence here, or a later one.
    @inline(__always)
    func written(_ block: UnsafeRawPointer, _ lengthBytes: Int, sequence: UInt64) {
        if isWanted { append(block, lengthBytes) }
        ts_store_release(words + 3, sequence)
    }

    /// The sequence of the last block of this log that has been written since the start; 0: none was.
    var lastSequence: UInt64 { ts_load_acquire(words + 3) }

    /// A function of its own: the check of the hot path's machine code stops here (`Tests/HotSymbols`).
    @inline(never)
    func append(_ block: UnsafeRawPointer, _ lengthBytes: Int) {
        precondition(lengthBytes <= sizeBytes)
        var position = Int(ts_load_relaxed(words + 1))
        let room = sizeBytes - position % sizeBytes
        let begin = room < lengthBytes ? position + room : position
        // Before a byte changes: who copies what lies there must find out.
        ts_store_seq_cst(words, UInt64(begin + lengthBytes))
        ts_fence_seq_cst()
        if begin != position {
            (bytes + position % sizeBytes).storeBytes(of: 0, as: UInt64.self)
            position = begin
        }
        (bytes + position % sizeBytes).copyMemory(from: block, byteCount: lengthBytes)
        ts_store_release(words + 1, UInt64(position + lengthBytes))
    }

    /// Where the next block will begin. A reader that starts here misses nothing that comes.
    var end: Int { Int(ts_load_acquire(words + 1)) }

    /// What a reader finds at a position.
    enum Found {
        /// Nothing yet.
        case nothing
        /// A block, copied, and the position behind it.
        case block(lengthBytes: Int, next: Int)
        /// The writer has overtaken the reader.
        case lost
    }

    /// Copies the block at a position into `buffer`, which has room for the longest one.
    func read(at position: Int, into buffer: UnsafeMutableRawPointer) -> Found {
        var position = position
        while true {
            let published = Int(ts_load_acquire(words + 1))
            if position == published { return .nothing }
            guard isIntact(position) else { return .lost }
            let place = bytes + position % sizeBytes
            let magic = place.loadUnaligned(as: UInt32.self)
            let length = Int(place.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
            guard isIntact(position) else { return .lost }
            if magic == 0 {
                position += sizeBytes - position % sizeBytes
                continue
            }
            guard length <= BlockHeader.blockSizeMaxBytes, position + length <= published else { return .lost }
            buffer.copyMemory(from: place, byteCount: length)
            ts_fence_seq_cst()
            guard isIntact(position) else { return .lost }
            return .block(lengthBytes: length, next: position + length)
        }
    }

    /// Whether the writer has not come round to this position yet.
    private func isIntact(_ position: Int) -> Bool { Int(ts_load_acquire(words)) - position <= sizeBytes }
}
