import ArgumentParser
import Foundation
import Generator
import Harness

struct Latency: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Latency of durable orders at half the maximum rate, beside that of the disk itself.",
        discussion: """
            Each round measures the disk by itself (4 KiB, O_DIRECT and RWF_DSYNC, one after the other, into a file \
            of zeros in the same directory), then a fresh server in an open loop: orders are due on a schedule, and \
            latency counts from the moment one was due. The rate is half of what a closed loop reached just before, \
            or --rate.

            The disk has two columns: of each write, and of arrivals on the schedule of the load, each going with \
            the next write. The second is what the orders are to be compared with: a stall of the machine is one \
            slow write in the first, however long it is, and in the second it is all who arrive in it.

            The shard belongs on the CPU that takes the disk's interrupts (/proc/interrupts), and the generator on \
            another: --server-cpu 1 --generator-cpu 0, say. What completes a durable write runs there.
            """)

    static let cases = [
        LoadCase(name: "singles", connections: 64, depth: 1, batch: 1),
        LoadCase(name: "batch-128", connections: 64, depth: 1, batch: 128),
    ]

    /// A virtual machine gives the memory of the server before back to its host two seconds after (the kernel's page
    /// reporting), and stands still for 10 to 25 ms meanwhile.
    private static let settleSeconds = 4.0

    @OptionGroup var options: MeasureOptions
    @OptionGroup var room: RoomOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "Seconds of each measurement of the server; the disk gets half.")
    var seconds = 1.0
    @Option(help: "Rounds: disk, server, disk, server...")
    var rounds = 15
    @Option(help: "Some of singles,batch-128; both, unless given.")
    var cases: String?
    @Option(help: "Orders a second, for one case, in place of half the maximum.")
    var rate: Double?

    func validate() throws {
        guard rounds >= 1, seconds >= 0.3, (rate ?? 1) > 0 else {
            throw ValidationError("rounds and rate have to be above 0, seconds at least 0.3")
        }
        guard try choose(Self.cases, cases, name: \.name).count == 1 || rate == nil else {
            throw ValidationError("--rate is that of one case: choose it with --cases")
        }
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        let probe = try DiskProbe(directory: options.fresh.directory)
        var results: [LatencyReport.Case] = []
        for test in try choose(Self.cases, cases, name: \.name) {
            let maximum = rate == nil ? try maximum(test) : nil
            let due = rate ?? maximum! / 2
            results.append(LatencyReport.Case(load: test, maximum: maximum, rate: due, rounds: []))
        }
        for round in 0..<rounds {
            for index in results.indices {
                let test = results[index].load
                Progress.show("round \(round + 1) of \(rounds): \(test.name)")
                try Interruption.check()
                Thread.sleep(forTimeInterval: Self.settleSeconds)
                let disk = try probe.measure(
                    seconds: seconds / 2, arrivalsPerSecond: results[index].rate / Double(test.batch))
                let trial = room.trial(
                    test, options, seconds: seconds, seed: UInt64(round + 1),
                    framesPerSecond: results[index].rate / Double(test.batch))
                results[index].rounds.append(LatencyReport.Round(disk: disk, server: try trial.run()))
            }
        }
        Progress.clear()
        for result in results { print("\n\(result.text)") }
        warnOfRefusals(results.reduce(0) { $0 + $1.rounds.reduce(0) { $0 + $1.server.refused } })
        try output.write(LatencyReport(command: "latency", machine: machine, cases: results))
    }

    /// What a closed loop reaches.
    private func maximum(_ test: LoadCase) throws -> Double {
        Progress.show("maximum: \(test.name)")
        return try room.trial(test, options, seconds: seconds, seed: 1).run().ordersPerSecond
    }
}
