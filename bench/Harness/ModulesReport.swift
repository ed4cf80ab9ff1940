import Generator

/// What `bench modules` measured: every workload in the same shape of load, in the same run.
public struct ModulesReport: Codable, Sendable {
    public struct Row: Codable, Sendable {
        public var load: LoadCase
        public var workload: Workload
        public var runs: [TrialResult] = []

        public init(_ load: LoadCase, _ workload: Workload) {
            self.load = load
            self.workload = workload
        }
    }

    /// The least share of the rate of orders that a module has to reach.
    public static let shareMin = 0.5

    public var command: String
    public var machine: Machine
    public var secondsPerRun: Double
    public var rows: [Row]

    public init(command: String, machine: Machine, secondsPerRun: Double, rows: [Row]) {
        self.command = command
        self.machine = machine
        self.secondsPerRun = secondsPerRun
        self.rows = rows
    }

    /// The rows of one shape, that of orders first. Ratios are formed within a run.
    public static func table(_ rows: [Row]) -> String {
        var table = TextTable([
            rows[0].load.name, "accepted/s: median", "min", "max", "of orders", "min", "max", "goal", "p99 us",
            "CPU: shard", "generator", "others",
        ])
        for row in rows {
            let rate = Spread(row.runs.map(\.ordersPerSecond))
            let share = Spread(zip(row.runs, rows[0].runs).map { $0.ordersPerSecond / $1.ordersPerSecond })
            let run = row.runs.median(by: \.ordersPerSecond)
            let goal = row.workload == .order ? "" : "\(shareMin) \(share.median >= shareMin ? "met" : "missed")"
            table.add([
                row.workload.rawValue, grouped(rate.median), grouped(rate.min), grouped(rate.max),
                decimal(share.median, 2), decimal(share.min, 2), decimal(share.max, 2), goal,
                grouped(run.latency.p99Us), percent(run.shardCPU), percent(run.generatorCPU), percent(run.othersCPU),
            ])
        }
        return table.text
    }
}
