import Generator

/// What `bench compare` measured: each contestant under each load, and timesale against each of the others.
public struct CompareReport: Codable, Sendable {
    public struct Spreads: Codable, Sendable {
        public var server: Double
        public var generator: Double
        /// Everything else that ran on the machine.
        public var others: Double
        /// Of it, what the hypervisor withheld.
        public var stolen: Double
    }

    /// One contestant under one load; times in microseconds.
    public struct Result: Codable, Sendable {
        public var contestant: String
        public var `case`: String
        public var opsPerS: Spread
        /// Medians over the rounds.
        public var p50: Double
        public var p99: Double
        public var p999: Double
        /// Of the round with the median rate, in shares of one core.
        public var cpu: Spreads
        public var rounds: [BoutResult]

        enum CodingKeys: String, CodingKey {
            case contestant, `case`, p50, p99, p999, cpu, rounds
            case opsPerS = "ops_per_s"
        }
    }

    /// timesale's rate over that of another, formed within each round.
    public struct Ratio: Codable, Sendable {
        public var `case`: String
        public var against: String
        public var median: Double
        public var low: Double
        public var high: Double
        public var confidence: Double
        /// The same of the p99, where less is better.
        public var p99: RatioInterval
        /// Of the rounds in which both had their CPUs near each other, where there are others; see `CPUDistance`.
        public var near: RatioInterval?
        public var nearRounds: Int?
        /// What the median has to be at least; none where nothing is asked for.
        public var target: Double?
        public var isMet: Bool?

        enum CodingKeys: String, CodingKey {
            case `case`, against, median, low, high, confidence, p99, near, nearRounds, target
            case isMet = "met"
        }
    }

    /// What timesale has to reach against Redis that is as durable: times its rate.
    public static let targets = ["depth-1": 3.0, "depth-16": 15, "depth-128": 50, "batch-128": 30]
    /// There its p99 must be no higher, either.
    public static let latencyTarget = "depth-1"
    public static let targetContestant = "redis-always"

    public var command = "compare"
    public var machine: Machine
    /// What each contestant is, as it says itself.
    public var versions: [String: String]
    public var transport: String
    public var secondsPerRound: Double
    public var interval: String
    public var results: [Result]
    public var ratios: [Ratio]
    /// How far the two CPUs were from each other, over all bouts; nil if they were not both given.
    public var cpuDistanceNs: Spread?

    /// `bouts` holds, for each load and contestant, one result of every round; timesale first among contestants.
    public init(
        machine: Machine, versions: [String: String], transport: String, secondsPerRound: Double,
        bouts: [(test: String, contestant: String, rounds: [BoutResult])]
    ) {
        self.machine = machine
        self.versions = versions
        self.transport = transport
        self.secondsPerRound = secondsPerRound
        interval = "of the median, between two ratios of rounds, by the sign test"
        results = bouts.map { bout in
            let median = bout.rounds.median(by: \.ordersPerSecond)
            func middle(_ value: (Latencies) -> UInt64) -> Double {
                Spread(bout.rounds.map { Double(value($0.latency)) }).median
            }
            return Result(
                contestant: bout.contestant, case: bout.test, opsPerS: Spread(bout.rounds.map(\.ordersPerSecond)),
                p50: middle(\.p50Us), p99: middle(\.p99Us), p999: middle(\.p999Us),
                cpu: Spreads(
                    server: median.serverCPU, generator: median.generatorCPU, others: median.othersCPU,
                    stolen: median.stolenCPU),
                rounds: bout.rounds)
        }
        let distances = bouts.flatMap(\.rounds).compactMap(\.cpuDistanceNs)
        cpuDistanceNs = distances.isEmpty ? nil : Spread(distances)
        let nearMaxNs = CPUDistance.nearFactor * (distances.min() ?? .infinity)
        ratios = results.compactMap { [results] other in
            let own = results.first { $0.case == other.case && $0.contestant == "timesale" }
            return own.flatMap {
                other.contestant == $0.contestant ? nil : Self.ratio($0, other, nearMaxNs: nearMaxNs)
            }
        }
    }

    private static func ratio(_ own: Result, _ other: Result, nearMaxNs: Double) -> Ratio {
        let pairs = Array(zip(own.rounds, other.rounds))
        func interval(_ pairs: [(BoutResult, BoutResult)]) -> RatioInterval {
            RatioInterval(pairs.map { $0.ordersPerSecond / max(1, $1.ordersPerSecond) })
        }
        let near = pairs.filter { max($0.cpuDistanceNs ?? 0, $1.cpuDistanceNs ?? 0) <= nearMaxNs }
        let isMixed = !near.isEmpty && near.count < pairs.count
        let rate = interval(pairs)
        let p99 = RatioInterval(pairs.map { Double($0.latency.p99Us) / Double(max(1, $1.latency.p99Us)) })
        let target = other.contestant == targetContestant ? targets[other.case] : nil
        let isFast = target.map { rate.median >= $0 }
        return Ratio(
            case: other.case, against: other.contestant, median: rate.median, low: rate.low, high: rate.high,
            confidence: rate.confidence, p99: p99,
            near: isMixed ? interval(near) : nil, nearRounds: isMixed ? near.count : nil, target: target,
            isMet: isFast.map { $0 && (other.case != latencyTarget || p99.median <= 1) })
    }
}

extension CompareReport {
    public var text: String {
        (cases.map(table) + [ratioTable, distanceText].compactMap { $0 }).joined(separator: "\n\n")
    }

    /// Whether the machine was one all the time.
    private var distanceText: String? {
        guard let distance = cpuDistanceNs else { return nil }
        let near = ratios.compactMap { ratio in
            ratio.near.map {
                "\(ratio.against), \(ratio.case): \(Self.times($0.median)) in \(ratio.nearRounds ?? 0) rounds"
            }
        }
        let apart = """
            The two CPUs were \(decimal(distance.median, 0)) ns from each other \
            (\(decimal(distance.min, 0)) .. \(decimal(distance.max, 0)) in all bouts).
            """
        if near.isEmpty { return apart }
        return "\(apart) Times the orders/s, of the rounds in which they were near:\n\(near.joined(separator: "\n"))"
    }

    /// In the order in which they were measured.
    var cases: [String] {
        var cases: [String] = []
        for result in results where !cases.contains(result.case) { cases.append(result.case) }
        return cases
    }

    private func table(_ test: String) -> String {
        var table = TextTable([
            test, "orders/s: median", "min", "max", "p50 us", "p99 us", "p99.9 us", "CPU: server", "generator",
            "others", "of it stolen",
        ])
        for result in results where result.case == test {
            table.add([
                result.contestant, grouped(result.opsPerS.median), grouped(result.opsPerS.min),
                grouped(result.opsPerS.max), grouped(result.p50), grouped(result.p99), grouped(result.p999),
                percent(result.cpu.server), percent(result.cpu.generator), percent(result.cpu.others),
                percent(result.cpu.stolen),
            ])
        }
        return table.text
    }

    private var ratioTable: String {
        guard let confidence = ratios.first?.confidence else { return "nobody to compare with" }
        var table = TextTable([
            "timesale against", "times the orders/s", "low", "high", "times the p99", "low", "high", "target",
        ])
        for ratio in ratios {
            table.add([
                "\(ratio.against), \(ratio.case)",
                Self.times(ratio.median), Self.times(ratio.low), Self.times(ratio.high),
                decimal(ratio.p99.median, 2), decimal(ratio.p99.low, 2), decimal(ratio.p99.high, 2),
                Self.target(ratio),
            ])
        }
        return """
            \(table.text)
            Ratios are formed within each round; their median, and the interval that holds the true one in \
            \(decimal(100 * confidence)) % of all cases (sign test).
            """
    }

    /// With three digits or more.
    static func times(_ ratio: Double) -> String { decimal(ratio, ratio < 10 ? 2 : ratio < 100 ? 1 : 0) }

    private static func target(_ ratio: Ratio) -> String {
        guard let target = ratio.target, let isMet = ratio.isMet else { return "" }
        let latency = ratio.case == latencyTarget ? ", p99 no higher" : ""
        return "at least \(decimal(target, 0))\(latency): \(isMet ? "met" : "missed")"
    }
}
