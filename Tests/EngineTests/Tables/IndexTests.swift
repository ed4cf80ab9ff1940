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
        #expect(Set(Self.handles(index, 0xabcd_ef01_2345_6789)) == Set(1...300))
        #expect(Self.handles(index, 0xabcd_ef02_2345_6789).isEmpty)
    }

    /// Homes at the end of the table.
    @Test func probingWrapsAround() {
        let arena = Arena()
        var index = Index(countMax: 64, memory: arena.memory)
        for handle in 1...64 as ClosedRange<UInt32> { index.insert(UInt64.max - UInt64(handle) << 32, handle) }
        for handle in 1...64 as ClosedRange<UInt32> {
            #expect(Set(Self.handles(index, UInt64.max - UInt64(handle) << 32)) == [handle])
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

    /// Entries lie in their home line, else in the one beside it, else where their tag says and from there on.
    @Test func aFullLineSpillsBesideItselfAndThenFar() {
        let arena = Arena()
        var index = Index(countMax: 400, memory: arena.memory)
        let first = index.place(0)
        let lines = (index.place(.max) - first) / 64 + 1
        #expect(lines % 2 == 0 && lines * 8 * 3 / 4 >= 400)
        func line(of hash: UInt64, _ handle: UInt32) -> Int? {
            (0..<(lines * 8)).first { (first + $0 * 8).load(as: UInt64.self) == hash & ~0xffff_ffff | UInt64(handle) }
                .map { $0 / 8 }
        }
        // All at home in the last line, with tags from all over.
        let hashes = (0..<40).map { UInt64($0) << 58 | UInt64($0) << 40 | 0xffff_ffff }
        for (position, hash) in hashes.enumerated() { index.insert(hash, UInt32(position + 1)) }
        for (position, hash) in hashes.enumerated() {
            let place = line(of: hash, UInt32(position + 1))
            switch position {
            case 0..<8: #expect(place == lines - 1)
            case 8..<16: #expect(place == lines - 2)
            default: #expect(place.map { $0 < lines - 2 } == true)
            }
            #expect(Self.handles(index, hash) == [UInt32(position + 1)])
        }
        let far = Set(zip(hashes, 1...).dropFirst(16).compactMap { line(of: $0, $1) })
        #expect(far.count > 12, "\(far)")
    }

    /// Keys of one millisecond are at home side by side, those of the next one behind them, over the end of the table.
    @Test func whatWasMintedTogetherLiesTogether() {
        let arena = Arena()
        let index = Index(countMax: 1_000_000, memory: arena.memory, isPopulated: false)
        let first = index.place(0)
        let lines = (index.place(.max) - first) / 64 + 1
        var dice = Dice(seed: 7)
        func places(_ timeMs: UInt64) -> [Int] {
            (0..<1000).map { _ in (index.place(index.hash(dice.next(), atMs: timeMs)) - first) / 64 }
        }
        var looked = 0
        for timeMs in 1_700_000_000_000..<1_700_000_000_030 as Range<UInt64> {
            let (these, next) = (places(timeMs), places(timeMs + 1))
            let begin = these.min()!
            guard these.max()! - begin < lines / 2, next.max()! - next.min()! < lines / 2 else { continue }
            looked += 1
            #expect(these.max()! - begin <= 8192 && Set(these).count > 800)
            let step = (next.min()! - begin + lines) % lines
            #expect((8000...8400).contains(step), "\(step) at \(timeMs)")
        }
        #expect(looked > 15, "few reach over the end of the table")
        let hash = index.hash(0x1234_5678_9abc_def0, atMs: 5)
        #expect(hash >> 32 == 0x1234_5678, "the tag stays")
    }

    /// All at home in a fiftieth of the table, side by side: all are met, and no search is long.
    @Test func aFullRegionIsLeftAtOnce() {
        let arena = Arena()
        let countMax = 30_000
        var index = Index(countMax: countMax, memory: arena.memory)
        var dice = Dice(seed: 8)
        let hashes = (0..<countMax).map { _ in dice.next() & ~0xffff_ffff | 0xf000_0000 + dice.next() % (1 << 32 / 50) }
        for (position, hash) in hashes.enumerated() { index.insert(hash, UInt32(position + 1)) }
        var (steps, most) = (0, 0)
        for (position, hash) in hashes.enumerated() {
            var probe = index.probe(hash)
            while case let handle = probe.next(), handle != UInt32(position + 1) {
                if handle == 0 {
                    Issue.record("\(position) is not met")
                    return
                }
            }
            steps += Int(probe.lines.steps)
            most = max(most, Int(probe.lines.steps))
        }
        #expect(steps < 6 * countMax && most < 100, "\(Double(steps) / Double(countMax)) lines, at most \(most)")
    }

    /// What leaves a full line leaves a gap behind which others are still met; a search ends there again when they
    /// have left too.
    @Test func aGapIsPassedUntilWhatWasPassedOnHasLeft() {
        let arena = Arena()
        var index = Index(countMax: 100, memory: arena.memory)
        let hashes = (0..<18).map { UInt64($0 + 1) << 59 | 0x8000_0000 }
        for (position, hash) in hashes.enumerated() { index.insert(hash, UInt32(position + 1)) }
        func steps(_ hash: UInt64) -> Int {
            var probe = index.probe(hash)
            while probe.next() != 0 {}
            return Int(probe.lines.steps)
        }
        let stranger: UInt64 = 0x4321_0000_8000_0000
        index.remove(hashes[0], 1)
        #expect(Self.handles(index, hashes[0]).isEmpty)
        #expect(Self.handles(index, hashes[9]) == [10] && Self.handles(index, hashes[17]) == [18])
        #expect(steps(stranger) >= 2)
        // A gap is room for what comes next.
        index.insert(hashes[0], 19)
        #expect(Self.handles(index, hashes[0]) == [19] && steps(hashes[0]) >= 2)
        for position in [16, 17] { index.remove(hashes[position], UInt32(position + 1)) }
        index.remove(hashes[8], 9)
        #expect(steps(stranger) == 1, "the line beside has room, and nothing was passed on from it any more")
        for position in 9..<16 { index.remove(hashes[position], UInt32(position + 1)) }
        index.remove(hashes[1], 2)
        #expect(steps(stranger) == 0)
        #expect(index.count == 7)
    }

    /// Lines that were full one after the other, each passed by an entry that is still there: no line has a free entry
    /// then, though hardly anything is in the table. A search ends all the same.
    @Test func aSearchEndsWhereEveryLineHasGaps() {
        let arena = Arena()
        var index = Index(countMax: 12, memory: arena.memory)
        let first = index.place(0)
        #expect((index.place(.max) - first) / 64 + 1 == 4)
        var handle: UInt32 = 0
        var kept: [(hash: UInt64, handle: UInt32)] = []
        for line in [0, 2, 1, 3] as [UInt64] {
            let these = (0..<9).map { _ in
                handle += 1
                return (hash: UInt64(handle) << 40 | line << 30, handle: handle)
            }
            for entry in these { index.insert(entry.hash, entry.handle) }
            for entry in these.dropLast() { index.remove(entry.hash, entry.handle) }
            kept.append(these[8])
        }
        let handles = (0..<32).map { UInt32(truncatingIfNeeded: (first + $0 * 8).load(as: UInt64.self)) }
        #expect(!handles.contains(0) && index.count == 4, "\(handles)")
        let strangers = (0..<4).map { UInt64(0x7777_0000 + $0) << 32 | UInt64($0) << 30 }
        for line in 0..<4 {
            #expect(Self.handles(index, strangers[line]).isEmpty)
            let isRemoved = index.remove(strangers[line], 5)
            #expect(!isRemoved)
            index.insert(strangers[line], 1000 + UInt32(line))
        }
        for (hash, handle) in kept { #expect(Set(Self.handles(index, hash)) == [handle]) }
        for (hash, handle) in kept { index.remove(hash, handle) }
        #expect(index.count == 4)
        for line in 0..<4 {
            #expect(Self.handles(index, strangers[line]).contains(1000 + UInt32(line)))
        }
    }

    /// With all entries it may have, and all of them at home in one line: whatever is looked for is found, or
    /// the search ends. One more is the caller's fault.
    @Test(arguments: [1, 7, 8, 9, 64, 200], [0, UInt64.max]) func atItsMostEntries(_ countMax: Int, _ end: UInt64) {
        let arena = Arena()
        var index = Index(countMax: countMax, memory: arena.memory)
        let hashes = (1...UInt64(countMax)).map { end == 0 ? $0 << 32 : end - $0 << 32 }
        for (position, hash) in hashes.enumerated() { index.insert(hash, UInt32(position + 1)) }
        #expect(index.count == countMax)
        for (position, hash) in hashes.enumerated() {
            #expect(Set(Self.handles(index, hash)) == [UInt32(position + 1)])
        }
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

    /// Whether a key is there, and what a search meets first, by one look: the same as by a whole search, in lines that
    /// are full, have gaps, or spill.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func oneLookSaysWhatASearchWould(_ seed: UInt64) {
        let arena = Arena()
        var dice = Dice(seed: seed)
        var index = Index(countMax: 200, memory: arena.memory)
        // Crowded homes, and tags that meet.
        let homes = (0..<6).map { _ in dice.next() & 0xffff_ffff }
        let tags = [0, 0xffff_ffff] + (0..<60).map { _ in dice.next() >> 32 }
        var there: [(hash: UInt64, handle: UInt32)] = []
        var looks = (known: 0, unknown: 0)
        for handle in 1...2000 as ClosedRange<UInt32> {
            let hash = dice.pick(tags) << 32 | dice.pick(homes)
            let met = Self.handles(index, hash)
            let vacancy = index.vacancy(hash)
            let first = index.first(hash)
            #expect(first == met.first ?? 0)
            if vacancy.isKnown {
                looks.known += 1
                #expect(met.isEmpty, "seed \(seed), \(handle)")
            } else {
                looks.unknown += 1
            }
            if !there.isEmpty && (index.count == 200 || dice.pick(1...5) < 3) {
                let gone = there.remove(at: dice.pick(0...(there.count - 1)))
                let isRemoved = index.remove(gone.hash, gone.handle)
                #expect(isRemoved)
            } else {
                index.insert(hash, handle, at: vacancy)
                there.append((hash, handle))
                #expect(Self.handles(index, hash).contains(handle))
            }
        }
        for (hash, handle) in there { #expect(Self.handles(index, hash).contains(handle)) }
        #expect(looks.known > 50 && looks.unknown > 50, "\(looks)")
    }

    /// Many keys of few tags, tag 0 among them: a search meets each handle of its tag, and no other.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func duplicatesAreAllMet(_ seed: UInt64) {
        let arena = Arena()
        var dice = Dice(seed: seed)
        let countMax = dice.pick(1...300)
        var index = Index(countMax: countMax, memory: arena.memory)
        let hashes = (0..<dice.pick(1...12)).map { $0 == 0 ? dice.next() & 0xffff_ffff : dice.next() }
        var expected: [UInt64: Set<UInt32>] = [:]
        for handle in 1...UInt32(countMax) {
            let hash = dice.pick(hashes)
            expected[hash, default: []].insert(handle)
            index.insert(hash, handle)
        }
        for hash in hashes {
            #expect(Set(Self.handles(index, hash)) == expected[hash] ?? [], "seed \(seed), hash \(hash)")
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
