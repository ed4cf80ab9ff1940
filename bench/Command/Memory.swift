import ArgumentParser
import Foundation
import Generator
import Harness

struct Memory: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Memory and log of one remembered order, and how fast they are recovered.",
        discussion: """
            Fills a server that has room for exactly these orders and users, through batches. Then kills it (SIGKILL), \
            starts it on what it left, and asks whether every order is there; exits with 1 if one is not. Then \
            the same with a snapshot of them all, in place of the log.
            """)

    @OptionGroup var options: MeasureOptions
    @OptionGroup var output: ReportOptions
    @Option(help: "Orders that are placed, and that the server has room for.")
    var orders = 10_000_000
    @Option(help: "Users of these orders.")
    var users = 4_000_000
    @Option(help: "Sales of these orders, each with a per-user limit.")
    var sales = 1
    @Option(help: "Orders in each frame.")
    var batch = 1000

    func validate() throws {
        guard orders >= 1, users >= 1, sales >= 1, sales <= 100_000, batch >= 1, batch <= 8190 else {
            throw ValidationError("orders and users are at least 1, sales 1 to 100000, the batch 1 to 8190")
        }
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        var settings = options.settings
        settings.users = users
        settings.areTablesResident = false
        settings.capacity = Capacity(orders: orders, logAheadBytes: 0)
        var trial = options.trial(settings)
        trial.plan.connections = 8
        trial.plan.depth = 2
        trial.plan.batch = batch
        trial.plan.users = UInt64(users)
        trial.plan.saleIds = (1...UInt64(sales)).map { $0 }
        trial.plan.entriesTotal = orders

        let server = try trial.start()
        defer { server.stop() }
        let emptyBytes = server.usage.residentBytes
        Progress.show("placing \(grouped(orders)) orders")
        let load = try trial.measure(on: server)
        warnOfRefusals(load.refused)
        let residentBytes = server.usage.residentBytes
        let before = try counters(trial, server)
        try Interruption.check()
        Progress.show("recovering")
        let recovery = try server.crashAndRecover()
        let after = try counters(trial, server)
        try Interruption.check()
        Progress.show("making a snapshot")
        var plan = trial.plan
        plan.address = server.address(isUnix: trial.isUnix)
        let snapshot = try Generator.snapshot(plan)
        Progress.show("recovering from it")
        let second = try server.crashAndRecover()
        let afterSnapshot = try counters(trial, server)
        Progress.clear()

        let report = MemoryReport(
            command: "memory", machine: machine, orders: before.orders, users: before.users,
            ordersPerSecond: load.ordersPerSecond, emptyResidentBytes: emptyBytes, residentBytes: residentBytes,
            logBytes: before.logBytes, recoveredOrders: after.orders, recoveredEvents: recovery.events,
            recoveryMs: recovery.ms, recoveryCPUSeconds: recovery.cpuSeconds,
            snapshot: MemoryReport.Snapshot(
                records: snapshot.recordCount, bytes: snapshot.size, durationMs: snapshot.durationMs,
                recoveredOrders: afterSnapshot.orders, recoveryMs: second.ms, recoveryCPUSeconds: second.cpuSeconds))
        print("\n\(report.text)")
        try output.write(report)
        let isWhole =
            after.orders == before.orders && after.users == before.users && afterSnapshot.orders == before.orders
        guard isWhole else { throw ExitCode.failure }
    }

    /// The sums over all shards.
    private func counters(_ trial: Trial, _ server: ServerUnderTest) throws -> (
        orders: UInt64, users: UInt64, logBytes: UInt64
    ) {
        var plan = trial.plan
        plan.address = server.address(isUnix: trial.isUnix)
        return try Generator.statistics(plan).reduce((0, 0, 0)) {
            ($0.0 + $1.ordersRemembered, $0.1 + $1.usersKnown, $0.2 + $1.logBytes)
        }
    }
}
