import Glibc
import Protocol
import Testing

@testable import Engine

// Looking ahead changes nothing: the same operations give the same results, events and state in batches of any
// size, with entries that make no sense among them; and no byte behind the last entry is touched.

@Suite struct LookAheadTests {
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func batchesOfAnySizeDecideAlike(seed: UInt64) {
        let plan = Self.plan(seed: seed)
        let one = Self.carryOut(plan, batchMax: 1)
        #expect(one.results.count > 2000 && one.events.count > 500, "seed \(seed): \(one.events.count) events")
        for batchMax in [2, 7, 9, 33, 64, 1000] {
            let other = Self.carryOut(plan, batchMax: batchMax)
            #expect(other.results == one.results, "seed \(seed), batches of \(batchMax)")
            #expect(other.waitLsns == one.waitLsns, "seed \(seed), batches of \(batchMax)")
            #expect(other.events == one.events, "seed \(seed), batches of \(batchMax)")
            #expect(other.digest == one.digest, "seed \(seed), batches of \(batchMax)")
        }
        // A turn's allowance that ends within a batch changes nothing either.
        let paused = Self.carryOut(plan, batchMax: 64, allowance: 5)
        #expect(paused.results == one.results && paused.events == one.events && paused.digest == one.digest)
    }

    /// Any bytes may be looked ahead for, of one operation or of several: a list is emptied by it, and the state
    /// is what it was.
    @Test func anyBytesWillDo() {
        let cluster = Self.market()
        for number in 0..<40 as Range<UInt64> {
            _ = cluster.place(user(number), number % 9 + 1)
            if number % 2 == 0 { _ = cluster.earn(user(number), 10) }
        }
        let digest = cluster.digest()
        var dice = Dice(seed: 11)
        let operations = Protocol.Operation.allCases.filter { $0.owner == .ids }
        let guarded = GuardedBytes(sizeBytes: 1024)
        for round in 0..<3000 {
            var list = LookAheadEntries()
            let only = round % 3 == 0 ? dice.pick(operations) : nil
            var kept: [UnsafeMutableRawPointer] = []
            for position in 0..<dice.pick(1...LookAheadStep.group) {
                let operation = only ?? dice.pick(operations)
                let size = operation.entrySizeBytes
                // The first ends right before memory that nobody may touch.
                let entry =
                    position == 0 ? guarded.end - size : UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 1)
                if position > 0 { kept.append(entry) }
                for offset in 0..<size {
                    entry.storeBytes(of: UInt8(dice.below(256)), toByteOffset: offset, as: UInt8.self)
                }
                if dice.oneIn(2) { entry.storeId(cluster.mint(user(UInt64(dice.below(40)))), 0) }
                if operation.namesUser && dice.oneIn(2) { entry.storeId(user(UInt64(dice.below(50))), 16) }
                if operation.namesUser && dice.oneIn(2) { entry.storeLE(UInt64(dice.below(80)), 32) }
                list.append(entry, operation)
            }
            let isFull = list.isFull
            #expect(isFull == (list.count == LookAheadStep.group))
            cluster.engines[0].lookAhead(dice.pick(LookAheadStep.allCases), &list)
            let count = list.count
            if count != 0 {
                Issue.record("round \(round): \(count) entries are left")
                return
            }
            for entry in kept { entry.deallocate() }
        }
        #expect(cluster.digest() == digest)
    }

    @Test func aFullListTakesNoMore() async {
        await #expect(processExitsWith: .failure) {
            var list = LookAheadEntries()
            let entry = UnsafeMutableRawPointer.allocate(byteCount: 48, alignment: 8)
            for _ in 0...LookAheadStep.group { list.append(entry, .order) }
        }
    }

    /// Where two users share a tag of the index and a line, looking ahead names the one who came first for both.
    @Test func usersWhoShareATagAreToldApart() throws {
        let cluster = Cluster(capacities: .init(users: 60, orders: 1500, tombstones: 300, sales: 80))
        cluster.sell(1, stock: 100, limit: 2, holdMs: 0)
        var seen: [UInt64: Id128] = [:]
        var pair: (Id128, Id128)?
        for number in 1...1_000_000 as ClosedRange<UInt64> where pair == nil {
            let next = user(number)
            let hash = cluster.engines[0].userHash(next)
            guard let first = seen.updateValue(next, forKey: hash >> 32) else { continue }
            let places = [first, next].map { cluster.engines[0].userIndex.place(cluster.engines[0].userHash($0)) }
            if places[0] == places[1] { pair = (first, next) }
        }
        let (one, other) = try #require(pair)
        _ = cluster.place(one, 1)
        let wanted: [(user: Id128, code: ResultCode)] = [
            (other, .ok), (one, .ok), (one, .limitExceeded), (other, .ok), (other, .limitExceeded),
        ]
        let entries = wanted.flatMap { want in
            encode(OrderEntry.sizeBytes) {
                OrderEntry(orderId: cluster.mint(want.user), userId: want.user, saleId: 1, quantity: 1).store(to: $0)
            }
        }
        let (results, _) = cluster.run(.order, on: 0, entries)
        let codes = results.withUnsafeBytes { bytes in
            wanted.indices.map { OrderResult(bytes.baseAddress! + $0 * OrderResult.sizeBytes).code }
        }
        #expect(codes == wanted.map(\.code))
        #expect(cluster.engines[0].usersKnown == 2)
    }

    /// What is kept of the orders ahead is of one batch.
    @Test func aBatchIsNotBegunBetweenTheTurnsOfAnother() async {
        await #expect(processExitsWith: .failure) {
            let cluster = LookAheadTests.market()
            let bytes = UnsafeMutableRawPointer.allocate(byteCount: 40 * OrderEntry.sizeBytes, alignment: 8)
            let results = UnsafeMutableRawPointer.allocate(byteCount: 40 * OrderResult.sizeBytes, alignment: 8)
            for number in 0..<40 {
                let user = user(UInt64(number % 7))
                OrderEntry(orderId: cluster.mint(user), userId: user, saleId: 20, quantity: 1)
                    .store(to: bytes + number * OrderEntry.sizeBytes)
            }
            var one = Batch(operation: .order, entries: bytes, count: 20, results: results)
            var other = Batch(
                operation: .order, entries: bytes + 20 * OrderEntry.sizeBytes, count: 20,
                results: results + 20 * OrderResult.sizeBytes)
            var allowance = 10
            let progress = cluster.engines[0].run(&one, allowance: &allowance, nowMs: cluster.nowMs)
            guard progress == .paused, one.finished == 10 else { exit(EXIT_SUCCESS) }
            allowance = 20
            _ = cluster.engines[0].run(&other, allowance: &allowance, nowMs: cluster.nowMs)
            guard other.finished == 20 else { exit(EXIT_SUCCESS) }
            allowance = 10
            _ = cluster.engines[0].run(&one, allowance: &allowance, nowMs: cluster.nowMs)
        }
    }

    /// A batch asks for each step once for each of its entries, in order, and far enough ahead of the one in hand.
    @Test(arguments: [1, 2, 3, 4, 5, 11, 12, 13, 100]) func everyEntryIsLookedAtOnce(_ count: Int) {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: count * 128, alignment: 8)
        defer { bytes.deallocate() }
        for (operation, step) in [Protocol.Operation.order, .usePoints].flatMap({ operation in
            LookAheadStep.allCases.map { (operation, $0) }
        }) {
            let entriesMin = step.entriesMin(of: operation)
            let size = operation.entrySizeBytes
            var batch = Batch(operation: operation, entries: bytes, count: count, results: bytes)
            var seen: [Int] = []
            for finished in 0..<count {
                while true {
                    var list = LookAheadEntries()
                    batch.next(step, of: batch.operation, &list)
                    if list.count == 0 { break }
                    for index in 0..<list.count { seen.append((list[index] - UnsafeRawPointer(bytes)) / size) }
                }
                #expect(seen.count >= min(count, finished + entriesMin))
                #expect(seen.count < finished + entriesMin + LookAheadStep.group)
                batch.finishEntry(Outcome(waitLsn: 0))
            }
            #expect(seen == Array(0..<count))
        }
    }

    // MARK: Plans

    /// Entries of one operation, one behind the other; then time passes.
    struct Run {
        var operation: Protocol.Operation
        var entries: [[UInt8]]
        var passMs: UInt64
    }

    struct Outcomes {
        var results: [UInt8] = []
        var waitLsns: [UInt64] = []
        var events: [[UInt8]] = []
        var digest: UInt64 = 0
    }

    /// So many sales that they are looked ahead for as well; users who have limits in more of them than their
    /// line has places for.
    static func market() -> Cluster {
        let cluster = Cluster(capacities: .init(users: 60, orders: 1500, tombstones: 300, sales: 80))
        for sale in 1...70 as ClosedRange<UInt64> {
            cluster.sell(
                sale, stock: sale % 7 == 0 ? 20 : 10_000, limit: sale < 20 ? 4 : 0, holdMs: sale % 2 == 0 ? 1000 : 0)
        }
        for policy in 1...3 as ClosedRange<UInt64> { cluster.offer(policy, quantity: 60, limit: UInt32(policy)) }
        cluster.syncsAtOnce = false
        return cluster
    }

    static func plan(seed: UInt64) -> [Run] {
        var dice = Dice(seed: seed)
        let minting = market()
        var known: [Id128] = []
        return (0..<40).map { _ in
            let operations: [Protocol.Operation] = [
                .order, .order, .order, .confirm, .cancel, .extend, .getOrder, .earnPoints, .usePoints, .usePoints,
                .cancelTransaction, .getTransaction, .issueCoupon, .useCoupon, .restoreCoupon, .getCoupon,
            ]
            let operation = dice.pick(operations)
            let entries = (0..<dice.pick([1, 3, 60, 300])).map { _ in entry(operation, &known, minting, &dice) }
            return Run(operation: operation, entries: entries, passMs: UInt64(dice.pick([0, 1, 400, 1000])))
        }
    }

    private static func entry(
        _ operation: Protocol.Operation, _ known: inout [Id128], _ cluster: Cluster, _ dice: inout Dice
    ) -> [UInt8] {
        if dice.oneIn(12) { return (0..<operation.entrySizeBytes).map { _ in UInt8(dice.below(256)) } }
        let user = user(UInt64(dice.below(70)))
        let id = known.isEmpty || dice.oneIn(8) ? cluster.mint(user) : dice.pick(known)
        switch operation {
        case .order:
            let fresh = dice.oneIn(9) ? id : cluster.mint(user)
            known.append(fresh)
            let entry = OrderEntry(
                orderId: fresh, userId: user, saleId: UInt64(dice.below(72)), quantity: UInt32(dice.pick(0...4)))
            return encode(OrderEntry.sizeBytes) { entry.store(to: $0) }
        case .extend:
            let entry = ExtendEntry(orderId: id, deadlineMs: cluster.nowMs + UInt64(dice.below(5000)))
            return encode(ExtendEntry.sizeBytes) { entry.store(to: $0) }
        case .earnPoints:
            let fresh = dice.oneIn(9) ? id : cluster.mint(user)
            known.append(fresh)
            let entry = EarnEntry(
                transactionId: fresh, userId: user, expiresAtMs: dice.oneIn(2) ? 0 : cluster.nowMs + 900, amount: 10)
            return encode(EarnEntry.sizeBytes) { entry.store(to: $0) }
        case .usePoints:
            let fresh = dice.oneIn(9) ? id : cluster.mint(user)
            known.append(fresh)
            let entry = UsePointsEntry(transactionId: fresh, userId: user, amount: UInt32(dice.pick(0...15)))
            return encode(UsePointsEntry.sizeBytes) { entry.store(to: $0) }
        case .issueCoupon:
            let fresh = dice.oneIn(9) ? id : cluster.mint(user)
            known.append(fresh)
            let entry = IssueCouponEntry(couponId: fresh, userId: user, policyId: UInt64(dice.below(4)))
            return encode(IssueCouponEntry.sizeBytes) { entry.store(to: $0) }
        case .useCoupon:
            let entry = UseCouponEntry(
                useId: cluster.mint(user), couponId: id, userId: user, orderId: .zero, purchaseAmount: 100)
            return encode(UseCouponEntry.sizeBytes) { entry.store(to: $0) }
        case .restoreCoupon:
            let entry = RestoreCouponEntry(restoreId: cluster.mint(user), couponId: id, userId: user)
            return encode(RestoreCouponEntry.sizeBytes) { entry.store(to: $0) }
        default:
            return encode(OrderIdEntry.sizeBytes) { OrderIdEntry(orderId: id).store(to: $0) }
        }
    }

    static func carryOut(_ plan: [Run], batchMax: Int, allowance: Int = .max) -> Outcomes {
        let cluster = market()
        var outcomes = Outcomes()
        for run in plan {
            var waitLsn: UInt64 = 0
            for start in stride(from: 0, to: run.entries.count, by: batchMax) {
                let batch = Array(run.entries[start..<min(start + batchMax, run.entries.count)].joined())
                let (results, batchLsn) = cluster.run(run.operation, on: 0, batch, allowance: allowance)
                outcomes.results += results
                waitLsn = max(waitLsn, batchLsn)
            }
            outcomes.waitLsns.append(waitLsn)
            // Units return, and holds end, between runs alone: when they do is not what is compared.
            cluster.sync()
            cluster.advance(byMs: run.passMs)
        }
        outcomes.events = cluster.history.map(\.bytes)
        outcomes.digest = cluster.digest()
        return outcomes
    }
}

/// Memory that ends where a page begins that nobody may touch: who reads on dies.
private final class GuardedBytes {
    private let memory: UnsafeMutableRawPointer
    private let pageBytes = sysconf(Int32(_SC_PAGESIZE))

    /// Behind the last byte.
    var end: UnsafeMutableRawPointer { memory + pageBytes }

    init(sizeBytes: Int) {
        precondition(sizeBytes <= pageBytes)
        let mapping = mmap(nil, 2 * pageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapping, mapping != MAP_FAILED else { preconditionFailure("no memory") }
        memory = mapping
        mprotect(memory + pageBytes, pageBytes, PROT_NONE)
    }

    deinit { munmap(memory, 2 * pageBytes) }
}
