import CAtomics
import Engine

/// Walks the blocks of one log from its first to its last, and says how it ends. Changes nothing.
///
/// A block is taken only if everything about it is right: its header's checksum, log, generation, segment
/// number, LSN, the chain from the block before it, a rising sequence, its body's checksum. Where the next block
/// is not in its segment, the log may go on at the start of the segment after it.
public struct LogReader: ~Copyable {
    public let shard: Int
    public let logId: UInt64
    let generation: UInt64
    let shards: Int
    let segmentSizeBytes: Int
    let firstSegment: UInt64
    /// The last segment that exists.
    let lastSegment: UInt64
    /// The length of each segment that exists.
    let sizes: [UInt64: Int]

    /// What repairs have removed.
    private let removed: [Manifest.Removed]

    /// Blocks of a higher sequence are not read.
    let untilSequence: UInt64
    /// Where the next block is expected.
    public private(set) var position: LogPosition
    /// The sequence of the last block.
    public private(set) var lastSequence: UInt64
    public private(set) var blockCount: UInt64 = 0
    public private(set) var lastTimeMs: UInt64 = 0
    var window: FileWindow
    let fullEvents = FullEvents()
    /// Whether the next block has a higher sequence than was asked for.
    public private(set) var isBeyond = false

    /// Begins where the log goes on behind a base of the manifest's.
    public init(
        _ directory: LogDirectory, manifest: Manifest, base: Manifest.Base, shard: Int,
        untilSequence: UInt64 = .max
    ) throws(RecoveryFault) {
        try self.init(
            directory, manifest: manifest, shard: shard, start: base.starts[shard], lastSequence: base.sequence,
            untilSequence: untilSequence)
    }

    /// Begins at a position behind a block of `lastSequence`.
    public init(
        _ directory: LogDirectory, manifest: Manifest, shard: Int, start: LogPosition, lastSequence: UInt64,
        untilSequence: UInt64 = .max
    ) throws(RecoveryFault) {
        try self.init(
            directory, manifest: manifest, shard: shard, start: start, lastSequence: lastSequence,
            untilSequence: untilSequence, windowSizeBytes: FileWindow.sizeBytes)
    }

    /// The same, with a window of another size.
    init(
        _ directory: LogDirectory, manifest: Manifest, shard: Int, start: LogPosition, lastSequence: UInt64,
        untilSequence: UInt64 = .max, windowSizeBytes: Int
    ) throws(RecoveryFault) {
        self.shard = shard
        self.untilSequence = untilSequence
        logId = manifest.logs[shard]
        generation = manifest.generation
        shards = manifest.logs.count
        segmentSizeBytes = manifest.segmentSizeBytes
        removed = manifest.removed
        firstSegment = start.segment
        var sizes: [UInt64: Int] = [:]
        for number in directory.segments[logId] ?? [] where number >= start.segment {
            let name = LogFiles.segment(log: logId, number: number)
            sizes[number] = try reporting { () throws(StorageError) in try directory.storage.sizeBytes(name) }
        }
        self.sizes = sizes
        lastSegment = sizes.keys.max() ?? start.segment
        position = start
        self.lastSequence = lastSequence
        window = FileWindow(storage: directory.storage, sizeBytes: windowSizeBytes)
    }

    /// The segments that exist, for a report.
    public var segmentCount: Int { sizes.count }

    func file(_ segment: UInt64) -> String { LogFiles.segment(log: logId, number: segment) }

    /// The next block, or nil where there is none: then `end` says why, unless the one that follows has a higher
    /// sequence than was asked for.
    public mutating func next() throws(RecoveryFault) -> LogBlock? {
        if isBeyond { return nil }
        if case .next(let block) = try inspect(position.segment, position.offsetBytes) {
            isBeyond = block.header.sequence > untilSequence
            return isBeyond ? nil : take(block)
        }
        let following = position.segment + 1
        guard sizes[following] != nil, case .next(let block) = try inspect(following, 0) else { return nil }
        isBeyond = block.header.sequence > untilSequence
        if isBeyond { return nil }
        position.segment = following
        position.offsetBytes = 0
        return take(block)
    }

    private mutating func take(_ block: LogBlock) -> LogBlock {
        position.offsetBytes += block.header.lengthBytes
        position.nextLsn += UInt64(block.header.eventCount)
        position.previousChecksum = block.header.headerChecksum
        position.markedLsn = block.header.durableLsn
        lastSequence = block.header.sequence
        lastTimeMs = max(lastTimeMs, block.header.timeMs)
        blockCount += 1
        return block
    }

    /// What stands at a place where the next block is expected.
    enum Finding {
        /// The next block, whole.
        case next(LogBlock)
        /// Zeros in place of a header, or the end of the segment.
        case blank
        /// Something, but not a header.
        case unreadable
        /// A whole header of another log, generation or segment: what an earlier life of the file wrote.
        case foreign
        /// A whole header of this log and segment that does not continue the chain.
        case strayed
        /// One of a block that a repair has removed: no crash brings it back.
        case removed
        /// The header that is expected, but its body is not what it was sealed with.
        case bodyBroken
        case newer(version: UInt16)
    }

    mutating func inspect(_ segment: UInt64, _ offset: Int) throws(RecoveryFault) -> Finding {
        let name = file(segment)
        let room = min(sizes[segment] ?? 0, segmentSizeBytes) - offset
        guard room > 0 else { return .blank }
        let readable = min(room, BlockHeader.sizeBytes)
        let bytes = try window.bytes(name, at: offset, count: readable)
        guard readable == BlockHeader.sizeBytes, BlockHeader.isIntact(bytes) else {
            return ts_is_zero(bytes, readable) ? .blank : .unreadable
        }
        let header = BlockHeader(bytes)
        if header.formatVersion > BlockHeader.formatVersion { return .newer(version: header.formatVersion) }
        guard isOurs(header, segment) else { return .foreign }
        guard header.formatVersion >= BlockHeader.formatVersionMin, header.shard == shard,
            header.shards == shards,
            header.firstLsn == position.nextLsn,
            header.previousChecksum == position.previousChecksum, header.sequence > lastSequence,
            header.durableLsn < position.nextLsn
        else { return .strayed }
        guard !isRemoved(header) else { return .removed }
        guard header.lengthBytes <= room else { return .bodyBroken }
        let block = try window.bytes(name, at: offset, count: header.lengthBytes)
        guard header.bodyIsIntact(block) || PlantedBug.tornTailAccepted.isPlanted else { return .bodyBroken }
        return .next(LogBlock(header: header, base: block, file: name, offset: offset, fullEvents))
    }

    func isRemoved(_ header: BlockHeader) -> Bool {
        removed.contains { $0.from <= header.sequence && header.sequence <= $0.until }
    }

    func isOurs(_ header: BlockHeader, _ segment: UInt64) -> Bool {
        header.logId == logId && header.generation == generation && header.segment == segment
    }
}
