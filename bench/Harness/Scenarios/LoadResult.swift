import Generator
import Protocol

/// What one load of a scenario came to.
public struct LoadResult: Codable, Sendable {
    public var name: String
    public var workload: Workload
    public var connections: Int
    /// Frames in flight on each connection; nil: on a schedule.
    public var depth: Int?
    public var batch: Int
    /// Operations a second that were due; nil: a closed loop.
    public var rate: Double?
    /// Measured, without warm-up.
    public var seconds: Double
    /// Accepted in these, nothing else.
    public var acceptedPerSecond: Double
    public var latency: Latencies
    /// What the generator itself added to the latency of a schedule.
    public var lateness: Latencies
    public var generatorCPU: Double
    /// Nil: not known of a server elsewhere.
    public var serverCPU: Double?
    /// In all, warm-up included.
    public var accepted: UInt64
    /// By name of the code.
    public var refused: [String: UInt64]
    public var unknown: UInt64
    public var connectionsLost: Int
    /// The share of all that came to nothing, other than for want of stock.
    public var errorShare: Double
    /// Whether it ended because the room that was made for it was used up.
    public var isCutShort = false
    public var timeline: [Moment]
    public var thresholds: [Threshold.Outcome] = []

    public init(_ load: ScenarioLoad, _ plan: LoadPlan, _ report: LoadReport, serverCPU: Double?) {
        let account = report.account
        name = load.name
        workload = load.workload
        connections = plan.connections
        depth = plan.framesPerSecond == nil ? plan.depth : nil
        batch = plan.batch
        rate = plan.framesPerSecond.map { $0 * Double(plan.batch) }
        seconds = report.seconds
        acceptedPerSecond = report.acceptedPerSecond
        latency = report.latency
        lateness = report.lateness
        generatorCPU = report.generatorCPU
        self.serverCPU = serverCPU
        accepted = account.accepted[load.workload.operation] ?? 0
        refused = [:]
        for (code, count) in account.refused { refused["\(ResultCode(rawValue: code))", default: 0] += count }
        unknown = account.unknown
        connectionsLost = account.connectionsLost
        let all = account.refusedTotal + accepted + unknown
        let soldOut = load.runsOut ? account.refused(ResultCode.soldOut) + account.refused(ResultCode.exhausted) : 0
        errorShare = all > 0 ? Double(account.refusedTotal - soldOut + unknown) / Double(all) : 1
        timeline = report.timeline
    }
}

extension Account {
    var refusedTotal: UInt64 { refused.values.reduce(0, +) }
    func refused(_ code: ResultCode) -> UInt64 { refused[code.rawValue] ?? 0 }
}
