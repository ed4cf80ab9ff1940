import Foundation

/// A run of an executable as a child process, to be waited for and signalled by its id.
struct Child: Sendable {
    let pid: pid_t

    enum Streams {
        /// Standard output and error go to these files.
        case files(output: String, errors: String)
        /// All three are this terminal, which becomes the child's own.
        case terminal(path: String)
    }

    struct NotStarted: Error {
        let path: String
        let errno: Int32
    }

    /// Settings of the shell that runs the tests are not the test's: the child sees none of TIMESALE_*.
    init(_ path: String, _ arguments: [String], environment: [String: String], _ streams: Streams) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        switch streams {
        case .files(let output, let errors):
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
            posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        case .terminal(let path):
            // The leader of a new session that opens a terminal gets it as its own: Ctrl-C reaches it.
            flags |= Self.newSession
            for stream in 0...2 as ClosedRange<Int32> {
                posix_spawn_file_actions_addopen(&actions, stream, path, O_RDWR, 0)
            }
        }
        // The threads that run tests block signals, and a child inherits that: it would never see a SIGINT.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("TIMESALE_") }
        let variables = inherited.merging(environment) { $1 }.map { strdup("\($0.key)=\($0.value)") }
        let words = ([path] + arguments).map { strdup($0) }
        defer { for text in variables + words { free(text) } }
        var pid: pid_t = 0
        let outcome = posix_spawn(&pid, path, &actions, &attributes, words + [nil], variables + [nil])
        guard outcome == 0 else { throw NotStarted(path: path, errno: outcome) }
        self.pid = pid
    }

    /// POSIX_SPAWN_SETSID of glibc, which hides it behind a feature macro.
    private static let newSession: Int32 = 0x80

    func signal(_ signal: Int32) { _ = kill(pid, signal) }

    /// Waits for the end without holding a thread; 128 and the signal's number for one that a signal ended. Kills what
    /// has not ended after 60 s, which shows as 137.
    func exitCode() async -> Int32 {
        let deadline = ContinuousClock.now + .seconds(60)
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            if ContinuousClock.now > deadline { signal(SIGKILL) }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }
}

/// An executable of this package, beside the running test.
func executable(_ name: String) -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
}

/// Waits until something is so; false after 20 s.
func eventually(_ isSo: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if try await isSo() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return false
}
