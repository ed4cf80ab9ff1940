import Engine
import Protocol

/// Replies to frames whose entries are with several shards: each waits until all its parts have come.
///
/// A fixed number of slots, each with memory for a small reply; a large one borrows from a pool within a
/// bound. What does not fit is refused with BUSY before anything is sent.
struct Assemblies: ~Copyable {
    struct Assembly {
        var connection: UInt64 = 0
        var requestId: UInt64 = 0
        var operation = Operation.ping
        var count = 0
        var outstanding = 0
        var isOpen = false
        var flags: UInt16 = 0
        var status = ResultCode.ok
        /// Of the pool; nil: the slot's own memory is enough.
        var borrowed: UnsafeMutableRawPointer?
        var frameSizeBytes = 0
        var nextFree: UInt32 = 0
    }

    static let smallFrameSizeBytes = 4096

    private let assemblies: UnsafeMutablePointer<Assembly>
    private let slotCount: Int
    private let small: UnsafeMutableRawPointer
    private var firstFree: UInt32 = 1
    private var pool = FramePool()
    private(set) var openCount = 0

    init(memory: MemorySource, slotCount: Int) {
        self.slotCount = slotCount
        assemblies = memory.allocate((slotCount + 1) * MemoryLayout<Assembly>.stride)
            .bindMemory(to: Assembly.self, capacity: slotCount + 1)
        assemblies.initialize(repeating: Assembly(), count: slotCount + 1)
        for slot in 1..<slotCount { assemblies[slot].nextFree = UInt32(slot + 1) }
        small = memory.allocate((slotCount + 1) * Self.smallFrameSizeBytes)
    }

    deinit {
        for slot in 1...slotCount { assemblies[slot].borrowed?.deallocate() }
    }

    /// A slot for a reply of `frameSizeBytes`, or nil at the bound.
    mutating func open(
        connection: UInt64, requestId: UInt64, operation: Operation, count: Int, frameSizeBytes: Int
    ) -> UInt32? {
        let slot = firstFree
        guard slot != 0 else { return nil }
        var borrowed: UnsafeMutableRawPointer?
        if frameSizeBytes > Self.smallFrameSizeBytes {
            borrowed = pool.take(frameSizeBytes)
            guard borrowed != nil else { return nil }
        }
        firstFree = assemblies[Int(slot)].nextFree
        assemblies[Int(slot)] = Assembly(
            connection: connection, requestId: requestId, operation: operation, count: count, outstanding: 0,
            isOpen: true, borrowed: borrowed, frameSizeBytes: frameSizeBytes)
        openCount += 1
        return slot
    }

    subscript(_ slot: UInt32) -> UnsafeMutablePointer<Assembly> {
        precondition(slot != 0 && Int(slot) <= slotCount && assemblies[Int(slot)].isOpen)
        return assemblies + Int(slot)
    }

    /// Where the reply frame is put together.
    func frame(_ slot: UInt32) -> UnsafeMutableRawPointer {
        assemblies[Int(slot)].borrowed ?? small + Int(slot) * Self.smallFrameSizeBytes
    }

    mutating func close(_ slot: UInt32) {
        if let frame = self[slot].pointee.borrowed { pool.put(frame, self[slot].pointee.frameSizeBytes) }
        assemblies[Int(slot)] = Assembly(nextFree: firstFree)
        firstFree = slot
        openCount -= 1
    }
}
