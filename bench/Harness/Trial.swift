import CLinux
import Generator

/// A shape of load.
public struct LoadCase: Codable, Sendable {
    public var name: String
    public var connections: Int
    /// Frames in flight on each connection.
    public var depth: Int
    /// Orders in each frame.
    public var batch: Int

    public init(name: String, connections: Int, depth: Int, batch: Int) {
        self.name = name
        self.connections = connections
        self.depth = depth
        self.batch = batch
    }
}

/// What one load reached on one server.
public struct TrialResult: Codable, Sendable {
    /// Accepted entries, of whatever workload.
    public var ordersPerSecond: Double
    public var refused: UInt64
    public var latency: Latencies
    /// What the generator itself added, in an open loop.
    public var lateness: Latencies
    public var unsentFrames: UInt64
    /// Shares of one core over the whole run: of the shards' threads, of the server, of the generator.
    public var shardCPU: Double
    public var serverCPU: Double
    public var generatorCPU: Double
    /// What neither of the two took: other processes, the kernel's own threads, and time the hypervisor withheld.
    public var othersCPU: Double
    /// Of these: the time that the hypervisor withheld.
    public var stolenCPU: Double
    /// Blocks of the log, and the mean time from handing one to the kernel to knowing that it is durable.
    public var logBlocksPerSecond: Double
    public var logWriteMeanUs: Double
}

/// One load on a fresh server. Stocks are above any demand: what counts is what is accepted.
public struct Trial: Sendable {
    public var settings: ServerUnderTest.Settings
    /// Its address is filled in.
    public var plan = LoadPlan(address: .tcp(port: 0))
    public var isUnix = false
    /// The CPU of the generator's thread; -1: the scheduler's choice.
    public var generatorCPU = -1

    public init(settings: ServerUnderTest.Settings) { self.settings = settings }

    /// Sets the shape of the load, and gives the server room for what it will ask for.
    public mutating func setLoad(_ test: LoadCase, seconds: Double, framesPerSecond: Double? = nil) {
        plan.connections = test.connections
        plan.depth = test.depth
        plan.batch = test.batch
        plan.seconds = seconds
        plan.framesPerSecond = framesPerSecond
        let framesInFlight = test.connections * test.depth
        let ordersPerSecond =
            framesPerSecond.map { $0 * Double(test.batch) }
            ?? Capacity.expectedOrdersPerSecond(framesInFlight: framesInFlight, batch: test.batch, isUnix: isUnix)
        settings.capacity = Capacity(
            ordersPerSecond: ordersPerSecond, seconds: seconds + plan.warmUpSeconds, framesInFlight: framesInFlight,
            batch: test.batch)
    }

    /// Sets what the load asks for; after `setLoad`, whose room for orders becomes room for that.
    public mutating func setWorkload(_ workload: Workload) {
        plan.workload = workload
        let room = settings.capacity.orders
        let records = workload.records
        settings.coupons = room * records.coupons
        settings.transactions = room * records.transactions + (workload == .usePoints ? Int(plan.users) : 0)
        settings.checkouts = room * records.checkouts
        settings.capacity.orders = records.orders > 0 ? room * records.orders : 1000
    }

    /// `begins` is called with the server's process id before the load.
    public func run(begins: (Int32) -> Void = { _ in }) throws -> TrialResult {
        let server = try start()
        defer { server.stop() }
        return try measure(on: server, begins: begins)
    }

    /// A child inherits the CPUs of the thread that starts it. Where shards are pinned, the server's other threads are
    /// to run beside the generator, as they would beside anything but a shard on a larger machine.
    public func start() throws -> ServerUnderTest {
        try Interruption.check()
        _ = ts_unpin_thread()
        if !settings.pin.isEmpty { pinGenerator() }
        return try ServerUnderTest(settings)
    }

    private func pinGenerator() {
        if generatorCPU >= 0 { _ = ts_pin_thread(Int32(generatorCPU)) }
    }

    public func measure(on server: ServerUnderTest, begins: (Int32) -> Void = { _ in }) throws -> TrialResult {
        var plan = plan
        plan.address = server.address(isUnix: isUnix)
        pinGenerator()
        try Generator.prepare(plan)
        var generator = try Generator(plan)
        begins(server.pid)
        let logBefore = try Self.log(plan)
        let usage = server.usage
        let before = (
            us: MonotonicClock.nowUs(), shard: usage.cpuSeconds(ofThreads: "shard "), all: usage.cpuSeconds,
            machine: ProcessUsage.machineCPUSeconds
        )
        let report = try generator.run()
        let seconds = Double(MonotonicClock.nowUs() - before.us) / 1e6
        let shardCPU = (usage.cpuSeconds(ofThreads: "shard ") - before.shard) / seconds
        let serverCPU = (usage.cpuSeconds - before.all) / seconds
        let machine = ProcessUsage.machineCPUSeconds
        let machineCPU = (machine.all - before.machine.all) / seconds
        let stolenCPU = (machine.stolen - before.machine.stolen) / seconds
        let logAfter = try Self.log(plan)
        let blocks = Double(logAfter.blocks - logBefore.blocks)
        return TrialResult(
            ordersPerSecond: report.acceptedPerSecond, refused: report.refusedTotal, latency: report.latency,
            lateness: report.lateness, unsentFrames: report.unsent,
            shardCPU: shardCPU, serverCPU: serverCPU, generatorCPU: report.generatorCPU,
            othersCPU: max(0, machineCPU - serverCPU - report.generatorCPU), stolenCPU: stolenCPU,
            logBlocksPerSecond: blocks / seconds,
            logWriteMeanUs: Double(logAfter.latencyUs - logBefore.latencyUs) / max(1, blocks))
    }

    private static func log(_ plan: LoadPlan) throws -> (blocks: UInt64, latencyUs: UInt64) {
        try Generator.statistics(plan).reduce((0, 0)) { ($0.0 + $1.logBlocks, $0.1 + $1.logLatencyUs) }
    }
}
