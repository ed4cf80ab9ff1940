import CAtomics
import Engine

// How a log ends: the decision between the trace of a crash and damage.
//
// A crash can spoil only writes that were under way, and nothing of those was acknowledged. So a bad block
// is the torn tail, unless something later in the log bears witness that it had been durable.
//
//     at the expected place \ behind it | zeros      | remains    | a later durable mark
//     ----------------------------------+------------+------------+---------------------
//     blank                             | clean end  | torn tail  | damage
//     unreadable                        | torn tail  | torn tail  | damage
//     foreign                           | torn tail  | torn tail  | damage
//     body broken                       | torn tail  | torn tail  | damage
//     strayed, removed                  | damage     | damage     | damage
//
// A strayed block is damage of its own: whoever wrote it had written something else before it than what
// stands there now, and no crash rewrites whole blocks (what recovery cuts is erased and synced before
// anything new is written). So is a block that a repair has removed: all logs were cut and synced before the manifest
// said so, and what somebody puts back by hand belongs to the manifest of that time. A segment that is missing or
// short while later ones exist is damage as well: names and lengths are synced before a segment is used, and recovery
// removes segments from the last one on.

/// How a log ends.
public enum LogEnd: Equatable, Sendable {
    /// Nothing follows the last block.
    case clean
    /// The trace of a crash follows: to be cut.
    case torn(TornTail)
    /// Something that had been durable is gone.
    case damaged(RecoveryFault)
}

extension LogReader {
    /// Says how the log ends, once `next` has answered nil.
    public mutating func end() throws(RecoveryFault) -> LogEnd {
        if let fault = faultsOfFiles.first { return .damaged(fault) }
        return try endOfBlocks()
    }

    /// The same, whatever is wrong with the lengths and the names of the segments.
    mutating func endOfBlocks() throws(RecoveryFault) -> LogEnd {
        let (segment, offset, here) = try expectedPlace()
        let behind = try survey()
        if let version = behind.newer {
            return .damaged(Self.newer(file(version.segment), version.offset, version.version))
        }
        switch (here, PlantedBug.damageTakenForTail.isPlanted ? nil : behind.witness) {
        // In a directory in use the next block may have come since `next` found none.
        case (.next, _): return .clean
        case (.newer(let version), _): return .damaged(Self.newer(file(segment), offset, version))
        case (.strayed, _):
            return .damaged(
                damage(
                    segment, offset,
                    "a whole block stands here that does not follow the block before it, as event "
                        + "\(position.nextLsn) should"))
        case (.removed, _):
            return .damaged(
                damage(
                    segment, offset,
                    "a block stands here that a repair has removed. If it was put back on purpose, put back the "
                        + "manifest of that time as well"))
        case (.blank, nil) where behind.remainsBytes == 0: return .clean
        case (.blank, nil), (.unreadable, nil), (.foreign, nil), (.bodyBroken, nil):
            return .torn(
                TornTail(
                    shard: shard, file: file(segment), offset: offset, sizeBytes: behind.remainsBytes,
                    blocks: behind.intactHeaders))
        case (_, .some(let witness)):
            return .damaged(
                damage(
                    segment, offset,
                    "the block with event \(position.nextLsn) \(Self.words(here)), although the block at offset "
                        + "\(witness.offset) of \(file(witness.segment)) says that events up to \(witness.durableLsn) "
                        + "were durable"))
        }
    }

    /// Where the missing block should be: in the segment of the last one, or at the start of the next
    /// segment, if there is nothing more in this one and something there.
    private mutating func expectedPlace() throws(RecoveryFault) -> (UInt64, Int, Finding) {
        let here = try inspect(position.segment, position.offsetBytes)
        if case .blank = here, sizes[position.segment + 1] != nil {
            let there = try inspect(position.segment + 1, 0)
            let isFull = position.offsetBytes + BlockHeader.alignmentBytes > segmentSizeBytes
            switch there {
            case .strayed where isFull: return (position.segment + 1, 0, there)
            case .blank, .strayed: break
            default: return (position.segment + 1, 0, there)
            }
        }
        return (position.segment, position.offsetBytes, here)
    }

    private static func words(_ finding: Finding) -> String {
        switch finding {
        case .next: "is whole"
        case .blank: "is gone"
        case .unreadable: "has no readable header"
        case .foreign: "is gone, another log's stands in its place"
        case .strayed: "does not follow the one before it"
        case .removed: "was removed"
        case .bodyBroken: "has a wrong checksum"
        case .newer: "is of a newer version"
        }
    }

    private func damage(_ segment: UInt64, _ offset: Int, _ found: String) -> RecoveryFault {
        RecoveryFault(
            .damage, file: file(segment), offset: offset, "damaged: \(found). \(RecoveryFault.help)")
    }

    private static func newer(_ file: String, _ offset: Int, _ version: UInt16) -> RecoveryFault {
        RecoveryFault(
            .newer, file: file, offset: offset,
            "this block has format version \(version), this program reads up to \(BlockHeader.formatVersion). "
                + "Start the version that wrote it, or a newer one.")
    }

    /// Segments that are missing, or not as long as segments are, where only the last one may be short.
    var faultsOfFiles: [RecoveryFault] {
        (firstSegment...lastSegment).compactMap { segment in
            guard let sizeBytes = sizes[segment] else {
                return RecoveryFault(
                    .missing, file: file(segment), "this segment of the log is missing. \(RecoveryFault.help)")
            }
            let isShort = sizeBytes < segmentSizeBytes && segment != lastSegment
            guard isShort || sizeBytes > segmentSizeBytes else { return nil }
            return damage(
                segment, sizeBytes, "the segment has \(sizeBytes) bytes, it was made with \(segmentSizeBytes)")
        }
    }

    /// What lies behind the last block, up to the end of the last segment.
    struct Survey {
        var remainsBytes = 0
        /// Whole headers of this log.
        var intactHeaders = 0
        var witness: (segment: UInt64, offset: Int, durableLsn: UInt64)?
        var newer: (segment: UInt64, offset: Int, version: UInt16)?
    }

    private mutating func survey() throws(RecoveryFault) -> Survey {
        var survey = Survey()
        for segment in position.segment...max(position.segment, lastSegment) {
            var offset = segment == position.segment ? position.offsetBytes : 0
            let end = min(sizes[segment] ?? 0, segmentSizeBytes)
            while offset < end {
                let count = min(end - offset, FileWindow.sizeBytes)
                let bytes = try window.bytes(file(segment), at: offset, count: count)
                if !ts_is_zero(bytes, count) { note(bytes, count, segment, offset, &survey) }
                offset += count
            }
        }
        return survey
    }

    /// Looks at each disk block of a stretch that is not all zeros.
    private func note(
        _ bytes: UnsafeRawPointer, _ count: Int, _ segment: UInt64, _ offset: Int, _ survey: inout Survey
    ) {
        for start in stride(from: 0, to: count, by: BlockHeader.alignmentBytes) {
            let sizeBytes = min(BlockHeader.alignmentBytes, count - start)
            if ts_is_zero(bytes + start, sizeBytes) { continue }
            survey.remainsBytes += sizeBytes
            guard sizeBytes >= BlockHeader.sizeBytes, BlockHeader.isIntact(bytes + start) else { continue }
            let header = BlockHeader(bytes + start)
            if header.formatVersion > BlockHeader.formatVersion {
                survey.newer = survey.newer ?? (segment, offset + start, header.formatVersion)
            } else if isOurs(header, segment) {
                survey.intactHeaders += 1
                if header.durableLsn >= position.nextLsn && survey.witness == nil {
                    survey.witness = (segment, offset + start, header.durableLsn)
                }
            }
        }
    }
}

/// A block that a log goes on with behind others that cannot be read.
public struct LogResumption: Equatable, Sendable {
    public var file: String
    /// Where it stands, as a reader may begin there.
    public var start: LogPosition
    public var sequence: UInt64
}

extension LogReader {
    /// The next whole block of this log behind the place where it cannot be read on, if there is one. What lies
    /// between is lost; so this is for those who look at what is left, never for a start.
    mutating func resumption() throws(RecoveryFault) -> LogResumption? {
        let (first, place, _) = try expectedPlace()
        for segment in first...max(first, lastSegment) {
            var offset = segment == first ? place : 0
            let end = min(sizes[segment] ?? 0, segmentSizeBytes)
            while offset + BlockHeader.sizeBytes <= end {
                let bytes = try window.bytes(file(segment), at: offset, count: BlockHeader.sizeBytes)
                if BlockHeader.isIntact(bytes), let found = try resumption(BlockHeader(bytes), segment, offset, end) {
                    return found
                }
                offset += BlockHeader.alignmentBytes
            }
        }
        return nil
    }

    private mutating func resumption(
        _ header: BlockHeader, _ segment: UInt64, _ offset: Int, _ end: Int
    ) throws(RecoveryFault) -> LogResumption? {
        guard isOurs(header, segment), header.shard == shard, header.shards == shards,
            (BlockHeader.formatVersionMin...BlockHeader.formatVersion).contains(header.formatVersion),
            header.firstLsn >= position.nextLsn, header.sequence > lastSequence, header.durableLsn < header.firstLsn,
            offset + header.lengthBytes <= end, !isRemoved(header)
        else { return nil }
        let block = try window.bytes(file(segment), at: offset, count: header.lengthBytes)
        guard header.bodyIsIntact(block) else { return nil }
        return LogResumption(
            file: file(segment),
            start: LogPosition(
                segment: segment, offsetBytes: offset, nextLsn: header.firstLsn,
                previousChecksum: header.previousChecksum), sequence: header.sequence)
    }

    /// Whether a segment is missing, or short, between the last block and where the log goes on.
    func isMissing(before next: LogResumption?) -> Bool {
        let last = next?.start.segment ?? lastSegment
        guard position.segment < last else { return false }
        return (position.segment..<last).contains { sizes[$0] != segmentSizeBytes }
    }
}
