import CAtomics
import Testing

@testable import Engine

// Slots that are given back, and entries that leave an index.

@Suite struct IndexRemovalTests {
    private typealias Entry = (hash: UInt64, handle: UInt32)

    /// Random insertions and removals against a list: a search meets exactly the handles of its tag, whatever moved.
    /// Few homes and few tags, so that full lines spill over, and what leaves them leaves gaps.
    @Test(arguments: 0..<40 as Range<UInt64>) func aSearchMeetsWhatIsThere(_ seed: UInt64) {
        let arena = Arena()
        var dice = Dice(seed: seed)
        let countMax = dice.pick([1, 7, 30, 100, 300])
        var index = Index(countMax: countMax, memory: arena.memory)
        // Homes at both ends of the table, by a time, or anywhere; the tag 0 and the largest among them.
        let hashes: [UInt64] = (0..<dice.pick([2, 5, 40, 400])).map { number in
            switch dice.below(4) {
            case 0: return UInt64(number) << 32
            case 1: return UInt64.max - UInt64(number) << 32
            case 2: return index.hash(dice.next(), atMs: UInt64(number / 20))
            default: return dice.next()
            }
        }
        var entries: [Entry] = []
        var nextHandle: UInt32 = 1
        for step in 0..<3000 {
            let share = step / 500 % 2 == 0 ? 65 : 35
            let grows = entries.isEmpty || (entries.count < countMax && dice.below(100) < share)
            if grows {
                let hash = dice.pick(hashes)
                index.insert(hash, nextHandle)
                entries.append((hash, nextHandle))
                nextHandle += 1
            } else {
                let gone = entries.remove(at: dice.below(entries.count))
                let isRemoved = index.remove(gone.hash, gone.handle)
                if !isRemoved { return fail("did not find what it had", seed, step) }
                let isThere = index.remove(gone.hash, gone.handle)
                if isThere { return fail("removed the same twice", seed, step) }
            }
            if index.count != entries.count { return fail("counts \(index.count)", seed, step) }
            for hash in dice.oneIn(20) ? hashes : [dice.pick(hashes)] {
                let found = IndexTests.handles(index, hash)
                let expected = entries.filter { $0.hash >> 32 == hash >> 32 }.map(\.handle)
                if Set(found) != Set(expected) {
                    return fail("meets \(found), not \(expected)", seed, step)
                }
            }
        }
    }

    private func fail(_ what: String, _ seed: UInt64, _ step: Int) {
        Issue.record("seed \(seed), step \(step): the index \(what)")
    }

    @Test func whatWasUsedStaysAGrownTable() {
        let arena = Arena()
        var index = Index(countMax: 10, memory: arena.memory, isPopulated: false)
        #expect(index.growingTable.usedBytes == 0)
        index.insert(5 << 32, 1)
        let used = index.growingTable.usedBytes
        index.remove(5 << 32, 1)
        #expect(used > 0 && index.growingTable.usedBytes == used)
    }
}

@Suite struct PoolReuseTests {
    /// Slots in use are apart, those handed out are zero, the count is that of live ones; what comes next can be told.
    @Test(arguments: 0..<8 as Range<UInt64>) func slotsComeBackZeroed(_ seed: UInt64) {
        let arena = Arena()
        var dice = Dice(seed: seed)
        let countMax = dice.pick(1...200)
        var pool = Pool<LimitRecord>(countMax: countMax, memory: arena.memory)
        var live: Set<UInt32> = []
        var most = 0
        for _ in 0..<5000 {
            if !pool.isFull && (live.isEmpty || dice.oneIn(2)) {
                let expected = pool.placeToCome(0)
                let slot = pool.allocate()
                let record = pool[slot].pointee
                #expect(pool.place(slot) == expected)
                #expect(live.insert(slot).inserted && slot >= 1 && Int(slot) <= countMax)
                #expect(record.user == 0 && record.units == 0)
                pool[slot].pointee = LimitRecord(user: slot, offer: 1, units: 7)
            } else if let slot = live.randomElement(using: &dice) {
                #expect(pool[slot].pointee.user == slot)
                live.remove(slot)
                pool.free(slot)
            }
            most = max(most, live.count)
            let (count, reached) = (pool.count, pool.growingTable.usedBytes / MemoryLayout<LimitRecord>.stride)
            if count != live.count || reached != most {
                Issue.record("\(count) of \(reached), not \(live.count) of \(most)")
            }
        }
    }

    @Test func whatComesNextAreFreeSlotsThenFreshOnes() {
        let arena = Arena()
        var pool = Pool<LimitRecord>(countMax: 10, memory: arena.memory)
        for _ in 0..<4 { _ = pool.allocate() }
        pool.free(2)
        pool.free(3)
        let places = (0..<4).map { pool.placeToCome($0) }
        let slots = (0..<4).map { _ in pool.allocate() }
        #expect(slots == [3, 2, 5, 6])
        for (place, slot) in zip(places, slots) { #expect(place == pool.place(slot)) }
    }
}
