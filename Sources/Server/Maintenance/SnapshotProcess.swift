import CLinux
import Engine
import Glibc
import Log
import Storage

/// The process that makes a snapshot beside a running server: the same program, started with what it has to do.
///
/// A process of its own because it needs the memory of a whole state for some seconds, and gives it back by ending;
/// because it may wait for a core and the disk without making the server's threads wait; and because whatever happens
/// to it, the server goes on. It reads the log and writes one file. The manifest is the server's to replace.
///
/// On success it prints `snapshot RECORDS BYTES EVENTS` and the manifest that names the new snapshot, or `nothing`
/// if no block came since the last one; on failure a sentence on stderr and exit code 1.
public enum SnapshotProcess {
    /// The first argument, by which the program knows what it is.
    public static let argument = "make-snapshot"

    struct Request {
        var directory: String
        /// Everything up to here is durable, and goes into the snapshot.
        var sequence: UInt64
        var retainMs: UInt64
        /// Of all shards together.
        var capacities: Capacities
        /// Of the server: without it there is nobody to take the snapshot.
        var serverPid: Int32
        /// Whether it has to come to its end beside others that want all cores: the disk is full.
        var isUrgent: Bool
    }

    /// The process's work; `arguments` are those behind `argument`. Answers the exit code.
    public static func run(_ arguments: [String]) -> Int32 {
        guard let request = Request(arguments) else {
            return fail("\(argument) is for the server itself to start")
        }
        guard ts_die_with_parent(request.serverPid) == 1 else { return fail("the server has ended") }
        _ = ts_set_low_priority(request.isUrgent ? 0 : 1)
        do throws(StorageError) {
            let directory = try DirectoryStorage.openBesideServer(path: request.directory)
            return take(request, PacedStorage(directory))
        } catch {
            return fail("\(error)")
        }
    }

    private static func take(_ request: Request, _ storage: any LogStorage) -> Int32 {
        do throws(RecoveryFault) {
            // Memory that is made resident as it is used: nobody waits for it here.
            let memory = MemorySource(allocate: MemorySource.system.allocate, release: MemorySource.system.release)
            let cut = try Snapshotter.take(
                storage: storage, sequence: request.sequence, capacities: request.capacities,
                retainMs: request.retainMs, memory: memory
            ) { note in print("\(note)", to: 2) }
            guard let cut else {
                print("nothing", to: 1)
                return 0
            }
            let snapshot = cut.snapshot
            print("snapshot \(snapshot.recordCount) \(snapshot.sizeBytes) \(cut.eventCount)", to: 1)
            print(cut.manifest.text, to: 1, terminator: "")
            return 0
        } catch {
            return fail("\(error)")
        }
    }

    private static func fail(_ sentence: String) -> Int32 {
        print("snapshot: \(sentence)", to: 2)
        return 1
    }

    private static func print(_ text: String, to file: Int32, terminator: String = "\n") {
        var bytes = Array((text + terminator).utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress!, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

extension SnapshotProcess.Request {
    var arguments: [String] {
        [directory] + [sequence, retainMs, UInt64(serverPid), isUrgent ? 1 : 0].map(String.init)
            + capacities.counts.map(String.init)
    }

    init?(_ arguments: [String]) {
        let numbers = arguments.dropFirst().compactMap { UInt64($0) }
        guard numbers.count > 4, numbers.count == arguments.count - 1, let pid = Int32(exactly: numbers[2]),
            let capacities = Capacities(counts: numbers.dropFirst(4).map { Int(clamping: $0) })
        else { return nil }
        self.init(
            directory: arguments[0], sequence: numbers[0], retainMs: numbers[1], capacities: capacities, serverPid: pid,
            isUrgent: numbers[3] != 0)
    }
}

/// A snapshot process that runs, as its server sees it.
struct SnapshotChild {
    let pid: Int32
    /// The reading end of its stdout.
    private let output: Int32

    /// Starts it, with no descriptor of this process but stderr.
    init(_ request: SnapshotProcess.Request) throws(ServerError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Self.failure("make a pipe", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        _ = ts_spawn_closing_from(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The server blocks the signals that it waits for; this process is to end by them.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments = (["timesaled", SnapshotProcess.argument] + request.arguments).map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &arguments, environ)
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw Self.failure("start a process", code)
        }
        self.pid = pid
        output = ends[0]
    }

    private static func failure(_ what: String, _ code: Int32) -> ServerError {
        ServerError(sentence: "cannot \(what) for a snapshot: \(String(cString: strerror(code)))")
    }

    /// Waits for its end; what it printed, or nil if it failed.
    func wait() -> String? {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            text += buffer[..<count]
        }
        close(output)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status == 0 ? String(decoding: text, as: UTF8.self) : nil
    }
}
