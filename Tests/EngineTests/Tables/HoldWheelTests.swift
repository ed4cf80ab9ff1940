import Testing

@testable import Engine

// The wheel against a dictionary of deadlines: whatever is entered, moved, taken out, however the clock
// jumps, an order comes out at the first look at or after its deadline, and never before.

@Suite struct HoldWheelTests {
    static let ordersMax = 256

    /// A wheel, its orders, and what it should do.
    struct Rig: ~Copyable {
        let arena = Arena()
        var orders: Pool<OrderRecord>
        var wheel: HoldWheel
        var deadlines: [UInt32: UInt64] = [:]
        var idle: [UInt32] = []
        var nowMs: UInt64

        init(nowMs: UInt64) {
            self.nowMs = nowMs
            orders = Pool(countMax: HoldWheelTests.ordersMax, memory: arena.memory)
            wheel = HoldWheel(nowMs: nowMs, memory: arena.memory)
            for _ in 0..<HoldWheelTests.ordersMax { idle.append(orders.allocate()) }
        }

        mutating func insert(deadlineMs: UInt64) {
            guard let slot = idle.popLast() else { return }
            orders[slot].pointee.deadlineMs = deadlineMs
            wheel.insert(slot, in: orders)
            deadlines[slot] = deadlineMs
        }

        mutating func remove(_ slot: UInt32) {
            wheel.remove(slot, in: orders)
            deadlines[slot] = nil
            idle.append(slot)
        }

        /// Moves the clock and takes out what is due. Answers what is wrong, if anything is.
        mutating func advance(to timeMs: UInt64) -> String? {
            if let wakeMs = wheel.wakeMs(), let earliest = deadlines.values.min(), wakeMs > max(earliest, nowMs) {
                return "wakes at \(wakeMs), after the earliest deadline \(earliest)"
            }
            if (wheel.wakeMs() == nil) != deadlines.isEmpty { return "wakes at \(String(describing: wheel.wakeMs()))" }
            nowMs = timeMs
            var last: UInt64 = 0
            while true {
                let slot = wheel.nextDue(nowMs: nowMs, in: orders)
                if slot == 0 { break }
                guard let deadline = deadlines[slot] else { return "slot \(slot) is not in the wheel" }
                if deadline > nowMs { return "slot \(slot) came \(deadline - nowMs) ms early" }
                if deadline < last { return "slot \(slot) came after one that was due later" }
                last = max(last, deadline)
                remove(slot)
            }
            if let late = deadlines.first(where: { $0.value <= nowMs }) {
                return "slot \(late.key), due at \(late.value), did not come by \(nowMs)"
            }
            return wheel.count == deadlines.count ? nil : "counts \(wheel.count) of \(deadlines.count)"
        }
    }

    /// How far ahead a deadline may lie: every level, their edges, and the furthest that a hold can reach.
    static func distance(_ dice: inout Dice) -> UInt64 {
        let edges: [UInt64] = [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 1 << 24 - 1, 1 << 24, 1 << 24 + 1]
        switch dice.below(8) {
        case 0: return dice.pick(edges)
        case 1: return UInt64(UInt32.max) - UInt64(dice.below(3))
        case 2: return dice.next() & (1 << 32 - 1)
        default: return dice.next() & (1 << UInt64(dice.pick(1...26)) - 1)
        }
    }

    @Test(arguments: [0, 1_700_000_000_000, 1 << 32 - 5, 1 << 41 + 1 << 32 - 300])
    func everyHoldEndsWhenItsTimeHasCome(startMs: UInt64) {
        for seed in 0..<60 as Range<UInt64> {
            var dice = Dice(seed: seed)
            var rig = Rig(nowMs: startMs)
            for step in 0..<800 {
                var fault: String?
                switch dice.below(10) {
                case 0...4: rig.insert(deadlineMs: rig.nowMs + Self.distance(&dice))
                case 5:
                    if let slot = rig.deadlines.keys.min(by: { $0 &* 40503 < $1 &* 40503 }) { rig.remove(slot) }
                case 6:
                    // An extension: out and in again with a later deadline.
                    if let slot = rig.deadlines.keys.max(by: { $0 &* 40503 < $1 &* 40503 }) {
                        let deadline = rig.deadlines[slot]!
                        rig.remove(slot)
                        rig.insert(deadlineMs: max(deadline, rig.nowMs + Self.distance(&dice)))
                    }
                case 7:
                    let soonest = rig.deadlines.values.min() ?? rig.nowMs
                    fault = rig.advance(to: max(rig.nowMs, soonest - UInt64(soonest > 0 && dice.oneIn(2) ? 1 : 0)))
                case 8: fault = rig.advance(to: rig.nowMs + UInt64(dice.below(700)))
                default: fault = rig.advance(to: rig.nowMs + Self.distance(&dice) / UInt64(dice.pick(1...8)))
                }
                if let fault {
                    Issue.record("seed \(seed), step \(step): \(fault)")
                    return
                }
            }
            // Everything comes out in the end.
            if let fault = rig.advance(to: rig.nowMs + 1 << 33) { Issue.record("seed \(seed), at the end: \(fault)") }
            #expect(rig.deadlines.isEmpty && rig.wheel.count == 0)
        }
    }

    /// Millisecond by millisecond over a round of the second level and beyond, with holds of all ages.
    @Test func nothingIsMissedMillisecondByMillisecond() {
        var dice = Dice(seed: 7)
        var rig = Rig(nowMs: 1 << 32 - 100_000)
        for _ in 0..<200_000 {
            if dice.oneIn(40) { rig.insert(deadlineMs: rig.nowMs + UInt64(dice.below(100_000))) }
            let due = rig.wheel.nextDue(nowMs: rig.nowMs, in: rig.orders)
            if due != 0 {
                #expect(rig.deadlines[due] == rig.nowMs)
                rig.remove(due)
            } else {
                rig.nowMs += 1
            }
        }
        #expect(rig.advance(to: rig.nowMs + 100_000) == nil)
    }

    /// After a long idle time the hand must not walk through every millisecond: a week is 604,800,000.
    @Test func aLongIdleTimeCostsNothing() {
        var rig = Rig(nowMs: 0)
        for week in 1...2000 as ClosedRange<UInt64> {
            rig.insert(deadlineMs: week * 604_800_000)
            #expect(rig.advance(to: week * 604_800_000 - 1) == nil)
            #expect(rig.wheel.count == 1)
            #expect(rig.advance(to: week * 604_800_000) == nil)
            #expect(rig.wheel.count == 0)
        }
    }

    @Test func aDeadlineInThePastIsDueAtOnce() {
        var rig = Rig(nowMs: 1_000_000)
        rig.insert(deadlineMs: 5)
        rig.insert(deadlineMs: 0)
        rig.insert(deadlineMs: 1_000_000)
        #expect(rig.wheel.wakeMs() == 1_000_000)
        // In whatever order: all three are due.
        for _ in 0..<3 {
            let slot = rig.wheel.nextDue(nowMs: 1_000_000, in: rig.orders)
            #expect(slot != 0)
            rig.remove(slot)
        }
        #expect(rig.wheel.count == 0)
    }
}
