import Generator

/// What `bench snapshots` measured.
public struct SnapshotReport: Codable, Sendable {
    public struct Made: Codable, Sendable {
        public var records: UInt64
        public var durationMs: UInt64

        public init(records: UInt64, durationMs: UInt64) {
            self.records = records
            self.durationMs = durationMs
        }
    }

    public struct Round: Codable, Sendable {
        public var without: TrialResult
        public var with: TrialResult
        /// While the second was measured; the last of them may have ended later.
        public var snapshots: [Made]

        public init(without: TrialResult, with: TrialResult, snapshots: [Made]) {
            self.without = without
            self.with = with
            self.snapshots = snapshots
        }

        public var ratio: Double { Double(with.latency.p99Us) / Double(max(1, without.latency.p99Us)) }
    }

    /// Times the p99 without that the p99 with one may be.
    public static let goal = 1.5

    public var command: String
    public var machine: Machine
    public var orders: Int
    /// Orders a second that were due.
    public var rate: Double
    public var rounds: [Round]

    public init(command: String, machine: Machine, orders: Int, rate: Double, rounds: [Round]) {
        self.command = command
        self.machine = machine
        self.orders = orders
        self.rate = rate
        self.rounds = rounds
    }

    /// Medians over all tenths of a second, without and with; nil without any.
    public var typicalP99Us: (without: UInt64, with: UInt64)? {
        let without = rounds.flatMap(\.without.latency.tenthsP99Us)
        let with = rounds.flatMap(\.with.latency.tenthsP99Us)
        guard !without.isEmpty, !with.isEmpty else { return nil }
        return (without.median { Double($0) }, with.median { Double($0) })
    }

    public var text: String {
        var table = TextTable([
            "round", "without: p50 us", "p99 us", "late p99 us", "with: p50 us", "p99 us", "late p99 us", "snapshots",
            "ms each", "CPU: shard", "generator", "others", "p99: with / without",
        ])
        for (index, round) in rounds.enumerated() {
            let times = round.snapshots.map(\.durationMs)
            table.add([
                "\(index + 1)", grouped(round.without.latency.p50Us), grouped(round.without.latency.p99Us),
                grouped(round.without.lateness.p99Us), grouped(round.with.latency.p50Us),
                grouped(round.with.latency.p99Us), grouped(round.with.lateness.p99Us), "\(times.count)",
                times.isEmpty ? "-" : grouped(times.reduce(0, +) / UInt64(times.count)),
                percent(round.with.shardCPU), percent(round.with.generatorCPU), percent(round.with.othersCPU),
                decimal(round.ratio, 2),
            ])
        }
        let ratio = Spread(rounds.map(\.ratio))
        func verdict(_ value: Double) -> String { value <= Self.goal ? "met" : "missed" }
        var typical = "too short for a tenth of a second"
        if let (without, with) = typicalP99Us {
            let value = Double(with) / Double(max(1, without))
            typical = "\(grouped(without)) us without, \(grouped(with)) us with: \(decimal(value, 2)) times; "
                + "goal at most \(decimal(Self.goal, 1)): \(verdict(value))"
        }
        return """
            \(grouped(orders)) orders at first, then \(grouped(rate)) orders/s due
            \(table.text)
            p99 in the median tenth of a second: \(typical)
            p99 of a round, with / without: median \(decimal(ratio.median, 2)), \(decimal(ratio.min, 2)) .. \
            \(decimal(ratio.max, 2)); goal at most \(decimal(Self.goal, 1)): \(verdict(ratio.median))
            """
    }
}
