import CAtomics
import Testing

@testable import Engine

// The hash index: what was inserted is found, whatever collides, up to its last entry.

@Suite struct IndexTests {
    /// All handles that a search for `hash` meets.
    static func handles(_ index: borrowing Index, _ hash: UInt64) -> [UInt32] {
        var probe = index.probe(hash)
        var found: [UInt32] = []
        while case let handle = probe.next(), handle != 0 { found.append(handle) }
        return found
    }

    @Test func findsEverythingAtFullLoad() {
        let arena = Arena()
        for countMax in [1, 2, 3, 4, 100, 5000] {
            var dice = Dice(seed: UInt64(countMax))
            var index = Index(countMax: countMax, memory: arena.memory)
            let hashes = (0..<countMax).map { _ in dice.next() }
            for (position, hash) in hashes.enumerated() { index.insert(hash, UInt32(position + 1)) }
            #expect(index.count == countMax)
            for (position, hash) in hashes.enumerated() {
                #expect(Self.handles(index, hash).contains(UInt32(position + 1)))
            }
            // A search for what is not there ends, and meets (almost) nothing.
            let strangers = (0..<1000).reduce(0) { sum, _ in sum + Self.handles(index, dice.next()).count }
            #expect(strangers <= 2)
        }
    }

    @Test func keysWithOneHashAreAllMet() {
        let arena = Arena()
        var index = Index(countMax: 300, memory: arena.memory)
        for handle in 1...300 as ClosedRange<UInt32> { index.insert(0xabcd_ef01_2345_6789, handle) }
        #expect(Self.handles(index, 0xabcd_ef01_2345_6789) == Array(1...300))
        // The lower half of a hash is not kept: a key that differs there is the caller's to tell apart.
        #expect(Self.handles(index, 0xabcd_ef01_0000_0000).count == 300)
        #expect(Self.handles(index, 0xabcd_ef02_2345_6789).isEmpty)
    }

    /// Homes at the end of the table run over into its beginning.
    @Test func probingWrapsAround() {
        let arena = Arena()
        var index = Index(countMax: 64, memory: arena.memory)
        for handle in 1...64 as ClosedRange<UInt32> { index.insert(UInt64.max - UInt64(handle) << 32, handle) }
        for handle in 1...64 as ClosedRange<UInt32> {
            #expect(Self.handles(index, UInt64.max - UInt64(handle) << 32) == [handle])
        }
    }

    /// An entry is told from a free one by its handle alone: a hash of zero is as good as any.
    @Test func aHashOfZeroIsFound() {
        let arena = Arena()
        var index = Index(countMax: 8, memory: arena.memory)
        #expect(Self.handles(index, 0).isEmpty)
        index.insert(0, 5)
        #expect(Self.handles(index, 0) == [5])
    }

    /// A line by a plain loop: what is asked of `ts_search_line`.
    static func search(_ line: [UInt64], _ tag: UInt32) -> UInt32 {
        var found: UInt32 = 0
        for (index, entry) in line.enumerated() {
            if UInt32(truncatingIfNeeded: entry) == 0 { found |= 1 << UInt32(2 * index) }
            if UInt32(entry >> 32) == tag { found |= 1 << UInt32(2 * index + 1) }
        }
        return found
    }

    /// Every pattern of entries that are free or not and have the tag or not: all masks there are.
    @Test(arguments: [0, 1, 0x8000_0000, 0xffff_ffff, 0x7fff_8000] as [UInt32])
    func everyMaskOfALine(_ tag: UInt32) {
        let arena = Arena()
        let line = arena.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
        var dice = Dice(seed: UInt64(tag))
        for pattern in 0..<(1 << 16) {
            let entries = (0..<8).map { index -> UInt64 in
                let isFree = pattern >> (2 * index) & 1 == 1
                let hasTag = pattern >> (2 * index + 1) & 1 == 1
                // Words that share half their bits with what is looked for, too.
                let other = dice.pick([UInt32(truncatingIfNeeded: dice.next()), tag ^ 1, tag ^ 0xffff_0000, ~tag])
                let handle = dice.pick([UInt32(truncatingIfNeeded: dice.next()) | 1, 1, 0x8000_0000, 0xffff_ffff, tag])
                let own = hasTag ? tag : other == tag ? tag ^ 2 : other
                return UInt64(own) << 32 | UInt64(isFree ? 0 : max(handle, 1))
            }
            for (index, entry) in entries.enumerated() { line[index] = entry }
            let found = ts_search_line(line, tag)
            if found != Self.search(entries, tag) || found != UInt32(pattern) {
                Issue.record("line \(entries), tag \(tag): \(String(found, radix: 2))")
                return
            }
        }
    }

    /// Entries lie in their home line, else in the first one behind it that had room, over the end of the table.
    @Test func aFullLineSpillsIntoTheNextAndOverTheEnd() {
        let arena = Arena()
        var index = Index(countMax: 40, memory: arena.memory)
        let lines = (40 + 13 + 16 + 7) / 8
        let first = index.place(0)
        #expect(index.place(.max) == first + (lines - 1) * 64, "the largest hash is at home in the last line")
        // Ten at home in the last line, then seven in the first: one of those finds no room at home.
        var handles: [(hash: UInt64, handle: UInt32)] = []
        for handle in 1...10 as ClosedRange<UInt32> { handles.append((.max - UInt64(handle) << 32, handle)) }
        for handle in 11...17 as ClosedRange<UInt32> { handles.append((UInt64(handle) << 32, handle)) }
        for (hash, handle) in handles { index.insert(hash, handle) }
        func line(_ number: Int) -> [UInt32] {
            (0..<8).map { UInt32(truncatingIfNeeded: (first + number * 64 + $0 * 8).load(as: UInt64.self)) }
        }
        #expect(line(lines - 1) == Array(1...8))
        #expect(line(0) == [9, 10, 11, 12, 13, 14, 15, 16])
        #expect(line(1) == [17, 0, 0, 0, 0, 0, 0, 0])
        for (hash, handle) in handles { #expect(Self.handles(index, hash) == [handle]) }
        for hash in [UInt64.max, 0, 18 << 32] { #expect(Self.handles(index, hash).isEmpty) }
    }

    /// With all entries it may have, and all of them at home in one line: whatever is looked for is found, or
    /// the search ends. One more is the caller's fault.
    @Test(arguments: [1, 7, 8, 9, 64, 200], [0, UInt64.max]) func atItsMostEntries(_ countMax: Int, _ end: UInt64) {
        let arena = Arena()
        var index = Index(countMax: countMax, memory: arena.memory)
        let hashes = (1...UInt64(countMax)).map { end == 0 ? $0 << 32 : end - $0 << 32 }
        for (position, hash) in hashes.enumerated() { index.insert(hash, UInt32(position + 1)) }
        #expect(index.count == countMax)
        for (position, hash) in hashes.enumerated() { #expect(Self.handles(index, hash) == [UInt32(position + 1)]) }
        for hash in [0, .max, 1 << 63, UInt64(countMax + 1) << 32, .max - UInt64(countMax + 1) << 32] {
            #expect(Self.handles(index, hash).isEmpty, "\(hash)")
        }
    }

    @Test func oneMoreThanItsMostIsTheCallersFault() async {
        await #expect(processExitsWith: .failure) {
            let arena = Arena()
            var index = Index(countMax: 3, memory: arena.memory)
            for handle in 1...4 as ClosedRange<UInt32> { index.insert(UInt64(handle) << 40, handle) }
        }
    }

    /// Many keys of few tags, tag 0 among them: a search meets each handle of its tag once, and no other.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func duplicatesAreMetOnceEach(_ seed: UInt64) {
        let arena = Arena()
        var dice = Dice(seed: seed)
        let countMax = dice.pick(1...300)
        var index = Index(countMax: countMax, memory: arena.memory)
        let tags = (0..<dice.pick(1...12)).map { $0 == 0 ? 0 : UInt32(truncatingIfNeeded: dice.next()) }
        var expected: [UInt32: Set<UInt32>] = [:]
        for handle in 1...UInt32(countMax) {
            let tag = dice.pick(tags)
            expected[tag, default: []].insert(handle)
            index.insert(UInt64(tag) << 32 | UInt64(dice.next() & 0xffff_ffff), handle)
        }
        for tag in tags {
            let found = Self.handles(index, UInt64(tag) << 32)
            #expect(Set(found) == expected[tag] ?? [] && Set(found).count == found.count, "seed \(seed), tag \(tag)")
        }
    }

    @Test func handlesKeepKindAndSlot() {
        let kinds: [RecordHandle.Kind] = [.order, .tombstone, .catalogueOperation]
        for kind in kinds {
            for slot in [1, 2, 1 << 20, UInt32(RecordHandle.slotCountMax - 1)] {
                let handle = RecordHandle(rawValue: RecordHandle(kind, slot).rawValue)
                #expect(handle.kind == kind && handle.slot == slot && handle.rawValue != 0)
            }
        }
    }
}

@Suite struct PoolTests {
    @Test func handsOutEverySlotOnceAndZeroed() {
        let arena = Arena()
        var pool = Pool<OrderRecord>(countMax: 1000, memory: arena.memory)
        for expected in 1...1000 as ClosedRange<UInt32> {
            if pool.isFull { Issue.record("full with \(pool.count) of 1000") }
            let slot = pool.allocate()
            #expect(slot == expected)
            #expect(pool[slot].pointee.id.isZero && pool[slot].pointee.quantity == 0)
            pool[slot].pointee.quantity = slot
        }
        let (isFull, count) = (pool.isFull, pool.count)
        #expect(isFull && count == 1000)
        for slot in 1...1000 as ClosedRange<UInt32> { #expect(pool[slot].pointee.quantity == slot) }
    }

    #if DEBUG
    @Test func aFullPoolIsTheCallersFault() async {
        await #expect(processExitsWith: .failure) {
            let arena = Arena()
            var pool = Pool<LimitRecord>(countMax: 1, memory: arena.memory)
            _ = pool.allocate()
            _ = pool.allocate()
        }
    }
    #endif

    /// Records that are meant to fill cache lines do.
    @Test func recordsHaveTheirSizes() {
        #expect(MemoryLayout<OrderRecord>.stride == 64)
        #expect(MemoryLayout<OfferRecord>.stride == 64)
        #expect(MemoryLayout<UserRecord>.stride == 64)
    }
}

@Suite struct ReleaseQueueTests {
    @Test func releasesComeInTheOrderOfTheirEventsOnceDurable() {
        let arena = Arena()
        var queue = ReleaseQueue(memory: arena.memory)
        var nextLsn: UInt64 = 1
        var durable: UInt64 = 0
        var expected: UInt64 = 1
        var dice = Dice(seed: 3)
        // Several times round the ring.
        while nextLsn < UInt64(3 * ReleaseQueue.countMax) {
            for _ in 0..<dice.pick(1...3000) where queue.hasRoom {
                queue.append(lsn: nextLsn, sale: UInt32(nextLsn & 7), quantity: UInt32(nextLsn & 1023))
                nextLsn += 1
            }
            durable = min(nextLsn - 1, durable + UInt64(dice.pick(0...3000)))
            while let release = queue.next(durableLsn: durable) {
                if release.lsn != expected || release.sale != UInt32(expected & 7) {
                    Issue.record("\(release), not \(expected)")
                }
                expected += 1
            }
            if expected != durable + 1 { Issue.record("released up to \(expected - 1), durable \(durable)") }
        }
        let next = queue.next(durableLsn: .max)
        #expect(next == nil || next?.lsn == expected)
    }

    @Test func aFullQueueSaysSo() {
        let arena = Arena()
        var queue = ReleaseQueue(memory: arena.memory)
        var lsn: UInt64 = 0
        while queue.hasRoom {
            lsn += 1
            queue.append(lsn: lsn, sale: 1, quantity: 1)
        }
        #expect(lsn > UInt64(ReleaseQueue.countMax - 65))
        let first = queue.next(durableLsn: 1)
        let hasRoom = queue.hasRoom
        #expect(first?.lsn == 1 && hasRoom)
    }
}
