/// What `bench speed` measured.
public struct SpeedReport: Codable, Sendable {
    public struct Case: Codable, Sendable {
        public var load: LoadCase
        public var runs: [TrialResult]

        public init(load: LoadCase, runs: [TrialResult]) {
            self.load = load
            self.runs = runs
        }

        /// The run with the median rate: its latencies and CPU belong together.
        public var medianRun: TrialResult { runs.median(by: \.ordersPerSecond) }
    }

    public var command: String
    public var machine: Machine
    public var fsync: String
    public var transport: String
    public var secondsPerRun: Double
    public var before: Calibration
    public var after: Calibration
    public var cases: [Case]

    public init(
        command: String, machine: Machine, fsync: String, transport: String, secondsPerRun: Double,
        before: Calibration, after: Calibration, cases: [Case]
    ) {
        self.command = command
        self.machine = machine
        self.fsync = fsync
        self.transport = transport
        self.secondsPerRun = secondsPerRun
        self.before = before
        self.after = after
        self.cases = cases
    }

    public static func table(_ cases: [Case]) -> String {
        var table = TextTable([
            "case", "orders/s: median", "min", "max", "p50 us", "p99 us", "p99.9 us", "CPU: shard", "server",
            "generator", "others", "of it stolen",
        ])
        for test in cases {
            let rate = Spread(test.runs.map(\.ordersPerSecond))
            let run = test.medianRun
            table.add([
                test.load.name, grouped(rate.median), grouped(rate.min), grouped(rate.max),
                grouped(run.latency.p50Us), grouped(run.latency.p99Us), grouped(run.latency.p999Us),
                percent(run.shardCPU), percent(run.serverCPU), percent(run.generatorCPU),
                percent(run.othersCPU), percent(run.stolenCPU),
            ])
        }
        return table.text
    }
}
