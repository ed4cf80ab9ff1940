import Glibc

/// One connection of a shard, in a fixed slot.
///
/// Memory that the kernel may still read or write (`greeting`, `sending`) is freed only when no operation
/// of the connection is under way.
struct Connection {
    enum State: UInt8 {
        case free
        /// Accepted; its first frame is on its way.
        case greeting
        case open
        /// Shut down; waits for its operations to complete.
        case closing
    }

    var state = State.free
    var isAdmin = false
    /// That of the token that it came in with: see `AccessList`.
    var grantNumber: UInt32 = 0
    var isReceiving = false
    var isSending = false
    /// A cancel of its receive is under way, because it does not read its replies.
    var isParked = false
    /// Its receive ended for lack of buffers.
    var isStarved = false
    /// What it still sends is not looked at: its stream cannot be trusted any more.
    var isDeaf = false
    /// The peer will send nothing more.
    var hasEnded = false
    /// In the list of connections with something to send.
    var isDirty = false
    var socket: Int32 = -1
    var generation: UInt32 = 0
    /// Operations in the kernel.
    var operations = 0
    /// Frames begun and not answered.
    var unanswered = 0
    /// Its pieces in the input queue.
    var queuedPieces = 0
    var inbox = ByteBuffer()
    var filling = ByteBuffer()
    var sending = ByteBuffer()
    /// The first frame, as far as it has come.
    var greeting: UnsafeMutableRawPointer?
    var greetingBytes = 0
    /// When what it is in the middle of began: the handshake, a frame, an unread reply. 0: nothing.
    var greetingSinceMs: UInt64 = 0
    var frameSinceMs: UInt64 = 0
    var unreadSinceMs: UInt64 = 0
    var nextFree: Int32 = -1
}

/// Bytes in order, in memory that grows by doubling and is kept.
struct ByteBuffer {
    private(set) var memory: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    private(set) var start = 0
    private(set) var end = 0

    var count: Int { end - start }
    var isEmpty: Bool { end == start }
    var bytes: UnsafeMutableRawPointer { memory! + start }

    /// Appends a copy.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawPointer, _ count: Int) {
        if end + count > capacity { makeRoom(count) }
        (memory! + end).copyMemory(from: bytes, byteCount: count)
        end += count
    }

    @inline(__always)
    mutating func removeFirst(_ count: Int) {
        start += count
        assert(start <= end)
        if start == end {
            start = 0
            end = 0
        }
    }

    mutating func clear() {
        start = 0
        end = 0
    }

    /// Moves the bytes to the front, and to larger memory where they do not fit.
    private mutating func makeRoom(_ count: Int) {
        let live = self.count
        if live + count > capacity {
            grow(live + count)
        } else if live > 0 {
            memmove(memory!, memory! + start, live)
        }
        start = 0
        end = live
    }

    /// Moves the bytes to the front of memory that holds at least `count`.
    @inline(never)
    private mutating func grow(_ count: Int) {
        let live = self.count
        var larger = max(capacity, 2048)
        while larger < count { larger *= 2 }
        let fresh = malloc(larger)!
        if live > 0 { fresh.copyMemory(from: memory! + start, byteCount: live) }
        Glibc.free(memory)
        memory = fresh
        capacity = larger
    }

    /// Gives large memory back; only when empty.
    mutating func freeIfLarge() {
        precondition(isEmpty)
        if capacity > 64 << 10 { free() }
    }

    @inline(never)
    mutating func free() {
        Glibc.free(memory)
        self = ByteBuffer()
    }
}
