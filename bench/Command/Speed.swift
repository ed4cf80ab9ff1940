import ArgumentParser
import Foundation
import Harness

struct Speed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Orders a second at several depths and batch sizes, durable, on one shard.",
        discussion: """
            Starts a fresh server for each run, one shard on one core, and loads it from the other with orders that \
            are all accepted: window, per-user limit and id checked, written and synced before the reply. Cases \
            alternate, so that a noisy machine hits all alike. Latencies and CPU are those of the run with the \
            median rate.
            """)

    static let cases = [
        LoadCase(name: "depth-1", connections: 64, depth: 1, batch: 1),
        LoadCase(name: "depth-16", connections: 64, depth: 16, batch: 1),
        LoadCase(name: "depth-128", connections: 64, depth: 128, batch: 1),
        LoadCase(name: "batch-128", connections: 64, depth: 1, batch: 128),
        LoadCase(name: "batch-1024", connections: 4, depth: 2, batch: 1024),
    ]

    @OptionGroup var options: MeasureOptions
    @OptionGroup var room: RoomOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "Seconds that are measured in each run, after half a second that is not.")
    var seconds = 4.0
    @Option(help: "Runs of each case.")
    var runs = 5
    @Option(help: "Some of depth-1,depth-16,depth-128,batch-128,batch-1024; all, unless given.")
    var cases: String?

    func validate() throws {
        guard runs >= 1, seconds > 0 else { throw ValidationError("runs and seconds have to be above 0") }
        _ = try choose(Self.cases, cases, name: \.name)
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        let before = try Calibration.measure(cpu: options.fresh.serverCpu, directory: options.fresh.directory)
        print(before.text("before"))
        let chosen = try choose(Self.cases, cases, name: \.name)
        var results = chosen.map { SpeedReport.Case(load: $0, runs: []) }
        for run in 0..<runs {
            for (index, test) in chosen.enumerated() {
                Progress.show("run \(run + 1) of \(runs): \(test.name)")
                let trial = room.trial(test, options, seconds: seconds, seed: UInt64(run * 100 + index + 1))
                results[index].runs.append(try trial.run())
            }
        }
        Progress.clear()
        let after = try Calibration.measure(cpu: options.fresh.serverCpu, directory: options.fresh.directory)
        print(after.text("after"))
        print("\n\(SpeedReport.table(results))")
        warnOfRefusals(results.reduce(0) { $0 + $1.runs.reduce(0) { $0 + $1.refused } })
        try output.write(
            SpeedReport(
                command: "speed", machine: machine, fsync: options.fresh.fsync,
                transport: options.fresh.unix ? "unix" : "tcp",
                secondsPerRun: seconds, before: before, after: after, cases: results))
    }
}
