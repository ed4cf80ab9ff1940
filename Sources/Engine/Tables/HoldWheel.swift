/// Deadlines of open holds: a hierarchical timing wheel (Varghese and Lauck, 1987), scheme 7.
///
/// Four levels of 256 slots of 1 ms, 256 ms, 65.5 s and 4.7 h reach 49.7 days ahead, as far as a hold
/// can last. Slots are doubly linked lists through the order records, so that a confirm or a cancel
/// takes its order out in constant time. A bit for each slot that is not empty lets the hand jump over
/// empty stretches: the first hold after a quiet week must not make the shard walk through a week of ms.
struct HoldWheel: ~Copyable {
    static let levels = 4
    static let slotsPerLevel = 256

    let heads: UnsafeMutablePointer<UInt32>
    /// 256 bits a level: whether a slot has orders.
    private let occupied: UnsafeMutablePointer<UInt64>
    /// The tick that is due next: everything before it has been handed out.
    private(set) var currentMs: UInt64
    private(set) var count = 0

    init(nowMs: UInt64, memory: MemorySource) {
        heads = memory.table(of: UInt32.self, count: Self.levels * Self.slotsPerLevel)
        occupied = memory.table(of: UInt64.self, count: Self.levels * Self.wordsPerLevel)
        currentMs = nowMs
    }

    /// Moves the hand of an empty wheel.
    mutating func reset(nowMs: UInt64) {
        precondition(count == 0)
        currentMs = nowMs
    }

    /// Enters an order by its `deadlineMs`; one that has passed is due at once.
    mutating func insert(_ slot: UInt32, in orders: borrowing Pool<OrderRecord>) {
        link(slot, in: orders)
        count &+= 1
    }

    /// Whether an order is in the wheel: of a checkout's orders one is, for all.
    func contains(_ slot: UInt32, in orders: borrowing Pool<OrderRecord>) -> Bool {
        orders[slot].pointee.timerPrevious != 0
    }

    /// Takes an order out, if it is in. Its `deadlineMs` must be what it was when it was entered.
    mutating func remove(_ slot: UInt32, in orders: borrowing Pool<OrderRecord>) {
        let record = orders[slot]
        let next = record.pointee.timerNext
        let previous = record.pointee.timerPrevious
        if previous == 0 { return }
        if next != 0 { orders[next].pointee.timerPrevious = previous }
        if previous & Self.headMark == 0 {
            orders[previous].pointee.timerNext = next
        } else {
            setHead(Int(previous & ~Self.headMark), next)
        }
        record.pointee.timerNext = 0
        record.pointee.timerPrevious = 0
        count &-= 1
    }

    /// The next order whose deadline is at or before `nowMs`, or 0. It stays in the wheel: the caller
    /// ends or prolongs the hold, which takes it out.
    mutating func nextDue(nowMs: UInt64, in orders: borrowing Pool<OrderRecord>) -> UInt32 {
        while true {
            let due = nextOccupied(level: 0, from: Int(currentMs & 255))
            let stopMs = due.map { currentMs & ~255 | UInt64($0) } ?? nextCascadeMs()
            guard stopMs <= nowMs else {
                currentMs = max(currentMs, nowMs)
                return 0
            }
            currentMs = stopMs
            if let due { return heads[due] }
            cascade(in: orders)
        }
    }

    /// The latest moment at which `nextDue` has to be asked again, or nil if nothing is held.
    func wakeMs() -> UInt64? {
        if count == 0 { return nil }
        let due = nextOccupied(level: 0, from: Int(currentMs & 255))
        return due.map { currentMs & ~255 | UInt64($0) } ?? nextCascadeMs()
    }

    /// When the hand reaches the next slot above the first level that has orders; no such slot: never.
    /// Every slot of a level comes before the next one of the level above, hence the first found is next.
    private func nextCascadeMs() -> UInt64 {
        for level in 1..<Self.levels {
            let shift = UInt64(8 * level)
            let position = Int(currentMs >> shift & 255)
            let roundMs = currentMs & ~(1 << (shift + 8) - 1)
            if let next = nextOccupied(level: level, from: position + 1) { return roundMs | UInt64(next) << shift }
            // Deadlines beyond the end of the last level's round wait in slots that the hand has passed.
            if level == Self.levels - 1, let next = nextOccupied(level: level, from: 0) {
                return roundMs + (1 << (shift + 8)) + UInt64(next) << shift
            }
        }
        return .max
    }

    private func nextOccupied(level: Int, from position: Int) -> Int? {
        guard position < Self.slotsPerLevel else { return nil }
        let words = occupied + level * Self.wordsPerLevel
        var word = position >> 6
        var bits = words[word] & (UInt64.max &<< UInt64(position & 63))
        while bits == 0 {
            word += 1
            if word == Self.wordsPerLevel { return nil }
            bits = words[word]
        }
        return word << 6 | bits.trailingZeroBitCount
    }

    // MARK: Lists

    /// Marks in `timerPrevious` that what comes before is the head of slot n.
    private static let headMark: UInt32 = 1 << 31

    private static let wordsPerLevel = slotsPerLevel / 64

    private func setHead(_ index: Int, _ slot: UInt32) {
        heads[index] = slot
        let bit: UInt64 = 1 &<< UInt64(index & 63)
        if slot == 0 { occupied[index >> 6] &= ~bit } else { occupied[index >> 6] |= bit }
    }

    private mutating func link(_ slot: UInt32, in orders: borrowing Pool<OrderRecord>) {
        let record = orders[slot]
        let index = slotIndex(of: max(record.pointee.deadlineMs, currentMs))
        let head = heads[index]
        record.pointee.timerNext = head
        record.pointee.timerPrevious = Self.headMark | UInt32(index)
        if head != 0 { orders[head].pointee.timerPrevious = slot }
        setHead(index, slot)
    }

    /// The lowest level on whose current round the deadline lies.
    private func slotIndex(of deadlineMs: UInt64) -> Int {
        for level in 0..<Self.levels {
            let shift = UInt64(8 * level)
            if deadlineMs >> (shift + 8) == currentMs >> (shift + 8) || level == Self.levels - 1 {
                return level * Self.slotsPerLevel + Int(deadlineMs >> shift & 255)
            }
        }
        preconditionFailure("the last level takes everything")
    }

    /// At the start of a round of a level, spreads the slot of the level above over it.
    private mutating func cascade(in orders: borrowing Pool<OrderRecord>) {
        for level in 1..<Self.levels {
            let position = Int(currentMs >> UInt64(8 * level) & 255)
            let index = level * Self.slotsPerLevel + position
            var slot = heads[index]
            setHead(index, 0)
            while slot != 0 {
                let next = orders[slot].pointee.timerNext
                link(slot, in: orders)
                slot = next
            }
            if position != 0 { return }
        }
    }
}
