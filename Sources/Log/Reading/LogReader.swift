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

    /// Where the next block is expected.
    public private(set) var position: LogPosition
    /// The sequence of the last block.
    public private(set) var lastSequence: UInt64
    public private(set) var blockCount: UInt64 = 0
    public private(set) var lastTimeMs: UInt64 = 0
    var window: FileWindow

    public init(_ directory: LogDirectory, manifest: Manifest, shard: Int) throws(RecoveryFault) {
        let log = manifest.logs[shard]
        self.shard = shard
        logId = log.id
        generation = manifest.generation
        shards = manifest.logs.count
        segmentSizeBytes = manifest.segmentSizeBytes
        firstSegment = log.firstSegment
        var sizes: [UInt64: Int] = [:]
        for number in directory.segments[log.id] ?? [] where number >= log.firstSegment {
            let name = LogFiles.segment(log: log.id, number: number)
            sizes[number] = try reporting { () throws(StorageError) in try directory.storage.sizeBytes(name) }
        }
        self.sizes = sizes
        lastSegment = sizes.keys.max() ?? log.firstSegment
        position = .beginning
        position.segment = log.firstSegment
        lastSequence = manifest.snapshotSequence
        window = FileWindow(storage: directory.storage)
    }

    /// The segments that exist, for a report.
    public var segmentCount: Int { sizes.count }

    func file(_ segment: UInt64) -> String { LogFiles.segment(log: logId, number: segment) }

    /// The next block, or nil where there is none: then `end` says why.
    public mutating func next() throws(RecoveryFault) -> LogBlock? {
        if case .next(let block) = try inspect(position.segment, position.offsetBytes) { return take(block) }
        let following = position.segment + 1
        guard sizes[following] != nil, case .next(let block) = try inspect(following, 0) else { return nil }
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
        guard header.formatVersion == BlockHeader.formatVersion, header.shard == shard,
            header.shards == shards,
            header.firstLsn == position.nextLsn,
            header.previousChecksum == position.previousChecksum, header.sequence > lastSequence,
            header.durableLsn < position.nextLsn
        else { return .strayed }
        guard header.lengthBytes <= room else { return .bodyBroken }
        let block = try window.bytes(name, at: offset, count: header.lengthBytes)
        guard header.bodyIsIntact(block) || PlantedBug.tornTailAccepted.isPlanted else { return .bodyBroken }
        return .next(LogBlock(header: header, base: block, file: name, offset: offset))
    }

    func isOurs(_ header: BlockHeader, _ segment: UInt64) -> Bool {
        header.logId == logId && header.generation == generation && header.segment == segment
    }
}
