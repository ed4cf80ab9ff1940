import Engine

/// Where a reply goes: a connection of this shard, or an assembly of a shard that forwarded entries.
public struct ReplyDestination: Equatable, Sendable {
    public let rawValue: UInt64

    private static let meshMark: UInt64 = 1 << 63

    /// `token` is the driver's name of the connection, below 2^63.
    public init(connection token: UInt64) {
        precondition(token & Self.meshMark == 0)
        rawValue = token
    }

    init(shard: Int, assembly: UInt32) {
        rawValue = Self.meshMark | UInt64(shard) << 32 | UInt64(assembly)
    }

    init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The connection, or nil for an assembly.
    public var connection: UInt64? { rawValue & Self.meshMark == 0 ? rawValue : nil }
    var shard: Int { Int(rawValue >> 32 & 0x7fff_ffff) }
    var assembly: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}

/// Finished replies, or stretches of them, in memory that is used in a circle, each with the LSN it waits for. First
/// in, first out.
///
/// A reply that waits for less than the one before it leaves a little later than it might; both wait for
/// one of the last two or three blocks.
///
///     record   0 destination   8 wait LSN   16 length (4)   20 frames (4)   24 bytes ...
///
///     before the end is reached     0 ... head [records] tail ... capacity
///     begun again at the front      0 [records] tail ... head [records] upperEnd ... capacity
///
/// It begins again at the front as soon as the largest reply has room there, and as much besides as waits: so a queue
/// that is short stays in the cache, however much passes through it. Any sooner, and the shard, which begins nothing
/// that might find no room for its reply, would stand still until all upper records have left.
struct ReplyQueue: ~Copyable {
    static let recordHeaderBytes = 24

    private let bytes: UnsafeMutableRawPointer
    private let capacity: Int
    private let sizeMaxBytes: Int
    private var head = 0
    private var tail = 0
    /// Where the upper records end, once newer ones lie at the front; else -1.
    private var upperEnd = -1

    /// `lengthMaxBytes` is what the largest reply takes.
    init(capacityBytes: Int, lengthMaxBytes: Int, memory: MemorySource) {
        capacity = capacityBytes
        sizeMaxBytes = Self.recordSize(lengthMaxBytes)
        bytes = memory.allocate(capacityBytes)
    }

    var isEmpty: Bool { head == tail && upperEnd < 0 }

    /// Of the replies that wait, with what stands before each.
    var waitingBytes: Int { upperEnd < 0 ? tail - head : upperEnd - head + tail }

    @inline(__always)
    private static func recordSize(_ lengthBytes: Int) -> Int { (recordHeaderBytes + lengthBytes + 7) & ~7 }

    /// Whether a reply of this length fits now, wherever it has to lie.
    @inline(__always)
    func hasRoom(_ lengthBytes: Int) -> Bool {
        let size = Self.recordSize(lengthBytes)
        // Equal ends mean empty, so that one byte stays free.
        if upperEnd >= 0 { return head - tail > size }
        return capacity - tail >= size || head > size
    }

    /// Where the bytes of a reply of at most `lengthMaxBytes` may be put together, for `commit` to append; until
    /// then nothing else may be appended. The caller has asked `hasRoom`.
    @inline(__always)
    mutating func reserve(_ lengthMaxBytes: Int) -> UnsafeMutableRawPointer {
        let size = Self.recordSize(lengthMaxBytes)
        precondition(hasRoom(lengthMaxBytes))
        if upperEnd < 0 && (capacity - tail < size || head > max(size, sizeMaxBytes) + (tail - head)) {
            upperEnd = tail
            tail = 0
            skipUpperEnd()
        }
        return bytes + tail + Self.recordHeaderBytes
    }

    /// Appends the reply that stands where `reserve` said.
    @inline(__always)
    mutating func commit(_ destination: ReplyDestination, waitLsn: UInt64, _ lengthBytes: Int, frames: Int = 1) {
        let record = bytes + tail
        record.storeBytes(of: destination.rawValue, as: UInt64.self)
        record.storeBytes(of: waitLsn, toByteOffset: 8, as: UInt64.self)
        record.storeBytes(of: UInt32(lengthBytes), toByteOffset: 16, as: UInt32.self)
        record.storeBytes(of: UInt32(frames), toByteOffset: 20, as: UInt32.self)
        tail += Self.recordSize(lengthBytes)
    }

    /// Appends a copy of a reply. The caller has asked `hasRoom`.
    @inline(__always)
    mutating func append(
        _ destination: ReplyDestination, waitLsn: UInt64, _ reply: UnsafeRawPointer, _ lengthBytes: Int
    ) {
        reserve(lengthBytes).copyMemory(from: reply, byteCount: lengthBytes)
        commit(destination, waitLsn: waitLsn, lengthBytes)
    }

    struct Front {
        var destination: ReplyDestination
        var waitLsn: UInt64
        var reply: UnsafeRawPointer
        var lengthBytes: Int
        var frames: Int
    }

    /// The oldest reply, which stays valid until `removeFront`; nil if there is none.
    @inline(__always)
    func front() -> Front? {
        if isEmpty { return nil }
        let record = bytes + head
        return Front(
            destination: ReplyDestination(rawValue: record.load(as: UInt64.self)),
            waitLsn: record.load(fromByteOffset: 8, as: UInt64.self),
            reply: UnsafeRawPointer(record + Self.recordHeaderBytes),
            lengthBytes: Int(record.load(fromByteOffset: 16, as: UInt32.self)),
            frames: Int(record.load(fromByteOffset: 20, as: UInt32.self)))
    }

    @inline(__always)
    mutating func removeFront() {
        head += Self.recordSize(Int((bytes + head + 16).load(as: UInt32.self)))
        skipUpperEnd()
    }

    @inline(__always)
    private mutating func skipUpperEnd() {
        guard head == upperEnd else { return }
        head = 0
        upperEnd = -1
    }
}
