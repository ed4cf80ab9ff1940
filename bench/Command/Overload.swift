import ArgumentParser
import Generator
import Harness

struct Overload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What becomes of a server that is asked for several times what it can do.",
        discussion: """
            Each round is a fresh server in a slice of a core, so that one generator can ask for more than it can do: \
            first a closed loop, which is what it can; then an open loop at a multiple of that, while holds that were \
            placed before are confirmed and cancelled. What is accepted should stay near what can be, every answer \
            beyond it be BUSY with a hint when to ask again, and the ends of holds go on as if nothing were the \
            matter. The slice is a control group of the kernel, which needs root.
            """)

    static let cases = [
        LoadCase(name: "batch-32", connections: 64, depth: 2, batch: 32),
        LoadCase(name: "batch-128", connections: 64, depth: 1, batch: 128),
        LoadCase(name: "batch-1024", connections: 8, depth: 1, batch: 1024),
    ]

    @OptionGroup var options: MeasureOptions
    @OptionGroup var room: RoomOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "Of a core, for the server; 0.1 to 1.")
    var slice = 0.2
    @Option(help: "Times what it can do.")
    var factor = 3.0
    @Option(help: "Seconds of each loop.")
    var seconds = 3.0
    @Option(help: "Rounds of each case.")
    var rounds = 5
    @Option(help: "Some of batch-32,batch-128,batch-1024; all, unless given.")
    var cases: String?

    func validate() throws {
        guard (0.1...1).contains(slice), factor > 1, seconds >= 1, rounds >= 1 else {
            throw ValidationError("the slice is 0.1 to 1, the factor above 1, seconds and rounds are at least 1")
        }
        _ = try choose(Self.cases, cases, name: \.name)
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        let settings = OverloadTrial.Settings(slice: slice, factor: factor, seconds: seconds)
        var results = try choose(Self.cases, cases, name: \.name).map { OverloadReport.Case(load: $0, rounds: []) }
        for round in 0..<rounds {
            for index in results.indices {
                Progress.show("round \(round + 1) of \(rounds): \(results[index].load.name)")
                // Room for two loops of what a slice can do.
                let trial = room.trial(results[index].load, options, seconds: 2 * seconds, seed: UInt64(round + 1))
                var short = trial
                short.plan.seconds = seconds
                results[index].rounds.append(try OverloadTrial.run(short, settings))
            }
        }
        Progress.clear()
        let report = OverloadReport(
            command: "overload", machine: machine, slice: slice, factor: factor, cases: results)
        print("\n\(report.text)")
        try output.write(report)
        if !report.isClear { throw ExitCode.failure }
    }
}
