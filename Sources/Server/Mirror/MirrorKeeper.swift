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

    // Guarded by the monitor.
    private var isStopping = false
    private var published: MirrorStatus

    /// `state` as recovery has left it, before any shard runs.
    init(
        _ settings: MirrorSettings, link: any RedisLink, state: RecoveredState, feeds: [CountFeed], board: DurableBoard,
        clock: Clock, logger: Logger
    ) {
        var configuration = Mirror.Configuration(epoch: clock.nowMs())
        configuration.prefix = settings.prefix
        configuration.timeoutMs = settings.timeoutMs
        flushMs = settings.flushMs
        self.clock = clock
        mirror = Mirror(
            configuration, link: link, engines: state.shards.map(\.engine), feeds: feeds, board: board,
            sequence: state.lastSequence, random: { Double.random(in: 0..<1) }, note: { logger.warning("\($0)") })
        published = mirror.status
    }

    /// How the mirror stood after its last step. Any thread.
    var status: MirrorStatus { monitor.locked { published } }

    /// The thread's work.
    func run() {
        var pauseMs = flushMs
        while wait(pauseMs) {
            pauseMs = step() ? flushMs : min(pauseMs * 2, max(Self.pauseMaxMs, flushMs))
        }
        // The shards have ended, all is durable: Redis gets the last of it, if it is there.
        let untilMs = clock.nowMs() + Self.lastMs
        repeat { _ = step() } while !mirror.isInStep && mirror.status.state == .closed && clock.nowMs() < untilMs
        mirror.close()
    }

    private func step() -> Bool {
        let hasChanged = mirror.step(nowMs: clock.nowMs())
        monitor.locked { published = mirror.status }
        return hasChanged
    }

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
