import CUring
import Engine

/// Memory that the kernel receives into, chosen at the moment data arrives: idle connections cost none.
///
/// Where the kernel consumes buffers piece by piece (6.12), many small receives share one; a buffer goes
/// back when the kernel is done with it and every piece has been read.
struct ReceiveBuffers: ~Copyable {
    static let group: UInt16 = 0
    static let count = 64
    static let sizeBytes = 64 << 10

    private let entries: UnsafeMutablePointer<io_uring_buf_ring>
    private let memory: UnsafeMutableRawPointer
    /// Where the next piece of each buffer begins.
    private let offsets: UnsafeMutablePointer<Int>
    /// Pieces of each buffer that are not read yet.
    private let unread: UnsafeMutablePointer<Int>
    private let isFinished: UnsafeMutablePointer<Bool>
    let isIncremental: Bool
    private var circulation = BufferCirculation(total: ReceiveBuffers.count)
    /// Buffers that the kernel has.
    private var given = 0
    /// The buffers that are kept back, the one that was used last at the end.
    private let keptBack: UnsafeMutablePointer<Int>
    private var keptBackCount = 0

    /// Buffers that nothing waits in to be read.
    var available: Int { given + keptBackCount }

    init(ring: borrowing Ring, memory source: MemorySource) throws(RingError) {
        let raw = source.allocate(Self.count * MemoryLayout<io_uring_buf>.stride)
        entries = raw.bindMemory(to: io_uring_buf_ring.self, capacity: 1)
        memory = source.allocate(Self.count * Self.sizeBytes)
        offsets = .allocate(capacity: Self.count)
        offsets.initialize(repeating: 0, count: Self.count)
        unread = .allocate(capacity: Self.count)
        unread.initialize(repeating: 0, count: Self.count)
        isFinished = .allocate(capacity: Self.count)
        isFinished.initialize(repeating: false, count: Self.count)
        keptBack = .allocate(capacity: Self.count)
        isIncremental = try ring.register(raw, count: Self.count, group: Self.group)
        io_uring_buf_ring_init(entries)
        for id in (0..<Self.count).reversed() { keepBack(id) }
        giveKeptBack(circulation.count)
    }

    private mutating func give(_ id: Int) {
        io_uring_buf_ring_add(
            entries, memory + id * Self.sizeBytes, UInt32(Self.sizeBytes), UInt16(id),
            io_uring_buf_ring_mask(UInt32(Self.count)), 0)
        io_uring_buf_ring_advance(entries, 1)
        given += 1
    }

    private mutating func keepBack(_ id: Int) {
        keptBack[keptBackCount] = id
        keptBackCount += 1
    }

    private mutating func giveKeptBack(_ count: Int) {
        for _ in 0..<count {
            keptBackCount -= 1
            give(keptBack[keptBackCount])
        }
    }

    /// The bytes of a completed receive.
    @inline(__always)
    mutating func take(_ id: Int, count: Int, hasMore: Bool) -> UnsafeMutableRawPointer {
        let bytes = memory + id * Self.sizeBytes + offsets[id]
        unread[id] += 1
        if hasMore {
            offsets[id] += count
        } else {
            isFinished[id] = true
            given -= 1
            giveKeptBack(circulation.filled(left: given))
        }
        return bytes
    }

    /// A piece has been read: its buffer is free if it was the last one.
    @inline(__always)
    mutating func giveBack(_ id: Int) {
        unread[id] -= 1
        guard unread[id] == 0 && isFinished[id] else { return }
        isFinished[id] = false
        offsets[id] = 0
        if circulation.isKeptBack() { keepBack(id) } else { give(id) }
    }
}
