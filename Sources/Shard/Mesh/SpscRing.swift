import CAtomics
import Engine

/// A bounded queue of messages from one shard to another: one producer, one consumer, no locks.
///
///     cursors   line 0 (producer's): tail, head as last seen      bytes   capacity, a power of two
///               line 1 (consumer's): head, tail as last seen
///
/// Cursors count bytes and never wrap. A message lies in one piece: where it would cross the end of the
/// memory, a gap is left. Each side reads the other's cursor only when its own copy says full or empty
/// (as in Disruptor and Glommio), so that the lines seldom move between cores.
///
///     message   0: length of all of it (4), 0xffffffff for a gap to the end     4: body ...
struct SpscRing {
    static let alignment = 16
    private static let gapMark: UInt32 = .max

    private let cursors: UnsafeMutablePointer<UInt64>
    private let bytes: UnsafeMutableRawPointer
    private let capacity: Int

    private var tail: UnsafeMutablePointer<UInt64> { cursors }
    private var seenHead: UnsafeMutablePointer<UInt64> { cursors + 1 }
    private var head: UnsafeMutablePointer<UInt64> { cursors + 8 }
    private var seenTail: UnsafeMutablePointer<UInt64> { cursors + 9 }

    init(capacityBytes: Int, memory: MemorySource) {
        precondition(capacityBytes & (capacityBytes - 1) == 0)
        capacity = capacityBytes
        let base = memory.allocate(4096 + capacityBytes)
        cursors = base.bindMemory(to: UInt64.self, capacity: 512)
        bytes = base + 4096
    }

    /// The longest message that always fits into an empty ring, wherever its cursors stand.
    var messageSizeMaxBytes: Int { capacity / 2 - Self.alignment }

    private static func rounded(_ sizeBytes: Int) -> Int { (sizeBytes + alignment - 1) & ~(alignment - 1) }

    // MARK: Producer

    /// Room for a message of `sizeBytes`, or nil if the ring is too full. The consumer sees it after `publish`
    /// with the same size; at most one reservation may be open.
    func reserve(_ sizeBytes: Int) -> UnsafeMutableRawPointer? {
        let size = Self.rounded(sizeBytes)
        precondition(size <= messageSizeMaxBytes)
        let at = Int(ts_load_relaxed(tail))
        let offset = at & (capacity - 1)
        let gap = offset + size > capacity ? capacity - offset : 0
        if at + gap + size - Int(seenHead.pointee) > capacity {
            seenHead.pointee = ts_load_acquire(head)
            if at + gap + size - Int(seenHead.pointee) > capacity { return nil }
        }
        if gap > 0 { (bytes + offset).storeBytes(of: Self.gapMark, as: UInt32.self) }
        return bytes + ((offset + gap) & (capacity - 1))
    }

    /// Hands the reserved message over.
    func publish(_ message: UnsafeMutableRawPointer, _ sizeBytes: Int) {
        let size = Self.rounded(sizeBytes)
        message.storeBytes(of: UInt32(size), as: UInt32.self)
        let at = Int(ts_load_relaxed(tail))
        let offset = at & (capacity - 1)
        let gap = offset + size > capacity ? capacity - offset : 0
        ts_store_release(tail, UInt64(at + gap + size))
    }

    // MARK: Consumer

    /// The oldest message, which stays valid until `advance`; nil if there is none.
    func peek() -> UnsafeMutableRawPointer? {
        var at = Int(ts_load_relaxed(head))
        while true {
            if at == Int(seenTail.pointee) {
                seenTail.pointee = ts_load_acquire(tail)
                if at == Int(seenTail.pointee) { return nil }
            }
            let offset = at & (capacity - 1)
            let length = (bytes + offset).load(as: UInt32.self)
            if length != Self.gapMark { return bytes + offset }
            at += capacity - offset
            ts_store_release(head, UInt64(at))
        }
    }

    /// Gives the oldest message's memory back.
    func advance() {
        let at = Int(ts_load_relaxed(head))
        let length = (bytes + (at & (capacity - 1))).load(as: UInt32.self)
        precondition(length != Self.gapMark)
        ts_store_release(head, UInt64(at + Int(length)))
    }

    /// Whether a message waits. May be called by the consumer alone.
    var hasMessage: Bool { ts_load_acquire(tail) != ts_load_relaxed(head) }

    /// Bytes of messages that wait, and of the gap between them. May be called by the consumer alone.
    var waitingBytes: Int { Int(ts_load_acquire(tail) &- ts_load_relaxed(head)) }
}
