import Engine
import Protocol

/// Everything that lies in a data directory, read once and judged, without changing it and without stopping at
/// the first fault.
///
/// The directory may be in use: what looks like damage is looked at again, since a reader that was
/// overtaken by the writer sees blocks that vouch for one it had found missing.
public struct LogAudit {
    /// One log, as far as it could be read.
    public struct Log {
        public var shard: Int
        public var logId: UInt64
        public var segmentCount = 0
        public var blockCount: UInt64 = 0
        /// Its last event's; 0 for none.
        public var lastLsn: UInt64 = 0
        /// The last one that a block says is durable.
        public var markedLsn: UInt64 = 0
        public var lastSequence: UInt64 = 0
        public var end: LogEnd = .clean
        /// Where blocks are missing that later ones follow, or nothing any more.
        public var gaps: [Gap] = []
    }

    /// Blocks of a log that cannot be read.
    public struct Gap: Equatable, Sendable {
        public var fault: RecoveryFault
        /// The first event that is missing.
        public var firstLsn: UInt64
        /// The sequence of the last block before them.
        public var sequenceBefore: UInt64
        /// The block that the log goes on with; nil: none.
        public var next: LogResumption?
    }

    public struct Snapshot {
        public var file: String
        public var blockCount: UInt64 = 0
        public var recordCount: UInt64 = 0
    }

    public private(set) var directory: LogDirectory?
    /// The snapshots that starts begin with, the older first.
    public private(set) var snapshots: [Snapshot] = []
    public private(set) var logs: [Log] = []
    /// Events and records by kind.
    public private(set) var counts = EventCounts()
    /// Each damage, in the order of the files.
    public private(set) var faults: [RecoveryFault] = []

    public init(storage: any LogStorage) {
        do {
            let directory = try LogDirectory(storage: storage)
            self.directory = directory
            guard let manifest = directory.manifest else {
                faults.append(
                    RecoveryFault(
                        .missing, file: LogFiles.manifest,
                        "there is none: this directory holds no log, or has lost it."))
                return
            }
            for base in manifest.bases { readSnapshot(of: base, directory, manifest) }
            for shard in manifest.logs.indices { readLog(of: shard, directory, manifest) }
        } catch {
            faults.append(error)
        }
    }

    /// Whether everything that the manifest names is whole.
    public var isWhole: Bool { faults.isEmpty }

    private mutating func readSnapshot(
        of base: Manifest.Base, _ directory: LogDirectory, _ manifest: Manifest
    ) {
        guard let name = base.snapshot else { return }
        var found = Snapshot(file: name)
        do {
            guard
                var reader = try SnapshotReader.open(directory, generation: manifest.generation, base: base)
            else { return }
            defer {
                found.blockCount = reader.blockCount
                found.recordCount = reader.recordCount
            }
            while let block = try reader.next() { try counts.add(block) }
        } catch {
            faults.append(error)
        }
        snapshots.append(found)
    }

    private mutating func readLog(of shard: Int, _ directory: LogDirectory, _ manifest: Manifest) {
        var log = Log(shard: shard, logId: manifest.logs[shard])
        var start = manifest.bases[0].starts[shard]
        var lastSequence = manifest.bases[0].sequence
        var current = directory
        var before: RecoveryFault?
        do {
            while true {
                var reader = try LogReader(
                    current, manifest: manifest, shard: shard, start: start, lastSequence: lastSequence)
                if log.blockCount == 0 && log.gaps.isEmpty {
                    log.segmentCount = reader.segmentCount
                    faults += reader.faultsOfFiles
                }
                try readBlocks(&reader, &log)
                log.end = try reader.endOfBlocks()
                (start, lastSequence) = (reader.position, reader.lastSequence)
                guard case .damaged(let fault) = log.end else { break }
                if fault != before, let again = try? LogDirectory(storage: directory.storage),
                    again.manifest == manifest
                {
                    (before, current) = (fault, again)
                    continue
                }
                let next = try reader.resumption()
                // Where a segment is missing, that has been said.
                if !reader.isMissing(before: next) { faults.append(fault) }
                log.gaps.append(
                    Gap(
                        fault: fault, firstLsn: reader.position.nextLsn, sequenceBefore: reader.lastSequence,
                        next: next
                    ))
                guard let next, fault.kind == .damage else { break }
                (start, lastSequence) = (next.start, next.sequence - 1)
            }
        } catch {
            log.end = .damaged(error)
            faults.append(error)
        }
        logs.append(log)
    }

    private mutating func readBlocks(_ reader: inout LogReader, _ log: inout Log) throws(RecoveryFault) {
        while let block = try reader.next() {
            log.blockCount += 1
            log.lastLsn = block.header.lastLsn
            log.markedLsn = block.header.durableLsn
            log.lastSequence = block.header.sequence
            do { try counts.add(block) } catch { faults.append(error) }
        }
    }

    /// Tables that hold what was counted, in one shard.
    public var configuration: RecoveryConfiguration {
        RecoveryConfiguration(holding: counts, segmentSizeBytes: directory?.manifest?.segmentSizeBytes ?? 0)
    }
}
