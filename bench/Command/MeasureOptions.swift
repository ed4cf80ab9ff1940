import ArgumentParser
import Foundation
import Generator
import Harness

/// Of a server that is started for the measurement, and where both sides run.
struct FreshServerOptions: ParsableArguments {
    @Option(help: "The timesaled to measure.")
    var server = "bin/timesaled"
    @Option(help: "Where data directories are made; the disk there is part of what is measured.")
    var directory: String?
    @Option(help: "always, everysec or no.")
    var fsync = "always"
    @Option(parsing: .unconditional, help: "CPU of the shard's thread; -1 leaves it to the scheduler.")
    var serverCpu = 0
    @Option(parsing: .unconditional, help: "CPU of the generator's thread; -1 leaves it to the scheduler.")
    var generatorCpu = 1
    @Flag(help: "Over a unix socket in place of loopback TCP.")
    var unix = false

    func validate() throws {
        guard ["always", "everysec", "no"].contains(fsync) else {
            throw ValidationError("--fsync is always, everysec or no")
        }
    }

    /// For `validate` of those that start one.
    func requireServer() throws {
        guard FileManager.default.isExecutableFile(atPath: server) else {
            throw ValidationError("there is no server at \(server): run make build, or name one with --server")
        }
    }

    var settings: ServerUnderTest.Settings {
        var settings = ServerUnderTest.Settings(executable: server)
        settings.directory = directory
        settings.fsync = fsync
        settings.pin = serverCpu >= 0 ? [serverCpu] : []
        return settings
    }
}

/// Options of every measurement of a fresh server.
struct MeasureOptions: ParsableArguments {
    @OptionGroup var fresh: FreshServerOptions

    func validate() throws { try fresh.requireServer() }

    var settings: ServerUnderTest.Settings { fresh.settings }

    func trial(_ settings: ServerUnderTest.Settings) -> Trial {
        var trial = Trial(settings: settings)
        trial.isUnix = fresh.unix
        trial.generatorCPU = fresh.generatorCpu
        return trial
    }
}

/// Options of measurements that run for some time: the server's room follows from it, or is given.
struct RoomOptions: ParsableArguments {
    @Option(help: "Orders that the server has room for; as many as are expected, unless given.")
    var orders: Int?
    @Option(
        help: """
            Users that the server has room for; nine tenths of them order. A million is what a server has room for \
            by default.
            """)
    var users = 1_000_000
    @Option(help: "MiB of log that the server makes ready before the load; as much as is expected, unless given.")
    var logAhead: Int?
    @Flag(help: "Tables get their memory as they grow, in place of all before the load.")
    var growing = false

    func validate() throws {
        guard (orders ?? 1) > 0, users > 1, (logAhead ?? 0) >= 0 else {
            throw ValidationError("orders and users have to be above 1, the log at least 0")
        }
    }

    /// Users that order.
    var ordering: Int { max(1, users * 9 / 10) }

    /// One case, as the options say.
    func trial(
        _ test: LoadCase, _ options: MeasureOptions, seconds: Double, seed: UInt64, framesPerSecond: Double? = nil
    ) -> Trial {
        var trial = options.trial(options.settings)
        trial.plan.users = UInt64(ordering)
        trial.settings.users = users
        trial.settings.areTablesResident = !growing
        trial.plan.seed = seed
        trial.setLoad(test, seconds: seconds, framesPerSecond: framesPerSecond)
        if let orders { trial.settings.capacity.orders = orders }
        if let logAhead { trial.settings.capacity.logAheadBytes = logAhead << 20 }
        return trial
    }
}

/// Options of measurements that print a table.
struct ReportOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write everything that was measured to this file, as JSON.", valueName: "file"))
    var json: String?

    func write(_ report: some Encodable) throws {
        if let json { try JSONFile.write(report, to: json) }
    }
}

/// Where measurements that have a page are written to.
struct PageOptions: ParsableArguments {
    @OptionGroup var figures: ReportOptions
    @Option(
        help: ArgumentHelp("Write a page with plots into this directory: index.html, report.json.", valueName: "dir"))
    var report: String?

    func write(_ whole: some PagedReport) throws {
        try figures.write(whole)
        if let report { print("\nreport      \(try whole.write(to: report))") }
    }
}

/// The chosen ones of some names, in their own order; all if none is given.
func choose<T>(_ all: [T], _ names: String?, name: (T) -> String) throws -> [T] {
    guard let names else { return all }
    let wanted = names.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    let known = all.map(name)
    guard !wanted.isEmpty, wanted.allSatisfy(known.contains) else {
        throw ValidationError("choose from \(known.joined(separator: ", ")), with commas between")
    }
    return all.filter { wanted.contains(name($0)) }
}

/// Says which rows are not to be trusted because orders were refused: most often, no room was left.
func warnOfRefusals(_ count: UInt64) {
    if count > 0 {
        print("\(grouped(count)) orders were refused: give the server more room (--orders, --users), and run again")
    }
}
