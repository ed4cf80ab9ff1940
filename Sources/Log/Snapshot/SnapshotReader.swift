import Engine

/// Walks the blocks of a snapshot that a manifest names as a base. Whatever is wrong with it is damage: a snapshot
/// gets its name only when all of it is on the disk.
public struct SnapshotReader: ~Copyable {
    /// What blocks of snapshots carry as the id of their log.
    static let logId: UInt64 = 0

    public let file: String
    public let sizeBytes: Int
    private let generation: UInt64
    private let sequence: UInt64
    private var offset = 0
    private var nextLsn: UInt64 = 1
    private var previousChecksum: UInt32 = 0
    private var isClosed = false
    public private(set) var blockCount: UInt64 = 0
    public private(set) var timeMs: UInt64 = 0
    private var window: FileWindow
    private let fullEvents = FullEvents()

    /// The reader of a base's snapshot; nil if it is the empty state.
    public static func open(
        _ directory: LogDirectory, generation: UInt64, base: Manifest.Base
    ) throws(RecoveryFault) -> SnapshotReader? {
        guard let name = base.snapshot else { return nil }
        guard directory.snapshots.contains(name) else {
            throw RecoveryFault(
                .missing, file: name,
                "the snapshot that the log starts from is missing. \(RecoveryFault.help)")
        }
        return try SnapshotReader(
            storage: directory.storage, file: name, generation: generation, sequence: base.sequence)
    }

    init(
        storage: any LogStorage, file: String, generation: UInt64, sequence: UInt64
    ) throws(RecoveryFault) {
        self.file = file
        sizeBytes = try reporting { () throws(StorageError) in try storage.sizeBytes(file) }
        self.generation = generation
        self.sequence = sequence
        window = FileWindow(storage: storage)
    }

    /// Reads the whole file and answers how many records it holds.
    @discardableResult
    public static func verify(
        storage: any LogStorage, file: String, generation: UInt64, sequence: UInt64
    ) throws(RecoveryFault) -> UInt64 {
        var reader = try SnapshotReader(storage: storage, file: file, generation: generation, sequence: sequence)
        while try reader.next() != nil {}
        return reader.recordCount
    }

    /// Records read so far.
    public var recordCount: UInt64 { nextLsn - 1 }

    /// The next block, or nil behind the closing one, which must end the file.
    public mutating func next() throws(RecoveryFault) -> LogBlock? {
        if isClosed {
            guard offset == sizeBytes else { throw damage("bytes follow the closing block") }
            return nil
        }
        let room = sizeBytes - offset
        guard room >= BlockHeader.alignmentBytes else { throw damage("it ends before its closing block") }
        let bytes = try window.bytes(file, at: offset, count: BlockHeader.sizeBytes)
        guard BlockHeader.isIntact(bytes) else { throw damage("a block has no readable header") }
        let header = BlockHeader(bytes)
        guard header.formatVersion <= BlockHeader.formatVersion else {
            throw RecoveryFault(
                .newer, file: file, offset: offset,
                "this block has format version \(header.formatVersion), this program reads up to "
                    + "\(BlockHeader.formatVersion). Start the version that wrote it, or a newer one.")
        }
        guard header.logId == Self.logId, header.generation == generation,
            header.segment == sequence, header.sequence == sequence,
            header.firstLsn == nextLsn, header.previousChecksum == previousChecksum
        else { throw damage("a block does not follow the one before it") }
        guard header.lengthBytes <= room else { throw damage("a block is cut short") }
        let block = try window.bytes(file, at: offset, count: header.lengthBytes)
        guard header.bodyIsIntact(block) else { throw damage("a block has a wrong checksum") }
        let found = LogBlock(header: header, base: block, file: file, offset: offset, fullEvents)
        offset += header.lengthBytes
        nextLsn += UInt64(header.eventCount)
        previousChecksum = header.headerChecksum
        isClosed = header.eventCount == 0
        timeMs = header.timeMs
        blockCount += 1
        return found
    }

    private func damage(_ found: String) -> RecoveryFault {
        RecoveryFault(
            .damage, file: file, offset: offset, "the snapshot is damaged: \(found). \(RecoveryFault.help)")
    }
}
