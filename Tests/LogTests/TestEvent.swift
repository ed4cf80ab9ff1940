import Protocol
import SimulatedStorage

@testable import Engine

/// An event as a test writes it into a log.
struct TestEvent: Sendable {
    var kind: EventKind
    var flags: UInt8 = 0
    var quantity: UInt32 = 0
    var timeMs: UInt64
    /// From offset 16 on.
    var fields: [UInt8]

    /// The partition whose shard logs it; nil for an event of a whole shard.
    var partition: Int? {
        if kind.isOfCatalogue { return Partition.catalogue }
        return kind.isOfPartition
            ? fields.withUnsafeBytes { $0.baseAddress!.loadId(0).carriedPartition } : nil
    }

    var bytes: [UInt8] {
        var bytes = [kind.rawValue, flags]
        bytes += Self.little(UInt16(kind.sizeBytes)) + Self.little(quantity) + Self.little(timeMs) + fields
        precondition(bytes.count == kind.sizeBytes)
        return bytes
    }

    func append(to buffer: UnsafeMutablePointer<EventBuffer>) {
        let event = buffer.pointee.append(kind, flags: flags, quantity: quantity, timeMs: timeMs)
        fields.withUnsafeBytes { (event + 16).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }

    static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian, Array.init)
    }

    static func id(_ id: Id128) -> [UInt8] {
        withUnsafeBytes(of: id.high.bigEndian, Array.init) + withUnsafeBytes(of: id.low.bigEndian, Array.init)
    }

    static func user(_ number: UInt64) -> Id128 { Id128(number) }

    static func orderId(_ number: UInt64, user: Id128) -> Id128 {
        .version7(
            timeMs: 1_767_225_600_000 + number & 0xffff, partition: Partition.of(user: user), random: number)
    }

    static func catalogueId(_ number: UInt64) -> Id128 {
        .version7(timeMs: 1_767_225_600_000, partition: Partition.catalogue, random: number | 1 << 40)
    }

    // MARK: Kinds

    static func sale(_ id: UInt64, stock: UInt64, limit: UInt32 = 0, timeMs: UInt64 = 1000) -> TestEvent {
        var name = [UInt8](repeating: 0, count: Name.sizeBytes)
        name.withUnsafeMutableBytes { Name("sale \(id)")!.store(to: $0.baseAddress!) }
        let fields: [UInt8] =
            Self.id(catalogueId(id)) + little(id) + little(stock) + little(UInt64(500)) + little(UInt64(0))
            + little(UInt64(4990)) + little(limit) + little(UInt32(60_000)) + name
        return TestEvent(kind: .saleCreated, timeMs: timeMs, fields: fields)
    }

    static func restock(_ id: UInt64, number: UInt64, units: UInt64, timeMs: UInt64 = 1000) -> TestEvent {
        TestEvent(
            kind: .saleRestocked, timeMs: timeMs,
            fields: Self.id(catalogueId(1 << 30 | number)) + little(id) + little(units))
    }

    static func policy(_ id: UInt64, quantity: UInt64, timeMs: UInt64 = 1000) -> TestEvent {
        var name = [UInt8](repeating: 0, count: Name.sizeBytes)
        name.withUnsafeMutableBytes { Name("policy \(id)")!.store(to: $0.baseAddress!) }
        let fields: [UInt8] =
            Self.id(catalogueId(1 << 29 | id)) + little(id) + little(quantity) + little(UInt64(500)) + little(UInt64(0))
            + little(UInt64(15)) + little(UInt32(0)) + little(UInt32(1)) + name + little(UInt64(900)) + little(UInt64(0))
        return TestEvent(kind: .policyCreated, timeMs: timeMs, fields: fields)
    }

    static func close(_ id: UInt64, timeMs: UInt64 = 1000) -> TestEvent {
        TestEvent(kind: .saleClosed, timeMs: timeMs, fields: little(id))
    }

    /// `deadlineMs` 0: confirmed at once.
    static func order(
        _ id: Id128, user: Id128, sale: UInt64, units: UInt32 = 1, deadlineMs: UInt64 = 0,
        timeMs: UInt64 = 2000
    ) -> TestEvent {
        TestEvent(
            kind: .orderPlaced, quantity: units, timeMs: timeMs,
            fields: Self.id(id) + Self.id(user) + little(sale) + little(deadlineMs))
    }

    static func change(_ kind: EventKind, _ id: Id128, flags: UInt8 = 0, timeMs: UInt64 = 3000) -> TestEvent {
        TestEvent(kind: kind, flags: flags, timeMs: timeMs, fields: Self.id(id))
    }

    static func extend(_ id: Id128, deadlineMs: UInt64, timeMs: UInt64 = 3000) -> TestEvent {
        TestEvent(kind: .orderExtended, timeMs: timeMs, fields: Self.id(id) + little(deadlineMs))
    }

    static func earn(_ id: Id128, user: Id128, points: UInt32, timeMs: UInt64 = 2000) -> TestEvent {
        TestEvent(
            kind: .pointsEarned, quantity: points, timeMs: timeMs,
            fields: Self.id(id) + Self.id(user) + little(UInt64(0)))
    }

    static func use(_ id: Id128, user: Id128, points: UInt32, timeMs: UInt64 = 2000) -> TestEvent {
        TestEvent(kind: .pointsUsed, quantity: points, timeMs: timeMs, fields: Self.id(id) + Self.id(user))
    }

    static func issue(_ id: Id128, user: Id128, policy: UInt64, timeMs: UInt64 = 2000) -> TestEvent {
        TestEvent(kind: .couponIssued, timeMs: timeMs, fields: Self.id(id) + Self.id(user) + little(policy))
    }

    static func use(_ id: Id128, coupon: Id128, timeMs: UInt64 = 3000) -> TestEvent {
        TestEvent(
            kind: .couponUsed, timeMs: timeMs,
            fields: Self.id(id) + Self.id(coupon) + Self.id(.zero) + little(UInt64(600)) + little(UInt64(90)))
    }

    static func restore(_ id: Id128, coupon: Id128, timeMs: UInt64 = 3000) -> TestEvent {
        TestEvent(kind: .couponRestored, timeMs: timeMs, fields: Self.id(id) + Self.id(coupon))
    }

    static func grace(notBeforeMs: UInt64, timeMs: UInt64 = 4000) -> TestEvent {
        TestEvent(kind: .holdsGraced, timeMs: timeMs, fields: little(notBeforeMs))
    }
}

/// Random events that follow from one another, as a sale makes them.
struct Scenario {
    private(set) var events: [TestEvent] = []
    private var random: SeededRandom
    private var orders: [(id: Id128, state: OrderState)] = []
    private var coupons: [(id: Id128, user: Id128, isUsed: Bool)] = []
    private var points: [UInt64: UInt32] = [:]
    private var nextNumber: UInt64

    private let first: UInt64
    private let second: UInt64

    /// Two sales and a policy, then `count` events of orders, coupons and points, with restocks and graces among them.
    /// Not more is sold than there is, wherever it ends. Scenarios of different bases have nothing in common but users.
    init(seed: UInt64, count: Int, base: UInt64 = 0) {
        random = SeededRandom(seed: seed)
        first = 7 + base * 2
        second = 8 + base * 2
        nextNumber = base << 20 | 1
        events = [
            .sale(first, stock: 100_000), .sale(second, stock: 200_000, limit: 1000),
            .policy(first, quantity: 100_000),
        ]
        for _ in 0..<count { step() }
        events.append(.close(second))
    }

    private mutating func step() {
        nextNumber += 1
        switch Int.random(in: 0..<24, using: &random) {
        case 0: events.append(.restock(first, number: nextNumber, units: 5))
        case 1: events.append(.grace(notBeforeMs: 100_000 + (nextNumber & 0xfffff) * 10))
        case 2:
            let user = TestEvent.user(nextNumber & 63)
            events.append(.change(.tombstonePlaced, TestEvent.orderId(nextNumber, user: user)))
        case 3..<11: changeAnOrder()
        case 11..<13: changeACoupon()
        case 13..<15: changePoints()
        default: place()
        }
    }

    private mutating func place() {
        let user = TestEvent.user(UInt64.random(in: 1...40, using: &random))
        let id = TestEvent.orderId(nextNumber, user: user)
        let isHold = Bool.random(using: &random)
        events.append(
            .order(
                id, user: user, sale: Bool.random(using: &random) ? first : second,
                units: UInt32.random(in: 1...3, using: &random), deadlineMs: isHold ? 90_000 + nextNumber : 0,
                timeMs: 2000 + nextNumber))
        orders.append((id, isHold ? .held : .confirmed))
    }

    private mutating func changeACoupon() {
        guard Bool.random(using: &random), let index = coupons.indices.randomElement(using: &random) else {
            let user = TestEvent.user(UInt64.random(in: 1...40, using: &random))
            let id = TestEvent.orderId(nextNumber, user: user)
            events.append(.issue(id, user: user, policy: first, timeMs: 2000 + nextNumber))
            coupons.append((id, user, false))
            return
        }
        let (coupon, user, isUsed) = coupons[index]
        let id = TestEvent.orderId(nextNumber, user: user)
        events.append(isUsed ? .restore(id, coupon: coupon) : .use(id, coupon: coupon))
        coupons[index].isUsed.toggle()
    }

    /// Earns one point, or uses one if there is one.
    private mutating func changePoints() {
        let number = UInt64.random(in: 1...40, using: &random)
        let user = TestEvent.user(number)
        let id = TestEvent.orderId(nextNumber, user: user)
        let balance = points[number, default: 0]
        let isUse = balance > 0 && Bool.random(using: &random)
        events.append(isUse ? .use(id, user: user, points: 1) : .earn(id, user: user, points: 1))
        points[number] = isUse ? balance - 1 : balance + 1
    }

    private mutating func changeAnOrder() {
        guard let index = orders.indices.randomElement(using: &random) else { return place() }
        let id = orders[index].id
        let choice = Int.random(in: 0..<3, using: &random)
        switch (orders[index].state, choice) {
        case (.held, 0):
            events.append(.change(.orderConfirmed, id))
            orders[index].state = .confirmed
        case (.held, 1):
            events.append(.change(.orderExpired, id))
            orders[index].state = .expired
        case (.held, _): events.append(.extend(id, deadlineMs: 200_000 + nextNumber))
        case (.expired, 0):
            events.append(.change(.orderConfirmed, id, flags: 1))
            orders[index].state = .confirmed
        case (.expired, _), (.confirmed, 0):
            events.append(.change(.orderCancelled, id))
            orders[index].state = .cancelled
        default: place()
        }
    }
}
