public import NIOCore
internal import NIOPosix
internal import Protocol

/// A client of one timesale server. Make one, share it between all tasks of a process: calls that are made at the
/// same time ride together.
///
/// ```swift
/// let client = try await TimesaleClient.connect(to: .tcp(host: "127.0.0.1", port: 7070))
/// let order = try await client.order(sale: 1001, user: 42)
/// await client.shutdown()
/// ```
///
/// **Batching.** Concurrent calls of one operation are collected into common frames, up to
/// `ClientConfiguration.batchCountMax` in each; a call that is alone leaves at once.
///
/// **Certainty.** A call ends with its result, with an error that says that nothing was done, or with
/// `TimesaleError.outcomeUnknown`. On a lost connection, on `BUSY` and when the server stops, the client sends the
/// call again, unchanged and with the same id, until its deadline; the server sees to it that it has one effect.
///
/// **Threads.** Every method may be called from any task; all input and output is done by one event loop. The methods
/// run where their caller runs.
public final class TimesaleClient: Sendable {
    public let configuration: ClientConfiguration

    /// Runs tasks on the thread that does the client's input and output. Tasks that do little but call this client
    /// are woken several times faster there (`Task(executorPreference: client.taskExecutor) { ... }`,
    /// `withTaskExecutorPreference`). Tasks that compute for long or block would hold up every other call.
    public let taskExecutor: any TaskExecutor

    let pool: ConnectionPool
    let queues: CallQueues

    /// A client that begins to connect, and returns before it has: calls wait for the connection until their deadline.
    ///
    /// - Parameters:
    ///   - configuration: at least one address. A token that cannot be sent makes every call fail with
    ///     `invalidArgument(.token)`.
    ///   - eventLoopGroup: whose next loop does the client's input and output; nil for that of the process.
    public init(_ configuration: ClientConfiguration, eventLoopGroup: (any EventLoopGroup)? = nil) {
        precondition(!configuration.addresses.isEmpty, "a client needs an address")
        self.configuration = configuration
        let eventLoop = (eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next()
        let token = Name(configuration.token).flatMap { $0.isValid ? $0 : nil }
        let pool = ConnectionPool(configuration, token: token ?? Name(), eventLoop: eventLoop)
        self.pool = pool
        queues = CallQueues(pool, argumentFault: token == nil ? .token : nil)
        taskExecutor = LoopExecutor(eventLoop)
        if token != nil { pool.start() }
    }

    /// A client that is connected: the first handshake has been answered.
    ///
    /// - Throws: `unavailable` if that did not happen within `connectTimeoutMs`, with the reason; `refused` if the
    ///   server did not want the token or the version. The client is shut down then.
    public static func connect(
        to addresses: ClientConfiguration.Address..., token: String = ""
    ) async throws(TimesaleError) -> TimesaleClient {
        var configuration = ClientConfiguration(addresses: addresses)
        configuration.token = token
        return try await connect(configuration)
    }

    /// A client that is connected, as `connect(to:token:)`.
    public static func connect(
        _ configuration: ClientConfiguration, eventLoopGroup: (any EventLoopGroup)? = nil
    ) async throws(TimesaleError) -> TimesaleClient {
        let client = TimesaleClient(configuration, eventLoopGroup: eventLoopGroup)
        do throws(TimesaleError) {
            _ = try await client.ping(timeoutMs: configuration.connectTimeoutMs)
        } catch {
            await client.shutdown(withinMs: 0)
            throw error
        }
        return client
    }

    deinit {
        // After `shutdown` all is closed, and the event loop may be gone.
        if queues.refusal == .shutDown { return }
        // Nobody can be waiting for a call: every call holds the client.
        _ = pool.close(deadlineNs: 0, queues.all)
    }

    /// Presents another token from the next connection on, where the server's tokens were changed while it runs.
    /// Connections that are up stay so, for as long as the server lets them.
    ///
    /// - Parameter token: as in the server's token file.
    /// - Throws: `invalidArgument(.token)` if it cannot be sent; then the token before it stays.
    public func present(token: String) throws(TimesaleError) {
        guard let name = Name(token), name.isValid else { throw .invalidArgument(.token) }
        pool.present(name)
    }

    /// Takes no further calls (`shutDown`), waits for the outstanding ones, closes the connections. What is not
    /// answered after `withinMs` ends as `shutDown` if it was not sent, else as an unknown outcome. Returns when all is
    /// closed; may be called more than once.
    public func shutdown(withinMs: UInt32 = 5_000) async {
        queues.closeForNew()
        let deadlineNs = NIODeadline.now().uptimeNanoseconds + UInt64(withinMs) * 1_000_000
        try? await pool.close(deadlineNs: deadlineNs, queues.all).get()
    }

    /// What the client is doing. Cheap enough for a metric that is read every second.
    public var status: ClientStatus {
        let counters = pool.counters
        return ClientStatus(
            connections: pool.liveCount.load(ordering: .relaxed),
            shards: pool.shards.load(ordering: .relaxed),
            instance: pool.instance.load(ordering: .relaxed),
            restartsSeen: counters.restartsSeen.load(ordering: .relaxed),
            callsOutstanding: queues.all.reduce(0) { $0 + $1.outstanding },
            callsSuspended: queues.all.reduce(0) { $0 + $1.suspended },
            entriesSent: counters.entriesSent.load(ordering: .relaxed),
            framesSent: counters.framesSent.load(ordering: .relaxed),
            retries: counters.retries.load(ordering: .relaxed),
            connectionsOpened: counters.connectionsOpened.load(ordering: .relaxed),
            connectionsFailed: counters.connectionsFailed.load(ordering: .relaxed))
    }

    func timeoutNs(_ timeoutMs: UInt32?) -> UInt64 {
        UInt64(timeoutMs ?? configuration.timeoutMs) * 1_000_000
    }
}
