import ArgumentParser
import Foundation
import Generator
import Harness

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "timesale beside Redis and PostgreSQL: the same orders, generator, connections and cores.",
        discussion: """
            Each bout has a fresh server, which this command starts itself with empty data on a private port, and ends \
            afterwards. A round is one bout of every contestant under every load; who begins changes from round to \
            round, so that a noisy machine hits all alike. An order is the same everywhere: window, per-user limit, \
            id remembered, stock. After each bout the contestant has to have sold what it said that it had. \
            A contestant that is not installed is left out, unless --against names it.
            """)

    static let cases = Speed.cases.filter { $0.name != "batch-1024" }
    static let opponents = ["redis-always", "redis-everysec", "redis-none", "postgresql"]

    @OptionGroup var options: MeasureOptions
    @OptionGroup var output: PageOptions
    @Option(help: "Seconds that are measured in each bout, after half a second that is not.")
    var seconds = 2.0
    @Option(help: "Rounds; an interval with 95 % needs six.")
    var rounds = 7
    @Option(help: "Users that order.")
    var users = 900_000
    @Option(help: "Some of depth-1,depth-16,depth-128,batch-128; all, unless given.")
    var cases: String?
    @Option(help: "Some of redis-always,redis-everysec,redis-none,postgresql; all that are installed, unless given.")
    var against: String?
    @Option(
        help: ArgumentHelp("The redis-server to compare with; the one on the PATH, unless given.", valueName: "file"))
    var redisServer: String?
    @Option(
        help: ArgumentHelp(
            "The folder with initdb and postgres; the newest of Debian's, unless given.", valueName: "folder"))
    var postgresql: String?

    func validate() throws {
        guard rounds >= 1, seconds > 0, users >= 1 else {
            throw ValidationError("rounds, seconds and users have to be above 0")
        }
        guard options.fresh.fsync == "always" else {
            throw ValidationError("timesale runs with --fsync always here: that is what the others are compared with")
        }
        _ = try choose(Self.cases, cases, name: \.name)
        _ = try choose(Self.opponents, against, name: { $0 })
    }

    mutating func run() throws {
        let machine = Machine.current()
        print(machine.text)
        var settings = ContestSettings()
        settings.directory = options.fresh.directory
        settings.serverCPU = options.fresh.serverCpu
        settings.generatorCPU = options.fresh.generatorCpu
        settings.isUnix = options.fresh.unix
        let contestants = try contestants(settings)
        let tests = try choose(Self.cases, cases, name: \.name)
        var bouts: [(test: String, contestant: String, rounds: [BoutResult])] = tests.flatMap { test in
            contestants.map { (test.name, $0.name, []) }
        }
        for round in 0..<rounds {
            for (place, test) in tests.enumerated() {
                let bout = Bout(
                    test, seconds: seconds, users: UInt64(users), seed: UInt64(round * 100 + place + 1),
                    settings: settings)
                for turn in contestants.indices {
                    let index = (turn + round) % contestants.count
                    Progress.show("round \(round + 1) of \(rounds): \(test.name), \(contestants[index].name)")
                    bouts[place * contestants.count + index].rounds.append(try bout.run(contestants[index]))
                }
            }
        }
        Progress.clear()
        let report = CompareReport(
            machine: machine, versions: Self.versions(redisServer, postgresql),
            transport: options.fresh.unix ? "unix" : "tcp", secondsPerRound: seconds, bouts: bouts)
        print("\n\(report.text)")
        try output.write(report)
    }

    /// timesale first, then those who are wanted and there.
    private func contestants(_ settings: ContestSettings) throws -> [any Contestant] {
        let wanted = try choose(Self.opponents, against, name: { $0 })
        let redis = Self.redisServer(redisServer)
        let programs = Self.programs(postgresql)
        var chosen: [any Contestant] = [TimesaleContestant(options.trial(options.settings))]
        for name in wanted {
            if name == "postgresql" {
                if let programs {
                    chosen.append(PostgreSQLContestant(programs: programs, settings: settings))
                } else {
                    try leaveOut(name, package: "postgresql")
                }
            } else if let redis, let durability = RedisContestant.Durability(rawValue: String(name.dropFirst(6))) {
                chosen.append(RedisContestant(durability, executable: redis, settings: settings))
            } else {
                try leaveOut(name, package: "redis-server")
            }
        }
        return chosen
    }

    /// Who was asked for by name is not left out in silence.
    private func leaveOut(_ name: String, package: String) throws {
        let sentence = "\(name) is not installed: the package is \(package) on Debian (apt-get install \(package))"
        guard against == nil else { throw LoadError(description: sentence) }
        print("\(sentence); it is left out")
    }

    private static func redisServer(_ given: String?) -> String? {
        guard let given else { return Installed.redisServer() }
        return FileManager.default.isExecutableFile(atPath: given) ? given : nil
    }

    private static func programs(_ given: String?) -> String? {
        guard let given else { return Installed.postgreSQLPrograms() }
        return FileManager.default.isExecutableFile(atPath: "\(given)/postgres") ? given : nil
    }

    private static func versions(_ redis: String?, _ postgresql: String?) -> [String: String] {
        var versions: [String: String] = [:]
        if let redis = redisServer(redis) { versions["redis"] = Installed.version(redis) }
        if let programs = programs(postgresql) { versions["postgresql"] = Installed.version("\(programs)/postgres") }
        return versions
    }
}
