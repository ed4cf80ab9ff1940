import Foundation
import Synchronization
public import TimesaleClient

/// A server of a test: `timesaled` as a child process, in a temporary directory, on a free port of this machine.
///
/// ```swift
/// try await withTimesale { client in
///     try await client.createSale(NewSale(id: 1, name: "Lamps", stock: 10))
///     try await client.order(sale: 1, user: 42)
/// }
/// ```
///
/// `withTimesale` and `withTimesaleServer` stop and remove it at the end of their body. Who starts one by hand keeps
/// it as long as it is needed and calls `stop()`; when the last reference goes, it is killed and removed.
public final class TimesaleServer: Sendable {
    /// On 127.0.0.1, with a port that was free.
    public let tcpAddress: ClientConfiguration.Address
    /// A unix socket in the directory.
    public let unixAddress: ClientConfiguration.Address
    /// Holds the data, the socket and what the server printed.
    public let directory: URL

    private let executable: String
    private let arguments: [String]
    private let child: Mutex<ChildProcess?>

    /// Starts a server and waits until it is ready.
    ///
    /// - Parameters:
    ///   - arguments: further options, such as `["--shards", "2"]`; see `timesaled --help`.
    ///   - executable: the path of `timesaled`. If it is nil: the environment variable `TIMESALED`, else beside the
    ///     running executable, else in `bin` below the working directory, else in `PATH`.
    /// - Throws: `TimesaleServerFault` if there is no executable, or the server does not get ready.
    public static func start(
        _ arguments: [String] = [], executable: String? = nil
    ) async throws(TimesaleServerFault) -> TimesaleServer {
        let path: String
        if let executable { path = executable } else { path = try ServerExecutable.find() }
        let directory = try temporaryDirectory()
        do throws(TimesaleServerFault) {
            let child = try ChildProcess(
                path, options(directory, listen: "127.0.0.1:0") + arguments, output: directory)
            let port = try await child.waitUntilReady()
            return TimesaleServer(directory, port: port, path, arguments, child)
        } catch {
            try? FileManager.default.removeItem(at: directory)
            throw error
        }
    }

    private init(
        _ directory: URL, port: Int, _ executable: String, _ arguments: [String], _ child: ChildProcess
    ) {
        self.directory = directory
        self.executable = executable
        self.arguments = arguments
        self.child = Mutex(child)
        tcpAddress = .tcp(host: "127.0.0.1", port: port)
        unixAddress = .unix(path: directory.path + "/timesale.sock")
    }

    deinit {
        child.withLock { child in
            child?.signal(SIGKILL)
            child?.reap()
        }
        try? FileManager.default.removeItem(at: directory)
    }

    /// The process id, nil when it does not run.
    public var processId: Int32? { child.withLock { $0?.pid } }

    /// A connected client, configured further by `configure`. It is patient: a machine that runs tests may be slow.
    public func client(
        _ configure: (inout ClientConfiguration) -> Void = { _ in }
    ) async throws(TimesaleError) -> TimesaleClient {
        var configuration = ClientConfiguration(tcpAddress)
        configuration.timeoutMs = 30_000
        configuration.connectTimeoutMs = 30_000
        configure(&configuration)
        return try await .connect(configuration)
    }

    /// Ends the process like a crash (SIGKILL) and waits for its end. The data stays: `restart()` finds it.
    public func kill() async { await end(SIGKILL) }

    /// Asks the process to stop (SIGTERM) and waits for its end. The data stays.
    public func terminate() async { await end(SIGTERM) }

    private func end(_ signal: Int32) async {
        let ending = child.withLock { child in
            defer { child = nil }
            return child
        }
        ending?.signal(signal)
        await ending?.waitForEnd()
    }

    /// Starts the server again, on the same data and the same addresses; kills it first if it still runs.
    ///
    /// - Parameter arguments: in place of those it was started with; nil for the same.
    public func restart(_ arguments: [String]? = nil) async throws(TimesaleServerFault) {
        await kill()
        let options = TimesaleServer.options(directory, listen: tcpAddress.description)
        let started = try ChildProcess(executable, options + (arguments ?? self.arguments), output: directory)
        _ = try await started.waitUntilReady()
        child.withLock { $0 = started }
    }

    /// Asks the process to stop, waits for its end, and removes the directory.
    public func stop() async {
        await terminate()
        try? FileManager.default.removeItem(at: directory)
    }

    /// What the server has written to its standard error, in all its runs.
    public var messages: String { ChildProcess.text(directory.appendingPathComponent("stderr")) }

    private static func options(_ directory: URL, listen: String) -> [String] {
        [
            "--data", directory.path + "/data", "--listen", listen, "--listen",
            "unix:\(directory.path)/timesale.sock",
            // Small, so that it starts at once; options that the test gives come later, and win.
            "--orders", "1000000", "--users", "100000", "--segment-size", "8MiB", "--log-ahead", "0KiB",
        ]
    }

    /// Short enough for the path of a unix socket.
    private static func temporaryDirectory() throws(TimesaleServerFault) -> URL {
        let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(parent)/timesale-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw .noDirectory(parent: parent, errno: errno) }
        return URL(fileURLWithPath: String(cString: made))
    }
}

/// Starts a server, gives it to `body`, and stops and removes it, whatever `body` does.
///
/// - Parameters: as for `TimesaleServer.start`.
public func withTimesaleServer<Value>(
    _ arguments: [String] = [], executable: String? = nil, _ body: (TimesaleServer) async throws -> Value
) async throws -> Value {
    let server = try await TimesaleServer.start(arguments, executable: executable)
    do {
        let value = try await body(server)
        await server.stop()
        return value
    } catch {
        await server.stop()
        throw error
    }
}

/// Starts a server, gives a client that is connected to it, and stops and removes everything, whatever `body` does.
///
/// - Parameters: as for `TimesaleServer.start`.
public func withTimesale<Value>(
    _ arguments: [String] = [], executable: String? = nil, _ body: (TimesaleClient) async throws -> Value
) async throws -> Value {
    try await withTimesaleServer(arguments, executable: executable) { server in
        let client = try await server.client()
        do {
            let value = try await body(client)
            await client.shutdown()
            return value
        } catch {
            await client.shutdown(withinMs: 0)
            throw error
        }
    }
}
