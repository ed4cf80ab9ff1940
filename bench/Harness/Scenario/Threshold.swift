import Generator

/// What a measured phase has to reach, such as `p99<5ms`.
public struct Threshold: Equatable, Sendable, CustomStringConvertible {
    public enum Metric: String, CaseIterable, Sendable {
        /// Accepted operations a second.
        case rate
        case mean, p50, p90, p95, p99, p999, p9999, max
        /// The share of operations that neither were accepted nor got an answer that a promotion gives (such as sold
        /// out): the server was busy or full, or the reply never came.
        case errors

        init?(name: String) {
            switch name.lowercased() {
            case "orders/s", "ops/s": self = .rate
            case "p99.9": self = .p999
            case "p99.99": self = .p9999
            case let other: self.init(rawValue: other)
            }
        }
    }

    public enum Comparison: String, Sendable {
        case below = "<"
        case atMost = "<="
        case above = ">"
        case atLeast = ">="
    }

    public var metric: Metric
    public var comparison: Comparison
    /// A second; microseconds; a share from 0 to 1.
    public var value: Double

    public init(_ metric: Metric, _ comparison: Comparison, _ value: Double) {
        self.metric = metric
        self.comparison = comparison
        self.value = value
    }

    /// Reads one; the error says what is wrong with it.
    public init(_ text: String) throws(LoadError) {
        func wrong(_ reason: String) -> LoadError { LoadError(description: "'\(text)' is no threshold: \(reason)") }
        let parts = text.filter { !$0.isWhitespace }
        guard let place = parts.firstIndex(where: { $0 == "<" || $0 == ">" }) else {
            throw wrong("write METRIC<VALUE or METRIC>VALUE, such as 'p99<5ms' or 'rate>=1000'")
        }
        guard let metric = Metric(name: String(parts[..<place])) else {
            throw wrong("metrics are \(Metric.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        var rest = parts[parts.index(after: place)...]
        let isInclusive = rest.hasPrefix("=")
        if isInclusive { rest.removeFirst() }
        let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), number.isFinite else { throw wrong("there is no number behind the sign") }
        guard let scale = Self.scale(metric, String(rest.dropFirst(digits.count))) else {
            throw wrong(Self.unitHelp(metric))
        }
        self.metric = metric
        comparison = Comparison(rawValue: "\(parts[place])\(isInclusive ? "=" : "")") ?? .below
        value = number * scale
    }

    private static func scale(_ metric: Metric, _ unit: String) -> Double? {
        switch (metric, unit) {
        case (.rate, ""), (.rate, "/s"): 1
        case (.rate, _): nil
        case (.errors, "%"): 0.01
        case (.errors, _): nil
        case (_, "us"): 1
        case (_, "ms"): 1000
        case (_, "s"): 1_000_000
        default: nil
        }
    }

    private static func unitHelp(_ metric: Metric) -> String {
        switch metric {
        case .rate: "a rate has no unit, or /s"
        case .errors: "errors are a share, such as 1%"
        default: "a time has a unit: us, ms or s"
        }
    }

    public var description: String { "\(metric.rawValue) \(comparison.rawValue) \(text(of: value))" }

    private func text(of value: Double) -> String {
        switch metric {
        case .rate: "\(grouped(value))/s"
        case .errors: "\(decimal(value * 100, 2)) %"
        default: duration(us: value)
        }
    }

    /// The goals of the promotion system that this one descends from. Arrivals on a schedule cannot be more than are
    /// due: of a lower rate nearly all have to be accepted.
    public static func goals(rate: Double?) -> [Threshold] {
        [
            Threshold(.rate, .atLeast, min(1000, (rate ?? .infinity) * 0.95)), Threshold(.mean, .atMost, 100_000),
            Threshold(.p95, .atMost, 200_000), Threshold(.errors, .below, 0.01),
        ]
    }

    /// The goals, but for metrics that somebody has thresholds of their own for.
    public static func chosen(_ own: [Threshold], rate: Double?) -> [Threshold] {
        goals(rate: rate).filter { goal in !own.contains { $0.metric == goal.metric } } + own
    }

    /// What came of a threshold in one phase.
    public struct Verdict: Codable, Equatable, Sendable {
        public var phase: String
        public var threshold: String
        public var measured: String
        public var isMet: Bool
    }

    public func judge(_ phase: PhaseResult) -> Verdict {
        let latency = phase.latency
        let measured: Double =
            switch metric {
            case .rate: phase.acceptedPerSecond
            case .mean: latency.meanUs
            case .p50: Double(latency.p50Us)
            case .p90: Double(latency.p90Us)
            case .p95: Double(latency.p95Us)
            case .p99: Double(latency.p99Us)
            case .p999: Double(latency.p999Us)
            case .p9999: Double(latency.p9999Us)
            case .max: Double(latency.maxUs)
            case .errors: phase.errorShare
            }
        let holds =
            switch comparison {
            case .below: measured < value
            case .atMost: measured <= value
            case .above: measured > value
            case .atLeast: measured >= value
            }
        // Where nothing was accepted, times of nothing are no good times.
        return Verdict(
            phase: phase.name, threshold: description, measured: text(of: measured),
            isMet: holds && phase.accepted > 0)
    }
}

/// A time as a person says it: three digits and a unit.
public func duration(us: Double) -> String {
    switch us {
    case ..<1000: "\(grouped(us)) us"
    case ..<10_000: "\(decimal(us / 1000, 2)) ms"
    case ..<100_000: "\(decimal(us / 1000, 1)) ms"
    case ..<1_000_000: "\(grouped(us / 1000)) ms"
    default: "\(decimal(us / 1e6, 2)) s"
    }
}
