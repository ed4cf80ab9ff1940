import Generator

/// What `bench mirror` measured: in each round the same load without a mirror, with one, and with one whose Redis is
/// stopped.
public struct MirrorReport: Codable, Sendable {
    /// How many times the CPU time of an order without a mirror it may be with one.
    public static let goal = 1.1

    public var command: String
    public var machine: Machine
    public var connections: Int
    /// Orders in each frame.
    public var batch: Int
    /// Orders a second that were due.
    public var rate: Double
    public var sales: Int
    public var events: Bool
    /// In the order of `MirrorMode.allCases`.
    public var rounds: [[MirrorTrial]]

    public init(
        command: String, machine: Machine, connections: Int, batch: Int, rate: Double, sales: Int, events: Bool,
        rounds: [[MirrorTrial]]
    ) {
        self.command = command
        self.machine = machine
        self.connections = connections
        self.batch = batch
        self.rate = rate
        self.sales = sales
        self.events = events
        self.rounds = rounds
    }

    /// CPU time per order against that without a mirror, round by round.
    public func ratio(_ mode: MirrorMode) -> RatioInterval {
        RatioInterval(
            rounds.map { round in
                let base = round.first { $0.mode == .off }!.shardCPUUsPerOrder
                return round.first { $0.mode == mode }!.shardCPUUsPerOrder / base
            })
    }

    public var text: String {
        var table = TextTable([
            "mirror", "orders/s", "shard us/order: median", "min", "max", "times that without", "low", "high", "goal",
            "p99 us", "CPU: shard", "server", "generator", "others", "flushes", "count writes", "caught up in ms",
        ])
        for mode in MirrorMode.allCases {
            let runs = rounds.compactMap { $0.first { $0.mode == mode } }
            let cost = Spread(runs.map(\.shardCPUUsPerOrder))
            let run = runs.median(by: \.shardCPUUsPerOrder)
            let load = run.load
            let ratio = ratio(mode)
            var against = [
                decimal(ratio.median, 3), decimal(ratio.low, 3), decimal(ratio.high, 3),
                "\(Self.goal) \(ratio.median <= Self.goal ? "met" : "missed")",
            ]
            var mirrored = [grouped(run.flushes), grouped(run.countWrites), grouped(run.caughtUpMs)]
            if mode == .off {
                against = against.map { _ in "" }
                mirrored = mirrored.map { _ in "" }
            }
            table.add(
                [
                    mode.rawValue, grouped(load.ordersPerSecond), decimal(cost.median, 2), decimal(cost.min, 2),
                    decimal(cost.max, 2),
                ] + against + [
                    grouped(load.latency.p99Us), percent(load.shardCPU), percent(load.serverCPU),
                    percent(load.generatorCPU), percent(load.othersCPU),
                ] + mirrored)
        }
        let mirrored = rounds.joined().filter { $0.mode != .off }
        let isCoalesced = mirrored.allSatisfy(\.isCoalesced)
        return """
            \(grouped(rate)) orders/s due, connections: \(grouped(connections)), frames of \(grouped(batch)), \
            over \(grouped(sales)) sales\(events ? ", with events" : "")
            \(table.text)
            at most one count write for each of \(grouped(sales)) sales and flush: \
            \(isCoalesced ? "so in all \(mirrored.count) runs" : "BROKEN")
            """
    }
}
