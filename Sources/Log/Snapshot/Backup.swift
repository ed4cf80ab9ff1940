import Engine

/// A copy of the newest snapshot in a directory of its own, which a start can begin with.
///
/// Copies of logs that are being written were made at different moments, and may say of one shard what rests on what is
/// missing of another. A snapshot is one cut across all of them; so a backup holds that alone, and empty logs
/// behind it.
public enum Backup {
    private static let partBytes = 1 << 20

    /// Copies from a directory, in use or not, to an empty one. Answers the manifest of the copy.
    ///
    /// The manifest comes last: a copy without one is not whole.
    public static func make(
        from source: any LogStorage, to target: any LogStorage
    ) throws(RecoveryFault) -> Manifest {
        let directory = try LogDirectory(storage: source)
        guard let manifest = directory.manifest else {
            throw RecoveryFault(.missing, file: LogFiles.manifest, "there is none: this directory holds no log.")
        }
        let base = manifest.newestBase
        guard let snapshot = base.snapshot else {
            throw RecoveryFault(
                .missing, file: LogFiles.manifest,
                "no snapshot has been made yet: ask for one with `timesale snapshot`.")
        }
        try copy(snapshot, from: source, to: target)
        // What was read back is what the source's own start would accept.
        _ = try SnapshotReader.verify(
            storage: target, file: snapshot, generation: manifest.generation, sequence: base.sequence)
        let copied = Recovery.newGeneration(
            manifest.generation, firstLogId: manifest.nextLogId, shards: manifest.logs.count,
            segmentSizeBytes: manifest.segmentSizeBytes, base: base, removed: removed(manifest))
        try Recovery.makeGeneration(copied, target)
        return copied
    }

    /// Behind a repair the copy goes on where the original did. Blocks between its snapshot and that are not in it,
    /// whether they were removed or not.
    private static func removed(_ manifest: Manifest) -> [Manifest.Removed] {
        let base = manifest.newestBase
        guard let last = manifest.removed.last, last.until > base.sequence else { return [] }
        return [Manifest.Removed(from: base.sequence + 1, until: last.until)]
    }

    private static func copy(
        _ name: String, from source: any LogStorage, to target: any LogStorage
    ) throws(RecoveryFault) {
        let buffer = ZeroedBuffer(sizeBytes: partBytes)
        try reporting { () throws(StorageError) in
            let sizeBytes = try source.sizeBytes(name)
            try target.create(name)
            var offset = 0
            while offset < sizeBytes {
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<min(partBytes, sizeBytes - offset)])
                let count = try source.read(name, at: offset, into: part)
                // A file that has become shorter is found out when the copy is read.
                if count == 0 { break }
                try target.write(name, at: offset, UnsafeRawBufferPointer(rebasing: part[..<count]))
                offset += count
            }
            try target.sync(name)
        }
    }
}
