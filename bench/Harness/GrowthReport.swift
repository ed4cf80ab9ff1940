/// What `bench growth` measured: groups of rows in which one thing grows.
public struct GrowthReport: Codable, Sendable {
    public struct Row: Codable, Sendable {
        public var group: String
        public var load: LoadCase
        public var users: Int
        public var sales: Int
        public var shards: Int
        /// Whether a connection orders only for users of the shard that serves it.
        public var isOwnUsersOnly: Bool
        public var runs: [TrialResult] = []

        public init(
            _ group: String, _ name: String, connections: Int = 64, depth: Int = 1, batch: Int = 1,
            users: Int = 1_000_000, sales: Int = 1, shards: Int = 1, isOwnUsersOnly: Bool = false
        ) {
            self.group = group
            load = LoadCase(name: name, connections: connections, depth: depth, batch: batch)
            self.users = users
            self.sales = sales
            self.shards = shards
            self.isOwnUsersOnly = isOwnUsersOnly
        }
    }

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

    /// Every row that can be measured, the first of its group first.
    public static let allRows: [Row] =
        // About 1,024 orders in flight on however many connections.
        [1, 10, 100, 1000, 10_000].map {
            Row("connections", grouped($0), connections: $0, depth: max(1, 1024 / $0))
        }
        + [1000, 10_000, 100_000, 1_000_000, 10_000_000].map {
            Row("users", grouped($0), batch: 128, users: $0)
        }
        + [1, 10, 100, 1000, 10_000, 100_000].map { Row("sales", grouped($0), batch: 128, sales: $0) }
        + shardRows("shards", depth: 16, batch: 1) + shardRows("shards-batches", depth: 1, batch: 128)

    private static func shardRows(_ group: String, depth: Int, batch: Int) -> [Row] {
        [
            Row(group, "1", depth: depth, batch: batch, shards: 1),
            Row(group, "2, own users", depth: depth, batch: batch, shards: 2, isOwnUsersOnly: true),
            Row(group, "2, any users", depth: depth, batch: batch, shards: 2),
        ]
    }

    /// One group. Ratios are formed within a run, with its own first row, so that the machine's mood of that minute is
    /// in both.
    public static func table(_ group: String, _ rows: [Row]) -> String {
        var table = TextTable([
            group, "orders/s: median", "min", "max", "of the first", "p99 us", "of the first", "CPU: shards",
            "generator", "others",
        ])
        let first = rows[0].runs
        for row in rows {
            let rate = Spread(row.runs.map(\.ordersPerSecond))
            let p99 = Spread(row.runs.map { Double($0.latency.p99Us) })
            let rateRatio = Spread(zip(row.runs, first).map { $0.ordersPerSecond / $1.ordersPerSecond })
            let p99Ratio = Spread(zip(row.runs, first).map { Double($0.latency.p99Us) / Double($1.latency.p99Us) })
            let run = row.runs.median(by: \.ordersPerSecond)
            table.add([
                row.load.name, grouped(rate.median), grouped(rate.min), grouped(rate.max),
                decimal(rateRatio.median, 2), grouped(p99.median), decimal(p99Ratio.median, 2),
                percent(run.shardCPU), percent(run.generatorCPU), percent(run.othersCPU),
            ])
        }
        return table.text
    }
}
