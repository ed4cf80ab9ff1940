import Engine
import Log
import Protocol

/// What a log is made of, counted event by event.
struct LogStatistics {
    struct Kind {
        var count = 0
        var sizeBytes = 0
    }

    struct Sale {
        var orders = 0
        var units: UInt64 = 0
        var confirmed = 0
        var cancelled = 0
        var expired = 0
    }

    struct Policy {
        var issued = 0
        var used = 0
        var restored = 0
    }

    /// A time in which nothing was written, or sequences that no block has.
    struct Silence {
        var afterSequence: UInt64
        var fromMs: UInt64
        var untilMs: UInt64
        var ms: UInt64 { untilMs - fromMs }
    }

    private(set) var kinds: [EventKind: Kind] = [:]
    private(set) var sales: [UInt64: Sale] = [:]
    private(set) var policies: [UInt64: Policy] = [:]
    /// Events by the second of the block that holds them, and orders among them.
    private(set) var seconds: [UInt64: (events: Int, orders: Int)] = [:]
    private(set) var eventCount = 0
    private(set) var eventBytes = 0
    private(set) var blockCount = 0
    /// Blocks that only say how much is durable.
    private(set) var markCount = 0
    private(set) var blockBytes = 0
    private(set) var sequences: ClosedRange<UInt64>?
    private(set) var times: ClosedRange<UInt64>?
    /// The longest ones, the longest first.
    private(set) var silences: [Silence] = []
    /// Sequences between the first and the last that no block has: of writes that a crash cut short.
    private(set) var sequencesUnused: UInt64 = 0
    /// Those of blocks that a repair has removed.
    private(set) var sequencesRemoved: UInt64 = 0

    private var saleOfOrder: [Id128: UInt64] = [:]
    private var policyOfCoupon: [Id128: UInt64] = [:]
    private var ordersOfCheckout: [Id128: Int] = [:]
    private let removed: [Manifest.Removed]
    private static let silencesShown = 5

    /// - Parameter removed: what the manifest says of repairs.
    init(removed: [Manifest.Removed]) { self.removed = removed }

    /// Records of a snapshot say what later events are about; they are not counted.
    mutating func add(_ block: LogBlock, shard: Int) {
        let header = block.header
        if shard >= 0 { addBlock(header) }
        var cursor = block.events
        var orders = 0
        while let (kind, event) = cursor.peeking() {
            if shard >= 0 {
                let sizeBytes = Int(event.loadLE(EventField.size, as: UInt16.self))
                kinds[kind, default: Kind()].count += 1
                kinds[kind, default: Kind()].sizeBytes += sizeBytes
                eventCount += 1
                eventBytes += sizeBytes
                if kind == .orderPlaced { orders += 1 }
            }
            follow(kind, event, counts: shard >= 0)
        }
        guard shard >= 0, header.eventCount > 0 else { return }
        if block.savedBytes > 0 {
            kinds[.orderPlaced, default: Kind()].sizeBytes -= block.savedBytes
            eventBytes -= block.savedBytes
        }
        let before = seconds[header.timeMs / 1000] ?? (0, 0)
        seconds[header.timeMs / 1000] = (before.events + header.eventCount, before.orders + orders)
    }

    private mutating func addBlock(_ header: BlockHeader) {
        blockCount += 1
        blockBytes += header.lengthBytes
        if header.eventCount == 0 { markCount += 1 }
        if let last = sequences?.upperBound, header.sequence > last {
            let gone = removed.reduce(0) { $0 + $1.count(in: last..<header.sequence) }
            sequencesRemoved += gone
            sequencesUnused += header.sequence - last - 1 - gone
        }
        if let last = times?.upperBound, header.timeMs > last {
            note(Silence(afterSequence: sequences?.upperBound ?? 0, fromMs: last, untilMs: header.timeMs))
        }
        sequences =
            min(sequences?.lowerBound ?? .max, header.sequence)...max(sequences?.upperBound ?? 0, header.sequence)
        times = min(times?.lowerBound ?? .max, header.timeMs)...max(times?.upperBound ?? 0, header.timeMs)
    }

    private mutating func note(_ silence: Silence) {
        if silences.count == Self.silencesShown, silence.ms <= silences[silences.count - 1].ms { return }
        silences.append(silence)
        silences.sort { ($1.ms, $0.fromMs) < ($0.ms, $1.fromMs) }
        if silences.count > Self.silencesShown { silences.removeLast() }
    }

    private mutating func follow(_ kind: EventKind, _ event: UnsafeRawPointer, counts: Bool) {
        let id = event.loadId(EventField.id)
        let one = counts ? 1 : 0
        switch kind {
        case .orderPlaced, .orderKept:
            let sale: UInt64 = event.loadLE(EventField.orderSale)
            saleOfOrder[id] = sale
            guard counts else { return }
            sales[sale, default: Sale()].orders += 1
            sales[sale, default: Sale()].units += UInt64(event.loadLE(EventField.quantity, as: UInt32.self))
            if event.loadLE(EventField.orderDeadlineMs, as: UInt64.self) == 0 {
                sales[sale, default: Sale()].confirmed += 1
            }
        case .orderConfirmed: end(id) { $0.confirmed += one }
        case .orderCancelled: end(id) { $0.cancelled += one }
        case .orderExpired: end(id) { $0.expired += one }
        case .checkoutPlaced, .checkoutKept:
            ordersOfCheckout[id] = Int(event.loadLE(EventField.quantity, as: UInt32.self))
            let coupon = event.loadId(EventField.checkoutCoupon)
            if counts, let policy = policyOfCoupon[coupon] { policies[policy, default: Policy()].used += 1 }
        case .checkoutConfirmed: endAll(of: id) { $0.confirmed += one }
        case .checkoutCancelled: endAll(of: id) { $0.cancelled += one }
        case .checkoutExpired: endAll(of: id) { $0.expired += one }
        case .couponIssued:
            let policy: UInt64 = event.loadLE(EventField.couponPolicy)
            policyOfCoupon[id] = policy
            policies[policy, default: Policy()].issued += one
        case .couponUsed, .couponRestored:
            guard let policy = policyOfCoupon[event.loadId(EventField.usedCoupon)] else { return }
            if kind == .couponUsed {
                policies[policy, default: Policy()].used += one
            } else {
                policies[policy, default: Policy()].restored += one
            }
        case .retired:
            saleOfOrder[id] = nil
            policyOfCoupon[id] = nil
            for number in 0..<(ordersOfCheckout.removeValue(forKey: id) ?? 0) {
                saleOfOrder[id.ofPart(.line(number))] = nil
            }
        default: break
        }
    }

    private mutating func end(_ order: Id128, _ count: (inout Sale) -> Void) {
        if let sale = saleOfOrder[order] { count(&sales[sale, default: Sale()]) }
    }

    private mutating func endAll(of checkout: Id128, _ count: (inout Sale) -> Void) {
        for number in 0..<(ordersOfCheckout[checkout] ?? 0) { end(checkout.ofPart(.line(number)), count) }
    }
}

extension Manifest.Removed {
    /// How many of these sequences lie behind the first of two blocks and before the second.
    fileprivate func count(in blocks: Range<UInt64>) -> UInt64 {
        let (first, behind) = (max(from, blocks.lowerBound + 1), min(until + 1, blocks.upperBound))
        return first < behind ? behind - first : 0
    }
}

extension EventCursor {
    /// The next event; nil at the end, and where the bytes are none, which `verify` tells.
    fileprivate mutating func peeking() -> (kind: EventKind, event: UnsafeRawPointer)? {
        do throws(EventFault) { return try next() } catch { return nil }
    }
}
