import Engine

/// Why the events behind a position cannot be had.
public enum TailFault: Error, Equatable, Sendable {
    /// They have left the data directory: the oldest position from which all is there.
    case trimmed(oldestSequence: UInt64)
    /// The log cannot be read.
    case unreadable(RecoveryFault)
}

/// The blocks of all logs in the order of their sequences, as they become durable: from memory, and from the
/// segments for what is not there any more or was before anybody followed.
///
/// One thread. The directory may be written on meanwhile.
public final class LogTail {
    private let storage: any LogStorage
    private let manifest: Manifest
    private let recent: [RecentBlocks]
    private var sources: [Source]
    /// Everything up to here has been handed out.
    public private(set) var sequence: UInt64

    /// One log.
    private struct Source {
        let shard: Int
        /// Where its next block is, and the sequence of the one before.
        var position: LogPosition
        var lastSequence: UInt64
        /// In its `RecentBlocks`; nil before it has looked there, or when it has been overtaken.
        var recentPosition: Int?
        /// While it reads from segments. What it has in its window gets old: it goes when it finds nothing more.
        var disk: DiskReader?
        /// The next block, copied, if it is there.
        let buffer: UnsafeMutableRawBufferPointer
        var next: BlockHeader?
        /// Up to which sequence it has been looked for in vain.
        var lookedUntil: UInt64 = 0
    }

    private final class DiskReader {
        var reader: LogReader

        init(_ reader: consuming LogReader) { self.reader = reader }
    }

    /// Begins behind `sequence`. `recent` is empty, or one for each shard of the manifest.
    public init(
        storage: any LogStorage, after sequence: UInt64, recent: [RecentBlocks]
    ) throws(TailFault) {
        do throws(RecoveryFault) {
            let directory = try LogDirectory(storage: storage)
            guard let manifest = directory.manifest else {
                throw RecoveryFault(.missing, file: LogFiles.manifest, "there is none.")
            }
            self.storage = storage
            self.manifest = manifest
        } catch {
            throw .unreadable(error)
        }
        guard let base = manifest.bases.last(where: { $0.sequence <= sequence }) else {
            throw .trimmed(oldestSequence: manifest.bases[0].sequence)
        }
        self.recent = recent
        self.sequence = sequence
        sources = base.starts.enumerated().map { shard, start in
            Source(
                shard: shard, position: start, lastSequence: base.sequence, recentPosition: nil,
                buffer: .allocate(
                    byteCount: BlockHeader.blockSizeMaxBytes, alignment: BlockHeader.alignmentBytes))
        }
    }

    deinit { for source in sources { source.buffer.deallocate() } }

    /// The next block of any log, if it is not beyond `cut`, up to which all logs are durable. It stays valid until the
    /// next call.
    public func next(upTo cut: UInt64) throws(TailFault) -> (shard: Int, block: LogBlock)? {
        while true {
            for index in sources.indices where sources[index].next == nil && sources[index].lookedUntil < cut {
                try look(index, upTo: cut)
            }
            let found = sources.indices.filter { sources[$0].next != nil }
                .min { sources[$0].next!.sequence < sources[$1].next!.sequence }
            guard let found, let header = sources[found].next, header.sequence <= cut else {
                sequence = max(sequence, cut)
                return nil
            }
            sources[found].next = nil
            // A base lies before the position that was asked for: what is between them is passed over.
            guard header.sequence > sequence else { continue }
            sequence = header.sequence
            let file = LogFiles.segment(
                log: manifest.logs[found], number: header.segment)
            return (
                found,
                LogBlock(
                    header: header, base: UnsafeRawPointer(sources[found].buffer.baseAddress!), file: file,
                    offset: sources[found].position.offsetBytes - header.lengthBytes)
            )
        }
    }

    /// Finds the next block of a log, in memory or on the disk.
    private func look(_ index: Int, upTo cut: UInt64) throws(TailFault) {
        if recent.isEmpty { return try lookOnDisk(index, upTo: cut) }
        if sources[index].recentPosition == nil {
            // From here on memory has everything; what came before is still to be read from the disk.
            sources[index].recentPosition = recent[index].end
        }
        while let position = sources[index].recentPosition {
            switch recent[index].read(at: position, into: sources[index].buffer.baseAddress!) {
            case .nothing:
                return try lookOnDisk(index, upTo: cut)
            case .lost:
                sources[index].recentPosition = nil
            case .block(_, let next):
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
                {
                    sources[index].recentPosition = next
                    sources[index].disk = nil
                    return take(index, header)
                } else {
                    // It is further on than we are.
                    return try lookOnDisk(index, upTo: cut)
                }
            }
        }
        try lookOnDisk(index, upTo: cut)
    }

    private func lookOnDisk(_ index: Int, upTo cut: UInt64) throws(TailFault) {
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
                if isNew {
                    sources[index].lookedUntil = cut
                    return
                }
                // What an older window does not show may be there.
            }
        } catch {
            throw .unreadable(error)
        }
    }

    private func openOnDisk(_ index: Int) throws(RecoveryFault) -> DiskReader {
        DiskReader(
            try LogReader(
                LogDirectory(storage: storage), manifest: manifest, shard: index, start: sources[index].position,
                lastSequence: sources[index].lastSequence))
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
