import Histogram

/// Percentiles of times, in microseconds.
public struct Latencies: Codable, Equatable, Sendable {
    public var p50Us: UInt64 = 0
    public var p99Us: UInt64 = 0
    public var p999Us: UInt64 = 0
    public var p9999Us: UInt64 = 0
    public var maxUs: UInt64 = 0

    public init() {}
}

/// Gathers times, in constant space, to three digits.
public struct LatencyRecorder {
    private var histogram = Histogram<UInt64>(highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .three)

    public init() {}

    public mutating func record(us: UInt64) { histogram.record(min(max(1, us), 60_000_000)) }

    public var latencies: Latencies {
        var result = Latencies()
        result.p50Us = histogram.valueAtPercentile(50)
        result.p99Us = histogram.valueAtPercentile(99)
        result.p999Us = histogram.valueAtPercentile(99.9)
        result.p9999Us = histogram.valueAtPercentile(99.99)
        result.maxUs = histogram.max
        return result
    }
}
