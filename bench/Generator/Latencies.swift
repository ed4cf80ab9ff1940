import Histogram

/// Percentiles of times, in microseconds.
public struct Latencies: Codable, Equatable, Sendable {
    public var meanUs = 0.0
    public var p50Us: UInt64 = 0
    public var p90Us: UInt64 = 0
    public var p95Us: UInt64 = 0
    public var p99Us: UInt64 = 0
    public var p999Us: UInt64 = 0
    public var p9999Us: UInt64 = 0
    public var maxUs: UInt64 = 0
    /// The p99 of each tenth of a second. The median of them says what holds most of the time, also on a machine that
    /// takes a core away for some milliseconds a few times a second - which makes the p99 of whole seconds a figure
    /// about the machine.
    public var tenthsP99Us: [UInt64] = []

    public init() {}
}

/// Gathers times, to three digits; those of tenths of a second to two.
public struct LatencyRecorder {
    private static let maxUs: UInt64 = 60_000_000
    private var histogram = Histogram<UInt64>(highestTrackableValue: maxUs, numberOfSignificantValueDigits: .three)
    private var tenth = Histogram<UInt64>(highestTrackableValue: maxUs, numberOfSignificantValueDigits: .two)
    private var tenthEndUs: UInt64 = 0
    private var tenthsP99Us: [UInt64] = []
    /// Equal times one after the other, as those of frames that were sent and answered together, are counted in at
    /// once.
    private var runUs: UInt64 = 0
    private var runCount: UInt64 = 0

    public init() {}

    /// A time that ended at `nowUs` of a clock that does not go back.
    @inline(__always)
    public mutating func record(us: UInt64, nowUs: UInt64) {
        if us == runUs && nowUs < tenthEndUs { runCount &+= 1 } else { beginRun(us, nowUs) }
    }

    @inline(never)
    private mutating func beginRun(_ us: UInt64, _ nowUs: UInt64) {
        endRun()
        if nowUs >= tenthEndUs { closeTenth(nowUs) }
        runUs = us
        runCount = 1
    }

    private mutating func endRun() {
        guard runCount > 0 else { return }
        let us = min(max(1, runUs), Self.maxUs)
        histogram.record(us, count: runCount)
        tenth.record(us, count: runCount)
        runCount = 0
    }

    /// The last tenth is not over, and left out.
    private mutating func closeTenth(_ nowUs: UInt64) {
        if tenth.totalCount > 0 { tenthsP99Us.append(tenth.valueAtPercentile(99)) }
        tenth.reset()
        tenthEndUs = nowUs + 100_000
    }

    /// Of the last tenth of a second that is over.
    var lastTenthP99Us: UInt64? { tenthsP99Us.last }

    public mutating func latencies() -> Latencies {
        endRun()
        var result = Latencies()
        result.meanUs = histogram.totalCount > 0 ? histogram.mean : 0
        result.p50Us = histogram.valueAtPercentile(50)
        result.p90Us = histogram.valueAtPercentile(90)
        result.p95Us = histogram.valueAtPercentile(95)
        result.p99Us = histogram.valueAtPercentile(99)
        result.p999Us = histogram.valueAtPercentile(99.9)
        result.p9999Us = histogram.valueAtPercentile(99.99)
        result.maxUs = histogram.max
        result.tenthsP99Us = tenthsP99Us
        return result
    }
}
