import CAtomics
import CLinux
import Engine
import Glibc
import Log
import Logging
import Mirror
import Redis
import Shard
import Storage

/// How a server is set up: the options, resolved.
public struct ServerConfiguration: Sendable {
    public var listen: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 7070)]
    public var dataDirectory = "./data"
    public var shards = 1
    public var fsync = FsyncMode.always
    public var tokens: [AccessToken] = []
    /// Reads the tokens again, on SIGHUP; the error is a sentence for the log that shows none of them. Nil: there are
    /// none.
    public var readTokens: (@Sendable () throws(ServerError) -> [AccessToken])?
    /// Of all shards together.
    public var capacities = Capacities()
    /// Whether the tables have all their memory from the start, or get it as they grow.
    public var areTablesResident = false
    public var connectionCountMax = 10_000
    public var retainMs: UInt64 = 7 * 86_400_000
    public var graceMs: UInt64 = 30_000
    public var segmentSizeBytes = 64 << 20
    /// Log that is kept ready ahead of use, over all shards.
    public var logAheadBytes = 256 << 20
    /// Log since the last snapshot, over all shards, after which the next one is made; 0: only when asked.
    public var snapshotAfterBytes = 1 << 30
    /// Where segments go that no start needs any more; nil: they are removed or used again.
    public var archiveDirectory: String?
    public var clientTimeoutMs: UInt64 = 10_000
    /// How long requests may wait before new work is refused; 0: any time.
    public var queueDelayMs: UInt64 = 250
    /// Where counts and events are mirrored to; nil: nowhere.
    public var redis: RedisSettings?
    /// The CPU of each shard's thread; empty: the scheduler's choice.
    public var pinnedCPUs: [Int] = []

    public init() {}
}

/// Why a server did not start, as one line for an operator.
public struct ServerError: Error, Sendable {
    public var sentence: String

    public init(sentence: String) { self.sentence = sentence }
}

/// The server process: opens the data directory, recovers, runs one reactor a shard, and stops.
public enum Server {
    /// A log that is further ahead of the wall clock than this stops the start.
    static let logAheadMaxMs: UInt64 = 60_000

    /// Runs until SIGTERM or SIGINT, then finishes, flushes and returns. Called once, on the main thread.
    /// `announce` gets a line for each address, then `ready`.
    public static func run(
        _ configuration: ServerConfiguration, logger: Logger, announce: (String) -> Void
    ) throws(ServerError) {
        try checkRing()
        raiseDescriptorLimit(configuration.connectionCountMax)
        let signals = blockSignals()
        let storage = try open(configuration.dataDirectory)
        let listeners = try listen(configuration.listen)
        defer { for listener in listeners { listener.close() } }
        let memory = MemorySource.system
        let state = try recover(storage, configuration, memory, logger)
        if state.lastTimeMs > Clock.wallMs() + logAheadMaxMs {
            throw ServerError(
                sentence: "the log ends \((state.lastTimeMs - Clock.wallMs()) / 1000) s ahead of this machine's "
                    + "clock: set the clock right, then start again")
        }
        let clock = Clock(startMs: max(Clock.wallMs(), state.lastTimeMs), memory: memory)
        let sequence = memory.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
        sequence.pointee = state.lastSequence
        let durable = DurableBoard(shards: configuration.shards, counter: sequence, memory: memory)
        let room = DiskRoom(storage: storage, board: durable, logger: logger, memory: memory)
        let spares = SpareSegments(
            storage: storage, segmentSizeBytes: state.manifest.segmentSizeBytes,
            sizeBytes: configuration.logAheadBytes, room: room, logger: logger)
        let keeper = SegmentKeeper(
            storage: storage, identities: state.shards.map(\.identity), spares: spares, room: room, clock: clock,
            logger: logger)
        let shared = ServerState(
            mesh: Mesh(shards: configuration.shards, memory: memory), listeners: listeners.map(\.socket),
            doorbells: (0..<configuration.shards).map { _ in ts_eventfd() },
            keeper: keeper, room: room, access: AccessList(configuration.tokens), graceMs: configuration.graceMs,
            clientTimeoutMs: configuration.clientTimeoutMs, connectionCountMax: configuration.connectionCountMax,
            memory: memory)
        keeper.notify = { [unowned shared] in shared.ring($0) }

        let keeperThread = WorkThread(name: "log keeper") { keeper.run() }
        let sparesThread = WorkThread(name: "log spares") { spares.run() }
        let start = StartGate(count: configuration.shards)
        let board = StatisticsBoard(shards: configuration.shards, memory: memory)
        let facts = InstanceFacts(
            instance: UInt64.random(in: 1...UInt64.max), retainMs: configuration.retainMs,
            inFlightMaxBytes: Reactor.inFlightMaxBytes)
        let snapshots = SnapshotKeeper(
            storage: storage, state: state, board: durable, spares: spares, room: room, configuration: configuration,
            logger: logger) { [unowned shared] in shared.askForBlock() }
        let recent = (0..<configuration.shards).map { _ in RecentBlocks(memory: memory) }
        let writesEvents = configuration.redis?.writesEvents ?? false
        let tails = TailKeeper(
            storage: storage, board: durable, recent: recent, isAlwaysFollowed: writesEvents, memory: memory,
            logger: logger)
        if writesEvents { TailKeeper.follow(recent, memory) }
        let feeds = configuration.redis == nil ? [] : state.shards.map { _ in CountFeed(memory: memory) }
        let mirrorBoard = MirrorBoard(memory: memory)
        let mirror = configuration.redis.map {
            MirrorKeeper(
                $0, state: state, feeds: feeds, durable: durable, storage: storage, recent: recent,
                board: mirrorBoard, clock: clock, logger: logger)
        }
        shared.desk = AsideDesk(shards: configuration.shards, snapshots: snapshots, tails: tails) {
            [unowned shared] in shared.ring($0)
        }
        let threads = state.shards.enumerated().map { shard, recovered in
            let thread = ShardThread(
                shard: shard, recovered: recovered, configuration: configuration, shared: shared, clock: clock,
                board: board, facts: facts, durable: durable, recent: recent[shard],
                feed: feeds.isEmpty ? nil : feeds[shard], mirrorBoard: mirrorBoard, start: start, storage: storage,
                memory: memory, logger: logger)
            return WorkThread(name: "shard \(shard)") { thread.run() }
        }
        start.waitUntilAllAreReady()
        let snapshotsThread = WorkThread(name: "snapshots") { snapshots.run() }
        let tailsThread = WorkThread(name: "tails") { tails.run() }
        let mirrorThread = mirror.map { mirror in WorkThread(name: "mirror") { mirror.run() } }
        for listener in listeners { announce("listening on \(listener.address)") }
        announce("ready")
        let signal = waitForStop(signals) { readTokens(configuration, shared, logger) }
        logger.info("stopping on \(signal == SIGTERM ? "SIGTERM" : "SIGINT")")
        // Whoever waits for events is told before the shards end.
        tails.stop()
        tailsThread.join()
        shared.stop()
        for thread in threads { thread.join() }
        mirror?.stop()
        mirrorThread?.join()
        snapshots.stop()
        keeper.stop()
        spares.stop()
        snapshotsThread.join()
        keeperThread.join()
        sparesThread.join()
        logger.info("stopped")
        withExtendedLifetime((storage, shared)) {}
    }

    // MARK: Before the shards

    /// Asks for a ring and gives it back, so that a refusal is the first thing an operator reads.
    private static func checkRing() throws(ServerError) {
        do {
            let ring = try Ring(entries: 8)
            ring.close()
        } catch {
            throw ServerError(sentence: error.description)
        }
    }

    private static func open(_ path: String) throws(ServerError) -> DirectoryStorage {
        do {
            return try DirectoryStorage.openDirectory(path: path, create: true) { Fatal.exit("\($0)") }
        } catch {
            throw ServerError(sentence: "\(error)")
        }
    }

    private static func listen(_ addresses: [ListenAddress]) throws(ServerError) -> [Listener] {
        var listeners: [Listener] = []
        for address in addresses {
            do {
                listeners.append(try Listener(address))
            } catch {
                for listener in listeners { listener.close() }
                throw ServerError(sentence: error.sentence)
            }
        }
        return listeners
    }

    private static func recover(
        _ storage: DirectoryStorage, _ configuration: ServerConfiguration, _ memory: MemorySource, _ logger: Logger
    ) throws(ServerError) -> RecoveredState {
        let startUs = Clock.monotonicUs()
        do {
            var recovery = RecoveryConfiguration(
                shards: configuration.shards, segmentSizeBytes: configuration.segmentSizeBytes,
                capacities: configuration.capacities, retainMs: configuration.retainMs,
                hashSeed: UInt64.random(in: 0...UInt64.max))
            recovery.keepsCovered = configuration.archiveDirectory != nil
            let state = try Recovery.recover(
                storage: storage, configuration: recovery,
                memory: memory, nowMs: Clock.wallMs(),
                note: { logger.notice("\($0)") })
            let ms = (Clock.monotonicUs() - startUs) / 1000
            logger.info("recovered \(state.eventCount) events in \(ms) ms, up to sequence \(state.lastSequence)")
            return state
        } catch {
            throw ServerError(sentence: error.description)
        }
    }

    // MARK: Process

    private static func blockSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGHUP)
        // Started with nohup, it would be ignored, and never wake anybody.
        Glibc.signal(SIGHUP, SIG_DFL)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        Glibc.signal(SIGPIPE, SIG_IGN)
        return signals
    }

    /// SIGTERM or SIGINT; calls `onHangUp` for each SIGHUP before it.
    private static func waitForStop(_ signals: sigset_t, onHangUp: () -> Void) -> Int32 {
        var signals = signals
        var signal: Int32 = 0
        while true {
            if sigwait(&signals, &signal) != 0 { continue }
            guard signal == SIGHUP else { return signal }
            onHangUp()
        }
    }

    /// The token file has changed. One that cannot be read, or says nothing sensible, changes nothing: a slip of the
    /// pen must not shut everybody out.
    private static func readTokens(_ configuration: ServerConfiguration, _ shared: ServerState, _ logger: Logger) {
        guard let read = configuration.readTokens else {
            return logger.notice("SIGHUP: there is no --token-file to read again")
        }
        do throws(ServerError) {
            let tokens = try read()
            let (added, removed) = shared.access.replace(tokens)
            shared.ringAll()
            logger.notice("tokens read again: \(tokens.count), of them \(added) new; \(removed) removed")
        } catch {
            logger.error("the tokens stay as they were: \(error.sentence)")
        }
    }

    /// Connections need descriptors: takes as many as the hard limit gives.
    private static func raiseDescriptorLimit(_ connections: Int) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(connections + 256)))
        setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
    }
}
