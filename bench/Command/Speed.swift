import ArgumentParser
import CLinux
import Foundation
import Generator

/// Options that every measurement of a server takes.
struct MeasureOptions: ParsableArguments {
    @Option(help: "The timesaled to measure.")
    var server = "bin/timesaled"
    @Option(help: "Where data directories are made; the disk there is part of what is measured.")
    var directory: String?
    @Option(help: "always, everysec or no.")
    var fsync = "always"
    @Option(help: "CPU of the shard's thread; -1 leaves it to the scheduler.")
    var serverCpu = 0
    @Option(help: "CPU of the generator's thread; -1 leaves it to the scheduler.")
    var generatorCpu = 1
    @Option(help: "Seconds that are measured in each run.")
    var seconds = 4.0
    @Option(help: "Orders that the server has room for.")
    var orders = 60_000_000
    @Option(help: "Users that the server has room for; nine tenths of them order.")
    var users = 4_000_000
    @Option(help: "MiB of log that the server makes ready before the load.")
    var logAhead = 3072
    @Flag(help: "Tables get their memory as they grow, in place of all before the load.")
    var growing = false
    @Flag(help: "Over a unix socket in place of loopback TCP.")
    var unix = false

    func settings(orders: Int, users: Int) -> ServerUnderTest.Settings {
        var settings = ServerUnderTest.Settings(executable: server, directory: directory)
        settings.fsync = fsync
        settings.orders = orders
        settings.users = users
        settings.areTablesResident = !growing
        settings.logAheadBytes = logAhead << 20
        settings.pin = serverCpu >= 0 ? [serverCpu] : []
        return settings
    }

    func pinGenerator() {
        if generatorCpu >= 0 { _ = ts_pin_thread(Int32(generatorCpu)) }
    }
}

/// One measured case: a shape of load, and what it reached.
struct SpeedCase {
    var name: String
    var connections: Int
    var depth: Int
    var batch: Int

    static let all = [
        SpeedCase(name: "depth 1", connections: 64, depth: 1, batch: 1),
        SpeedCase(name: "depth 16", connections: 64, depth: 16, batch: 1),
        SpeedCase(name: "depth 128", connections: 64, depth: 128, batch: 1),
        SpeedCase(name: "batches of 128", connections: 64, depth: 1, batch: 128),
        SpeedCase(name: "batches of 1024", connections: 4, depth: 1, batch: 1024),
    ]
}

struct Measurement {
    var report: LoadReport
    var serverCPU: Double
}

/// Runs one case on a fresh server. The stock is above any demand: what counts is accepted orders.
func measure(
    _ options: MeasureOptions, _ test: SpeedCase, seed: UInt64, framesPerSecond: Double? = nil,
    begins: (Int32) -> Void = { _ in }
)
    throws -> Measurement
{
    let orders = options.orders
    let users = options.users
    let server = try ServerUnderTest(options.settings(orders: orders, users: users))
    defer { server.stop() }
    var plan = LoadPlan(address: options.unix ? .unix(path: server.unixPath) : .tcp(port: server.port))
    plan.connections = test.connections
    plan.depth = test.depth
    plan.batch = test.batch
    plan.users = UInt64(users) * 9 / 10
    plan.seconds = options.seconds
    plan.seed = seed
    plan.framesPerSecond = framesPerSecond
    try Generator.createSales(plan, stock: 1 << 40, perUserLimit: 1_000_000)
    var generator = try Generator(plan)
    begins(server.pid)
    let cpuBefore = server.cpuSeconds()
    let report = try generator.run()
    let cpu = (server.cpuSeconds() - cpuBefore) / (report.seconds + plan.warmUpSeconds)
    return Measurement(report: report, serverCPU: cpu)
}

struct Speed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Orders a second at several depths and batch sizes, durable, on one shard.",
        discussion: """
            Starts a fresh server for each run, one shard on one core, and loads it from the other over 64 connections \
            with orders that are all accepted: window, per-user limit and id checked, written and synced before the \
            reply. Cases alternate, so that a noisy machine hits all alike.
            """)

    @OptionGroup var options: MeasureOptions
    @Option(help: "Runs of each case.")
    var runs = 5

    mutating func run() throws {
        options.pinGenerator()
        var results = SpeedCase.all.map { _ in [Measurement]() }
        for run in 0..<runs {
            for (index, test) in SpeedCase.all.enumerated() {
                results[index].append(try measure(options, test, seed: UInt64(run * 100 + index + 1)))
                FileHandle.standardError.write(Data("run \(run + 1) of \(runs): \(test.name)\u{1b}[K\r".utf8))
            }
        }
        FileHandle.standardError.write(Data("\u{1b}[K".utf8))
        print(
            "case             orders/s: median      min .. max        p50    p99  p99.9 us"
                + "   CPU server/generator   refused"
        )
        for (test, measurements) in zip(SpeedCase.all, results) {
            print(row(test.name, measurements))
        }
    }
}

/// A line of a table: medians over the runs, and the spread of the rate.
func row(_ name: String, _ measurements: [Measurement]) -> String {
    func median(_ value: (Measurement) -> Double) -> Double {
        let sorted = measurements.map(value).sorted()
        return sorted[sorted.count / 2]
    }
    let rates = measurements.map(\.report.acceptedPerSecond)
    func padded(_ value: Double, _ width: Int) -> String {
        let text = String(Int(value.rounded()))
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let cpu = "\(Int(median { $0.serverCPU * 100 })) % / \(Int(median { $0.report.generatorCPU * 100 })) %"
    return name.padding(toLength: 17, withPad: " ", startingAt: 0)
        + padded(median { $0.report.acceptedPerSecond }, 16) + padded(rates.min() ?? 0, 11) + " .."
        + padded(rates.max() ?? 0, 9) + padded(median { Double($0.report.p50Us) }, 8)
        + padded(median { Double($0.report.p99Us) }, 7) + padded(median { Double($0.report.p999Us) }, 7)
        + "      " + cpu.padding(toLength: 20, withPad: " ", startingAt: 0)
        + padded(Double(measurements.reduce(0) { $0 + $1.report.refusedTotal }), 6)
}
