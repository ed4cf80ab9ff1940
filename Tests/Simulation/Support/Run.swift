/// What a run is made of: the same always does the same.
public struct Run: Sendable {
    /// What everything is drawn from.
    public var seed: UInt64
    /// Steps before the faults stop.
    public var steps: Int
    /// Another course of events in the same scenario; 0: the seed's own.
    public var salt: UInt64
    public var reductions: [Reduction]

    public init(
        seed: UInt64, steps: Int = Simulation.stepsUsual, salt: UInt64 = 0, reductions: [Reduction] = []
    ) {
        self.seed = seed
        self.steps = steps
        self.salt = salt
        self.reductions = reductions
    }
}

/// What can be left out of a scenario, so that a run that fails shows what is needed for that.
public enum Reduction: String, CaseIterable, Sendable {
    case follower, mirror, snapshots, damage
    case callFaults = "call-faults"
    case diskFaults = "disk-faults"
    case clockBack = "clock-back"
    case fullDisk = "full-disk"
    case retirement, coupons, points, checkouts, resharding
    case powerLoss = "power-loss"
    case recoveryCrashes = "recovery-crashes"
    case crashes
    case connectionLoss = "connection-loss"
    case stalls, skips, leaps, shards, clients, users, batches, pipelining, grace

    /// What it leaves out of a scenario. Followers and mirrors are no part of one.
    func reduce(_ scenario: inout Scenario) {
        switch self {
        case .follower, .mirror: break
        case .snapshots: scenario.snapshotPerMille = 0
        case .damage: (scenario.damagePerMille, scenario.snapshotDamagePerMille) = (0, 0)
        case .callFaults: scenario.callFaultPerMille = 0
        case .diskFaults: scenario.diskFaultPer10k = 0
        case .clockBack: scenario.clockBackPerMille = 0
        case .fullDisk: scenario.fullPerMille = 0
        case .retirement: (scenario.retains, scenario.retainMs) = ([], 7 * 24 * 3600 * 1000)
        case .coupons: scenario.couponWeight = 0
        case .points: scenario.pointWeight = 0
        case .checkouts: scenario.checkoutWeight = 0
        case .resharding: scenario.reshardPerMille = 0
        case .powerLoss: scenario.powerLossPerMille = 0
        case .recoveryCrashes: scenario.recoveryCrashPerMille = 0
        case .crashes: scenario.crashesPer10kSteps = 0
        case .connectionLoss: scenario.connectionLossPerMille = 0
        case .stalls: scenario.stallPerMille = 0
        case .skips: scenario.skipPerMille = 0
        case .leaps: scenario.leapPerMille = 0
        case .shards: (scenario.shards, scenario.shardsMax) = (1, 1)
        case .clients: scenario.clients = 1
        case .users: scenario.users = 1
        case .batches: scenario.batchMax = 1
        case .pipelining: scenario.framesInFlightMax = 1
        case .grace: scenario.graceMs = 0
        }
    }
}

extension Simulation {
    /// Leaves out of a run that fails whatever can be left out so that the same promise still breaks, then makes it
    /// short. What is left out changes the course of events, so that for each step a few are tried. Nil if the run does
    /// not fail. `note` gets a line for each step.
    public func shrink(_ run: Run, note: (String) -> Void) -> (run: Run, outcome: Outcome)? {
        let first = self.run(run)
        guard let promise = first.violation?.promise else { return nil }
        var best = (run: run, outcome: first)
        for reduction in Reduction.allCases where !run.reductions.contains(reduction) {
            var smaller = best.run
            smaller.reductions.append(reduction)
            guard let found = failing(smaller, promise, salts: Self.saltsTried) else { continue }
            best = found
            note("without \(reduction.rawValue) it fails at step \(found.outcome.step)")
        }
        while best.run.steps > 1 {
            var shorter = best.run
            shorter.steps = min(best.run.steps, best.outcome.step) / 2
            guard shorter.steps > 0, let found = failing(shorter, promise, salts: 4 * Self.saltsTried) else { break }
            best = found
            note("within \(found.run.steps) steps it fails at step \(found.outcome.step)")
        }
        return best
    }

    private static let saltsTried: UInt64 = 8

    /// The first of some courses of events in which a promise breaks.
    private func failing(_ run: Run, _ promise: Int, salts: UInt64) -> (run: Run, outcome: Outcome)? {
        for salt in 0..<salts {
            var other = run
            other.salt = run.salt &+ salt
            let outcome = self.run(other)
            if outcome.violation?.promise == promise { return (other, outcome) }
        }
        return nil
    }
}
