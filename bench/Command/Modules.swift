import ArgumentParser
import Generator
import Harness

struct Modules: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Coupons and points a second, as a share of orders a second.",
        discussion: """
            Starts a fresh server for each run, as speed does, and loads it with orders, issues of coupons, earnings \
            and uses of points, each over the same connections and at the same depth. Every one is accepted, and \
            durable before its reply. Uses take from one lot that each user was credited with before. Shares are \
            formed with the orders of the same run.
            """)

    static let cases = Speed.cases.filter { $0.name != "batch-1024" }

    @OptionGroup var options: MeasureOptions
    @OptionGroup var room: RoomOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "Seconds that are measured in each run, after half a second that is not.")
    var seconds = 1.0
    @Option(help: "Runs of each row.")
    var runs = 5
    @Option(help: "Some of depth-1,depth-16,depth-128,batch-128; all, unless given.")
    var cases: String?

    func validate() throws {
        guard runs >= 1, seconds > 0 else { throw ValidationError("runs and seconds have to be above 0") }
        _ = try choose(Self.cases, cases, name: \.name)
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        var all: [ModulesReport.Row] = []
        for test in try choose(Self.cases, cases, name: \.name) {
            var rows = Workload.ofModules.map { ModulesReport.Row(test, $0) }
            for run in 0..<runs {
                for index in rows.indices {
                    Progress.show("\(test.name), run \(run + 1) of \(runs): \(rows[index].workload.rawValue)")
                    rows[index].runs.append(try trial(rows[index], seed: UInt64(run + 1)).run())
                }
            }
            Progress.clear()
            print("\n\(ModulesReport.table(rows))")
            all += rows
        }
        warnOfRefusals(all.reduce(0) { $0 + $1.runs.reduce(0) { $0 + $1.refused } })
        try output.write(
            ModulesReport(command: "modules", machine: machine, secondsPerRun: seconds, rows: all))
    }

    private func trial(_ row: ModulesReport.Row, seed: UInt64) -> Trial {
        var trial = room.trial(row.load, options, seconds: seconds, seed: seed)
        trial.setWorkload(row.workload)
        return trial
    }
}
