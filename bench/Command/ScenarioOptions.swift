import ArgumentParser
import Foundation
import Generator
import Harness

/// Options of the load tests of a promotion.
struct ScenarioOptions: ParsableArguments {
    @OptionGroup var fresh: FreshServerOptions
    @Option(
        help: ArgumentHelp(
            """
            A server that runs, HOST:PORT or unix:PATH, in place of a fresh one. Nobody else may use it meanwhile. \
            TIMESALE_TOKEN holds the token of an admin, if it wants one.
            """, valueName: "address"))
    var target: String?
    @Option(
        help: ArgumentHelp(
            "The data directory of --target's server, if it is here: to read its log.", valueName: "dir"))
    var data: String?
    @Option(help: "Shards of a fresh server. With more than one the scheduler places all threads.")
    var shards = 1

    @Option(help: "Connections.")
    var connections = 64
    @Option(help: "Frames in flight on each connection.")
    var depth = 1
    @Option(help: "Operations in each frame, where an operation comes in batches; 1 to 8190.")
    var batch = 1
    @Option(help: "Users.")
    var users = 1_000_000
    @Option(help: "Sales, and policies.")
    var sales = 1
    @Option(
        parsing: .unconditional,
        help: "How much the first sales are wanted more than the others (Zipf); 0: all alike.")
    var skew = 0.0
    @Option(help: "Seconds of each phase that measures speed, after half a second that is not counted.")
    var seconds = 5.0
    @Option(help: "So many operations in each such phase, in place of seconds.")
    var operations: Int?
    @Option(
        parsing: .unconditional,
        help: """
            Operations a second on a schedule (open loop) in phases that measure speed; latency counts from the time \
            an operation was due.
            """)
    var rate: Double?
    @Option(help: "Buyers at once where more is asked for than there is.")
    var buyers = 1000
    @Option(help: "Stock of each sale there, coupons of each policy.")
    var stock = 10_000
    @Option(help: "Seed of users, sales and ids.")
    var seed: UInt64 = 1

    @Option(
        name: .customLong("threshold"),
        help: ArgumentHelp(
            """
            Such as 'p99<5ms', 'rate>=50000' or 'errors<0.1%'; may be repeated. Metrics: \
            \(Threshold.Metric.allCases.map(\.rawValue).joined(separator: ", ")). In place of a default of the same \
            metric: rate >= 1,000/s, mean <= 100 ms, p95 <= 200 ms, errors < 1 %.
            """, valueName: "threshold"))
    var thresholds: [String] = []
    @OptionGroup var output: PageOptions

    func validate() throws {
        if let target {
            guard LoadPlan.Address(target) != nil else {
                throw ValidationError(
                    "--target is HOST:PORT, such as 127.0.0.1:7070, or unix:PATH of at most 107 bytes")
            }
        } else {
            try fresh.requireServer()
        }
        guard data == nil || target != nil else {
            throw ValidationError("--data belongs to --target: a fresh server's log is read by itself")
        }
        try validateLoad()
        _ = try ownThresholds()
    }

    private func validateLoad() throws {
        guard (1...64).contains(shards) else { throw ValidationError("--shards is 1 to 64") }
        guard (1...10_000).contains(connections), (1...10_000).contains(buyers) else {
            throw ValidationError("--connections and --buyers are 1 to 10000")
        }
        guard depth >= 1, connections * depth <= 1 << 20 else {
            throw ValidationError("--depth is at least 1, and frames in flight at most 1048576")
        }
        guard (1...8190).contains(batch) else { throw ValidationError("--batch is 1 to 8190") }
        guard (1...100_000_000).contains(users) else { throw ValidationError("--users is 1 to 100000000") }
        guard (1...100_000).contains(sales) else { throw ValidationError("--sales is 1 to 100000") }
        guard skew >= 0, skew <= 10 else { throw ValidationError("--skew is 0 to 10: a negative one means nothing") }
        guard seconds > 0, seconds <= 3600 else { throw ValidationError("--seconds is above 0, at most 3600") }
        guard (1...1_000_000_000).contains(operations ?? 1) else {
            throw ValidationError("--operations is 1 to 1000000000")
        }
        guard (rate ?? 1) > 0, (rate ?? 1) <= 1e8 else {
            throw ValidationError("--rate is above 0: without it the loop is closed")
        }
        guard stock >= 1, stock * sales <= 10_000_000 else {
            throw ValidationError("--stock is at least 1, and over all sales at most 10000000")
        }
    }

    private func ownThresholds() throws -> [Threshold] {
        try thresholds.map { text in
            do { return try Threshold(text) } catch { throw ValidationError("\(error)") }
        }
    }

    private var load: ScenarioLoad {
        var load = ScenarioLoad()
        (load.connections, load.depth, load.batch) = (connections, depth, batch)
        (load.users, load.sales, load.skew) = (users, sales, skew)
        (load.seconds, load.operations, load.rate) = (seconds, operations, rate)
        (load.buyers, load.stock, load.seed) = (buyers, stock, seed)
        return load
    }

    private var place: ScenarioRunner.Place {
        if let target, let address = LoadPlan.Address(target) {
            let token = ProcessInfo.processInfo.environment["TIMESALE_TOKEN"] ?? ""
            return .target(address, token: token, data: data)
        }
        var settings = fresh.settings
        settings.shards = shards
        if shards > 1 { settings.pin = [] }
        return .fresh(settings, isUnix: fresh.unix)
    }

    /// 1 if something does not agree, 2 if only a threshold was missed.
    func run(_ command: String, _ scenarios: [Scenario]) throws {
        let machine = Machine.current()
        print(machine.text)
        var runner = ScenarioRunner(place: place, load: load)
        runner.generatorCPU = shards == 1 ? fresh.generatorCpu : -1
        runner.say = { Progress.show($0) }
        runner.watch = { Progress.show(Self.line($0)) }
        let chosen = Threshold.chosen(try ownThresholds(), rate: rate)
        var results: [ScenarioResult] = []
        for scenario in scenarios {
            defer { Progress.clear() }
            var result = try runner.run(scenario)
            Progress.clear()
            result.judge(chosen)
            print("\n\(result.text)")
            results.append(result)
        }
        let whole = ScenarioReport(
            command: command, machine: machine, server: target ?? "a fresh server", shards: shards,
            fsync: target == nil ? fresh.fsync : nil, load: load, results: results)
        try output.write(whole)
        guard results.allSatisfy(\.isVerified) else { throw ExitCode.failure }
        guard results.allSatisfy(\.isFastEnough) else { throw ExitCode(2) }
    }

    private static func line(_ sight: ScenarioRunner.Sight) -> String {
        let moment = sight.moment
        return "\(sight.scenario) \(sight.phase.name)  \(decimal(moment.seconds)) s  "
            + "\(grouped(sight.acceptedPerSecond))/s"
            + (moment.p99Us.map { "  p99 \(duration(us: Double($0)))" } ?? "")
            + (moment.refused > 0 ? "  \(grouped(moment.refused)) refused" : "")
            + (sight.left.map { "  \(grouped($0)) left" } ?? "")
    }
}
