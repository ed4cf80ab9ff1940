internal import NIOCore
internal import NIOPosix
internal import Protocol
import Synchronization

/// A client's connections, one for each shard of the server, and what keeps them alive. Everything that is not said
/// to be for any thread belongs to the event loop.
///
/// While no connection is up, a single one is tried, wherever the server likes to serve it; its handshake tells the
/// shards, and the others follow. So a server that comes back meets one connection a client at first.
final class ConnectionPool: @unchecked Sendable {
    /// One shard's connection, or the attempts at it.
    struct Link {
        var connection: ServerConnection?
        var isConnecting = false
        var failures = 0
        var retryAt: Scheduled<Void>?
    }

    let eventLoop: any EventLoop
    let configuration: ClientConfiguration
    let counters = ClientCounters()
    /// What the next connection presents.
    private(set) var token: Name

    /// Shards of the server, 0 before the first handshake; from any thread.
    let shards = Atomic<Int>(0)
    /// The server's instance, 0 before the first handshake; from any thread.
    let instance = Atomic<UInt64>(0)
    /// Connections with a handshake; from any thread.
    let liveCount = Atomic<Int>(0)

    var links: [Link] = Array(repeating: Link(), count: ConnectionPool.shardsMax)
    /// The one attempt while nothing is connected.
    var scout = Link()
    var addressIndex = 0
    var lastFault = ConnectionFault.connecting
    var isClosed = false

    // Sources with calls outstanding.
    private var active: [any FrameSource] = []
    private var activeIds: Set<ObjectIdentifier> = []
    private var isTicking = false
    private var idleWaiters: [(deadlineNs: UInt64, promise: EventLoopPromise<Void>)] = []

    static let shardsMax = 64
    /// Deadlines are looked at so often.
    static let tickMs: Int64 = 5

    init(_ configuration: ClientConfiguration, token: Name, eventLoop: any EventLoop) {
        self.configuration = configuration
        self.token = token
        self.eventLoop = eventLoop
    }

    /// Begins to connect. From any thread.
    func start() { eventLoop.execute { self.connectWhatIsMissing() } }

    /// Has every connection from the next one on present another token. From any thread.
    func present(_ token: Name) { eventLoop.execute { self.token = token } }

    /// Tells that a source has calls. From any thread.
    func wake(_ source: any FrameSource) {
        eventLoop.execute {
            self.activate(source)
            self.send(from: source)
            self.flush()
        }
    }

    private func activate(_ source: any FrameSource) {
        guard !isClosed else { return source.abandon() }
        if activeIds.insert(ObjectIdentifier(source)).inserted { active.append(source) }
        startTicking()
    }

    // MARK: Sending

    /// Sends as many frames as the source has and may have under way.
    func send(from source: any FrameSource) {
        while let connection = connection(for: source.shard), connection.send(from: source) {}
    }

    /// The shard's own connection, else any: the server forwards.
    private func connection(for shard: Int) -> ServerConnection? {
        if let own = links[shard].connection, own.phase == .live { return own }
        guard liveCount.load(ordering: .relaxed) > 0 else { return nil }
        return links.lazy.compactMap(\.connection).first { $0.phase == .live }
    }

    private func sendAll() {
        for source in active { send(from: source) }
        flush()
    }

    func flush() {
        for link in links { link.connection?.flush() }
    }

    func retryLater(_ source: any FrameSource, _ retry: Retry) {
        eventLoop.scheduleTask(in: .milliseconds(Int64(retry.delayMs))) {
            source.requeue(retry)
            self.send(from: source)
            self.flush()
        }
    }

    // MARK: Connections that come and go

    func connected(_ connection: ServerConnection, _ topology: TopologyResult) {
        guard !isClosed else { return connection.end(.closed) }
        counters.connectionsOpened.add(1, ordering: .relaxed)
        let previous = instance.exchange(topology.instance, ordering: .relaxed)
        if previous != 0, previous != topology.instance { counters.restartsSeen.add(1, ordering: .relaxed) }
        shards.store(Int(topology.shards), ordering: .relaxed)

        // A scout is served by the shard of the server's choice, and becomes the connection of that shard.
        let shard = Int(topology.shard)
        guard links[shard].connection == nil else { return connection.end(.closed) }
        connection.shard = shard
        links[shard].connection = connection
        links[shard].retryAt?.cancel()
        links[shard].retryAt = nil
        liveCount.add(1, ordering: .relaxed)
        sendAll()
        connectWhatIsMissing()
    }

    /// Called once for each connection that had begun, however it ended.
    func ended(_ connection: ServerConnection) {
        if let shard = connection.shard, links[shard].connection === connection {
            links[shard].connection = nil
            if connection.hasAnswered { links[shard].failures = 0 }
            liveCount.subtract(1, ordering: .relaxed)
            lastFault = .closed
            if connection.hasAnswered { scout.failures = 0 }
        }
        guard !isClosed else { return }
        sendAll()
        connectWhatIsMissing()
    }

    /// An attempt has failed for good reason: the calls that wait for it need not wait for their deadline.
    func failUnsent(_ code: RefusalCode) {
        for source in active { source.failUnsent(.refused(code, retryAfterMs: 0)) }
    }

    // MARK: Time

    private func startTicking() {
        guard !isTicking else { return }
        isTicking = true
        eventLoop.scheduleTask(in: .milliseconds(Self.tickMs)) { self.tick() }
    }

    private func tick() {
        isTicking = false
        let nowNs = NIODeadline.now().uptimeNanoseconds
        let silenceMaxNs = UInt64(configuration.silenceMaxMs) * 1_000_000
        for link in links {
            if let connection = link.connection, connection.isSilent(nowNs: nowNs, silenceMaxNs: silenceMaxNs)
            {
                connection.end(.closed)
            }
        }
        let fault = liveCount.load(ordering: .relaxed) == 0 ? lastFault : nil
        for source in active { source.sweep(nowNs: nowNs, fault: fault) }
        active.removeAll { source in
            guard source.retire() else { return false }
            activeIds.remove(ObjectIdentifier(source))
            return true
        }
        let leaving = idleWaiters.filter { active.isEmpty || $0.deadlineNs <= nowNs }
        idleWaiters.removeAll { active.isEmpty || $0.deadlineNs <= nowNs }
        for waiter in leaving { waiter.promise.succeed() }
        if !active.isEmpty || !idleWaiters.isEmpty { startTicking() }
    }

    // MARK: The end

    /// Waits until no call is outstanding, at most until the deadline, then ends everything. From any thread.
    func close(deadlineNs: UInt64, _ sources: [any FrameSource]) -> EventLoopFuture<Void> {
        let idle = eventLoop.makePromise(of: Void.self)
        eventLoop.execute {
            self.idleWaiters.append((deadlineNs, idle))
            self.startTicking()
        }
        return idle.futureResult.map { self.closeNow(sources) }
    }

    private func closeNow(_ sources: [any FrameSource]) {
        guard !isClosed else { return }
        isClosed = true
        for index in links.indices {
            links[index].retryAt?.cancel()
            links[index].retryAt = nil
        }
        scout.retryAt?.cancel()
        scout.retryAt = nil
        // First the calls, then the connections: what is under way ends as not known, not as queued again.
        for source in sources { source.abandon() }
        for link in links { link.connection?.end(.closed) }
    }
}
