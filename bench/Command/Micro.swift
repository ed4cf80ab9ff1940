import ArgumentParser
import CLinux
import Foundation
import Generator
import Harness

struct Micro: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The engine without sockets and disk, the log without engine, the counter of units alone.",
        discussion: """
            Nanoseconds of one operation, and with --instructions how many instructions it takes: these are the same \
            on a noisy machine, so that a regression shows. Cases alternate. Keep a report with --json, and give it \
            to a later version with --since.
            """)

    @Option(parsing: .unconditional, help: "CPU of the thread, or of the first one; -1 leaves it to the scheduler.")
    var cpu = 0
    @Option(help: "Entries in each batch.")
    var batch = 1024
    @Option(help: "Operations of each run; where each is a write of the disk, fewer.")
    var operations = 10_000_000
    @Option(help: "Users of these operations.")
    var users = 4_000_000
    @Option(help: "The most threads that take units at once; as many as there are CPUs, unless given.")
    var threads: Int?
    @Option(help: "Runs of each case.")
    var runs = 5
    @Option(help: "Where the file for durable writes is made; the disk there is part of what is measured.")
    var directory: String?
    @Option(help: "Some of the cases, by the names in the table; all, unless given.")
    var cases: String?
    @Flag(help: "Count the instructions of an operation too, twice, with valgrind.")
    var instructions = false
    @Option(help: "Operations that --instructions counts, and three times as many: the difference is what counts.")
    var counted = 16_384
    @Option(help: ArgumentHelp("Compare with a report that --json has written.", valueName: "file"))
    var since: String?
    @OptionGroup var output: ReportOptions
    /// What `--instructions` starts: the only case, once, within the room that is given.
    @Option(help: .hidden)
    var countedRoom: Int?

    /// At the most: a child makes its tables anew each time.
    private static let countedUsers = 20_000
    private static let countedRuns = 2

    func validate() throws {
        guard batch >= 1, batch <= 8190, operations >= batch, users >= 1 else {
            throw ValidationError("give a batch from 1 to 8190, and at least one batch of operations and one user")
        }
        guard runs >= 1, counted >= 1 else { throw ValidationError("runs and counted have to be above 0") }
        guard (1...64).contains(threads ?? 1) else { throw ValidationError("there are 1 to 64 threads") }
        _ = try choose(all, cases, name: \.name)
    }

    private var all: [MicroCase] {
        MicroCase.all(batch: batch, threads: threads ?? min(64, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    mutating func run() throws {
        let chosen = try choose(all, cases, name: \.name)
        if let countedRoom {
            let settings = MicroCase.Settings(room: countedRoom, users: users, cpu: -1)
            _ = try chosen[0].nanosecondsPerOperation(operations, settings)
            return
        }
        let before = try since.map { try MicroReport.read($0) }
        let callgrind = instructions ? try Callgrind() : nil
        let machine = Machine.current()
        print(machine.text)
        var report = MicroReport(
            machine: machine, operations: operations, users: users,
            cases: chosen.map {
                MicroReport.Case(name: $0.name, operation: $0.operation, threads: $0.threads)
            })
        for run in 0..<runs {
            for (index, test) in chosen.enumerated() {
                Progress.show("run \(run + 1) of \(runs): \(test.name)")
                let count = test.operations(of: operations)
                let settings = MicroCase.Settings(
                    room: max(count, operations), users: users, cpu: cpu, directory: directory)
                report.cases[index].nanoseconds.append(try test.nanosecondsPerOperation(count, settings))
            }
        }
        if let callgrind {
            for run in 0..<Self.countedRuns {
                for (index, test) in chosen.enumerated() where test.isCountable {
                    Progress.show("counting, run \(run + 1) of \(Self.countedRuns): \(test.name)")
                    let users = min(users, Self.countedUsers)
                    let count = try callgrind.instructions(of: test, operations: counted, users: users)
                    report.cases[index].instructions.append(count)
                }
            }
        }
        Progress.clear()
        print("\n\(report.table(since: before))")
        try output.write(report)
    }
}
