import Foundation

/// A standard stream of a child process.
package enum ChildStream: Sendable {
    /// Nothing comes from it, and what goes to it is lost.
    case nothing
    /// What goes to it is appended to this file, so that nobody has to read it while the child runs.
    case file(path: String)
    /// A terminal, which becomes the child's own: Ctrl-C reaches it.
    case terminal(path: String)
    /// An open descriptor of this process, such as an end of a pipe.
    case descriptor(Int32)
}

/// Why there is no child process.
package struct SpawnFault: Error, CustomStringConvertible {
    package let path: String
    package let errno: Int32

    package var description: String { "\(path) did not start: \(String(cString: strerror(errno)))" }
}

/// Starts an executable as a child process. Of this process it gets no descriptors but its three streams, no blocked or
/// ignored signals, and the variables that `childEnvironment` leaves.
///
/// - Parameter environment: further variables; they win.
/// - Returns: its process id, which the caller has to wait for.
package func spawn(
    _ path: String, _ arguments: [String], environment: [String: String] = [:], input: ChildStream = .nothing,
    output: ChildStream, errors: ChildStream
) throws(SpawnFault) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    let streams: [(Int32, ChildStream)] = [(0, input), (1, output), (2, errors)]
    for (number, stream) in streams {
        switch stream {
        case .nothing: posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
        case .file(let path):
            posix_spawn_file_actions_addopen(&actions, number, path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        case .terminal(let path):
            // The leader of a new session that opens a terminal gets it as its own.
            flags |= newSession
            posix_spawn_file_actions_addopen(&actions, number, path, O_RDWR, 0)
        case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, number)
        }
    }
    // A pipe or socket of this process that lived on in the child would hide its end of stream.
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
    posix_spawnattr_setflags(&attributes, Int16(flags))

    let inherited = childEnvironment(from: ProcessInfo.processInfo.environment)
    let variables = inherited.merging(environment) { $1 }.map { strdup("\($0.key)=\($0.value)") }
    let words = ([path] + arguments).map { strdup($0) }
    defer { for text in variables + words { free(text) } }
    var pid: pid_t = 0
    let outcome = posix_spawn(&pid, path, &actions, &attributes, words + [nil], variables + [nil])
    guard outcome == 0 else { throw SpawnFault(path: path, errno: outcome) }
    return pid
}

/// Settings of the shell that runs the tests, TIMESALE_*, are not the child's.
package func childEnvironment(from environment: [String: String]) -> [String: String] {
    environment.filter { !$0.key.hasPrefix("TIMESALE_") }
}

/// POSIX_SPAWN_SETSID of glibc, which hides it behind a feature macro.
private let newSession: Int32 = 0x80

private typealias CloseFrom =
    @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

// In glibc since 2.34; its declaration stands behind a feature macro that hides it from Swift.
private let closeFrom: CloseFrom? = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
    unsafeBitCast($0, to: CloseFrom.self)
}
