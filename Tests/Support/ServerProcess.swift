import Foundation
import TimesaleSpawn

/// A server that runs as a child process, from its start to its exit.
///
/// It is ready when `init` returns: the child has printed a line `listening on ADDRESS` for each of its
/// addresses and then `ready`. It inherits nothing but its standard streams, and is killed on deinit.
public final class ServerProcess: Sendable {
    /// Holds the data directory, the unix socket and what the server wrote to stderr. Give it to another
    /// `ServerProcess` to start again on the same data.
    public let directory: TemporaryDirectory
    public let pid: pid_t
    /// The chosen port of the TCP address, on 127.0.0.1; 0 if the server listens on none.
    public let port: UInt16

    private let watch: ChildWatch

    public var dataPath: String { directory.path + "/data" }
    public var unixPath: String { directory.path + "/timesale.sock" }
    private var stderrPath: String { directory.path + "/stderr" }

    /// Why there is no server.
    public enum Fault: Error, CustomStringConvertible {
        case noExecutable(name: String, tried: [String])
        case notStarted(path: String, errno: Int32)
        case notReady(stdout: [String], stderr: String)
        case exited(ExitStatus, stderr: String)

        public var description: String {
            switch self {
            case .noExecutable(let name, let tried):
                "no \(name): build it, or name it in TIMESALED; tried \(tried)"
            case .notStarted(let path, let errno):
                "\(path) did not start: \(String(cString: strerror(errno)))"
            case .notReady(let stdout, let stderr): "not ready in time; stdout: \(stdout); stderr:\n\(stderr)"
            case .exited(let status, let stderr): "\(status) before it was ready; stderr:\n\(stderr)"
            }
        }
    }

    public enum ExitStatus: Equatable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    /// Starts `executable` (by default `timesaled`) with `--data`, two `--listen` and `arguments`, and waits
    /// until it is ready. It gets the variables of this process, without TIMESALE_*, and those of
    /// `environment`.
    ///
    /// However long requests wait none is refused, unless a test asks for that: a debug build on a machine that is busy
    /// with other tests is no overloaded server.
    public init(
        _ arguments: [String] = [], in directory: TemporaryDirectory = TemporaryDirectory(),
        executable: String? = nil, environment: [String: String] = [:], readyWithinMs: Int = 30_000
    ) throws(Fault) {
        let path: String
        if let executable { path = executable } else { path = try ServerProcess.executablePath("timesaled") }
        self.directory = directory
        let errors = directory.path + "/stderr"
        let (pid, stdout) = try ServerProcess.start(
            path,
            [
                "--data", directory.path + "/data", "--listen", "127.0.0.1:0", "--listen",
                "unix:\(directory.path)/timesale.sock",
            ] + arguments,
            environment: ["TIMESALE_QUEUE_DELAY": "0ms"].merging(environment) { $1 }, stderrPath: errors)
        let watch = ChildWatch(pid: pid, stdout: stdout)
        switch watch.waitUntilReady(.now + .milliseconds(readyWithinMs)) {
        case .ready: break
        case .exited(let status): throw .exited(status, stderr: ServerProcess.contents(errors))
        case .timedOut(let lines):
            watch.kill(SIGKILL)
            _ = watch.waitForExit(.now + .seconds(10))
            throw .notReady(stdout: lines, stderr: ServerProcess.contents(errors))
        }
        self.pid = pid
        self.watch = watch
        port =
            watch.addresses.lazy.filter { !$0.hasPrefix("unix:") }
            .compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }.first ?? 0
    }

    deinit {
        watch.kill(SIGKILL)
        _ = watch.waitForExit(.now + .seconds(10))
    }

    /// The addresses as the server printed them, such as `127.0.0.1:43121` and `unix:/path`.
    public var addresses: [String] { watch.addresses }

    /// Sends a signal; does nothing if the process has ended.
    public func kill(_ signal: Int32) { watch.kill(signal) }

    /// From here to `resume` it stands still: the kernel takes connections and bytes for it, and nobody answers.
    ///
    /// A signal only asks for that; each thread stops when it gets there. So this waits until the last one has
    /// (the parent is told then, waitid(2)).
    public func pause() {
        kill(SIGSTOP)
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WSTOPPED | WNOWAIT) < 0 && errno == EINTR {}
    }

    public func resume() { kill(SIGCONT) }

    /// Waits for the end of the process; nil if it still runs after `timeoutMs`.
    @discardableResult
    public func wait(timeoutMs: Int = 30_000) -> ExitStatus? {
        watch.waitForExit(.now + .milliseconds(timeoutMs))
    }

    /// What the server has written to stderr until now, in all its runs in this directory.
    public var stderr: String { ServerProcess.contents(stderrPath) }

    /// What the server has written to stdout until now.
    public var stdout: [String] { watch.lines }

    private static func contents(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

// MARK: Starting

extension ServerProcess {
    /// The path of an executable of this package: `TIMESALED` for `timesaled` if it is set, else beside the
    /// running test bundle, else in `.build/debug`.
    public static func executablePath(_ name: String) throws(Fault) -> String {
        var tried: [String] = []
        if name == "timesaled", let path = ProcessInfo.processInfo.environment["TIMESALED"] {
            tried.append(path)
        }
        if let bundle = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            tried.append(
                URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(name).path)
        }
        tried.append(".build/debug/\(name)")
        guard let path = tried.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw .noExecutable(name: name, tried: tried)
        }
        return path
    }

    /// Starts a child whose stdout is a pipe, whose end is returned, and whose stderr is a file.
    private static func start(
        _ path: String, _ arguments: [String], environment: [String: String], stderrPath: String
    ) throws(Fault) -> (pid: pid_t, stdout: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .notStarted(path: path, errno: errno) }
        defer { close(ends[1]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        do throws(SpawnFault) {
            let pid = try spawn(
                path, arguments, environment: environment, output: .descriptor(ends[1]),
                errors: .file(path: stderrPath))
            return (pid, ends[0])
        } catch {
            close(ends[0])
            throw .notStarted(path: path, errno: error.errno)
        }
    }
}

/// Watches a child from a thread of its own: its lines on stdout as they come, then its exit.
private final class ChildWatch: @unchecked Sendable {
    private let pid: pid_t
    private let stdout: Int32
    // Guards everything below; signalled on every change.
    private let changed = NSCondition()
    private var printed: [String] = []
    private var status: ServerProcess.ExitStatus?

    enum Readiness {
        case ready
        case exited(ServerProcess.ExitStatus)
        case timedOut([String])
    }

    init(pid: pid_t, stdout: Int32) {
        self.pid = pid
        self.stdout = stdout
        let thread = Thread { self.run() }
        thread.name = "watch \(pid)"
        thread.start()
    }

    var lines: [String] {
        changed.lock()
        defer { changed.unlock() }
        return printed
    }

    var addresses: [String] {
        let prefix = "listening on "
        return lines.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    /// The process is signalled by its id, so only as long as that id is its own: until it is reaped.
    func kill(_ signal: Int32) {
        changed.lock()
        if status == nil { _ = Foundation.kill(pid, signal) }
        changed.unlock()
    }

    func waitUntilReady(_ deadline: Deadline) -> Readiness {
        changed.lock()
        defer { changed.unlock() }
        while true {
            if printed.contains("ready") { return .ready }
            if let status { return .exited(status) }
            guard waitForChange(deadline) else { return .timedOut(printed) }
        }
    }

    func waitForExit(_ deadline: Deadline) -> ServerProcess.ExitStatus? {
        changed.lock()
        defer { changed.unlock() }
        while status == nil, waitForChange(deadline) {}
        return status
    }

    /// Called with the lock held. False once the deadline has passed.
    private func waitForChange(_ deadline: Deadline) -> Bool {
        let left = (deadline - .now) / .seconds(1)
        return left > 0 && (changed.wait(until: Date(timeIntervalSinceNow: left)) || deadline > .now)
    }

    private func change(_ body: () -> Void) {
        changed.lock()
        body()
        changed.broadcast()
        changed.unlock()
    }

    private func run() {
        var unfinished: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(stdout, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            unfinished += chunk[..<count]
            while let end = unfinished.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unfinished[..<end], as: UTF8.self)
                unfinished.removeSubrange(...end)
                change { printed.append(line) }
            }
        }
        close(stdout)
        reap()
    }

    private func reap() {
        // Wait without reaping first: between the reaping and the note of it, the id could be somebody else's.
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        change {
            var raw: Int32 = 0
            let reaped = waitpid(pid, &raw, 0)
            precondition(reaped == pid, "child \(pid) was reaped by somebody else")
            let signal = raw & 0x7f
            status = signal == 0 ? .exited(raw >> 8 & 0xff) : .killed(signal: signal)
        }
    }
}
