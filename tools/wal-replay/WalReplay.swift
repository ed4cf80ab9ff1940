// wal-replay: reads, verifies and mends a data directory of timesale. Never needs the server.

import ArgumentParser
import Engine
import Glibc
import Log
import Storage

@main
struct WalReplay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wal-replay",
        abstract: "Inspects the log of a timesale server: a copy of its data directory, or one in use.",
        discussion: """
            All but repair and compact only read, and take no lock. On a directory in use, what the server writes \
            meanwhile may be missing.

            docs/wal-replay.md has examples, and what to do when a start is refused.
            """,
        subcommands: [
            Verify.self, State.self, Dump.self, Stats.self, RepairCommand.self, Compact.self, BackUp.self, Diff.self,
            ReplayCommand.self,
        ])
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

/// Memory for tables from the kernel: zeroed, and there only where it is touched. Used by one thread.
final class TableMemory: @unchecked Sendable {
    private var tables: [UnsafeMutableRawBufferPointer] = []

    var source: MemorySource {
        MemorySource { [self] sizeBytes in
            let length = max(sizeBytes, 4096)
            let memory = mmap(
                nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            guard let memory, memory != MAP_FAILED else {
                remark("Error: no memory for a table of \(sizeBytes) bytes")
                exit(1)
            }
            tables.append(UnsafeMutableRawBufferPointer(start: memory, count: length))
            return memory
        }
    }

    /// Gives all of it back. Not done by itself: engines point into it, and nothing keeps them from outliving this.
    func free() {
        for table in tables { munmap(table.baseAddress!, table.count) }
        tables = []
    }
}

extension LogDirectory {
    /// The manifest, without which nothing can be said.
    func knownManifest() throws(RecoveryFault) -> Manifest {
        guard let manifest else {
            throw RecoveryFault(
                .missing, file: LogFiles.manifest, "there is none: this directory holds no log, or has lost it.")
        }
        return manifest
    }
}
