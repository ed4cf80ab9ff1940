import Glibc

/// The connections of one shard. A token names a connection for as long as it lives: slot and generation.
struct ConnectionTable: ~Copyable {
    let slots: UnsafeMutablePointer<Connection>
    let countMax: Int
    private var firstFree: Int32 = -1
    private var used = 0
    private(set) var count = 0

    init(countMax: Int) {
        self.countMax = countMax
        slots = .allocate(capacity: countMax)
        slots.initialize(repeating: Connection(), count: countMax)
    }

    /// A fresh connection for a socket, or nil if the table is full.
    mutating func open(_ socket: Int32, state: Connection.State) -> Int? {
        var slot = Int(firstFree)
        if slot >= 0 {
            firstFree = slots[slot].nextFree
        } else {
            guard used < countMax else { return nil }
            slot = used
            used += 1
        }
        let generation = slots[slot].generation &+ 1
        // The mark stays with the slot: the list of starved ones still has it.
        let isStarved = slots[slot].isStarved
        slots[slot] = Connection()
        slots[slot].isStarved = isStarved
        slots[slot].generation = generation
        slots[slot].socket = socket
        slots[slot].state = state
        count += 1
        return slot
    }

    /// Frees a slot none of whose operations is under way.
    mutating func release(_ slot: Int) {
        precondition(slots[slot].operations == 0 && slots[slot].state == .closing)
        slots[slot].inbox.free()
        slots[slot].filling.free()
        slots[slot].sending.free()
        free(slots[slot].greeting)
        slots[slot].greeting = nil
        slots[slot].state = .free
        slots[slot].nextFree = firstFree
        firstFree = Int32(slot)
        count -= 1
    }

    @inline(__always)
    func token(_ slot: Int) -> UInt64 { UInt64(slots[slot].generation) << 24 | UInt64(slot) }

    /// The slot of a token, or nil if that connection is gone.
    @inline(__always)
    func slot(_ token: UInt64) -> Int? {
        let slot = Int(token & 0xff_ffff)
        guard slot < used, slots[slot].generation == UInt32(truncatingIfNeeded: token >> 24), slots[slot].state == .open
        else { return nil }
        return slot
    }

    /// Slots that have ever been used.
    var slotRange: Range<Int> { 0..<used }
}

/// Slots of connections, each at most once: a stack in raw memory.
struct SlotList: ~Copyable {
    private let slots: UnsafeMutablePointer<Int32>
    private let countMax: Int
    private(set) var count = 0

    init(countMax: Int) {
        self.countMax = countMax
        slots = .allocate(capacity: countMax)
    }

    deinit { slots.deallocate() }

    @inline(__always)
    var isEmpty: Bool { count == 0 }

    @inline(__always)
    subscript(_ index: Int) -> Int { Int(slots[index]) }

    @inline(__always)
    mutating func append(_ slot: Int) {
        precondition(count < countMax)
        slots[count] = Int32(truncatingIfNeeded: slot)
        count += 1
    }

    @inline(__always)
    mutating func removeLast() -> Int {
        count -= 1
        return Int(slots[count])
    }
}
