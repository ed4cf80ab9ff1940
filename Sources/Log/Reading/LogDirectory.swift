/// What lies in a data directory, by name: the manifest, and what belongs to the log.
public struct LogDirectory {
    public let storage: any LogStorage
    public let manifest: Manifest?
    /// Numbers of segments by log id, rising.
    public let segments: [UInt64: [UInt64]]
    public let snapshots: [String]
    /// Files under the temporary name of one of ours.
    public let temporaries: [String]

    /// Reads the names and the manifest; a manifest that cannot be used is a fault, and so is a repair that has not
    /// come to its end: whoever took what is half cut for the state would lose acknowledged events of one log and
    /// keep those of another that rest on them.
    public init(storage: any LogStorage) throws(RecoveryFault) {
        try self.init(storage: storage, readsManifest: true)
    }

    /// The names alone, for those who look at what is left when the manifest cannot be used.
    public init(namesIn storage: any LogStorage) throws(RecoveryFault) {
        try self.init(storage: storage, readsManifest: false)
    }

    private init(storage: any LogStorage, readsManifest: Bool) throws(RecoveryFault) {
        let names = try reporting { () throws(StorageError) in try storage.list() }
        var segments: [UInt64: [UInt64]] = [:]
        var snapshots: [String] = []
        var temporaries: [String] = []
        let hasManifest = names.contains(LogFiles.manifest)
        for name in names.sorted() {
            if let (log, number) = LogFiles.parseSegment(name) {
                segments[log, default: []].append(number)
            } else if LogFiles.parseSnapshot(name) != nil {
                snapshots.append(name)
            } else if LogFiles.isTemporary(name) {
                temporaries.append(name)
            } else if let sequence = LogFiles.parseManifestOfCut(name) {
                // Beside the manifest it is of a repair that has cut nothing yet.
                if hasManifest {
                    temporaries.append(name)
                } else if readsManifest {
                    throw Self.interrupted(name, sequence)
                }
            }
        }
        self.storage = storage
        self.segments = segments.mapValues { $0.sorted() }
        self.snapshots = snapshots
        self.temporaries = temporaries
        manifest = readsManifest && hasManifest ? try Self.readManifest(storage) : nil
    }

    private static func interrupted(_ name: String, _ sequence: UInt64) -> RecoveryFault {
        RecoveryFault(
            .missing, file: name,
            "a repair that removes all blocks from sequence \(sequence) on was interrupted: the logs are cut in part. "
                + "Run `wal-replay repair DIR` on the data directory again, which brings the repair to its end.")
    }

    private static let manifestSizeMaxBytes = 1 << 16

    private static func readManifest(_ storage: any LogStorage) throws(RecoveryFault) -> Manifest {
        let name = LogFiles.manifest
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: manifestSizeMaxBytes, alignment: 8)
        defer { buffer.deallocate() }
        let count = try reporting { () throws(StorageError) in try storage.read(name, at: 0, into: buffer) }
        let damaged = RecoveryFault(
            .damage, file: name,
            "the manifest is damaged, so that it is not known which logs make up the state. "
                + "Restore it from a backup of this directory. \(RecoveryFault.help)")
        guard count < manifestSizeMaxBytes, let text = String(validating: buffer[..<count], as: UTF8.self)
        else {
            throw damaged
        }
        do {
            return try Manifest(text: text)
        } catch {
            switch error {
            case .damaged: throw damaged
            case .newer(let version):
                throw RecoveryFault(
                    .newer, file: name,
                    "the manifest has version \(version), this program reads up to \(Manifest.version). "
                        + "Start the version that wrote it, or a newer one.")
            }
        }
    }

    /// Snapshots that the manifest does not name, and logs whose ids it has not given away yet, which
    /// `Recovery.refuseOldManifest` has found blank: what an interrupted change left behind.
    var unnamed: [String] {
        guard let manifest else { return [] }
        let bases = Set(manifest.bases.compactMap(\.snapshot))
        var names = snapshots.filter { !bases.contains($0) }
        for (log, numbers) in segments where log >= manifest.nextLogId {
            names += numbers.map { LogFiles.segment(log: log, number: $0) }
        }
        return names.sorted()
    }

    /// Segments, by log and number, all of whose events are in every base: no start needs them any more.
    public var covered: [(log: UInt64, number: UInt64)] {
        guard let manifest else { return [] }
        return segments.sorted { $0.key < $1.key }.flatMap { log, numbers in
            let first = manifest.firstSegment(ofLog: log) ?? UInt64.max
            return log >= manifest.nextLogId ? [] : numbers.filter { $0 < first }.map { (log, $0) }
        }
    }
}

extension LogFiles {
    public static let temporarySuffix = ".new"
    /// Behind the name of a snapshot that a start could not use: nobody reads it any more.
    public static let damagedSuffix = ".damaged"

    /// Under this name a snapshot is written, until it is whole.
    static func snapshotTemporary(generation: UInt64, sequence: UInt64) -> String {
        snapshot(generation: generation, sequence: sequence) + temporarySuffix
    }

    /// The generation and the sequence of a snapshot's name, or nil for another file.
    public static func parseSnapshot(_ name: String) -> (generation: UInt64, sequence: UInt64)? {
        guard name.hasPrefix("snapshot-"), name.hasSuffix(".snap") else { return nil }
        let parts = name.dropFirst(9).dropLast(5).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let generation = UInt64(parts[0]), let sequence = UInt64(parts[1]),
            snapshot(generation: generation, sequence: sequence) == name
        else { return nil }
        return (generation, sequence)
    }

    /// Whether this is the temporary name of a manifest, a segment or a snapshot.
    static func isTemporary(_ name: String) -> Bool {
        guard name.hasSuffix(temporarySuffix) else { return false }
        let stem = String(name.dropLast(temporarySuffix.count))
        return stem == manifest || parseSegment(stem) != nil || parseSnapshot(stem) != nil || parseSpare(stem) != nil
    }
}
