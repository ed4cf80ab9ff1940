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
        #expect(MemoryLayout<SaleRecord>.stride == 64)
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
