import ArgumentParser
import Foundation
import Generator
import Harness
import Synchronization

struct Snapshots: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Latency of durable orders while snapshots are made, against the same without.",
        discussion: """
            One server that remembers many orders already, so that a snapshot takes its time. Each round is an open \
            loop at half of what a closed loop reached, or at --rate: first without a snapshot, then with one made \
            all the time.
            """)

    @OptionGroup var options: MeasureOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "Orders that are there before the first round.")
    var orders = 4_000_000
    @Option(help: "Users of all orders.")
    var users = 1_000_000
    @Option(help: "Seconds of each measurement.")
    var seconds = 4.0
    @Option(help: "Rounds: without, with, without, with...")
    var rounds = 7
    @Option(help: "Orders a second, in place of half the maximum.")
    var rate: Double?

    func validate() throws {
        guard orders >= 1000, users >= 1, rounds >= 1, seconds >= 1, (rate ?? 1) > 0 else {
            throw ValidationError("orders are at least 1000, seconds at least 1, the others above 0")
        }
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        let test = LoadCase(name: "singles", connections: 64, depth: 1, batch: 1)
        let due = try rate ?? maximum(test) / 2
        var trial = options.trial(options.settings)
        trial.plan.users = UInt64(users)
        trial.settings.users = users
        trial.setLoad(test, seconds: seconds, framesPerSecond: due)
        let loaded = trial.plan
        // All rounds, and what is there before.
        let expected = orders + Int(due * (seconds + loaded.warmUpSeconds) * Double(2 * rounds) * 1.2)
        trial.settings.capacity = Capacity(orders: expected, logAheadBytes: 1 << 30)
        let server = try trial.start()
        defer { server.stop() }
        Progress.show("placing \(grouped(orders)) orders")
        (trial.plan.connections, trial.plan.depth, trial.plan.batch) = (8, 2, 1000)
        trial.plan.framesPerSecond = nil
        trial.plan.entriesTotal = orders
        warnOfRefusals(try trial.measure(on: server).refused)
        trial.plan = loaded

        var results: [SnapshotReport.Round] = []
        var seed: UInt64 = 1
        for round in 0..<rounds {
            Progress.show("round \(round + 1) of \(rounds)")
            seed += 1
            trial.plan.seed = seed
            let without = try trial.measure(on: server)
            seed += 1
            trial.plan.seed = seed
            var asking = loaded
            asking.address = server.address(isUnix: trial.isUnix)
            let asker = Asker(asking)
            let with = try trial.measure(on: server)
            results.append(SnapshotReport.Round(without: without, with: with, snapshots: try asker.end()))
        }
        Progress.clear()
        let report = SnapshotReport(
            command: "snapshots", machine: machine, orders: orders, rate: due, rounds: results)
        print("\n\(report.text)")
        warnOfRefusals(results.reduce(0) { $0 + $1.with.refused + $1.without.refused })
        try output.write(report)
    }

    private func maximum(_ test: LoadCase) throws -> Double {
        Progress.show("maximum")
        var trial = options.trial(options.settings)
        trial.settings.users = users
        trial.plan.users = UInt64(users)
        trial.setLoad(test, seconds: 2)
        return try trial.run().ordersPerSecond
    }
}

/// A thread that has snapshots made, one after the other, until it is told to end.
private final class Asker: Sendable {
    private let isEnding = Atomic(false)
    private let made = Mutex<Result<[SnapshotReport.Made], LoadError>>(.success([]))
    private let finished = DispatchSemaphore(value: 0)

    init(_ plan: LoadPlan) {
        Thread.detachNewThread { [self] in
            var list: [SnapshotReport.Made] = []
            do throws(LoadError) {
                while !isEnding.load(ordering: .relaxed) {
                    let snapshot = try Generator.snapshot(plan)
                    list.append(SnapshotReport.Made(records: snapshot.recordCount, durationMs: snapshot.durationMs))
                }
                made.withLock { [list] in $0 = .success(list) }
            } catch {
                made.withLock { $0 = .failure(error) }
            }
            finished.signal()
        }
    }

    /// Waits for the last one.
    func end() throws -> [SnapshotReport.Made] {
        isEnding.store(true, ordering: .relaxed)
        finished.wait()
        return try made.withLock { $0 }.get()
    }
}
