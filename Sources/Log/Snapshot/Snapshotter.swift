import Engine
import Protocol

// Snapshots without a pause: a snapshot is made from the last one and the log since then, by the code that recovers,
// in memory of its own. The shards that serve know nothing of it.
//
//     take     replays base + log up to S, writes the state under a temporary name, syncs, renames, reads it back
//     adopt    the manifest names it, and the one before it
//     covered  segments that both cover: recycled, archived or removed by whoever owns the directory
//
// A crash between any two of these leaves a directory that starts: a snapshot without a manifest is a leftover, and
// segments that are covered are not needed.

public enum Snapshotter {
    /// A snapshot that lies whole on the disk.
    public struct Taken: Equatable, Sendable {
        public var file: String
        public var sizeBytes: Int
        public var recordCount: UInt64
        /// Of the state that it holds, as `Engine.digest` has it.
        public var digest: UInt64
    }

    /// A snapshot of a running log, for `adopt`.
    public struct Cut: Equatable, Sendable {
        /// The manifest that names it, and what it was made from, for the case that it turns out to be damaged.
        public var manifest: Manifest
        public var snapshot: Taken
        /// Events and records that were replayed for it.
        public var eventCount: UInt64
    }

    /// Takes a snapshot of the state at `sequence`, up to which all logs are durable. The logs may be written on
    /// meanwhile, the manifest must not change. Nil if no block came since the newest base.
    ///
    /// `capacities` are the limits of the server whose logs they are. A base that is damaged is passed over like in a
    /// start, and said in `note`.
    public static func take(
        storage: any LogStorage, sequence: UInt64, capacities: Capacities, retainMs: UInt64, memory: MemorySource,
        note: (RecoveryNote) -> Void
    ) throws(RecoveryFault) -> Cut? {
        let directory = try LogDirectory(storage: storage)
        guard let manifest = directory.manifest else {
            throw RecoveryFault(.missing, file: LogFiles.manifest, "there is none.")
        }
        guard sequence > manifest.newestBase.sequence else { return nil }
        let replay = try Recovery.replay(
            directory, manifest, untilSequence: sequence,
            configuration: RecoveryConfiguration(
                shards: 1, segmentSizeBytes: manifest.segmentSizeBytes,
                capacities: capacities.ofAll(manifest.logs.count), retainMs: retainMs, hashSeed: sequence),
            memory: memory, nowMs: 0, note: note)
        let taken = try write(
            replay, generation: manifest.generation, shards: manifest.logs.count, sequence: sequence)
        let starts = replay.ends.map { end in
            var start = end.position
            start.markedLsn = 0
            return start
        }
        let new = Manifest.Base(
            snapshot: taken.file, sequence: sequence, digest: taken.digest, starts: starts)
        return Cut(manifest: manifest.adopting(new, after: replay.base), snapshot: taken, eventCount: replay.eventCount)
    }

    /// Makes a manifest with a new snapshot what starts begin with, and removes the snapshots that it does not name any
    /// more. One process at a time: that which holds the directory's lock. Answers the directory as it is then, whose
    /// `covered` segments nobody needs any more.
    public static func adopt(
        _ manifest: Manifest, storage: any LogStorage
    ) throws(RecoveryFault) -> LogDirectory {
        let before = try LogDirectory(storage: storage)
        guard let old = before.manifest, old.generation == manifest.generation, old.logs == manifest.logs,
            old.nextLogId == manifest.nextLogId, old.newestBase.sequence < manifest.newestBase.sequence,
            manifest.bases.compactMap(\.snapshot).allSatisfy(before.snapshots.contains)
        else {
            throw RecoveryFault(
                .contradiction, file: LogFiles.manifest, "the new snapshot does not belong to the log that is there.")
        }
        try reporting { () throws(StorageError) in try Recovery.replaceManifest(manifest, storage) }
        try Recovery.removeLeftovers(LogDirectory(storage: storage).unnamed, storage) { _ in }
        return try LogDirectory(storage: storage)
    }

    /// Writes the state of a replay, and reads it again before anything rests on it. `generation` and `shards` are
    /// those of the manifest that will name it.
    static func write(
        _ replay: Replay, generation: UInt64, shards: Int, sequence: UInt64? = nil
    ) throws(RecoveryFault) -> Taken {
        let storage = replay.directory.storage
        let sequence = sequence ?? replay.lastSequence
        var writer = try reporting { () throws(StorageError) in
            try SnapshotWriter(
                storage: storage, generation: generation, sequence: sequence, shards: shards,
                timeMs: replay.lastTimeMs)
        }
        let catalogue = Partition.owner(of: Partition.catalogue, shards: replay.configuration.shards)
        replay.engines[catalogue].keepCatalogue { _, record in writer.append(record) }
        for shard in 0..<replay.configuration.shards {
            replay.engines[shard].keepPartitions { _, record in writer.append(record) }
        }
        do { try writer.finish() } catch { throw RecoveryFault(error) }
        let recordCount = try SnapshotReader.verify(
            storage: storage, file: writer.name, generation: generation, sequence: sequence)
        guard recordCount == writer.recordCount else {
            throw RecoveryFault(
                .damage, file: writer.name,
                "\(recordCount) records were read back of \(writer.recordCount) written. The disk does not keep what "
                    + "it is given; the logs are as they were.")
        }
        let digest = (0..<replay.configuration.shards).reduce(0) { $0 &+ replay.engines[$1].digest() }
        return Taken(
            file: writer.name, sizeBytes: writer.sizeBytes, recordCount: recordCount, digest: digest)
    }
}
