import CAtomics
import Engine
import Log
import Logging
import Mirror
import Redis
import Shard

/// A thread that keeps Redis up to date: see `Mirror`. It takes its time from Redis, and no shard's.
final class MirrorKeeper: @unchecked Sendable {
    /// Between two looks when nothing changes: doubled up to this.
    private static let pauseMaxMs: UInt64 = 64
    /// How long a stop waits for Redis to get the last of it.
    private static let lastMs: UInt64 = 2_000

    private let mirror: Mirror
    private let flushMs: UInt64
    private let clock: Clock
    private let monitor = Monitor()

    private let board: MirrorBoard
    /// Guarded by the monitor.
    private var isStopping = false

    /// `state` as recovery has left it, before any shard runs.
    init(
        _ settings: RedisSettings, state: RecoveredState, feeds: [CountFeed], durable: DurableBoard,
        storage: any LogStorage, recent: [RecentBlocks], board: MirrorBoard, clock: Clock, logger: Logger
    ) {
        let start = MirrorEpoch.begin(storage, nowMs: clock.nowMs())
        if let fault = start.fault {
            logger.warning("the epoch of this start could not be kept, and counts by the clock alone: \(fault)")
        }
        var configuration = Mirror.Configuration(epoch: start.epoch)
        configuration.prefix = settings.prefix
        configuration.timeoutMs = settings.timeoutMs
        if settings.writesEvents { configuration.eventCountMax = settings.eventCountMax }
        flushMs = settings.flushMs
        self.clock = clock
        mirror = Mirror(
            configuration, link: settings.makeLink(), engines: state.shards.map(\.engine), feeds: feeds,
            board: durable, storage: storage, recent: recent, sequence: state.lastSequence,
            random: { Double.random(in: 0..<1) }, note: { logger.warning("\($0)") })
        self.board = board
        publish()
    }

    /// The thread's work.
    func run() {
        var pauseMs = flushMs
        while wait(pauseMs) {
            pauseMs = step() ? flushMs : min(pauseMs * 2, max(Self.pauseMaxMs, flushMs))
        }
        // The shards have ended, all is durable: Redis gets the last of it, if it is there.
        let untilMs = clock.nowMs() + Self.lastMs
        repeat { _ = step() } while !mirror.isInStep && status.state == .closed && clock.nowMs() < untilMs
        mirror.close()
    }

    private func step() -> Bool {
        let hasChanged = mirror.step(nowMs: clock.nowMs())
        publish()
        return hasChanged
    }

    /// With the time of now: a step takes as long as Redis does, and the lag grows by that.
    private func publish() { board.write(status.result) }

    private var status: MirrorStatus { mirror.status(nowMs: clock.nowMs()) }

    private func wait(_ pauseMs: UInt64) -> Bool {
        let untilUs = Clock.monotonicUs() + pauseMs * 1000
        return monitor.locked {
            while !isStopping {
                if !monitor.wait(untilUs: untilUs) { break }
            }
            return !isStopping
        }
    }

    /// Ends the thread, behind the shards.
    func stop() {
        monitor.locked {
            isStopping = true
            monitor.signal()
        }
    }
}
