import CAtomics
import Engine

// Settling the directory: the part of a recovery that writes.

extension Recovery {
    /// Makes the directory what the replay found, durably: the tails erased, leftovers gone, all synced.
    ///
    /// 0. A newest snapshot that cannot be used leaves the manifest, then its name: the logs since the one before it
    ///    are still there.
    /// 1. The manifest and the names. If the process was killed right after it had renamed a manifest, the
    ///    kernel shows us the new one, which a power loss could still undo; the files of the old one must not
    ///    go before.
    /// 2. What lies behind the end of each log becomes zeros. A block that was cut and came back after the
    ///    next crash could otherwise follow blocks that had been written in its place.
    /// 3. Leftovers.
    /// 4. All that was replayed. After a kill it may still be in the page cache only, and from now on replies
    ///    will show it.
    static func settle(_ replay: Replay, _ note: (RecoveryNote) -> Void) throws(RecoveryFault) -> Manifest {
        let storage = replay.directory.storage
        let manifest = try dropDamagedBase(replay)
        try reporting { () throws(StorageError) in
            try storage.sync(LogFiles.manifest)
            try storage.syncDirectory()
        }
        for (shard, log) in replay.ends.enumerated() {
            try cut(
                storage, log: manifest.logs[shard], at: log.position, lastSegment: log.lastSegment,
                segmentSizeBytes: manifest.segmentSizeBytes)
            if case .torn(let tail) = log.end { note(.tornTailCut(tail)) }
        }
        let directory = try LogDirectory(storage: storage)
        try removeLeftovers(directory.temporaries + directory.unnamed, storage, note)
        if !replay.configuration.keepsCovered { try removeCovered(directory) }
        try reporting { () throws(StorageError) in
            for base in manifest.bases {
                if let snapshot = base.snapshot { try storage.sync(snapshot) }
            }
            for (shard, log) in manifest.logs.enumerated() {
                for segment in manifest.firstSegment(ofLog: log)!...replay.ends[shard].position.segment {
                    try storage.sync(LogFiles.segment(log: log, number: segment))
                }
            }
        }
        return manifest
    }

    /// The manifest without a base behind the one that was replayed.
    private static func dropDamagedBase(_ replay: Replay) throws(RecoveryFault) -> Manifest {
        var manifest = replay.manifest
        let storage = replay.directory.storage
        while manifest.newestBase != replay.base {
            let damaged = manifest.bases.removeLast()
            try reporting { () throws(StorageError) in
                try replaceManifest(manifest, storage)
                if let name = damaged.snapshot, replay.directory.snapshots.contains(name) {
                    try storage.rename(name, to: name + LogFiles.damagedSuffix)
                    try storage.syncDirectory()
                }
            }
        }
        return manifest
    }

    /// Removes segments that every base covers.
    public static func removeCovered(_ directory: LogDirectory) throws(RecoveryFault) {
        let covered = directory.covered
        if covered.isEmpty { return }
        try reporting { () throws(StorageError) in
            for (log, number) in covered {
                try directory.storage.remove(LogFiles.segment(log: log, number: number))
            }
            try directory.storage.syncDirectory()
        }
    }

    /// Ends a log at a position: the rest of its segment becomes zeros, in full length, and later segments go.
    static func cut(
        _ storage: any LogStorage, log: UInt64, at position: LogPosition, lastSegment: UInt64,
        segmentSizeBytes: Int
    ) throws(RecoveryFault) {
        // From the last one on, each removal durable before the next: a crash in between must not leave
        // a gap, which would look like damage. Where a repair cuts there may be one already.
        let names = Set(try reporting { () throws(StorageError) in try storage.list() })
        var segment = lastSegment
        while segment > position.segment {
            let name = LogFiles.segment(log: log, number: segment)
            try reporting { () throws(StorageError) in
                guard names.contains(name) else { return }
                try storage.remove(name)
                try storage.syncDirectory()
            }
            segment -= 1
        }
        try erase(
            LogFiles.segment(log: log, number: position.segment), storage, from: position.offsetBytes,
            to: segmentSizeBytes)
    }

    /// Writes zeros wherever something else stands, and lengthens a file that is short.
    private static func erase(
        _ name: String, _ storage: any LogStorage, from start: Int, to end: Int
    ) throws(RecoveryFault) {
        let zeros = ZeroedBuffer(sizeBytes: min(end - start, BlockHeader.blockSizeMaxBytes))
        let sizeBytes = try reporting { () throws(StorageError) in min(try storage.sizeBytes(name), end) }
        var window = FileWindow(storage: storage)
        var offset = start
        while offset < end {
            let count = min(end - offset, zeros.bytes.count)
            let existing = max(0, min(sizeBytes - offset, count))
            var isBlank = existing == count
            if isBlank { isBlank = ts_is_zero(try window.bytes(name, at: offset, count: count), count) }
            if !isBlank {
                try reporting { () throws(StorageError) in
                    try storage.write(
                        name, at: offset, UnsafeRawBufferPointer(rebasing: zeros.bytes[..<count]))
                }
            }
            offset += count
        }
    }

    static func removeLeftovers(
        _ names: [String], _ storage: any LogStorage, _ note: (RecoveryNote) -> Void
    ) throws(RecoveryFault) {
        if names.isEmpty { return }
        for name in names {
            try reporting { () throws(StorageError) in try storage.remove(name) }
            note(.leftoverRemoved(file: name))
        }
        try reporting { () throws(StorageError) in try storage.syncDirectory() }
    }

    /// A change of generation that a crash cut short leaves logs of zeros. If one whose id the manifest has
    /// not given away yet holds anything, the manifest is older than the logs: it came from elsewhere, and the
    /// files that it does not name are not leftovers but the state.
    static func refuseOldManifest(_ directory: LogDirectory, _ manifest: Manifest) throws(RecoveryFault) {
        for (log, numbers) in directory.segments where log >= manifest.nextLogId {
            for number in numbers {
                let name = LogFiles.segment(log: log, number: number)
                if try isBlank(name, directory.storage) { continue }
                throw RecoveryFault(
                    .contradiction, file: name,
                    "this log holds something, but the manifest does not know of it: the manifest is older than the "
                        + "logs. Restore the manifest that belongs to them. \(RecoveryFault.help)")
            }
        }
    }

    /// Whether a file holds nothing but zeros.
    static func isBlank(_ name: String, _ storage: any LogStorage) throws(RecoveryFault) -> Bool {
        let sizeBytes = try reporting { () throws(StorageError) in try storage.sizeBytes(name) }
        var window = FileWindow(storage: storage)
        var offset = 0
        while offset < sizeBytes {
            let count = min(sizeBytes - offset, FileWindow.sizeBytes)
            guard ts_is_zero(try window.bytes(name, at: offset, count: count), count) else { return false }
            offset += count
        }
        return true
    }

    /// Makes a segment of zeros, durable by content and by name, so that the log's writes to it change nothing
    /// but bytes: no length, no allocation, no name that a crash could undo.
    ///
    /// Any thread; the server calls it ahead of need. If there is no room for it, nothing of it stays.
    public static func prepareSegment(
        storage: any LogStorage, log: UInt64, number: UInt64, sizeBytes: Int
    ) throws(StorageError) {
        let temporary = LogFiles.segmentTemporary(log: log, number: number)
        do {
            try storage.create(temporary)
            try storage.fillWithZeros(temporary, sizeBytes: sizeBytes)
            try storage.sync(temporary)
        } catch {
            // It would keep the room that was not enough. A recovery removes it too, if this fails as well.
            try? storage.remove(temporary)
            throw error
        }
        try storage.rename(temporary, to: LogFiles.segment(log: log, number: number))
        if !PlantedBug.segmentNameNotSynced.isPlanted { try storage.syncDirectory() }
    }
}
