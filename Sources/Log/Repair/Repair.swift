import CAtomics

/// Carries out what a `RepairPlan` says, in a directory whose lock the caller holds.
///
///     copies                  every byte that goes, in files of their own, on the disk and read back
///     MANIFEST.cut-from-N     the manifest as it will be, if blocks go that a start would have kept
///     MANIFEST                is put aside: until the end no start is possible, which would take what is half cut
///                             for the state
///     logs                    are cut, snapshots put aside
///     MANIFEST.cut-from-N     becomes MANIFEST
///
/// Each line is on the disk before the next begins. So a crash at any place leaves a directory that starts as it
/// would have before, or one without a manifest, of which `interrupted` knows what is still to be done; or it is done.
/// What is to be done is decided before the first cut and does not depend on what is still there: a repair that is
/// interrupted ever so often comes to the end that it would have come to at once.
///
/// Who follows the log may know the blocks that go. Their sequences stand for nothing else from then on: the new
/// manifest says up to where they went (`Manifest.Removed`), and the log goes on behind them.
public enum Repair {
    /// A repair that did not come to its end.
    public struct Interrupted: Equatable, Sendable {
        /// The manifest as it will be.
        public var file: String
        /// All blocks from this one on go.
        public var fromSequence: UInt64
    }

    public static func interrupted(_ storage: any LogStorage) throws(StorageError) -> Interrupted? {
        let names = try storage.list()
        // Beside the manifest it is of a repair that has cut nothing yet, and another one may be planned.
        if names.contains(LogFiles.manifest) { return nil }
        let found = names.compactMap { name in
            LogFiles.parseManifestOfCut(name).map { Interrupted(file: name, fromSequence: $0) }
        }
        // There never are two: those left over go before the manifest does.
        return found.count == 1 ? found[0] : nil
    }

    /// The directory of an interrupted repair as its plan has to see it: with the manifest that it will have. In the
    /// directory itself that gets its name when all is cut.
    public static func view(of interrupted: Interrupted, _ storage: any LogStorage) -> any LogStorage {
        ViewOfInterrupted(storage, manifest: interrupted.file)
    }

    /// The name of the copy of a piece.
    public static func copyName(of piece: RepairPlan.Piece, stamp: String) -> String {
        "removed-\(stamp)-\(piece.file)-at-\(piece.offset)"
    }

    /// The name that a manifest or a snapshot gets which does not stay.
    public static func nameAside(of file: String, isDamaged: Bool, stamp: String) -> String {
        isDamaged ? file + LogFiles.damagedSuffix : "removed-\(stamp)-\(file)"
    }

    /// - Parameter stamp: tells the copies of this repair from those of others; part of their names.
    public static func carryOut(
        _ plan: RepairPlan, stamp: String, storage: any LogStorage
    ) throws(RecoveryFault) {
        for piece in plan.cuts.flatMap(\.pieces) { try copy(piece, to: copyName(of: piece, stamp: stamp), storage) }
        // Also what a repair has renamed and removed that was killed before it could sync it: this one sees it done.
        try reporting { () throws(StorageError) in try storage.syncDirectory() }
        let marker = plan.markerName
        if let marker, plan.interrupted == nil {
            try reporting { () throws(StorageError) in try putManifestAside(plan, marker, stamp, storage) }
        }
        for cut in plan.cuts { try carryOut(cut, plan, storage) }
        try reporting { () throws(StorageError) in
            if marker == nil { try Recovery.replaceManifest(plan.manifest, storage) }
            // A start removes snapshots that its manifest does not name: they have to be out of its way before.
            try putSnapshotsAside(plan, stamp, storage)
            guard let marker else { return }
            try storage.rename(marker, to: LogFiles.manifest)
            try storage.syncDirectory()
        }
    }

    /// From here on there is no way but to the end.
    private static func putManifestAside(
        _ plan: RepairPlan, _ marker: String, _ stamp: String, _ storage: any LogStorage
    ) throws(StorageError) {
        for name in try storage.list() where LogFiles.parseManifestOfCut(name) != nil { try storage.remove(name) }
        try Recovery.replaceManifest(plan.manifest, as: marker, storage)
        try storage.rename(
            LogFiles.manifest, to: nameAside(of: LogFiles.manifest, isDamaged: false, stamp: stamp))
        try storage.syncDirectory()
    }

    private static func carryOut(
        _ cut: RepairPlan.Cut, _ plan: RepairPlan, _ storage: any LogStorage
    ) throws(RecoveryFault) {
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
        // Also if there was nothing left to erase: the zeros of a repair that was killed may be in the page cache
        // only, and what was there before them follows the last block as if it belonged there.
        try reporting { () throws(StorageError) in try storage.sync(segment) }
    }

    private static func putSnapshotsAside(
        _ plan: RepairPlan, _ stamp: String, _ storage: any LogStorage
    ) throws(StorageError) {
        for (snapshot, fault) in plan.dropped {
            guard let snapshot, plan.directory.snapshots.contains(snapshot) else { continue }
            // A snapshot that is whole leaves with a damaged log between it and the next.
            let isDamaged = fault?.file == snapshot
            try storage.rename(snapshot, to: nameAside(of: snapshot, isDamaged: isDamaged, stamp: stamp))
        }
        try storage.syncDirectory()
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

/// Shows the manifest of an interrupted repair under the name that it will have.
private final class ViewOfInterrupted: LogStorage {
    private let storage: any LogStorage
    private let manifest: String

    init(_ storage: any LogStorage, manifest: String) {
        self.storage = storage
        self.manifest = manifest
    }

    private func name(_ name: String) -> String { name == LogFiles.manifest ? manifest : name }

    func list() throws(StorageError) -> [String] {
        try storage.list().map { $0 == manifest ? LogFiles.manifest : $0 }
    }

    func sizeBytes(_ name: String) throws(StorageError) -> Int { try storage.sizeBytes(self.name(name)) }

    func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try storage.read(self.name(name), at: offset, into: buffer)
    }

    // A plan changes nothing.
    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        throw Self.refusal(name)
    }
    func create(_ name: String) throws(StorageError) { throw Self.refusal(name) }
    func sync(_ name: String) throws(StorageError) { throw Self.refusal(name) }
    func rename(_ name: String, to other: String) throws(StorageError) { throw Self.refusal(name) }
    func remove(_ name: String) throws(StorageError) { throw Self.refusal(name) }
    func syncDirectory() throws(StorageError) { throw Self.refusal(".") }

    private static func refusal(_ name: String) -> StorageError {
        StorageError(file: name, action: "change", code: 30, reason: "it is only looked at")
    }
}
