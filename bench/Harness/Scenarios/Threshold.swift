import Generator

/// What a load has to keep to, such as `p99<5ms`.
public struct Threshold: Equatable, Sendable, CustomStringConvertible {
    public enum Metric: String, CaseIterable, Sendable {
        /// Accepted operations a second.
        case rate
        case mean, p50, p90, p95, p99, p999, p9999, max
        /// The share of operations that came to nothing, other than for want of stock.
        case errors
    }

    public enum Comparison: String, CaseIterable, Sendable {
        // The longer ones first: the shorter ones begin like them.
        case atMost = "<="
        case atLeast = ">="
        case below = "<"
        case above = ">"

        func holds(_ value: Double, _ bound: Double) -> Bool {
            switch self {
            case .atMost: value <= bound
            case .atLeast: value >= bound
            case .below: value < bound
            case .above: value > bound
            }
        }
    }

    public var metric: Metric
    public var comparison: Comparison
    /// Operations a second, microseconds, or a share.
    public var bound: Double
    public var description: String

    /// Why a text is no threshold.
    public struct Fault: Error, Equatable, CustomStringConvertible {
        public var description: String
    }

    public init(_ text: String) throws(Fault) {
        let text = text.filter { $0 != " " }
        guard let comparison = Comparison.allCases.first(where: { text.contains($0.rawValue) }) else {
            throw Fault(description: "a threshold is METRIC<VALUE, such as p99<5ms; \"\(text)\" compares nothing")
        }
        let parts = text.split(separator: comparison.rawValue, maxSplits: 1, omittingEmptySubsequences: false)
        guard let metric = Metric(rawValue: String(parts[0])) else {
            let known = Metric.allCases.map(\.rawValue).joined(separator: ", ")
            throw Fault(description: "there is no metric \"\(parts[0])\": the metrics of a threshold are \(known)")
        }
        guard let bound = Self.bound(metric, String(parts[1])) else {
            throw Fault(description: "\"\(parts[1])\" is no value for \(metric.rawValue): \(Self.form(metric))")
        }
        self.metric = metric
        self.comparison = comparison
        self.bound = bound
        description = text
    }

    private static func form(_ metric: Metric) -> String {
        switch metric {
        case .rate: "it is operations a second, such as 1000"
        case .errors: "it is a share, such as 1%"
        default: "it is a time with its unit us, ms or s, such as 5ms"
        }
    }

    private static func bound(_ metric: Metric, _ text: String) -> Double? {
        let units: [(String, Double)] =
            switch metric {
            case .rate: [("/s", 1), ("", 1)]
            case .errors: [("%", 0.01)]
            default: [("us", 1), ("ms", 1000), ("s", 1_000_000)]
            }
        guard let unit = units.first(where: { text.hasSuffix($0.0) }),
            let number = Double(text.dropLast(unit.0.count)), number >= 0, number.isFinite
        else { return nil }
        return number * unit.1
    }

    /// The goals of the promotion system that this one descends from. A schedule sets its own rate.
    public static func defaults(rate: Double?) -> [Threshold] {
        let least = min(1000, (rate ?? 1000) * 0.9)
        return ["rate>=\(least == 1000 ? "1000" : decimal(least))", "mean<=100ms", "p95<=200ms", "errors<1%"].map {
            guard let threshold = try? Threshold($0) else { preconditionFailure("a default that is no threshold") }
            return threshold
        }
    }

    /// The defaults, but for metrics that are given.
    public static func all(given: [Threshold], rate: Double?) -> [Threshold] {
        defaults(rate: rate).filter { goal in !given.contains { $0.metric == goal.metric } } + given
    }

    /// What became of a threshold.
    public struct Outcome: Codable, Equatable, Sendable {
        public var threshold: String
        public var value: Double
        public var isMet: Bool
    }

    public func judge(_ load: LoadResult) -> Outcome {
        let value: Double =
            switch metric {
            case .rate: load.acceptedPerSecond
            case .errors: load.errorShare
            case .mean: load.latency.meanUs
            case .p50: Double(load.latency.p50Us)
            case .p90: Double(load.latency.p90Us)
            case .p95: Double(load.latency.p95Us)
            case .p99: Double(load.latency.p99Us)
            case .p999: Double(load.latency.p999Us)
            case .p9999: Double(load.latency.p9999Us)
            case .max: Double(load.latency.maxUs)
            }
        return Outcome(threshold: description, value: value, isMet: comparison.holds(value, bound))
    }
}

extension Threshold.Outcome {
    /// Such as `p99<5ms: 7.1 ms, missed`.
    public var text: String {
        let shown: String
        if threshold.hasPrefix(Threshold.Metric.rate.rawValue) {
            shown = "\(grouped(value))/s"
        } else if threshold.hasPrefix(Threshold.Metric.errors.rawValue) {
            shown = "\(decimal(value * 100, 2)) %"
        } else {
            shown = milliseconds(value)
        }
        return "\(threshold): \(shown), \(isMet ? "met" : "missed")"
    }
}

/// Microseconds as ms, to three digits or so.
public func milliseconds(_ us: Double) -> String { "\(decimal(us / 1000, us < 10_000 ? 3 : us < 100_000 ? 2 : 1)) ms" }
