import Engine
import Generator
import Protocol

/// An engine in memory of its own, with one sale or policy, whose events nobody writes.
public final class BareEngine {
    /// What it is asked for, over and over: each entry is new, and accepted.
    public enum Work: String, CaseIterable, Sendable {
        case order, confirm, cancel
        case coupon, earn, use

        var operation: Operation {
            switch self {
            case .order: .order
            case .confirm: .confirm
            case .cancel: .cancel
            case .coupon: .issueCoupon
            case .earn: .earnPoints
            case .use: .usePoints
            }
        }

        /// Changes of orders come after these.
        var isOfOrders: Bool { self == .order || self == .confirm || self == .cancel }

        var workload: Workload {
            switch self {
            case .order, .confirm, .cancel: .order
            case .coupon: .issueCoupon
            case .earn: .earnPoints
            case .use: .usePoints
            }
        }
    }

    private let engine: UnsafeMutablePointer<Engine>
    private let counters: StockCounters
    let events: UnsafeMutablePointer<EventBuffer>
    private let work: Work
    private let room: Int
    private let users: Int
    /// Goes on by a millisecond with so many entries made, as in a rush: where an id lies follows from when it was
    /// minted.
    private var nowMs: UInt64 = 1_700_000_000_000
    private static let entriesAMs = 10_000
    private var entriesMade = 0
    private static let blockBytes = 1 << 20
    private static let blockCount = 3
    private let blocks: UnsafeMutableRawPointer
    private var block = 0
    private let pool = MemoryPool()
    private var source: EntrySource

    /// One that has room for so many operations of the work.
    public init(_ work: Work = .order, room: Int, users: Int) {
        self.work = work
        self.room = room
        self.users = users
        counters = StockCounters(sales: 2, shards: 1, memory: pool.source)
        blocks = pool.allocate(Self.blockCount * Self.blockBytes)
        events = .allocate(capacity: 1)
        events.initialize(to: EventBuffer(base: blocks, capacityBytes: Self.blockBytes, nextLsn: 1))
        let transactions =
            switch work {
            case .earn: room
            case .use: room + users
            default: 1
            }
        engine = .allocate(capacity: 1)
        engine.initialize(
            to: Engine(
                configuration: EngineConfiguration(
                    shard: 0, shards: 1,
                    capacities: Capacities(
                        users: users, orders: work.isOfOrders ? room : 1, tombstones: 1024,
                        transactions: transactions, checkouts: 1, coupons: work == .coupon ? room : 1, offers: 1),
                    retainMs: 86_400_000, hashSeed: 0x5eed),
                counters: counters, events: events, memory: pool.source, nowMs: nowMs))
        var plan = LoadPlan(address: .tcp(port: 0))
        plan.users = UInt64(users)
        plan.workload = work.workload
        source = EntrySource(plan: plan, nowMs: nowMs)
        createOffer(work == .coupon ? .policyCreated : .saleCreated)
    }

    deinit {
        engine.deinitialize(count: 1).deallocate()
        events.deinitialize(count: 1).deallocate()
    }

    private func createOffer(_ kind: EventKind) {
        let event = UnsafeMutableRawPointer.allocate(byteCount: kind.sizeBytes, alignment: 8)
        defer { event.deallocate() }
        event.initializeMemory(as: UInt8.self, repeating: 0, count: kind.sizeBytes)
        event.storeId(.version7(timeMs: nowMs, partition: Partition.catalogue, random: 1), EventField.id)
        event.storeLE(UInt64(1), EventField.offer)
        event.storeLE(UInt64(1 << 40), EventField.stock)
        event.storeLE(UInt32(1_000_000), EventField.perUserLimit)
        if kind == .policyCreated {
            event.storeLE(nowMs + 86_400_000, EventField.endsAtMs)
            event.storeLE(UInt64(10), EventField.unitPrice)
            event.storeLE(UInt32(DiscountKind.percent.rawValue), EventField.discountKind)
        } else if work == .confirm || work == .cancel {
            event.storeLE(UInt32(3_600_000), EventField.holdMs)
        }
        try! engine.pointee.replay(kind, event) { _ in true }
        try! engine.pointee.restoreStock()
    }

    // MARK: Measuring

    /// Nanoseconds that some operations take in batches. What surrounds them takes as much for any number of them:
    /// entries are made for as many as there is room for, a stretch at a time, and outside of what is timed.
    public func nanoseconds(batch count: Int, operations: Int) -> UInt64 {
        precondition(operations <= room)
        let changed = prepare(batch: count)
        let stretch = count == 1 ? 8192 : 64
        let entryBytes = work.operation.entrySizeBytes
        let frames = changed ?? pool.allocate(stretch * count * entryBytes)
        let results = pool.allocate(count * work.operation.resultSizeBytes)
        var done = 0
        var made = changed == nil ? 0 : room
        var spentNs: UInt64 = 0
        while done + count <= operations {
            let first = changed.map { $0 + done * entryBytes } ?? frames
            if changed == nil {
                let some = min(stretch * count, room - made)
                makeEntries(some, at: frames)
                made += some
            }
            let batches = min(stretch, (operations - done) / count)
            let startNs = MonotonicClock.nowNs()
            if count == 1 && work == .order {
                decideSingly(first, batches, results)
            } else {
                decide(work.operation, first, batches: batches, of: count, results)
            }
            spentNs += MonotonicClock.nowNs() - startNs
            done += batches * count
        }
        // As many entries are made whatever was asked for.
        for first in stride(from: made, to: room, by: stretch * count) {
            makeEntries(min(stretch * count, room - first), at: frames)
        }
        precondition(accepted == done, "every entry was accepted")
        return spentNs
    }

    /// Of one order, where all that there is room for are placed.
    public func nanosecondsPerOrder(batch: Int) -> Double {
        let orders = room / batch * batch
        return Double(nanoseconds(batch: batch, operations: orders)) / Double(orders)
    }

    /// Fills the event buffer with the events of so many orders.
    func order(_ count: Int) {
        let entries = pool.allocate(count * OrderEntry.sizeBytes)
        let results = pool.allocate(count * OrderResult.sizeBytes)
        makeEntries(count, at: entries)
        var batch = Batch(operation: .order, entries: entries, count: count, results: results)
        var allowance = count
        let progress = engine.pointee.run(&batch, allowance: &allowance, nowMs: nowMs)
        precondition(progress == .finished, "the events of all orders fit")
    }

    private func makeEntries(_ count: Int, at entries: UnsafeMutableRawPointer) {
        let sizeBytes = work.workload.operation.entrySizeBytes
        for index in 0..<count {
            source.write(to: entries + index * sizeBytes)
            entriesMade += 1
            guard entriesMade % Self.entriesAMs == 0 else { continue }
            nowMs += 1
            source.nowMs = nowMs
        }
    }

    /// Does what has to come before: places the orders to change, and answers the entries that name them; credits
    /// the users who are to use points.
    private func prepare(batch count: Int) -> UnsafeMutableRawPointer? {
        switch work {
        case .order, .coupon, .earn: return nil
        case .confirm, .cancel:
            let entry = pool.allocate(OrderEntry.sizeBytes)
            let result = pool.allocate(OrderResult.sizeBytes)
            let changed = pool.allocate(room * OrderIdEntry.sizeBytes)
            for index in 0..<room {
                makeEntries(1, at: entry)
                decide(.order, entry, batches: 1, of: 1, result)
                OrderIdEntry(orderId: OrderEntry(entry).orderId).store(to: changed + index * OrderIdEntry.sizeBytes)
            }
            return changed
        case .use:
            let entry = pool.allocate(EarnEntry.sizeBytes)
            let result = pool.allocate(Operation.earnPoints.resultSizeBytes)
            for number in 1...users {
                let user = Id128(UInt64(number))
                let partition = Partition.of(user: user)
                EarnEntry(
                    transactionId: .version7(timeMs: nowMs, partition: partition, random: UInt64(number)),
                    userId: user, expiresAtMs: 0, amount: 1_000_000_000
                ).store(to: entry)
                decide(.earnPoints, entry, batches: 1, of: 1, result)
            }
            return nil
        }
    }

    /// Entries whose work is done, as the state has them.
    private var accepted: Int {
        switch work {
        case .order: engine.pointee.ordersRemembered
        case .confirm: Int(counters.totals(1).sold)
        case .cancel: room - Int(counters.totals(1).held)
        case .coupon: engine.pointee.couponsRemembered
        case .earn: engine.pointee.transactionsRemembered
        case .use: engine.pointee.transactionsRemembered - users
        }
    }

    // MARK: Deciding

    private func decide(
        _ operation: Operation, _ entries: UnsafeRawPointer, batches: Int, of count: Int,
        _ results: UnsafeMutableRawPointer
    ) {
        for index in 0..<batches {
            var batch = Batch(
                operation: operation, entries: entries + index * count * operation.entrySizeBytes, count: count,
                results: results)
            var allowance = count
            while engine.pointee.run(&batch, allowance: &allowance, nowMs: nowMs) != .finished { beginNextBlock() }
            if engine.pointee.hasReleases { engine.pointee.releaseUnits(durableLsn: events.pointee.lastLsn) }
            if index & 1 == 1 { beginNextBlock() }
        }
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
                beginNextBlock()
                _ = engine.pointee.run(&work, allowance: &allowance, nowMs: nowMs)
            }
        }
    }

    private func beginNextBlock() {
        block = (block + 1) % Self.blockCount
        events.pointee = EventBuffer(
            base: blocks + block * Self.blockBytes, capacityBytes: Self.blockBytes, nextLsn: events.pointee.nextLsn)
    }
}
