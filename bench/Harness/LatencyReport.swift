import Generator

/// What `bench latency` measured.
public struct LatencyReport: Codable, Sendable {
    /// The disk, and the server in the seconds after it.
    public struct Round: Codable, Sendable {
        public var disk: Latencies
        public var server: TrialResult

        public init(disk: Latencies, server: TrialResult) {
            self.disk = disk
            self.server = server
        }

        public var ratio: Double { Double(server.latency.p99Us) / Double(disk.p99Us) }
    }

    public struct Case: Codable, Sendable {
        public var load: LoadCase
        /// Orders a second in a closed loop, if that was measured.
        public var maximum: Double?
        /// Orders a second that were due.
        public var rate: Double
        public var rounds: [Round]

        public init(load: LoadCase, maximum: Double?, rate: Double, rounds: [Round]) {
            self.load = load
            self.maximum = maximum
            self.rate = rate
            self.rounds = rounds
        }
    }

    /// Times the disk's own p99 that an order's may be.
    public static let goal = 3.0

    public var command: String
    public var machine: Machine
    public var cases: [Case]

    public init(command: String, machine: Machine, cases: [Case]) {
        self.command = command
        self.machine = machine
        self.cases = cases
    }
}

extension LatencyReport.Case {
    public var text: String {
        var table = TextTable([
            "round", "disk p50 us", "p99 us", "server p50 us", "p99 us", "p99.9 us", "orders/s",
            "generator late p99 us", "max us", "CPU: shard", "generator", "others", "p99 / disk p99",
        ])
        for (index, round) in rounds.enumerated() {
            table.add([
                "\(index + 1)", grouped(round.disk.p50Us), grouped(round.disk.p99Us),
                grouped(round.server.latency.p50Us), grouped(round.server.latency.p99Us),
                grouped(round.server.latency.p999Us), grouped(round.server.ordersPerSecond),
                grouped(round.server.lateness.p99Us), grouped(round.server.lateness.maxUs),
                percent(round.server.shardCPU), percent(round.server.generatorCPU), percent(round.server.othersCPU),
                decimal(round.ratio, 2),
            ])
        }
        let ratio = Spread(rounds.map(\.ratio))
        let of = maximum.map { ", half of \(grouped($0))" } ?? ""
        let unsent = rounds.reduce(0) { $0 + $1.server.unsentFrames }
        return """
            \(load.name): \(load.connections) connections, frames of \(load.batch), \(grouped(rate)) orders/s due\(of)
            \(table.text)
            p99 of orders / p99 of the disk: median \(decimal(ratio.median, 2)), \(decimal(ratio.min, 2)) .. \
            \(decimal(ratio.max, 2)); goal at most \(decimal(LatencyReport.goal, 0)): \
            \(ratio.median <= LatencyReport.goal ? "met" : "missed")
            """ + (unsent > 0 ? "\n\(unsent) frames were due and never taken: the server was overloaded" : "")
    }
}
