import CLinux
import Foundation
import Generator
import Protocol

/// Runs scenarios on a server, and verifies each.
public struct ScenarioRunner {
    public enum Place: Sendable {
        /// A fresh server for each scenario, killed and removed afterwards.
        case fresh(ServerUnderTest.Settings, isUnix: Bool)
        /// One that runs, and that nobody else uses meanwhile; with its data directory, if that can be read here.
        case target(LoadPlan.Address, token: String, data: String?)
    }

    /// What a phase has come to, for who watches it.
    public struct Sight: Sendable {
        public var scenario: String
        public var phase: Scenario.Phase
        public var moment: Moment
        /// Since the moment before.
        public var acceptedPerSecond: Double
        /// What is left of all stocks; nil where they are above any demand.
        public var left: UInt64?
    }

    public var place: Place
    public var load: ScenarioLoad
    /// The CPU of the generator's thread; -1: the scheduler's choice.
    public var generatorCPU = -1
    public var watch: (Sight) -> Void = { _ in }
    /// Says what is done where nothing is measured.
    public var say: (String) -> Void = { _ in }

    public init(place: Place, load: ScenarioLoad) {
        self.place = place
        self.load = load
    }

    /// Users whose balance and coupons are compared, at most.
    private static let usersComparedMax = 1000

    public func run(_ scenario: Scenario) throws -> ScenarioResult {
        try Interruption.check()
        try raiseDescriptorLimit(max(load.buyers, load.connections) + 100)
        switch place {
        case .fresh(let settings, let isUnix): return try runFresh(scenario, settings, isUnix)
        case .target(let address, let token, let data):
            var plan = LoadPlan(address: address)
            plan.token = token
            let topology = try Generator.topology(plan)
            guard topology.admin == 1 else {
                throw LoadError(
                    description: "\(address) takes this token for a shop's, and sales are made by an admin: "
                        + "set TIMESALE_TOKEN")
            }
            plan.setShards(Int(topology.shards), users: load.users)
            // Users and sales that the server has never seen.
            plan.userSpace = UInt64(Date().timeIntervalSince1970 * 1000)
            say("reading the log")
            let sequence = try data.map { (path) throws(LoadError) in
                try LogTally.read(path, after: .max).lastSequence
            }
            pinGenerator()
            return try run(scenario, plan, firstOffer: plan.userSpace << 20, usage: nil) { scope in
                try data.map { (path) throws(LoadError) in try LogTally.read(path, after: sequence ?? 0, scope) }
            }
        }
    }

    private func runFresh(
        _ scenario: Scenario, _ settings: ServerUnderTest.Settings, _ isUnix: Bool
    ) throws -> ScenarioResult {
        let room = Room(scenario, load)
        let disk = settings.directory ?? FileManager.default.temporaryDirectory.path
        try room.check(freeBytes: Room.freeBytes(of: disk), of: disk)
        try room.check(memoryFreeBytes: Room.memoryFreeBytes, users: load.users)
        var settings = settings
        room.apply(to: &settings, users: load.users, offers: load.sales * scenario.phases.count)
        say("\(scenario.name): starting a server")
        _ = ts_unpin_thread()
        // A child inherits the CPUs of the thread that starts it.
        if !settings.pin.isEmpty { pinGenerator() }
        let server = try ServerUnderTest(settings)
        defer { server.stop() }
        pinGenerator()
        var plan = LoadPlan(address: server.address(isUnix: isUnix))
        plan.setShards(settings.shards, users: load.users)
        return try run(scenario, plan, firstOffer: 1, usage: server.usage) { scope in
            say("\(scenario.name): killing the server and reading its log")
            server.crash()
            return try LogTally.read(server.dataPath, scope)
        }
    }

    private func pinGenerator() {
        if generatorCPU >= 0 { _ = ts_pin_thread(Int32(generatorCPU)) }
    }

    private func run(
        _ scenario: Scenario, _ base: LoadPlan, firstOffer: UInt64, usage: ProcessUsage?,
        readLog: (LogTally.Scope) throws -> LogTally?
    ) throws -> ScenarioResult {
        let before = try Generator.statisticsNow(base)
        var loads: [Verification.Load] = []
        var results: [PhaseResult] = []
        var credited: UInt64 = 0
        for (index, phase) in scenario.phases.enumerated() {
            let plan = load.plan(
                phase, on: base, firstOffer: firstOffer + UInt64(index * load.sales), seed: load.seed &+ UInt64(index))
            say("\(scenario.name): preparing \(phase.name)")
            try Generator.prepare(plan)
            if phase.workload == .usePoints { credited += plan.users }
            let (result, report) = try run(scenario, phase, plan, usage)
            results.append(result)
            loads.append(Verification.Load(plan: plan, account: report.account))
        }
        say("\(scenario.name): asking the server")
        var log: LogTally?
        var verification = try Verification(
            loads, credited: credited, before: before, plan: base, users: compared(base.userSpace)
        ) { scope in
            log = try readLog(scope)
            return log
        }
        if log == nil { verification.logNote = "the log was not read: --data names it, where it is on this machine" }
        return ScenarioResult(scenario: scenario.name, phases: results, verification: verification)
    }

    /// Evenly from all that may have done something.
    private func compared(_ userSpace: UInt64) -> [Id128] {
        let step = max(1, load.users / Self.usersComparedMax)
        return stride(from: 1, through: load.users, by: step).prefix(Self.usersComparedMax)
            .map { Id128(high: userSpace, low: UInt64($0)) }
    }

    private func run(
        _ scenario: Scenario, _ phase: Scenario.Phase, _ plan: LoadPlan, _ usage: ProcessUsage?
    ) throws -> (PhaseResult, LoadReport) {
        var generator = try Generator(plan)
        let before = (
            us: MonotonicClock.nowUs(), shard: usage?.cpuSeconds(ofThreads: "shard "), server: usage?.cpuSeconds
        )
        let stock = plan.stock.map { $0 * UInt64(plan.saleIds.count) }
        var last = Moment(seconds: 0, accepted: 0, refused: 0, p99Us: nil)
        let report = try generator.run { moment in
            let seconds = max(1e-6, moment.seconds - last.seconds)
            watch(
                Sight(
                    scenario: scenario.name, phase: phase, moment: moment,
                    acceptedPerSecond: Double(moment.accepted - last.accepted) / seconds,
                    left: stock.map { $0 > moment.accepted ? $0 - moment.accepted : 0 }))
            last = moment
        }
        let seconds = Double(MonotonicClock.nowUs() - before.us) / 1e6
        var result = PhaseResult(phase, plan, report)
        if let usage, let shard = before.shard, let server = before.server {
            result.shardCPU = (usage.cpuSeconds(ofThreads: "shard ") - shard) / seconds
            result.serverCPU = (usage.cpuSeconds - server) / seconds
        }
        return (result, report)
    }
}

extension LoadPlan {
    /// Connections to each shard, for the users of that: as a shop's client does.
    mutating func setShards(_ count: Int, users: Int) {
        shards = count > 1 ? count : nil
        // Of so few users a shard may own none.
        isOwnUsersOnly = count > 1 && users >= 100 * count
    }
}

/// Lets this process have so many files and sockets open.
public func raiseDescriptorLimit(_ count: Int) throws(LoadError) {
    var limit = rlimit()
    let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
    guard getrlimit(resource, &limit) == 0 else { return }
    guard limit.rlim_max >= rlim_t(count) else {
        throw LoadError(description: "\(count) open files are needed, and the limit is \(limit.rlim_max): ulimit -n")
    }
    limit.rlim_cur = max(limit.rlim_cur, rlim_t(count))
    setrlimit(resource, &limit)
}
