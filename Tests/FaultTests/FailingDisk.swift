import Foundation
import TestSupport
import TimesaleSpawn

/// A disk at the place of a data directory that fails when it is told to: `Programs/failing-disk.c`, mounted with FUSE.
final class FailingDisk {
    let directory = TemporaryDirectory()
    /// What is on it, where nothing fails.
    private let inside = TemporaryDirectory()
    private let pid: pid_t

    var path: String { directory.path + "/data" }

    struct Fault: Error, CustomStringConvertible { let description: String }

    /// What is to fail, as the program's first lines say.
    struct Plan: Sendable {
        enum Operation: String { case open, create, read, write, sync, syncdir, rename, truncate, unlink }
        enum What: String { case EIO, ENOSPC, EROFS, short, hang }

        var operation: Operation
        /// A pattern of fnmatch(3).
        var name = "*"
        /// So many that match come through first.
        var skip = 0
        /// So many fail then; 0: all.
        var count = 0
        var what: What

        fileprivate var line: String { "\(operation.rawValue) \(name) \(skip) \(count) \(what.rawValue)\n" }
    }

    /// The log's own segments; those that are being made have another ending.
    static let segments = "log-*.seg"
    static let segmentsBeingMade = "log-*.seg.new"

    private static let program = try? CProgram("failing-disk", ["-O2", "-lfuse3"])

    /// Whether this process may mount one. It takes libfuse3-dev to compile it, and the rights of an administrator or
    /// fusermount3.
    static let isPossible = (try? FailingDisk()) != nil

    /// - Parameter isSynchronous: who writes waits in the kernel; then short writes come back as such, and a durable
    ///   write asks for a sync.
    init(isSynchronous: Bool = false) throws {
        guard let program = Self.program else { throw Fault(description: "failing-disk is not compiled") }
        try FileManager.default.createDirectory(atPath: directory.path + "/data", withIntermediateDirectories: false)
        pid = try spawn(
            program.path, [inside.path, directory.path + "/data"] + (isSynchronous ? ["synchronous"] : []),
            output: .nothing, errors: .nothing)
        let control = path + "/.faults"
        guard eventually(withinMs: 10_000, { access(control, F_OK) }, until: { $0 == 0 }) != nil else {
            throw Fault(description: "not mounted")
        }
    }

    deinit {
        heal()
        umount2(path, Int32(MNT_DETACH))
        _ = try? ToolRun(path: "/usr/bin/env", ["fusermount3", "-uzq", path])
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    /// From now on these fail, and those that were armed before.
    func arm(_ plans: Plan...) throws { try tell(plans.map(\.line).joined()) }

    /// Nothing fails any more; what hangs is done now.
    func heal() { try? tell("clear\n") }

    /// Of each plan that is armed: how many failed or hung, and how many more of the kind were asked for since the
    /// first.
    func hits() throws -> [(failed: Int, askedSince: Int)] {
        try String(contentsOfFile: path + "/.faults", encoding: .utf8).split(separator: "\n").map { line in
            let numbers = line.split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 2 else { throw Fault(description: "no count in \(line)") }
            return (numbers[0], numbers[1])
        }
    }

    private func tell(_ lines: String) throws {
        let file = open(path + "/.faults", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw Fault(description: "no control file") }
        defer { close(file) }
        guard write(file, lines, lines.utf8.count) == lines.utf8.count else {
            throw Fault(description: "not armed: \(lines)")
        }
    }
}
