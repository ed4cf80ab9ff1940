/// Deadlines of open holds: a hierarchical timing wheel (Varghese and Lauck, 1987), scheme 7.
///
/// Four levels of 256 slots of 1 ms, 256 ms, 65.5 s and 4.7 h reach 49.7 days ahead, as far as a hold
/// can last. Slots are doubly linked lists through the order records, so that a confirm or a cancel
/// takes its order out in constant time.
struct HoldWheel: ~Copyable {
    static let levels = 4
    static let slotsPerLevel = 256

    let heads: UnsafeMutablePointer<UInt32>
    /// The tick that is due next: everything before it has been handed out.
    private(set) var currentMs: UInt64
    private(set) var count = 0

    init(nowMs: UInt64, memory: MemorySource) {
        heads = memory.table(of: UInt32.self, count: Self.levels * Self.slotsPerLevel)
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

    /// Takes an order out. Its `deadlineMs` must be what it was when it was entered.
    mutating func remove(_ slot: UInt32, in orders: borrowing Pool<OrderRecord>) {
        let record = orders[slot]
        let next = record.pointee.timerNext
        let previous = record.pointee.timerPrevious
        if next != 0 { orders[next].pointee.timerPrevious = previous }
        if previous & Self.headMark == 0 {
            orders[previous].pointee.timerNext = next
        } else {
            heads[Int(previous & ~Self.headMark)] = next
        }
        record.pointee.timerNext = 0
        record.pointee.timerPrevious = 0
        count &-= 1
    }

    /// The next order whose deadline is at or before `nowMs`, or 0. It stays in the wheel: the caller
    /// ends or prolongs the hold, which takes it out.
    mutating func nextDue(nowMs: UInt64, in orders: borrowing Pool<OrderRecord>) -> UInt32 {
        if count == 0 {
            currentMs = max(currentMs, nowMs)
            return 0
        }
        while true {
            let head = heads[Int(currentMs & 255)]
            if head != 0 { return currentMs <= nowMs ? head : 0 }
            if currentMs >= nowMs { return 0 }
            currentMs &+= 1
            if currentMs & 255 == 0 { cascade(in: orders) }
        }
    }

    /// The latest moment at which `nextDue` has to be asked again, or nil if nothing is held.
    func wakeMs() -> UInt64? {
        if count == 0 { return nil }
        let base = currentMs & ~255
        for tick in Int(currentMs & 255)..<256 where heads[tick] != 0 { return base + UInt64(tick) }
        return base + 256
    }

    // MARK: Lists

    /// Marks in `timerPrevious` that what comes before is the head of slot n.
    private static let headMark: UInt32 = 1 << 31

    private mutating func link(_ slot: UInt32, in orders: borrowing Pool<OrderRecord>) {
        let record = orders[slot]
        let index = slotIndex(of: max(record.pointee.deadlineMs, currentMs))
        let head = heads[index]
        record.pointee.timerNext = head
        record.pointee.timerPrevious = Self.headMark | UInt32(index)
        if head != 0 { orders[head].pointee.timerPrevious = slot }
        heads[index] = slot
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
            heads[index] = 0
            while slot != 0 {
                let next = orders[slot].pointee.timerNext
                link(slot, in: orders)
                slot = next
            }
            if position != 0 { return }
        }
    }
}
