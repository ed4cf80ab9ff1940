import Engine
import Foundation
import Generator
import Protocol

/// An engine in memory of its own, with one sale, whose events nobody writes.
public final class BareEngine {
    private let engine: UnsafeMutablePointer<Engine>
    private let events: UnsafeMutablePointer<EventBuffer>
    private let orders: Int
    private let users: Int
    private let nowMs: UInt64 = 1_700_000_000_000
    private static let blockBytes = 1 << 20
    private static let blockCount = 3
    private let blocks: UnsafeMutableRawPointer
    private let pool: MemoryPool

    public init(orders: Int, users: Int) {
        self.orders = orders
        self.users = users
        let pool = MemoryPool()
        self.pool = pool
        let memory = pool.source
        let counters = StockCounters(sales: 2, shards: 1, memory: memory)
        blocks = pool.allocate(Self.blockCount * Self.blockBytes)
        events = .allocate(capacity: 1)
        events.initialize(to: EventBuffer(base: blocks, capacityBytes: Self.blockBytes, nextLsn: 1))
        engine = .allocate(capacity: 1)
        engine.initialize(
            to: Engine(
                configuration: EngineConfiguration(
                    shard: 0, shards: 1,
                    capacities: Capacities(
                        users: users, orders: orders, tombstones: 1024, transactions: 1, checkouts: 1, coupons: 1,
                        offers: 1),
                    retainMs: 86_400_000, hashSeed: 0x5eed),
                counters: counters, events: events, memory: memory, nowMs: nowMs))
        createSale()
    }

    deinit {
        engine.deinitialize(count: 1).deallocate()
        events.deinitialize(count: 1).deallocate()
    }

    private func createSale() {
        let kind = EventKind.saleCreated
        let event = UnsafeMutableRawPointer.allocate(byteCount: kind.sizeBytes, alignment: 8)
        defer { event.deallocate() }
        event.initializeMemory(as: UInt8.self, repeating: 0, count: kind.sizeBytes)
        event.storeId(.version7(timeMs: nowMs, partition: Partition.catalogue, random: 1), EventField.id)
        event.storeLE(UInt64(1), EventField.offer)
        event.storeLE(UInt64(1 << 40), EventField.stock)
        event.storeLE(UInt32(1_000_000), EventField.perUserLimit)
        try! engine.pointee.replay(kind, event) { _ in true }
        try! engine.pointee.restoreStock()
    }

    /// Once: decides as many orders as there is room for, or `limit`, in whole batches. Orders are made in stretches,
    /// outside of what is timed.
    public func nanosecondsPerOrder(batch count: Int, limit: Int? = nil) -> Double {
        let orders = min(limit ?? orders, orders)
        let stretch = count == 1 ? 8192 : 64
        let frames = pool.allocate(stretch * count * OrderEntry.sizeBytes)
        let results = pool.allocate(count * OrderResult.sizeBytes)
        var plan = LoadPlan(address: .tcp(port: 0))
        plan.users = UInt64(users)
        var source = EntrySource(plan: plan, nowMs: nowMs)
        var done = 0
        var spentNs: UInt64 = 0
        var block = 0
        while done + count <= orders {
            let batches = min(stretch, (orders - done) / count)
            for index in 0..<(batches * count) { source.write(to: frames + index * OrderEntry.sizeBytes) }
            let start = DispatchTime.now().uptimeNanoseconds
            if count == 1 {
                measuredSingles(frames, batches, results)
            } else {
                block = measuredBatches(frames, batches, count, results, block: block)
            }
            spentNs += DispatchTime.now().uptimeNanoseconds - start
            done += batches * count
        }
        precondition(engine.pointee.ordersRemembered == done, "every order was accepted")
        return Double(spentNs) / Double(done)
    }

    // What is measured has a name that callgrind finds: see `InstructionCount`.

    @inline(never)
    private func measuredSingles(_ frames: UnsafeRawPointer, _ count: Int, _ results: UnsafeMutableRawPointer) {
        decideSingly(frames, count, results)
    }

    /// Answers the block that is being filled in the end.
    @inline(never)
    private func measuredBatches(
        _ frames: UnsafeRawPointer, _ batches: Int, _ count: Int, _ results: UnsafeMutableRawPointer, block: Int
    ) -> Int {
        var block = block
        for index in 0..<batches {
            var work = Batch(
                operation: .order, entries: frames + index * count * OrderEntry.sizeBytes, count: count,
                results: results)
            var allowance = count
            while engine.pointee.run(&work, allowance: &allowance, nowMs: nowMs) != .finished {
                block = nextBlock(block)
            }
            if index & 1 == 1 { block = nextBlock(block) }
        }
        return block
    }

    /// Batches of one, with the lines of later ones asked for meanwhile, as the reactor does it.
    private func decideSingly(_ frames: UnsafeRawPointer, _ count: Int, _ results: UnsafeMutableRawPointer) {
        var ahead = (indexes: 0, records: 0)
        var list = LookAheadEntries()
        func take(_ step: LookAheadStep, _ next: inout Int, _ current: Int) {
            guard next < count, next - current < step.entriesMin else { return }
            while next < count && !list.isFull {
                list.append(frames + next * OrderEntry.sizeBytes, .order)
                next += 1
            }
            engine.pointee.lookAhead(step, &list)
        }
        for index in 0..<count {
            take(.indexes, &ahead.indexes, index)
            take(.records, &ahead.records, index)
            var work = Batch(
                operation: .order, entries: frames + index * OrderEntry.sizeBytes, count: 1, results: results)
            var allowance = 1
            if engine.pointee.run(&work, allowance: &allowance, nowMs: nowMs) != .finished {
                events.pointee = EventBuffer(
                    base: blocks, capacityBytes: Self.blockBytes, nextLsn: events.pointee.nextLsn)
                _ = engine.pointee.run(&work, allowance: &allowance, nowMs: nowMs)
            }
        }
    }

    private func nextBlock(_ block: Int) -> Int {
        let next = (block + 1) % Self.blockCount
        events.pointee = EventBuffer(
            base: blocks + next * Self.blockBytes, capacityBytes: Self.blockBytes, nextLsn: events.pointee.nextLsn)
        return next
    }
}
