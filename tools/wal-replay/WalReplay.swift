// wal-replay: reads a data directory of timesale. Never needs the server, never writes.

import ArgumentParser
import Engine
import Glibc
import Log
import Storage

@main
struct WalReplay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wal-replay",
        abstract: "Inspects the log of a timesale server: a copy of its data directory, or one in use.",
        discussion: """
            Nothing is written and no lock is taken. On a directory in use, what the server writes meanwhile may \
            be missing.
            """,
        subcommands: [Verify.self, State.self, Dump.self])
}

/// What every command reads.
struct DirectoryArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("The data directory: what timesaled was given as --data.", valueName: "dir"))
    var directory: String

    func open() throws -> any LogStorage {
        do { return try DirectoryStorage.openForReading(path: directory) } catch { throw Refusal("\(error)") }
    }
}

/// Ends the command with a sentence on stderr and exit code 1.
struct Refusal: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Memory from the kernel: zeroed, and there only where it is touched.
let lazyMemory = MemorySource { sizeBytes in
    let memory = mmap(
        nil, max(sizeBytes, 4096), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory, memory != MAP_FAILED else {
        writeAll("Error: no memory for a table of \(sizeBytes) bytes\n".utf8.map { $0 }, to: STDERR_FILENO)
        exit(1)
    }
    return memory
}

/// The state that the logs make, in one engine with tables of the right size.
func replayState(_ audit: LogAudit) throws(RecoveryFault) -> Replay {
    guard let directory = audit.directory, let manifest = directory.manifest else { throw audit.faults[0] }
    return try Replay(
        directory, manifest: manifest, base: manifest.newestBase, configuration: audit.configuration,
        memory: lazyMemory, nowMs: 0)
}

func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// Lines on stdout, gathered: a log has millions of events.
struct Output: ~Copyable {
    private var text: [UInt8] = []

    mutating func line(_ line: String) {
        text += line.utf8
        text.append(UInt8(ascii: "\n"))
        if text.count > 1 << 16 { flush() }
    }

    mutating func flush() {
        writeAll(text, to: STDOUT_FILENO)
        text = []
    }
}

/// Writes bytes to a descriptor; a reader that is gone ends the process.
private func writeAll(_ bytes: [UInt8], to fd: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { exit(1) }
        rest = rest.dropFirst(count)
    }
}
