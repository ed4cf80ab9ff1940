import Engine
import Protocol

/// What a start does before it serves: rebuild the state, cut what a crash left behind the logs, and make
/// sure that all of it is on the disk.
///
/// First everything is read and judged, and nothing is changed: a start that refuses leaves the
/// directory as it was. Then the directory is settled, in an order that another crash may interrupt anywhere.
public enum Recovery {
    public static func recover(
        storage: any LogStorage, configuration: RecoveryConfiguration, memory: MemorySource, nowMs: UInt64,
        note: (RecoveryNote) -> Void
    ) throws(RecoveryFault) -> RecoveredState {
        // A server that was here before may have ended for a sync that failed: what it wrote is believed only as far as
        // the disk has it.
        if !PlantedBug.cacheBelieved.isPlanted {
            try reporting { () throws(StorageError) in try storage.dropCaches() }
        }
        let directory = try LogDirectory(storage: storage)
        guard let manifest = directory.manifest else {
            return try start(directory, configuration, memory, nowMs, note)
        }
        let replay = try rehearse(
            directory, manifest, configuration: configuration, memory: memory, nowMs: nowMs, note: note)
        let settled = try settle(replay, note)
        if manifest.logs.count == configuration.shards { return state(replay, settled) }
        return try reshard(replay, settled, note)
    }

    /// All that a start reads and judges, in a directory that has a manifest, and nothing of what it writes. In a
    /// directory in use with a sequence, behind which logs are written on.
    public static func rehearse(
        _ directory: LogDirectory, _ manifest: Manifest, untilSequence: UInt64 = .max,
        configuration: RecoveryConfiguration, memory: MemorySource, nowMs: UInt64, note: (RecoveryNote) -> Void
    ) throws(RecoveryFault) -> Replay {
        let replay = try replay(
            directory, manifest, untilSequence: untilSequence, configuration: configuration, memory: memory,
            nowMs: nowMs, note: note)
        try refuseOldManifest(directory, manifest)
        return replay
    }

    /// Replays from the newest base, or from the one before it if the newest one's snapshot turns out to be damaged.
    /// A state that is half built cannot be taken back, so it is thrown away with all its memory.
    static func replay(
        _ directory: LogDirectory, _ manifest: Manifest, untilSequence: UInt64, configuration: RecoveryConfiguration,
        memory: MemorySource, nowMs: UInt64, note: (RecoveryNote) -> Void
    ) throws(RecoveryFault) -> Replay {
        let loan = MemoryLoan(memory)
        let newest = manifest.newestBase
        do throws(RecoveryFault) {
            return try Replay(
                directory, manifest: manifest, base: newest, untilSequence: untilSequence,
                configuration: configuration, memory: loan.memory, nowMs: nowMs)
        } catch {
            let isOfSnapshot = error.file == newest.snapshot && (error.kind == .damage || error.kind == .missing)
            guard isOfSnapshot && manifest.bases.count > 1 else { throw error }
            loan.giveBack()
            let older = manifest.bases[manifest.bases.count - 2]
            note(.snapshotDamaged(error, fallback: older.snapshot))
            return try Replay(
                directory, manifest: manifest, base: older, untilSequence: untilSequence,
                configuration: configuration, memory: memory, nowMs: nowMs)
        }
    }

    /// The shards as they go on where their logs end.
    private static func state(_ replay: Replay, _ manifest: Manifest) -> RecoveredState {
        state(
            replay.engines, replay.events, replay.counters, manifest,
            positions: replay.ends.map(\.position),
            lastSequence: replay.lastSequence, lastTimeMs: replay.lastTimeMs, eventCount: replay.eventCount)
    }

    private static func state(
        _ engines: UnsafeMutablePointer<Engine>, _ events: UnsafeMutablePointer<EventBuffer>,
        _ counters: StockCounters, _ manifest: Manifest, positions: [LogPosition], lastSequence: UInt64,
        lastTimeMs: UInt64, eventCount: UInt64
    ) -> RecoveredState {
        let shards = manifest.logs.indices.map { shard in
            RecoveredShard(
                engine: engines + shard, events: events + shard,
                identity: LogIdentity(
                    logId: manifest.logs[shard], generation: manifest.generation, shard: shard,
                    shards: manifest.logs.count, segmentSizeBytes: manifest.segmentSizeBytes),
                position: positions[shard])
        }
        return RecoveredState(
            shards: shards, counters: counters, manifest: manifest, lastSequence: lastSequence,
            lastTimeMs: lastTimeMs, eventCount: eventCount)
    }

    // MARK: The first start

    private static func start(
        _ directory: LogDirectory, _ configuration: RecoveryConfiguration, _ memory: MemorySource,
        _ nowMs: UInt64,
        _ note: (RecoveryNote) -> Void
    ) throws(RecoveryFault) -> RecoveredState {
        let storage = directory.storage
        try refuseLogsWithoutManifest(directory)
        try removeLeftovers(
            directory.temporaries
                + directory.segments.flatMap { log, numbers in
                    numbers.map { LogFiles.segment(log: log, number: $0) }
                },
            storage, note)
        let (engines, events, counters) = try Replay.makeEngines(configuration, memory, nowMs)
        let manifest = newGeneration(
            1, firstLogId: 1, shards: configuration.shards, segmentSizeBytes: configuration.segmentSizeBytes,
            base: Manifest.Base(snapshot: nil, sequence: 0, digest: 0, starts: []))
        try makeGeneration(manifest, storage)
        note(.created(shards: configuration.shards))
        return state(
            engines, events, counters, manifest, positions: manifest.logs.map { _ in .beginning },
            lastSequence: 0,
            lastTimeMs: 0, eventCount: 0)
    }

    /// A first start that a crash cut short leaves segments of zeros. Anything else had a manifest once.
    private static func refuseLogsWithoutManifest(_ directory: LogDirectory) throws(RecoveryFault) {
        let lost =
            "there is no file \(LogFiles.manifest), which says how the logs here belong together. "
            + "Restore it from a backup of this directory, or start with an empty one. \(RecoveryFault.help)"
        if let snapshot = directory.snapshots.first { throw RecoveryFault(.missing, file: snapshot, lost) }
        for (log, numbers) in directory.segments {
            for number in numbers {
                let name = LogFiles.segment(log: log, number: number)
                if try !isBlank(name, directory.storage) { throw RecoveryFault(.missing, file: name, lost) }
            }
        }
    }

    /// Logs that begin, behind one base.
    static func newGeneration(
        _ generation: UInt64, firstLogId: UInt64, shards: Int, segmentSizeBytes: Int, base: Manifest.Base,
        removed: [Manifest.Removed] = []
    ) -> Manifest {
        let logs = (0..<UInt64(shards)).map { firstLogId + $0 }
        return Manifest(
            generation: generation, nextLogId: firstLogId + UInt64(logs.count),
            segmentSizeBytes: segmentSizeBytes, logs: logs,
            bases: [
                Manifest.Base(
                    snapshot: base.snapshot, sequence: base.sequence, digest: base.digest,
                    starts: logs.map { _ in .beginning })
            ], removed: removed)
    }

    /// The segments of a log that begins, then the manifest that names them.
    static func makeGeneration(_ manifest: Manifest, _ storage: any LogStorage) throws(RecoveryFault)
    {
        for log in manifest.logs {
            try reporting { () throws(StorageError) in
                try prepareSegment(
                    storage: storage, log: log, number: LogPosition.beginning.segment,
                    sizeBytes: manifest.segmentSizeBytes)
            }
        }
        try reporting { () throws(StorageError) in try replaceManifest(manifest, storage) }
    }

    /// Atomic: either the manifest before or this one is there after a crash, whole.
    static func replaceManifest(
        _ manifest: Manifest, as name: String = LogFiles.manifest, _ storage: any LogStorage
    ) throws(StorageError) {
        let text = Array(manifest.text.utf8)
        try storage.create(LogFiles.manifestTemporary)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 8)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: text)
        try storage.write(LogFiles.manifestTemporary, at: 0, UnsafeRawBufferPointer(buffer))
        try storage.sync(LogFiles.manifestTemporary)
        try storage.rename(LogFiles.manifestTemporary, to: name)
        try storage.syncDirectory()
    }

    // MARK: Another number of shards

    /// Starts a new generation from a snapshot of all that was replayed. Until the new manifest has its
    /// name the old generation is whole; from then on the new one is.
    private static func reshard(
        _ replay: Replay, _ old: Manifest, _ note: (RecoveryNote) -> Void
    ) throws(RecoveryFault) -> RecoveredState {
        let storage = replay.directory.storage
        let shards = replay.configuration.shards
        let generation = old.generation + 1
        let snapshot = try Snapshotter.write(replay, generation: generation, shards: shards)
        let manifest = newGeneration(
            generation, firstLogId: old.nextLogId, shards: shards,
            segmentSizeBytes: replay.configuration.segmentSizeBytes,
            base: Manifest.Base(
                snapshot: snapshot.file, sequence: replay.lastSequence, digest: snapshot.digest, starts: []))
        try makeGeneration(manifest, storage)
        let directory = try LogDirectory(storage: storage)
        try removeLeftovers(directory.unnamed, storage) { _ in }
        if !replay.configuration.keepsCovered { try removeCovered(directory) }
        note(.resharded(from: old.logs.count, to: shards, generation: generation))
        return state(
            replay.engines, replay.events, replay.counters, manifest,
            positions: manifest.logs.map { _ in .beginning },
            lastSequence: replay.lastSequence, lastTimeMs: replay.lastTimeMs, eventCount: replay.eventCount)
    }
}
