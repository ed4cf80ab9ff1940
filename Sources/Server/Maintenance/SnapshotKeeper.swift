import Engine
import Glibc
import Log
import Logging
import Storage

/// A thread that sees to snapshots: it has them made when the log since the last one is long enough, or somebody asks,
/// makes the manifest name them, and puts away the segments that no start needs any more.
///
/// The only writer of the manifest while the server runs.
final class SnapshotKeeper: @unchecked Sendable {
    /// What a request for a snapshot is answered.
    enum Answer: Sendable {
        /// The newest snapshot, made just now or, if nothing has happened since, before.
        case snapshot(sequence: UInt64, digest: UInt64, recordCount: UInt64, sizeBytes: UInt64, durationMs: UInt64)
        case failed
    }

    private let storage: DirectoryStorage
    private let board: DurableBoard
    private let spares: SpareSegments
    private let room: DiskRoom
    private let archive: SegmentArchive?
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let monitor = Monitor()
    /// Has the log go on by a block, for want of which there would be nothing to make a snapshot of.
    private let askForBlock: @Sendable () -> Void

    private var manifest: Manifest
    /// Of log that lies behind the newest snapshot, at the start; since then the board counts.
    private var bytesAtStart: UInt64
    /// What the board had counted at the newest snapshot.
    private var bytesAtSnapshot: UInt64 = 0
    private var waiting: [@Sendable (Answer) -> Void] = []
    private var isStopping = false
    private var child: Int32 = 0
    private var notBeforeUs: UInt64 = 0
    private var failures = 0

    init(
        storage: DirectoryStorage, state: RecoveredState, board: DurableBoard, spares: SpareSegments,
        room: DiskRoom, configuration: ServerConfiguration, logger: Logger, askForBlock: @escaping @Sendable () -> Void
    ) {
        self.storage = storage
        self.board = board
        self.spares = spares
        self.room = room
        self.askForBlock = askForBlock
        self.configuration = configuration
        self.logger = logger
        archive = configuration.archiveDirectory.map { SegmentArchive(path: $0, storage: storage, logger: logger) }
        manifest = state.manifest
        let starts = manifest.newestBase.starts
        let segmentSizeBytes = UInt64(manifest.segmentSizeBytes)
        bytesAtStart = zip(starts, state.shards).reduce(0) { sum, pair in
            let end = pair.1.position
            return sum + (end.segment - pair.0.segment) * segmentSizeBytes
                + UInt64(end.offsetBytes) &- UInt64(pair.0.offsetBytes)
        }
        tellRoom()
    }

    /// Asks for a snapshot of everything that is durable by now. Any thread; `answer` is called on this object's
    /// thread.
    func request(_ answer: @escaping @Sendable (Answer) -> Void) {
        monitor.locked {
            waiting.append(answer)
            monitor.signal()
        }
    }

    func stop() {
        monitor.locked {
            isStopping = true
            if child != 0 { kill(child, SIGKILL) }
            monitor.signal()
        }
    }

    /// The thread's work.
    func run() {
        putAway(try? LogDirectory(storage: storage))
        while waitUntilDue() {
            let asked = monitor.locked {
                defer { waiting = [] }
                return waiting
            }
            let answer = take()
            for reply in asked { reply(answer) }
        }
    }

    // MARK: When

    private static let pauseUs: UInt64 = 1_000_000
    /// After a failure, doubled with each further one up to an hour.
    private static let retryUs: UInt64 = 60_000_000

    /// False at the end.
    private func waitUntilDue() -> Bool {
        monitor.locked {
            while !isStopping {
                if !waiting.isEmpty || isLongEnough || wouldMakeRoom { return true }
                _ = monitor.wait(untilUs: Clock.monotonicUs() + Self.pauseUs)
            }
            return false
        }
    }

    private var isLongEnough: Bool {
        let bytes = bytesAtStart + board.bytesSealed - bytesAtSnapshot
        return configuration.snapshotAfterBytes > 0 && bytes >= UInt64(configuration.snapshotAfterBytes)
            && Clock.monotonicUs() >= notBeforeUs
    }

    /// The disk is full, and a snapshot, or another one after it, would let segments go.
    private var wouldMakeRoom: Bool {
        guard room.isShort && Clock.monotonicUs() >= notBeforeUs else { return false }
        let (older, newest) = (manifest.bases[0], manifest.newestBase)
        let isBetween = zip(older.starts, newest.starts).contains { $0.segment < $1.segment }
        let bytes = bytesAtStart + board.bytesSealed - bytesAtSnapshot
        return isBetween || bytes >= UInt64(manifest.segmentSizeBytes)
    }

    private func tellRoom() {
        let name = manifest.newestBase.snapshot
        let bytes = name.flatMap { try? storage.sizeBytes($0) } ?? 0
        room.snapshotIs(bytes: UInt64(bytes), logBytes: bytesAtStart, sealed: bytesAtSnapshot)
    }

    // MARK: Taking

    private func take() -> Answer {
        let startUs = Clock.monotonicUs()
        let bytes = board.bytesSealed
        let sequence = board.cut()
        guard let output = make(sequence) else { return failed() }
        let lines = output.split(separator: "\n", maxSplits: 1)
        let fields = lines[0].split(separator: " ")
        var counts: [UInt64] = [0, 0, 0]
        if fields.count == 4 && lines.count == 2 {
            counts = fields.dropFirst().map { UInt64($0) ?? 0 }
            guard adopt(String(lines[1])) else { return failed() }
            // What lies behind the newest snapshot has become less; not so when nothing more was durable.
            bytesAtStart = 0
            bytesAtSnapshot = bytes
            tellRoom()
        } else if room.isShort {
            askForBlock()
        }
        failures = 0
        let base = manifest.newestBase
        let durationMs = (Clock.monotonicUs() - startUs) / 1000
        if counts[0] > 0 {
            let size = "\(counts[0]) records, \(counts[1]) bytes, \(counts[2]) events replayed"
            logger.info("snapshot at sequence \(base.sequence): \(size), \(durationMs) ms")
        }
        return .snapshot(
            sequence: base.sequence, digest: base.digest, recordCount: counts[0], sizeBytes: counts[1],
            durationMs: durationMs)
    }

    /// Runs the process that makes it; what it printed, nil if it failed.
    private func make(_ sequence: UInt64) -> String? {
        do {
            let child = try SnapshotChild(
                SnapshotProcess.Request(
                    directory: storage.path, sequence: sequence, retainMs: configuration.retainMs,
                    capacities: configuration.capacities, serverPid: getpid(), isUrgent: room.isShort))
            monitor.locked {
                self.child = child.pid
                if isStopping { kill(child.pid, SIGKILL) }
            }
            let output = child.wait()
            monitor.locked { self.child = 0 }
            guard let output, !output.isEmpty else { return nil }
            return output
        } catch {
            logger.error("\(error.sentence)")
            return nil
        }
    }

    private func adopt(_ text: String) -> Bool {
        do {
            let manifest = try Manifest(text: text)
            let directory = try Snapshotter.adopt(manifest, storage: storage)
            self.manifest = manifest
            putAway(directory)
            return true
        } catch {
            logger.error("the new snapshot cannot be used: \(error)")
            return false
        }
    }

    private func failed() -> Answer {
        if !monitor.locked({ isStopping }) {
            failures += 1
            let pauseUs = min(Self.retryUs << UInt64(min(failures - 1, 6)), 3_600_000_000)
            notBeforeUs = Clock.monotonicUs() + pauseUs
            logger.error(
                "no snapshot could be made; the log grows on, the next try is in \(pauseUs / 1_000_000) s")
            removeTemporaries()
        }
        return .failed
    }

    /// What a failed attempt has left of a file takes room that may be what was missing.
    private func removeTemporaries() {
        guard let names = try? storage.list() else { return }
        for name in names where name.hasPrefix("snapshot-") && name.hasSuffix(LogFiles.temporarySuffix) {
            try? storage.remove(name)
        }
    }

    // MARK: Segments that nobody needs

    private func putAway(_ directory: LogDirectory?) {
        guard let directory else { return }
        let covered = directory.covered
        for (log, number) in covered {
            let name = LogFiles.segment(log: log, number: number)
            // One that cannot be archived stays, and is tried again after the next snapshot.
            if let archive, !archive.keep(name) { continue }
            do {
                if archive == nil, try spares.reuse(name) { continue }
                try storage.remove(name)
            } catch {
                logger.error("a log segment that is not needed any more cannot be removed: \(error)")
            }
        }
        if !covered.isEmpty { try? storage.syncDirectory() }
    }
}
