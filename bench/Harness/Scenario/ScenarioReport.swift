import Generator
import Protocol

/// What one phase came to.
public struct PhaseResult: Codable, Sendable {
    public var name: String
    public var workload: Workload
    public var kind: Scenario.Phase.Kind
    public var connections: Int
    public var depth: Int
    public var batch: Int
    public var seconds: Double
    /// Operations, or whole journeys, that were accepted in that time.
    public var accepted: UInt64
    public var acceptedPerSecond: Double
    /// In that time, by the name of the code.
    public var refused: [String: UInt64]
    /// Sent at whatever time, without a reply.
    public var unknown: UInt64
    public var connectionsLost: Int
    /// What `Threshold.Metric.errors` says.
    public var errorShare: Double
    public var latency: Latencies
    /// What the generator itself added, in an open loop.
    public var lateness: Latencies?
    public var unsentFrames: UInt64
    /// Whether it ended before its time because it had written as much as it may.
    public var endedAtBound: Bool
    /// Shares of one core; of a server that was not started here they are not known.
    public var shardCPU: Double?
    public var serverCPU: Double?
    public var generatorCPU: Double
    public var timeline: [Moment]

    /// Refusals that are the business of a promotion.
    private static let ofBusiness: Set<ResultCode> = [
        .soldOut, .exhausted, .limitExceeded, .alreadyIssued, .insufficientPoints,
    ]

    init(_ phase: Scenario.Phase, _ plan: LoadPlan, _ report: LoadReport) {
        name = phase.name
        workload = phase.workload
        kind = phase.kind
        (connections, depth, batch) = (plan.connections, plan.depth, plan.batch)
        seconds = report.seconds
        accepted = report.accepted
        acceptedPerSecond = report.acceptedPerSecond
        refused = [:]
        for (code, count) in report.refused { refused["\(ResultCode(rawValue: code))", default: 0] += count }
        unknown = report.account.unknown
        connectionsLost = report.account.connectionsLost
        errorShare = Self.errorShare(report)
        latency = report.latency
        lateness = plan.framesPerSecond == nil ? nil : report.lateness
        unsentFrames = report.unsent
        endedAtBound = plan.entriesMax != nil && report.seconds < 0.95 * plan.seconds
        generatorCPU = report.generatorCPU
        timeline = report.timeline
    }

    static func errorShare(_ report: LoadReport) -> Double {
        let faults = report.refused.reduce(report.account.unknown) {
            ofBusiness.contains(ResultCode(rawValue: $1.key)) ? $0 : $0 + $1.value
        }
        let all = report.accepted + report.refusedTotal + report.account.unknown
        return all == 0 ? 0 : Double(faults) / Double(all)
    }
}

public struct ScenarioResult: Encodable, Sendable {
    public var scenario: String
    public var phases: [PhaseResult]
    public var verification: Verification
    public var verdicts: [Threshold.Verdict] = []

    /// Judges the phases that measure speed.
    public mutating func judge(_ thresholds: [Threshold]) {
        verdicts = phases.filter { $0.kind == .speed }.flatMap { phase in thresholds.map { $0.judge(phase) } }
    }

    public var isVerified: Bool { verification.failures.isEmpty }
    public var isFastEnough: Bool { verdicts.allSatisfy(\.isMet) }

    public var text: String {
        var table = TextTable([
            scenario, "accepted/s", "accepted", "refused", "mean", "p50", "p95", "p99", "p99.9", "p99.99", "max",
            "CPU: shards", "generator",
        ])
        for phase in phases {
            let latency = phase.latency
            let times = [
                latency.meanUs, Double(latency.p50Us), Double(latency.p95Us), Double(latency.p99Us),
                Double(latency.p999Us), Double(latency.p9999Us), Double(latency.maxUs),
            ]
            table.add(
                [
                    phase.name, grouped(phase.acceptedPerSecond), grouped(phase.accepted),
                    grouped(phase.refused.values.reduce(0, +)),
                ] + times.map { duration(us: $0) } + [phase.shardCPU.map(percent) ?? "-", percent(phase.generatorCPU)])
        }
        return ([table.text] + notes + [verification.text] + thresholdLines).joined(separator: "\n")
    }

    private var notes: [String] {
        phases.flatMap { phase in
            var notes: [String] = []
            if !phase.refused.isEmpty {
                let codes = phase.refused.sorted { $0.key < $1.key }.map { "\($0.key) \(grouped($0.value))" }
                notes.append("refused     \(phase.name): \(codes.joined(separator: ", "))")
            }
            if phase.workload.isJourney {
                notes.append(
                    "journeys    \(phase.name): whole ones are counted, of \(phase.workload.steps.count) requests each")
            }
            if let lateness = phase.lateness {
                notes.append(
                    "lateness    \(phase.name): p50 \(duration(us: Double(lateness.p50Us))), p99 "
                        + "\(duration(us: Double(lateness.p99Us))) of it are the generator's own")
            }
            if phase.unknown > 0 {
                notes.append(
                    "unknown     \(phase.name): \(grouped(phase.unknown)) without a reply, "
                        + "\(phase.connectionsLost) connections broke")
            }
            if phase.unsentFrames > 0 && phase.lateness != nil {
                notes.append("unsent      \(phase.name): \(grouped(phase.unsentFrames)) frames were due and not taken")
            }
            if phase.endedAtBound {
                notes.append(
                    "bound       \(phase.name): over after \(decimal(phase.seconds)) s, with all that it may write")
            }
            return notes
        }
    }

    private var thresholdLines: [String] {
        verdicts.isEmpty
            ? []
            : phases.filter { $0.kind == .speed }.map { phase in
                let own = verdicts.filter { $0.phase == phase.name }
                    .map { "\($0.threshold) \($0.isMet ? "met" : "MISSED with \($0.measured)")" }
                return "thresholds  \(phase.name): \(own.joined(separator: ", "))"
            }
    }
}

/// Everything of one call of `bench timesale` and the like.
public struct ScenarioReport: Encodable, Sendable {
    public var command: String
    public var machine: Machine
    /// The server: a fresh one, or the address of one that ran.
    public var server: String
    public var shards: Int
    public var fsync: String?
    public var load: ScenarioLoad
    public var results: [ScenarioResult]

    public init(
        command: String, machine: Machine, server: String, shards: Int, fsync: String?, load: ScenarioLoad,
        results: [ScenarioResult]
    ) {
        self.command = command
        self.machine = machine
        self.server = server
        self.shards = shards
        self.fsync = fsync
        self.load = load
        self.results = results
    }
}
