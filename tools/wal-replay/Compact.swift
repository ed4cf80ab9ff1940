import ArgumentParser
import CommandLineTool
import Engine
import Log
import Storage

/// Makes a snapshot offline, and removes the segments that nobody needs behind it.
struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a snapshot while no server runs, and removes the log that it covers.",
        discussion: """
            The directory's lock is taken. As a server does, it keeps the snapshot before this one too, and the \
            log since then: should the new one turn out to be damaged, a start goes back to that. So a second run \
            frees more than the first. --keep-one names the new snapshot alone, after it has been read back; what \
            is damaged in it later is lost then.

            Segments that are removed are the history: a server that runs with --archive copies them first, and so \
            does this with the same flag.
            """)

    @OptionGroup var argument: DirectoryArgument

    @Option(
        help: ArgumentHelp(
            "Copy segments there before they are removed, as timesaled --archive does.", valueName: "dir"))
    var archive: String?

    @Flag(help: "Keep only the new snapshot, no older one.")
    var keepOne = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Say on stderr how far it is, also where that is no terminal.")
    var progress = false

    func run() throws {
        do {
            try compact()
        } catch let error as RecoveryFault {
            throw Refusal("\(error)")
        } catch let error as StorageError {
            throw Refusal("\(error)")
        }
    }

    private func compact() throws {
        let directory = try DirectoryStorage.openDirectory(
            path: argument.directory, create: false, lockTimeoutMs: DirectoryStorage.toolLockTimeoutMs)
        let watched = Progress(directory, isWanted: progress)
        defer { watched.end() }
        watched.begin("reading")
        let audit = LogAudit(storage: watched)
        // A snapshot of a log that is damaged would hide the damage, once the log is gone.
        if let fault = audit.faults.first { throw Refusal("nothing was changed: \(fault)") }
        guard let manifest = audit.directory?.manifest else { return }
        watched.begin("replaying")
        let before = TableMemory()
        let replay = try Recovery.rehearse(
            LogDirectory(storage: watched), manifest, configuration: audit.configuration, memory: before.source,
            nowMs: 0
        ) { remark("\($0)") }
        let digest = replay.engines[0].digest()
        watched.begin("making the snapshot")
        let memory = TableMemory()
        let cut = try Snapshotter.take(
            storage: watched, sequence: replay.lastSequence, capacities: audit.counts.capacities, retainMs: 0,
            memory: memory.source
        ) { remark("\($0)") }
        var after = try LogDirectory(storage: directory)
        if let cut {
            guard cut.snapshot.digest == digest else {
                try directory.remove(cut.snapshot.file)
                throw Refusal("nothing was changed: two replays of the same log came to different states")
            }
            var manifest = cut.manifest
            if keepOne { manifest = manifest.keepingNewest() }
            after = try Snapshotter.adopt(manifest, storage: directory)
        }
        let freed = try removeCovered(after, directory)
        report(cut?.snapshot, replay.lastSequence, digest, freed)
    }

    /// Answers how many segments went, and their length.
    private func removeCovered(
        _ directory: LogDirectory, _ storage: DirectoryStorage
    ) throws -> (segments: Int, sizeBytes: Int) {
        let names = directory.covered.map { LogFiles.segment(log: $0.log, number: $0.number) }
        let sizeBytes = try names.reduce(0) { try $0 + storage.sizeBytes($1) }
        if let archive, !names.isEmpty {
            let target = try DirectoryStorage.openWithoutLock(path: archive, create: true)
            for name in names { try storage.keep(name, in: target) }
        }
        try Recovery.removeCovered(directory)
        return (names.count, sizeBytes)
    }

    private func report(
        _ snapshot: Snapshotter.Taken?, _ sequence: UInt64, _ digest: UInt64,
        _ freed: (segments: Int, sizeBytes: Int)
    ) {
        var output = Output()
        if json {
            var line = JsonLine()
            line.add("sequence", sequence)
            line.add("digest", hexadecimal(digest))
            line.add("made", snapshot != nil)
            if let snapshot {
                line.add("file", snapshot.file)
                line.add("records", snapshot.recordCount)
                line.add("sizeBytes", snapshot.sizeBytes)
            }
            line.add("segmentsRemoved", freed.segments)
            line.add("bytesRemoved", freed.sizeBytes)
            output.line(line.closed)
        } else {
            if let snapshot {
                output.line(
                    "made       \(snapshot.file): \(Numbers.grouped(snapshot.recordCount)) records, "
                        + Numbers.bytes(UInt64(snapshot.sizeBytes)))
            } else {
                output.line("made       none: nothing has happened since the newest snapshot")
            }
            output.line(
                "removed    \(freed.segments) segments, \(Numbers.bytes(UInt64(freed.sizeBytes)))"
                    + (archive.map { freed.segments > 0 ? ", copied to \($0)" : "" } ?? ""))
            output.line("state      as before: sequence \(sequence), digest \(hexadecimal(digest))")
        }
        output.flush()
    }
}
