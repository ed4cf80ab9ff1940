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
        let directory = try LogDirectory(storage: storage)
        guard let manifest = directory.manifest else {
            return try start(directory, configuration, memory, nowMs, note)
        }
        let replay = try Replay(
            directory, manifest: manifest, configuration: configuration, memory: memory, nowMs: nowMs)
        try refuseOldManifest(directory, manifest)
        try settle(replay, note)
        if manifest.logs.count == configuration.shards { return state(replay) }
        return try reshard(replay, note)
    }

    /// The shards as they go on where their logs end.
    private static func state(_ replay: Replay) -> RecoveredState {
        state(
            replay.engines, replay.events, replay.counters, replay.manifest,
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
                    logId: manifest.logs[shard].id, generation: manifest.generation, shard: shard,
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
        let manifest = Manifest(
            generation: 1, nextLogId: UInt64(configuration.shards) + 1,
            segmentSizeBytes: configuration.segmentSizeBytes, snapshot: nil, snapshotSequence: 0,
            logs: (1...UInt64(configuration.shards)).map { Manifest.Log(id: $0, firstSegment: 1) })
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

    /// The segments of a log that begins, then the manifest that names them.
    private static func makeGeneration(_ manifest: Manifest, _ storage: any LogStorage) throws(RecoveryFault)
    {
        for log in manifest.logs {
            try reporting { () throws(StorageError) in
                try prepareSegment(
                    storage: storage, log: log.id, number: log.firstSegment,
                    sizeBytes: manifest.segmentSizeBytes)
            }
        }
        try reporting { () throws(StorageError) in try replaceManifest(manifest, storage) }
    }

    /// Atomic: either the manifest before or this one is there after a crash, whole.
    private static func replaceManifest(_ manifest: Manifest, _ storage: any LogStorage) throws(StorageError)
    {
        let text = Array(manifest.text.utf8)
        try storage.create(LogFiles.manifestTemporary)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 8)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: text)
        try storage.write(LogFiles.manifestTemporary, at: 0, UnsafeRawBufferPointer(buffer))
        try storage.sync(LogFiles.manifestTemporary)
        try storage.rename(LogFiles.manifestTemporary, to: LogFiles.manifest)
        try storage.syncDirectory()
    }

    // MARK: Another number of shards

    /// Starts a new generation from a snapshot of all that was replayed. Until the new manifest has its
    /// name the old generation is whole; from then on the new one is.
    private static func reshard(_ replay: Replay, _ note: (RecoveryNote) -> Void) throws(RecoveryFault)
        -> RecoveredState
    {
        let old = replay.manifest
        let storage = replay.directory.storage
        let shards = replay.configuration.shards
        let generation = old.generation + 1
        let manifest = Manifest(
            generation: generation, nextLogId: old.nextLogId + UInt64(shards),
            segmentSizeBytes: replay.configuration.segmentSizeBytes,
            snapshot: LogFiles.snapshot(generation: generation, sequence: replay.lastSequence),
            snapshotSequence: replay.lastSequence,
            logs: (0..<UInt64(shards)).map { Manifest.Log(id: old.nextLogId + $0, firstSegment: 1) })
        let recordCount = try writeSnapshot(replay, manifest)
        try verifySnapshot(manifest, storage, recordCount: recordCount)
        try makeGeneration(manifest, storage)
        try removeLeftovers(LogDirectory(storage: storage).unnamed, storage) { _ in }
        note(.resharded(from: old.logs.count, to: shards, generation: generation))
        return state(
            replay.engines, replay.events, replay.counters, manifest,
            positions: manifest.logs.map { _ in .beginning },
            lastSequence: replay.lastSequence, lastTimeMs: replay.lastTimeMs, eventCount: replay.eventCount)
    }

    private static func writeSnapshot(_ replay: Replay, _ manifest: Manifest) throws(RecoveryFault) -> UInt64
    {
        var recordCount: UInt64 = 0
        var writer = try reporting { () throws(StorageError) in
            try SnapshotWriter(
                storage: replay.directory.storage, manifest: manifest, timeMs: replay.lastTimeMs)
        }
        let shards = replay.configuration.shards
        let catalogue = Partition.owner(of: Partition.catalogue, shards: shards)
        replay.engines[catalogue].keepCatalogue { _, record in
            writer.append(record)
            recordCount += 1
        }
        for shard in 0..<shards {
            replay.engines[shard].keepPartitions { _, record in
                writer.append(record)
                recordCount += 1
            }
        }
        do { try writer.finish() } catch { throw RecoveryFault(error) }
        return recordCount
    }

    /// What was written is read again before anything rests on it.
    private static func verifySnapshot(
        _ manifest: Manifest, _ storage: any LogStorage, recordCount: UInt64
    ) throws(RecoveryFault) {
        guard var reader = try SnapshotReader.open(LogDirectory(storage: storage), manifest: manifest) else {
            preconditionFailure("the manifest names the snapshot just written")
        }
        while try reader.next() != nil {}
        guard reader.recordCount == recordCount else {
            throw RecoveryFault(
                .damage, file: reader.file,
                "\(reader.recordCount) records were read back of \(recordCount) written. The disk does not keep what "
                    + "it is given; the logs are as they were.")
        }
    }
}
