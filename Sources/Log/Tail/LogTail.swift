import Engine
import Protocol

/// Why the events behind a position cannot be had.
public enum TailFault: Error, Equatable, Sendable {
    /// They have left the data directory, or they follow what a repair has removed, so that they are no continuation
    /// of what was seen: the oldest position from which all is there.
    case trimmed(oldestSequence: UInt64)
    /// The log cannot be read.
    case unreadable(RecoveryFault)
}

/// The blocks of all logs in the order of their sequences, as they become durable: from memory, and from the
/// segments for what is not there any more or was before anybody followed.
///
/// One thread. The directory may be written on meanwhile, and segments may leave it: what has not been handed out
/// by then is `trimmed`, never passed over. After a fault nothing more is to be had from it.
public final class LogTail {
    private let storage: any LogStorage
    private let manifest: Manifest
    private let recent: [RecentBlocks]
    private var sources: [Source]
    private let fullEvents = FullEvents()
    /// Everything up to here has been handed out.
    public private(set) var sequence: UInt64

    /// One log.
    private struct Source {
        /// Where its next block is, and the sequence of the one before.
        var position: LogPosition
        var lastSequence: UInt64
        /// In its `RecentBlocks`; nil before it has looked there, or when it has been overtaken.
        var recentPosition: Int?
        /// The LSN of the block there: as long as we are not that far, memory need not be looked at.
        var recentLsn: UInt64 = 0
        /// While it reads from segments. What it has in its window gets old: it goes when it finds nothing more.
        var disk: DiskReader?
        /// The next block, copied, if it is there.
        let buffer: UnsafeMutableRawBufferPointer
        var next: BlockHeader?
        /// Up to which sequence it has been looked for in vain.
        var lookedUntil: UInt64 = 0
        /// The disk has been read to its end, and nothing had been written since the start then.
        var isAtEndOfRecovered = false
    }

    private final class DiskReader {
        var reader: LogReader

        init(_ reader: consuming LogReader) { self.reader = reader }
    }

    /// Begins behind `sequence`. `recent` is empty, or one for each shard of the manifest. `seen` is the sequence of
    /// the last block of which the follower has seen anything, if that is another one: of a block that is there no
    /// more the rest cannot be had.
    public init(
        storage: any LogStorage, after sequence: UInt64, seen: UInt64? = nil, recent: [RecentBlocks]
    ) throws(TailFault) {
        do throws(RecoveryFault) {
            let directory = try LogDirectory(storage: storage)
            manifest = try Self.manifest(of: directory)
            guard let base = manifest.bases.last(where: { $0.sequence <= sequence }) else {
                throw RecoveryFault(.missing, file: LogFiles.manifest, "no base is that old.")
            }
            guard !manifest.hasRemoved(seen ?? sequence) else {
                throw RecoveryFault(.missing, file: LogFiles.manifest, "a repair has removed what was there.")
            }
            var starts: [(position: LogPosition, lastSequence: UInt64)] = []
            for shard in manifest.logs.indices {
                starts.append(try Self.start(directory, manifest, base, shard: shard, after: sequence))
            }
            sources = starts.map {
                Source(
                    position: $0.position, lastSequence: $0.lastSequence,
                    buffer: .allocate(
                        byteCount: BlockHeader.blockSizeMaxBytes, alignment: BlockHeader.alignmentBytes))
            }
        } catch {
            throw Self.judged(error, storage) {
                $0.bases[0].sequence > sequence || $0.hasRemoved(seen ?? sequence)
            }
        }
        self.storage = storage
        self.recent = recent
        self.sequence = sequence
    }

    deinit { for source in sources { source.buffer.deallocate() } }

    private static func manifest(of directory: LogDirectory) throws(RecoveryFault) -> Manifest {
        guard let manifest = directory.manifest else {
            throw RecoveryFault(.missing, file: LogFiles.manifest, "there is none.")
        }
        return manifest
    }

    /// Where to begin in a log: with the last segment whose first block is not beyond `sequence`, so that what was
    /// long ago need not be read again; at the latest behind the base.
    private static func start(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base, shard: Int, after sequence: UInt64
    ) throws(RecoveryFault) -> (position: LogPosition, lastSequence: UInt64) {
        let log = manifest.logs[shard]
        let start = base.starts[shard]
        let header = UnsafeMutableRawBufferPointer.allocate(
            byteCount: BlockHeader.sizeBytes, alignment: BlockHeader.alignmentBytes)
        defer { header.deallocate() }
        for number in (directory.segments[log] ?? []).reversed() where number > start.segment {
            let name = LogFiles.segment(log: log, number: number)
            let count = try reporting { () throws(StorageError) in
                try directory.storage.read(name, at: 0, into: header)
            }
            let bytes = UnsafeRawPointer(header.baseAddress!)
            guard count == header.count, BlockHeader.isIntact(bytes) else { continue }
            let first = BlockHeader(bytes)
            guard first.logId == log, first.generation == manifest.generation, first.segment == number,
                first.sequence <= sequence
            else { continue }
            return (
                LogPosition(
                    segment: number, offsetBytes: 0, nextLsn: first.firstLsn,
                    previousChecksum: first.previousChecksum),
                first.sequence - 1
            )
        }
        return (start, base.sequence)
    }

    /// What a fault of reading is: `trimmed` if the manifest, which says so before a segment goes, has moved on.
    private static func judged(
        _ fault: RecoveryFault, _ storage: any LogStorage, isTrimmed: (Manifest) -> Bool
    ) -> TailFault {
        do throws(RecoveryFault) {
            let manifest = try manifest(of: LogDirectory(storage: storage))
            return isTrimmed(manifest) ? .trimmed(oldestSequence: manifest.bases[0].sequence) : .unreadable(fault)
        } catch {
            return .unreadable(error)
        }
    }

    /// The next block of any log, if it is not beyond `cut`, up to which all logs are durable. It stays valid until
    /// the next call.
    public func next(upTo cut: UInt64) throws(TailFault) -> (shard: Int, block: LogBlock)? {
        while true {
            var found: Int?
            for index in sources.indices {
                if sources[index].next == nil && sources[index].lookedUntil < cut { try look(index, upTo: cut) }
                guard let next = sources[index].next else { continue }
                if let best = found, sources[best].next!.sequence < next.sequence { continue }
                found = index
            }
            guard let found, let header = sources[found].next, header.sequence <= cut else {
                sequence = max(sequence, cut)
                return nil
            }
            sources[found].next = nil
            // It begins before the position that was asked for: what is between them is passed over.
            guard header.sequence > sequence else { continue }
            sequence = header.sequence
            return (
                found,
                LogBlock(
                    header: header, base: UnsafeRawPointer(sources[found].buffer.baseAddress!),
                    file: LogFiles.segment(log: manifest.logs[found], number: header.segment),
                    offset: sources[found].position.offsetBytes - header.lengthBytes, fullEvents)
            )
        }
    }

    /// Finds the next block of a log, in memory or on the disk.
    private func look(_ index: Int, upTo cut: UInt64) throws(TailFault) {
        guard !recent.isEmpty else { return try lookOnDisk(index, upTo: cut, written: nil) }
        // Read behind the cut: what is durable by that has been counted here.
        let written = recent[index].lastSequence
        if written == 0 ? sources[index].isAtEndOfRecovered : written <= sources[index].lastSequence {
            sources[index].lookedUntil = cut
            return
        }
        if lookInMemory(index) { return }
        try lookOnDisk(index, upTo: cut, written: written)
    }

    /// Whether the next block of a log was in memory.
    private func lookInMemory(_ index: Int) -> Bool {
        if sources[index].recentPosition != nil && sources[index].recentLsn > sources[index].position.nextLsn {
            return false
        }
        while let position = sources[index].recentPosition {
            sources[index].recentLsn = 0
            let next: Int
            switch recent[index].read(at: position, into: sources[index].buffer.baseAddress!) {
            case .nothing: return false
            case .lost:
                sources[index].recentPosition = nil
                continue
            case .block(_, let following): next = following
            }
            let bytes = UnsafeRawPointer(sources[index].buffer.baseAddress!)
            let header = BlockHeader(bytes)
            guard BlockHeader.isIntact(bytes), header.bodyIsIntact(bytes) else {
                sources[index].recentPosition = nil
                continue
            }
            if header.sequence <= sources[index].lastSequence {
                sources[index].recentPosition = next
            } else if header.firstLsn == sources[index].position.nextLsn
                && header.previousChecksum == sources[index].position.previousChecksum
                || PlantedBug.followerSkipsBlocks.isPlanted
            {
                sources[index].recentPosition = next
                sources[index].disk = nil
                take(index, header)
                return true
            } else {
                // It is further on than we are: the disk has what is between.
                sources[index].recentLsn = header.firstLsn
                return false
            }
        }
        // The first look, or overtaken: from here on memory has everything; what came before is still to be read
        // from the disk.
        sources[index].recentPosition = recent[index].end
        return false
    }

    /// `written` is the sequence of the last block that is known to be written, if anything is known of that.
    private func lookOnDisk(_ index: Int, upTo cut: UInt64, written: UInt64?) throws(TailFault) {
        do throws(RecoveryFault) {
            while true {
                let isNew = sources[index].disk == nil
                if isNew { sources[index].disk = try openOnDisk(index) }
                let disk = sources[index].disk!
                if let block = try disk.reader.next() {
                    sources[index].buffer.baseAddress!.copyMemory(
                        from: block.base, byteCount: block.header.lengthBytes)
                    return take(index, block.header)
                }
                sources[index].disk = nil
                // What an older window does not show may be there.
                if isNew { break }
            }
            // The segment may be gone, and with it what it held.
            let isThere = try isThere(index)
            if !isThere || (written ?? 0) > sources[index].lastSequence {
                let place = sources[index].position
                throw RecoveryFault(
                    .damage, file: LogFiles.segment(log: manifest.logs[index], number: place.segment),
                    offset: place.offsetBytes, "the next block of the log is not where it was written.")
            }
        } catch {
            let segment = sources[index].position.segment
            throw Self.judged(error, storage) { $0.bases[0].starts[index].segment > segment }
        }
        sources[index].lookedUntil = cut
        sources[index].isAtEndOfRecovered = written == 0
    }

    /// Whether the segment in which the next block is looked for is needed by a start, so that it is there.
    private func isThere(_ index: Int) throws(RecoveryFault) -> Bool {
        let manifest = try Self.manifest(of: LogDirectory(storage: storage))
        return manifest.bases[0].starts[index].segment <= sources[index].position.segment
    }

    private func openOnDisk(_ index: Int) throws(RecoveryFault) -> DiskReader {
        DiskReader(
            try LogReader(
                LogDirectory(storage: storage), manifest: manifest, shard: index, start: sources[index].position,
                lastSequence: sources[index].lastSequence, windowSizeBytes: BlockHeader.blockSizeMaxBytes))
    }

    private func take(_ index: Int, _ header: BlockHeader) {
        if header.segment != sources[index].position.segment {
            sources[index].position.segment = header.segment
            sources[index].position.offsetBytes = 0
        }
        sources[index].position.offsetBytes += header.lengthBytes
        sources[index].position.nextLsn = header.firstLsn + UInt64(header.eventCount)
        sources[index].position.previousChecksum = header.headerChecksum
        sources[index].lastSequence = header.sequence
        sources[index].next = header
    }
}
