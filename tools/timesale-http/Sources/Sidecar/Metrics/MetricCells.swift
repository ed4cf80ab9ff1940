import CoreMetrics
import Synchronization

/// Where the numbers of swift-metrics are: one cell for each series, counted by any thread without a lock.
protocol MetricCell: AnyObject, Sendable {
    /// Nil: there is nothing to show yet.
    var value: Sample.Value? { get }
}

final class CounterCell: MetricCell, CounterHandler {
    private let count = Atomic<UInt64>(0)
    /// A series that is not there has no rate; one that is there from the beginning at 0 has. But hundreds at 0 are for
    /// nobody: those of codes that a route may give and seldom does come with their first count.
    let isShownAtZero: Bool

    init(isShownAtZero: Bool) { self.isShownAtZero = isShownAtZero }

    func increment(by amount: Int64) {
        if amount > 0 { count.add(UInt64(amount), ordering: .relaxed) }
    }

    func reset() { count.store(0, ordering: .relaxed) }

    var now: UInt64 { count.load(ordering: .relaxed) }
    var value: Sample.Value? { now > 0 || isShownAtZero ? .count(now) : nil }
}

final class GaugeCell: MetricCell, MeterHandler, RecorderHandler {
    /// The bits of a Double.
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func set(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func record(_ value: Int64) { set(Double(value)) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var known = bits.load(ordering: .relaxed)
        while true {
            let wanted = (Double(bitPattern: known) + amount).bitPattern
            let (isDone, original) = bits.weakCompareExchange(expected: known, desired: wanted, ordering: .relaxed)
            if isDone { return }
            known = original
        }
    }

    var value: Sample.Value? { .number(Double(bitPattern: bits.load(ordering: .relaxed))) }
}

/// A histogram of durations.
final class HistogramCell: MetricCell, TimerHandler {
    private final class Count: Sendable {
        let value = Atomic<UInt64>(0)
    }

    private let boundsNs: [Int64]
    /// One more than there are bounds: what is slower.
    private let counts: [Count]
    private let total = Atomic<UInt64>(0)

    init(boundsUs: [UInt64]) {
        boundsNs = boundsUs.map { Int64($0) * 1000 }
        counts = (0...boundsUs.count).map { _ in Count() }
    }

    func recordNanoseconds(_ duration: Int64) {
        var place = 0
        while place < boundsNs.count, duration > boundsNs[place] { place += 1 }
        counts[place].value.add(1, ordering: .relaxed)
        total.add(UInt64(max(0, duration)), ordering: .relaxed)
    }

    var countsNow: [UInt64] { counts.map { $0.value.load(ordering: .relaxed) } }
    var sumNs: UInt64 { total.load(ordering: .relaxed) }

    var value: Sample.Value? {
        let counts = countsNow
        guard counts.contains(where: { $0 > 0 }) else { return nil }
        return .histogram(
            bounds: boundsNs.map { Double($0) / 1_000_000_000 }, counts: counts, sum: Double(sumNs) / 1_000_000_000)
    }
}
