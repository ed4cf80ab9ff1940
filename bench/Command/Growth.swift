import ArgumentParser
import Foundation
import Generator
import Harness

struct Growth: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What an order costs as connections, users, sales and shards grow.",
        discussion: """
            Each group lets one thing grow, and compares every row with the first one of the same run. About 1,024 \
            orders are in flight on any number of connections; users and sales are ordered from in batches of 128. \
            In the groups of shards, the scheduler places all threads.
            """)

    @OptionGroup var options: MeasureOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "Seconds that are measured in each run, after half a second that is not.")
    var seconds = 1.0
    @Option(help: "Runs of each row.")
    var runs = 3
    @Option(help: "Some of connections,users,sales,shards,shards-batches; all, unless given.")
    var groups: String?

    private static let groupNames = ["connections", "users", "sales", "shards", "shards-batches"]

    func validate() throws {
        guard runs >= 1, seconds > 0 else { throw ValidationError("runs and seconds have to be above 0") }
        _ = try choose(Self.groupNames, groups, name: { $0 })
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        let names = try choose(Self.groupNames, groups, name: { $0 })
        var rows = GrowthReport.allRows.filter { names.contains($0.group) }
        try raiseDescriptorLimit(rows.map(\.load.connections).max()! + 64)
        for name in names {
            let members = rows.indices.filter { rows[$0].group == name }
            for run in 0..<runs {
                for index in members {
                    Progress.show("\(name) \(rows[index].load.name), run \(run + 1) of \(runs)")
                    rows[index].runs.append(try trial(rows[index], seed: UInt64(run + 1)).run())
                }
            }
            Progress.clear()
            print("\n\(GrowthReport.table(name, members.map { rows[$0] }))")
        }
        warnOfRefusals(rows.reduce(0) { $0 + $1.runs.reduce(0) { $0 + $1.refused } })
        try output.write(
            GrowthReport(command: "growth", machine: machine, secondsPerRun: seconds, rows: rows))
    }

    private func trial(_ row: GrowthReport.Row, seed: UInt64) -> Trial {
        var trial = options.trial(options.settings)
        trial.setLoad(row.load, seconds: seconds)
        trial.plan.seed = seed
        // Shards share the room by partitions, which is not to the user: some is left over.
        trial.settings.users = row.users * 10 / 9 + 10
        trial.plan.users = UInt64(row.users)
        trial.plan.saleIds = (1...UInt64(row.sales)).map { $0 }
        trial.plan.isOwnUsersOnly = row.isOwnUsersOnly
        trial.settings.shards = row.shards
        if row.group.hasPrefix("shards") {
            trial.plan.shards = row.shards
            trial.settings.pin = []
            trial.generatorCPU = -1
        }
        return trial
    }
}
