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

/// Finished replies in a ring of bytes, each with the LSN it waits for. First in, first out.
///
/// A reply that waits for less than the one before it leaves a little later than it might; both wait for
/// one of the last two or three blocks.
///
///     record   0 destination   8 wait LSN   16 length (4), 0xffffffff for a gap   20 reserved (4)   24 bytes ...
struct ReplyQueue: ~Copyable {
    static let recordHeaderBytes = 24
    private static let gapMark: UInt32 = .max

    private let bytes: UnsafeMutableRawPointer
    private let capacity: Int
    private var head = 0
    private var tail = 0

    init(capacityBytes: Int, memory: MemorySource) {
        precondition(capacityBytes & (capacityBytes - 1) == 0)
        capacity = capacityBytes
        bytes = memory.allocate(capacityBytes)
    }

    var isEmpty: Bool { head == tail }
    var usedBytes: Int { tail - head }

    @inline(__always)
    private static func recordSize(_ lengthBytes: Int) -> Int { (recordHeaderBytes + lengthBytes + 7) & ~7 }

    /// Whether a reply of this length fits now, wherever it has to lie.
    @inline(__always)
    func hasRoom(_ lengthBytes: Int) -> Bool {
        let size = Self.recordSize(lengthBytes)
        let offset = tail & (capacity - 1)
        let gap = offset + size > capacity ? capacity - offset : 0
        return tail - head + gap + size <= capacity
    }

    /// Appends a copy of a reply. The caller has asked `hasRoom`.
    @inline(__always)
    mutating func append(
        _ destination: ReplyDestination, waitLsn: UInt64, _ reply: UnsafeRawPointer, _ lengthBytes: Int
    ) {
        precondition(hasRoom(lengthBytes))
        let size = Self.recordSize(lengthBytes)
        var offset = tail & (capacity - 1)
        if offset + size > capacity {
            // A gap of less than a record header is skipped without a mark: see `front`.
            if capacity - offset >= Self.recordHeaderBytes {
                (bytes + offset + 16).storeBytes(of: Self.gapMark, as: UInt32.self)
            }
            tail += capacity - offset
            offset = 0
        }
        let record = bytes + offset
        record.storeBytes(of: destination.rawValue, as: UInt64.self)
        record.storeBytes(of: waitLsn, toByteOffset: 8, as: UInt64.self)
        record.storeBytes(of: UInt32(lengthBytes), toByteOffset: 16, as: UInt32.self)
        (record + Self.recordHeaderBytes).copyMemory(from: reply, byteCount: lengthBytes)
        tail += size
    }

    struct Front {
        var destination: ReplyDestination
        var waitLsn: UInt64
        var reply: UnsafeRawPointer
        var lengthBytes: Int
    }

    /// The oldest reply, which stays valid until `removeFront`; nil if there is none.
    @inline(__always)
    mutating func front() -> Front? {
        while head != tail {
            let offset = head & (capacity - 1)
            let isGap =
                capacity - offset < Self.recordHeaderBytes
                || (bytes + offset + 16).load(as: UInt32.self) == Self.gapMark
            if isGap {
                head += capacity - offset
                continue
            }
            let record = bytes + offset
            return Front(
                destination: ReplyDestination(rawValue: record.load(as: UInt64.self)),
                waitLsn: record.load(fromByteOffset: 8, as: UInt64.self),
                reply: UnsafeRawPointer(record + Self.recordHeaderBytes),
                lengthBytes: Int(record.load(fromByteOffset: 16, as: UInt32.self)))
        }
        return nil
    }

    @inline(__always)
    mutating func removeFront() {
        let offset = head & (capacity - 1)
        head += Self.recordSize(Int((bytes + offset + 16).load(as: UInt32.self)))
    }
}
