import Generator

/// What `bench latency` measured.
public struct LatencyReport: Codable, Sendable {
    /// The disk, and the server in the seconds after it.
    public struct Round: Codable, Sendable {
        public var disk: DiskProbe.Result
        public var server: TrialResult

        public init(disk: DiskProbe.Result, server: TrialResult) {
            self.disk = disk
            self.server = server
        }

        /// Against the same arrivals on the disk alone.
        public var ratio: Double { Double(server.latency.p99Us) / Double(disk.arrivals.p99Us) }
        /// Against single writes: a stall counts once there, and for all who arrive in it here.
        public var ratioToWrites: Double { Double(server.latency.p99Us) / Double(disk.writes.p99Us) }
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
            "round", "disk: writes p50 us", "p99 us", "max us", "arrivals p50 us", "p99 us", "server: p50 us", "p99 us",
            "p99.9 us", "orders/s", "generator late p99 us", "max us", "CPU: shard", "generator", "others",
            "of it stolen",
            "p99: / arrivals", "/ writes",
        ])
        for (index, round) in rounds.enumerated() {
            table.add([
                "\(index + 1)", grouped(round.disk.writes.p50Us), grouped(round.disk.writes.p99Us),
                grouped(round.disk.writes.maxUs), grouped(round.disk.arrivals.p50Us),
                grouped(round.disk.arrivals.p99Us),
                grouped(round.server.latency.p50Us), grouped(round.server.latency.p99Us),
                grouped(round.server.latency.p999Us), grouped(round.server.ordersPerSecond),
                grouped(round.server.lateness.p99Us), grouped(round.server.lateness.maxUs),
                percent(round.server.shardCPU), percent(round.server.generatorCPU), percent(round.server.othersCPU),
                percent(round.server.stolenCPU),
                decimal(round.ratio, 2), decimal(round.ratioToWrites, 2),
            ])
        }
        let of = maximum.map { ", half of \(grouped($0))" } ?? ""
        let unsent = rounds.reduce(0) { $0 + $1.server.unsentFrames }
        return """
            \(load.name): \(load.connections) connections, frames of \(load.batch), \(grouped(rate)) orders/s due\(of)
            \(table.text)
            p99 in the median tenth of a second: \(typicalText)
            p99 of a round / p99 of the same arrivals on the disk alone: \(Self.text(rounds.map(\.ratio)))
            p99 of a round / p99 of the disk's writes: \(Self.text(rounds.map(\.ratioToWrites)))
            """ + (unsent > 0 ? "\n\(unsent) frames were due and never taken: the server was overloaded" : "")
    }

    /// The medians over all tenths of a second, of orders and of the disk's writes; nil without any.
    public var typicalP99Us: (orders: UInt64, disk: UInt64)? {
        let orders = rounds.flatMap(\.server.latency.tenthsP99Us)
        let disk = rounds.flatMap(\.disk.writes.tenthsP99Us)
        guard !orders.isEmpty, !disk.isEmpty else { return nil }
        return (orders.median { Double($0) }, disk.median { Double($0) })
    }

    private var typicalText: String {
        guard let (orders, disk) = typicalP99Us else { return "too short for a tenth of a second" }
        let ratio = Double(orders) / Double(disk)
        return "orders \(grouped(orders)) us, the disk's writes \(grouped(disk)) us: \(decimal(ratio, 2)) times; "
            + "goal at most \(decimal(LatencyReport.goal, 0)): \(ratio <= LatencyReport.goal ? "met" : "missed")"
    }

    private static func text(_ ratios: [Double]) -> String {
        let ratio = Spread(ratios)
        return "median \(decimal(ratio.median, 2)), \(decimal(ratio.min, 2)) .. \(decimal(ratio.max, 2)); goal at most "
            + "\(decimal(LatencyReport.goal, 0)): \(ratio.median <= LatencyReport.goal ? "met" : "missed")"
    }
}
