import Foundation
import Generator
import Protocol

/// How the mirror stands while a load is measured.
public enum MirrorMode: String, CaseIterable, Codable, Sendable {
    /// The server was started without `--redis`.
    case off
    case on
    /// Redis is stopped by SIGSTOP just before the load, and goes on after it.
    case paused
}

/// One load on a fresh server, and what its mirror did meanwhile.
public struct MirrorTrial: Codable, Sendable {
    public var mode: MirrorMode
    public var load: TrialResult
    /// By what the server says, since its start; 0 without a mirror.
    public var flushes: UInt64 = 0
    /// Counts of sales that were written since then, by what Redis says.
    public var countWrites: UInt64 = 0
    /// The sales that were ordered from.
    public var sales: Int
    /// From the end of the load until Redis had everything; with `paused`, from when it went on.
    public var caughtUpMs: UInt64 = 0

    public init(
        mode: MirrorMode, load: TrialResult, flushes: UInt64 = 0, countWrites: UInt64 = 0, sales: Int,
        caughtUpMs: UInt64 = 0
    ) {
        self.mode = mode
        self.load = load
        self.flushes = flushes
        self.countWrites = countWrites
        self.sales = sales
        self.caughtUpMs = caughtUpMs
    }

    /// CPU time of the shards' threads for one accepted order, in microseconds.
    public var shardCPUUsPerOrder: Double { load.shardCPU / max(1, load.ordersPerSecond) * 1e6 }

    /// Runs it. `redisCPU` is where Redis runs, -1: anywhere. Throws if Redis does not show in the end what was sold.
    public static func run(
        _ mode: MirrorMode, _ trial: Trial, redisServer: String, redisCPU: Int, events: Bool
    ) throws -> MirrorTrial {
        var trial = trial
        let redis = mode == .off
            ? nil : try MirroredRedis(executable: redisServer, directory: trial.settings.directory, cpu: redisCPU)
        defer { redis?.stop() }
        trial.settings.redis = redis?.url
        trial.settings.redisEvents = redis != nil && events
        let server = try trial.start()
        defer { server.stop() }
        var plan = trial.plan
        plan.address = server.address(isUnix: trial.isUnix)
        guard let redis else { return MirrorTrial(mode: mode, load: try trial.measure(on: server), sales: 0) }

        let load = try trial.measure(on: server) { _ in if mode == .paused { redis.pause() } }
        if mode == .paused { redis.resume() }
        let caughtUpMs = try waitUntilCaughtUp(plan)
        var (sold, shown): (UInt64, UInt64) = (0, 0)
        // The last frames of the load may have come to their end only after the mirror had caught up.
        for _ in 0..<100 {
            sold = try Generator.sales(plan, plan.saleIds).reduce(0) { $0 + $1.sold }
            shown = try redis.sold(plan.saleIds)
            if shown == sold { break }
            usleep(50_000)
        }
        guard shown == sold else {
            throw LoadError(description: "Redis shows \(shown) units sold, the server \(sold)")
        }
        // Writes first: of a flush that comes between the two, the writes may be missing, but not the flush.
        let countWrites = try redis.countWrites()
        return MirrorTrial(
            mode: mode, load: load, flushes: try Generator.mirror(plan).flushes, countWrites: countWrites,
            sales: plan.saleIds.count, caughtUpMs: caughtUpMs)
    }

    /// Whether Redis got no more writes than there were sales at each flush.
    public var isCoalesced: Bool { countWrites <= flushes * UInt64(sales) }

    /// Waits until Redis has all that is durable; answers how long that took, in ms.
    private static func waitUntilCaughtUp(_ plan: LoadPlan) throws -> UInt64 {
        let begin = MonotonicClock.nowUs()
        while true {
            try Interruption.check()
            let mirror = try Generator.mirror(plan)
            let us = MonotonicClock.nowUs() - begin
            if mirror.state == MirrorState.closed.rawValue && mirror.lagEvents == 0 { return us / 1000 }
            guard us < 60_000_000 else {
                throw LoadError(description: "the mirror is \(mirror.lagEvents) events behind after a minute")
            }
            usleep(2000)
        }
    }
}
