import Foundation
import Generator
import Protocol
import Synchronization

/// A server in a slice of a core: what it can do, and what becomes of it when several times as much is asked for.
public struct OverloadTrial: Codable, Sendable {
    /// Accepted orders a second in a closed loop.
    public var capacity: Double
    /// Of the open loop: orders that were due, and that were accepted, each second.
    public var due: Double
    public var accepted: Double
    public var latency: Latencies
    /// Frames that were answered BUSY as a whole, and those of them with a hint when to ask again.
    public var busyFrames: UInt64
    public var busyFramesWithHint: UInt64
    public var busyLatency: Latencies
    /// Orders refused for any other reason, and those that were never answered.
    public var refusedOtherwise: UInt64
    public var unanswered: UInt64
    /// Confirms and cancels of open holds meanwhile.
    public var ended: Int
    public var endsRefused: Int
    public var endLatency: Latencies
    public var residentBytesBefore: Int
    public var residentBytesAfter: Int
    /// Shares of one core in the open loop.
    public var serverCPU: Double
    public var generatorCPU: Double

    /// What was accepted beside what can be.
    public var goodput: Double { accepted / max(1, capacity) }

    public struct Settings: Sendable {
        /// Of a core, for the server.
        public var slice: Double
        /// Times the capacity.
        public var factor: Double
        public var seconds: Double
        /// Holds that are ended each second.
        public var endsPerSecond = 50.0

        public init(slice: Double, factor: Double, seconds: Double) {
            self.slice = slice
            self.factor = factor
            self.seconds = seconds
        }
    }

    private static let holdSale: UInt64 = 1 << 40

    /// Runs it; `trial` has the shape of the closed loop.
    public static func run(_ trial: Trial, _ settings: Settings) throws -> OverloadTrial {
        let slice = try CPUSlice(share: settings.slice)
        defer { slice.remove() }
        let server = try trial.start()
        defer { server.stop() }
        var plan = trial.plan
        plan.address = server.address(isUnix: trial.isUnix)
        try Generator.prepare(plan)
        let holds = try placeHolds(plan, count: Int(settings.endsPerSecond * (settings.seconds + 2)))
        try slice.add(server.pid)
        let capacity = try trial.measure(on: server).ordersPerSecond

        plan.framesPerSecond = settings.factor * capacity / Double(plan.batch)
        plan.isAccounted = true
        plan.seed &+= 1000
        let ender = Mutex<Result<HoldEnder.Report, any Error>?>(nil)
        let endsHolds = Thread { [plan] in
            let result = Result { () throws in
                var ender = try HoldEnder(plan, orders: holds)
                return try ender.run(perSecond: settings.endsPerSecond, seconds: settings.seconds)
            }
            ender.withLock { $0 = result }
        }
        var generator = try Generator(plan)
        let usage = server.usage
        let before = (bytes: usage.residentBytes, cpu: usage.cpuSeconds, us: MonotonicClock.nowUs())
        endsHolds.start()
        let report = try generator.run()
        let seconds = Double(MonotonicClock.nowUs() - before.us) / 1e6
        while ender.withLock({ $0 == nil }) { usleep(1000) }
        let ends = try ender.withLock { try $0!.get() }
        let refused = report.account.refused
        return OverloadTrial(
            capacity: capacity, due: settings.factor * capacity, accepted: report.acceptedPerSecond,
            latency: report.latency, busyFrames: report.busyFrames, busyFramesWithHint: report.busyFramesWithHint,
            busyLatency: report.busyLatency,
            refusedOtherwise: refused.filter { $0.key != ResultCode.busy.rawValue }.values.reduce(0, +),
            unanswered: report.account.unknown, ended: ends.ended, endsRefused: ends.refused.values.reduce(0, +),
            endLatency: ends.latency, residentBytesBefore: before.bytes, residentBytesAfter: usage.residentBytes,
            serverCPU: (usage.cpuSeconds - before.cpu) / seconds, generatorCPU: report.generatorCPU)
    }

    private static func placeHolds(_ plan: LoadPlan, count: Int) throws -> [Id128] {
        try Generator.createSale(
            plan, id: holdSale, stock: UInt64(count), startsAtMs: 0,
            endsAtMs: MonotonicClock.wallMs() + 86_400_000, perUserLimit: 0, holdMs: 3_600_000)
        return try Generator.place(plan, saleId: holdSale, count: count)
    }
}
