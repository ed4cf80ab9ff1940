import ArgumentParser
import CLinux
import Engine
import Foundation
import Generator
import Protocol

struct Micro: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The engine without sockets and disk: nanoseconds of one core for an order in a batch.")

    @Option(help: "CPU of the thread; -1 leaves it to the scheduler.")
    var cpu = 0
    @Option(help: "Orders in each batch.")
    var batch = 1024
    @Option(help: "Orders that are decided, and that the engine has room for.")
    var orders = 10_000_000
    @Option(help: "Users of these orders.")
    var users = 4_000_000

    func validate() throws {
        guard batch >= 1, batch <= 8190, orders >= batch, users >= 1 else {
            throw ValidationError("give a batch from 1 to 8190, and at least one order and one user")
        }
    }

    mutating func run() throws {
        if cpu >= 0 { _ = ts_pin_thread(Int32(cpu)) }
        let engine = BareEngine(orders: orders, users: users)
        let ns = engine.nanosecondsPerOrder(batch: batch)
        print("order in batches of \(batch): \(String(format: "%.1f", ns)) ns, \(Int(1e9 / ns)) orders/s of one core")
    }
}

/// An engine in memory of its own, with one sale, whose events nobody writes.
private final class BareEngine {
    private let engine: UnsafeMutablePointer<Engine>
    private let events: UnsafeMutablePointer<EventBuffer>
    private let orders: Int
    private let users: Int
    private let nowMs: UInt64 = 1_700_000_000_000
    private static let blockBytes = 1 << 20
    private static let blockCount = 3
    private let blocks: UnsafeMutableRawPointer

    init(orders: Int, users: Int) {
        self.orders = orders
        self.users = users
        let memory = MemorySource(allocate: Self.residentMemory)
        let counters = StockCounters(sales: 2, shards: 1, memory: memory)
        blocks = Self.residentMemory(Self.blockCount * Self.blockBytes)
        events = .allocate(capacity: 1)
        events.initialize(to: EventBuffer(base: blocks, capacityBytes: Self.blockBytes, nextLsn: 1))
        engine = .allocate(capacity: 1)
        engine.initialize(
            to: Engine(
                configuration: EngineConfiguration(
                    shard: 0, shards: 1, usersMax: users, ordersMax: orders, tombstonesMax: 1024, salesMax: 1,
                    catalogueOperationsMax: 4, retainMs: 86_400_000, hashSeed: 0x5eed),
                counters: counters, events: events, memory: memory, nowMs: nowMs))
        createSale()
    }

    private func createSale() {
        let kind = EventKind.saleCreated
        let event = UnsafeMutableRawPointer.allocate(byteCount: kind.sizeBytes, alignment: 8)
        defer { event.deallocate() }
        event.initializeMemory(as: UInt8.self, repeating: 0, count: kind.sizeBytes)
        event.storeId(.version7(timeMs: nowMs, partition: Partition.catalogue, random: 1), EventField.id)
        event.storeLE(UInt64(1), EventField.sale)
        event.storeLE(UInt64(1 << 40), EventField.stock)
        event.storeLE(UInt32(1_000_000), EventField.perUserLimit)
        try! engine.pointee.replay(kind, event) { _ in true }
        try! engine.pointee.restoreStock()
    }

    /// Orders are made in stretches, outside of what is timed.
    func nanosecondsPerOrder(batch count: Int) -> Double {
        let stretch = count == 1 ? 8192 : 64
        let frames = Self.residentMemory(stretch * count * OrderEntry.sizeBytes)
        let results = Self.residentMemory(count * OrderResult.sizeBytes)
        var plan = LoadPlan(address: .tcp(port: 0))
        plan.users = UInt64(users)
        var source = OrderSource(plan: plan, nowMs: nowMs)
        var done = 0
        var spentNs: UInt64 = 0
        var block = 0
        while done + count <= orders {
            let batches = min(stretch, (orders - done) / count)
            for index in 0..<(batches * count) { source.write(to: frames + index * OrderEntry.sizeBytes) }
            let start = DispatchTime.now().uptimeNanoseconds
            if count == 1 { decideSingly(frames, batches, results) }
            for index in 0..<(count == 1 ? 0 : batches) {
                var work = Batch(
                    operation: .order, entries: frames + index * count * OrderEntry.sizeBytes, count: count,
                    results: results)
                var allowance = count
                while engine.pointee.run(&work, allowance: &allowance, nowMs: nowMs) != .finished {
                    block = nextBlock(block)
                }
                if index & 1 == 1 { block = nextBlock(block) }
            }
            spentNs += DispatchTime.now().uptimeNanoseconds - start
            done += batches * count
        }
        precondition(engine.pointee.ordersRemembered == done, "every order was accepted")
        return Double(spentNs) / Double(done)
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

    @Sendable private static func residentMemory(_ sizeBytes: Int) -> UnsafeMutableRawPointer {
        let memory = mmap(nil, max(sizeBytes, 4096), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        if sizeBytes >= 4 << 20 { madvise(memory, sizeBytes, MADV_HUGEPAGE) }
        memset(memory, 0, sizeBytes)
        return memory
    }
}
