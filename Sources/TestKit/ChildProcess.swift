import Foundation

/// A server process whose standard output and error go to files, so that nobody has to read them while it runs.
struct ChildProcess: Sendable {
    let pid: pid_t
    private let output: URL
    /// What the file held before this run.
    private let before: Int

    init(_ path: String, _ arguments: [String], output: URL) throws(TimesaleServerFault) {
        self.output = output.appendingPathComponent("stdout")
        before = ChildProcess.text(self.output).utf8.count

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, self.output.path, flags, 0o644)
        posix_spawn_file_actions_addopen(
            &actions, 2, output.appendingPathComponent("stderr").path, flags, 0o644)
        // A socket of the test that lived on in the server would never see its end.
        _ = closeFrom?(&actions, 3)

        // The threads that run tests block signals, and a child inherits that: it would never see a SIGTERM.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        // Settings of the shell that runs the tests are not the server's.
        let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("TIMESALE_") }
        let texts = ([path] + arguments).map { strdup($0) }
        let variables = environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for text in texts + variables { free(text) } }
        var pid: pid_t = 0
        let outcome = posix_spawn(&pid, path, &actions, &attributes, texts + [nil], variables + [nil])
        guard outcome == 0 else { throw .notStarted(path: path, errno: outcome) }
        self.pid = pid
    }

    /// Waits for the line `ready`, at most 30 s, and returns the port that the server listens on.
    func waitUntilReady() async throws(TimesaleServerFault) -> Int {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let lines = String(
                decoding: Data(ChildProcess.text(output).utf8).dropFirst(before), as: UTF8.self
            )
            .split(separator: "\n")
            if lines.contains("ready") {
                return lines.lazy.filter { $0.hasPrefix("listening on ") && !$0.contains("unix:") }
                    .compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }.first ?? 0
            }
            guard isRunning else { break }
            try? await Task.sleep(for: .milliseconds(5))
        }
        signal(SIGKILL)
        await waitForEnd()
        let messages = output.deletingLastPathComponent().appendingPathComponent("stderr")
        throw .notReady(messages: ChildProcess.text(messages))
    }

    /// Whether it has not ended; leaves an ended one for `reap`, so that its id stays its own.
    private var isRunning: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT) == 0
            && information.si_signo == 0
    }

    func signal(_ signal: Int32) { _ = Foundation.kill(pid, signal) }

    /// Waits for the end without holding a thread, and takes it.
    func waitForEnd() async {
        while isRunning { try? await Task.sleep(for: .milliseconds(2)) }
        reap()
    }

    /// Waits for the end, and takes it. Blocks.
    func reap() {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    static func text(_ file: URL) -> String {
        FileManager.default.contents(atPath: file.path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

private typealias CloseFrom =
    @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

// In glibc since 2.34; its declaration stands behind a feature macro that hides it from Swift.
private let closeFrom: CloseFrom? = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
    unsafeBitCast($0, to: CloseFrom.self)
}
