import Foundation
import Redis
import Synchronization
import TestSupport
import TimesaleSpawn

/// A redis-server that runs as a child process on 127.0.0.1 and on a unix socket, both of its own. It answers when
/// `init` returns, keeps nothing on disk unless it is told to, and is killed on deinit.
public final class RedisProcess: Sendable {
    /// Holds its configuration, its socket, its dump and its log.
    public let directory: TemporaryDirectory
    public let port: UInt16
    private let state = Mutex(State())

    private struct State: Sendable {
        var pid: pid_t = 0
        var lines: [String] = []
    }

    public enum Fault: Error, CustomStringConvertible {
        case notInstalled
        case notStarted(String)
        case timedOut(String, log: String)
        case refused(RedisReply)

        public var description: String {
            switch self {
            case .notInstalled: "there is no redis-server in PATH; make setup installs it"
            case .notStarted(let why): "redis-server did not start: \(why)"
            case .timedOut(let what, let log): "\(what) did not come about; the log of redis-server:\n\(log)"
            case .refused(let reply): "redis-server refused a command of the test: \(reply)"
            }
        }
    }

    public var unixPath: String { directory.path + "/redis.sock" }
    public var url: String { "redis://127.0.0.1:\(port)" }
    public var endpoint: RedisEndpoint { .tcp(host: "127.0.0.1", port: port) }
    public var pid: pid_t { state.withLock { $0.pid } }
    /// What the server has logged, in all its runs.
    public var log: String { (try? String(contentsOfFile: directory.path + "/redis.log", encoding: .utf8)) ?? "" }

    /// - Parameter lines: further ones of redis.conf, such as `maxmemory 2mb`; they win. With `requirepass` or users
    ///   among them, give in `login` who the test itself is.
    public init(
        _ lines: [String] = [], in directory: TemporaryDirectory = TemporaryDirectory(),
        login: RedisCredentials = RedisCredentials()
    ) throws {
        self.directory = directory
        self.login = login
        port = try Self.freePort()
        state.withLock { $0.lines = lines }
        try start()
    }

    /// As whom the test gives commands.
    private let login: RedisCredentials

    deinit { kill() }

    // MARK: Life and death

    /// Starts it again after `kill`, on the same port and directory: empty, unless it was told to keep something or a
    /// `dump.rdb` lies there.
    /// - Parameter lines: in place of those given before.
    public func start(_ lines: [String]? = nil) throws {
        if let lines { state.withLock { $0.lines = lines } }
        try writeConfiguration()
        try launch()
        try wait("the start of redis-server") { (try? self.run("PING")) == .status("PONG") }
    }

    /// Ends it as a power loss would, and waits for its end. Does nothing if it does not run.
    public func kill() {
        state.withLock { state in
            guard state.pid > 0 else { return }
            _ = Foundation.kill(state.pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(state.pid, &status, 0) < 0 && errno == EINTR {}
            state.pid = 0
        }
    }

    /// From now on it takes connections and bytes, and answers nothing.
    public func pause() {
        _ = Foundation.kill(pid, SIGSTOP)
        // The kernel stops each thread when it gets there: wait until it has.
        var information = siginfo_t()
        _ = waitid(P_PID, id_t(pid), &information, WSTOPPED | WNOWAIT)
    }

    public func resume() { _ = Foundation.kill(pid, SIGCONT) }

    // MARK: Commands of the test

    /// One command, over a connection of its own. An error of Redis is a reply here.
    @discardableResult
    public func run(_ arguments: String...) throws -> RedisReply { try run(arguments) }

    @discardableResult
    public func run(_ arguments: [String]) throws -> RedisReply {
        let address = RedisAddress(.unix(path: unixPath), credentials: login)
        // Not ServerLink: that one passes on what belongs to another node of a cluster.
        return try DirectLink(address).send(RedisCommand(arguments), timeoutMs: 60_000)
    }

    /// The same for a command that must not be refused.
    @discardableResult
    public func mustRun(_ arguments: String...) throws -> RedisReply {
        let reply = try run(arguments)
        if case .error = reply { throw Fault.refused(reply) }
        return reply
    }

    /// Somebody else uses a name of the mirror's. In one step: between two commands the mirror could write the key.
    public func takePlace(of key: String) throws {
        let script = "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'not', 'ours')"
        try mustRun("EVAL", script, "1", key)
    }

    /// Waits until something has come about, and throws if it does not within a minute.
    public func wait(_ what: String, until condition: () throws -> Bool) throws {
        let end = ContinuousClock.now + .seconds(60)
        while try !condition() {
            if ContinuousClock.now > end { throw Fault.timedOut(what, log: log) }
            var information = siginfo_t()
            let pid = pid
            if pid > 0, waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT | WNOHANG) == 0,
                information.si_signo != 0
            {
                throw Fault.notStarted(log)
            }
            usleep(10_000)
        }
    }

    // MARK: Starting

    private func writeConfiguration() throws {
        let own = [
            "bind 127.0.0.1", "port \(port)", "unixsocket \(unixPath)", "dir \(directory.path)",
            "logfile \(directory.path)/redis.log", "daemonize no", "save \"\"", "appendonly no",
        ]
        let lines = own + state.withLock { $0.lines }
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: directory.path + "/redis.conf", atomically: true, encoding: .utf8)
    }

    private func launch() throws {
        let program = try Self.program("redis-server")
        let log = directory.path + "/redis.log"
        let started = try spawn(
            program, [directory.path + "/redis.conf"] + extraArguments, output: .file(path: log),
            errors: .file(path: log))
        state.withLock { $0.pid = started }
    }

    private var extraArguments: [String] {
        // A sentinel is the same program with one word more; it rewrites its configuration.
        state.withLock { $0.lines.contains { $0.hasPrefix("sentinel ") } } ? ["--sentinel"] : []
    }

    /// The path of one of Redis's programs.
    public static func program(_ name: String) throws -> String {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        guard let folder = folders.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") })
        else { throw Fault.notInstalled }
        return "\(folder)/\(name)"
    }

    /// A port that nobody listens on. No two calls of this process return the same, so that servers that start side
    /// by side do not meet.
    public static func freePort() throws -> UInt16 {
        for _ in 0..<100 {
            let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(probe) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(probe, $0, size) == 0 && getsockname(probe, $0, &size) == 0
                }
            }
            guard bound else { break }
            let port = UInt16(bigEndian: address.sin_port)
            if given.withLock({ $0.insert(port).inserted }) { return port }
        }
        throw Fault.notStarted("no free port")
    }

    private static let given = Mutex<Set<UInt16>>([])
}
