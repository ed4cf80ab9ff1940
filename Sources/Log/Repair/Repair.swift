import CAtomics

/// Carries out what a `RepairPlan` says, in a directory whose lock the caller holds.
///
///     copies     every byte that goes, in files of their own, on the disk and read back
///     MANIFEST   gets another name, if blocks are removed that a start would have kept: until the end no start is
///                possible, which would take what is half cut for the state
///     logs       are cut, snapshots put aside
///     MANIFEST   the new one gets its name
///
/// A crash at any place leaves a directory that starts as it would have before, or one without a manifest, of which
/// `interrupted` knows what is still to be done.
public enum Repair {
    /// What the manifest is called while logs are cut: with the sequence from which on blocks go.
    private static let markerPrefix = LogFiles.manifest + ".cut-from-"

    /// A repair that did not come to its end: the file that is to become the manifest again, and what it had been
    /// told.
    public static func interrupted(_ storage: any LogStorage) throws(StorageError) -> (
        file: String, fromSequence: UInt64
    )? {
        let names = try storage.list()
        if names.contains(LogFiles.manifest) { return nil }
        for name in names where name.hasPrefix(markerPrefix) {
            if let sequence = UInt64(name.dropFirst(markerPrefix.count)) { return (name, sequence) }
        }
        return nil
    }

    /// Gives the manifest of an interrupted repair its name back, so that the same repair can be done again.
    public static func resume(_ storage: any LogStorage, file: String) throws(StorageError) {
        try storage.rename(file, to: LogFiles.manifest)
        try storage.syncDirectory()
    }

    /// The name of the copy of a piece.
    public static func copyName(of piece: RepairPlan.Piece, stamp: String) -> String {
        "removed-\(stamp)-\(piece.file)-at-\(piece.offset)"
    }

    /// The name that a snapshot gets which does not stay.
    public static func nameAside(of snapshot: String, isDamaged: Bool, stamp: String) -> String {
        isDamaged ? snapshot + LogFiles.damagedSuffix : "removed-\(stamp)-\(snapshot)"
    }

    /// - Parameter stamp: tells the copies of this repair from those of others; part of their names.
    public static func carryOut(
        _ plan: RepairPlan, stamp: String, storage: any LogStorage
    ) throws(RecoveryFault) {
        for piece in plan.cuts.flatMap(\.pieces) { try copy(piece, to: copyName(of: piece, stamp: stamp), storage) }
        try reporting { () throws(StorageError) in try storage.syncDirectory() }
        let marker = plan.untilSequence.map { "\(markerPrefix)\($0 + 1)" }
        if let marker {
            try reporting { () throws(StorageError) in
                try storage.rename(LogFiles.manifest, to: marker)
                try storage.syncDirectory()
            }
        }
        for cut in plan.cuts {
            let segment = LogFiles.segment(log: cut.log, number: cut.position.segment)
            try reporting { () throws(StorageError) in
                guard try !storage.list().contains(segment) else { return }
                try Recovery.prepareSegment(
                    storage: storage, log: cut.log, number: cut.position.segment,
                    sizeBytes: plan.manifest.segmentSizeBytes)
            }
            try Recovery.cut(
                storage, log: cut.log, at: cut.position, lastSegment: cut.lastSegment,
                segmentSizeBytes: plan.manifest.segmentSizeBytes)
            try reporting { () throws(StorageError) in try storage.sync(segment) }
        }
        try reporting { () throws(StorageError) in
            try Recovery.replaceManifest(plan.manifest, storage)
            for (base, fault) in plan.dropped {
                guard let name = base.snapshot, plan.directory.snapshots.contains(name) else { continue }
                // A snapshot that is whole leaves with a damaged log between it and the next.
                let isDamaged = fault?.file == name
                try storage.rename(name, to: nameAside(of: name, isDamaged: isDamaged, stamp: stamp))
            }
            // Also one that a crash right here has left behind before.
            for name in try storage.list() where name.hasPrefix(markerPrefix) { try storage.remove(name) }
            try storage.syncDirectory()
        }
    }

    private static func copy(
        _ piece: RepairPlan.Piece, to name: String, _ storage: any LogStorage
    ) throws(RecoveryFault) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: BlockHeader.blockSizeMaxBytes, alignment: BlockHeader.alignmentBytes)
        defer { buffer.deallocate() }
        var checksum: UInt32 = 0
        try reporting { () throws(StorageError) in
            try storage.create(name)
            var done = 0
            while done < piece.sizeBytes {
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[..<min(buffer.count, piece.sizeBytes - done)])
                let count = try storage.read(piece.file, at: piece.offset + done, into: part)
                guard count > 0 else { break }
                let bytes = UnsafeRawBufferPointer(rebasing: part[..<count])
                checksum = ts_crc32c(checksum, bytes.baseAddress, count)
                try storage.write(name, at: done, bytes)
                done += count
            }
            try storage.sync(name)
        }
        // Nothing goes before its copy is known to be one.
        var copied: UInt32 = 0
        var done = 0
        while true {
            let count = try reporting { () throws(StorageError) in try storage.read(name, at: done, into: buffer) }
            if count == 0 { break }
            copied = ts_crc32c(copied, buffer.baseAddress, count)
            done += count
        }
        guard copied == checksum, done == piece.sizeBytes else {
            throw RecoveryFault(
                .storage, file: name,
                "the copy is not what was copied; the logs are as they were. Look at the disk.")
        }
    }
}
