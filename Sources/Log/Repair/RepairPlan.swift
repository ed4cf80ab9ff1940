import CAtomics
import Engine

/// What would have to be removed from a directory, so that a server starts on it again. Made by reading alone.
///
/// A repair keeps everything up to a sequence: all blocks of all logs up to it and none behind it, so that what
/// stays is a state that was there at a moment. Of a directory with nothing but torn tails that is everything that a
/// start would keep.
public struct RepairPlan {
    /// A log that ends earlier than its files do.
    public struct Cut {
        public var shard: Int
        public var log: UInt64
        /// Where it ends afterwards.
        public var position: LogPosition
        public var lastSegment: UInt64
        /// What is not zero behind that.
        public var pieces: [Piece]
        public var lost: Lost
        /// The highest sequence of a block behind that, as far as headers can be read; 0: none.
        public var lastSequence: UInt64
        /// How many blocks may have been there whose headers cannot be read.
        public var unreadableBlocks: UInt64
    }

    /// Bytes of a file.
    public struct Piece: Equatable, Sendable {
        public var file: String
        public var offset: Int
        public var sizeBytes: Int
    }

    /// The events that a cut removes.
    public struct Lost: Equatable, Sendable {
        /// Those that can be read.
        public var counts = EventCounts()
        /// How many there are at least, with those that cannot be read: their LSNs are known from blocks behind them.
        public var eventCount: UInt64 = 0
        /// How many of these a later block says were durable, the first ones. Nearly all of them have been answered.
        public var durableCount: UInt64 = 0
    }

    public let directory: LogDirectory
    /// All blocks up to this one stay; nil: all there are.
    public let untilSequence: UInt64?
    /// Of blocks that a start would keep, if there are any to cut, every log: also one in which nothing stands behind
    /// the cut any more is synced once more before the manifest says so.
    public let cuts: [Cut]
    /// Snapshots that cannot be used, with the fault; and those that hold what is to be removed, without. Nil is the
    /// empty state.
    public let dropped: [(snapshot: String?, fault: RecoveryFault?)]
    /// As it will be.
    public let manifest: Manifest
    /// The repair that this one brings to its end.
    public let interrupted: Repair.Interrupted?

    public var isEmpty: Bool { cuts.isEmpty && dropped.isEmpty && interrupted == nil }

    /// Sequences that go and are not used again: somebody may know the blocks that had them.
    public var removed: Manifest.Removed? { markerName == nil ? nil : manifest.removed.last }

    /// What the manifest is called meanwhile; nil if nothing goes that a start would keep.
    var markerName: String? {
        if let interrupted { return interrupted.file }
        guard let untilSequence, !cuts.isEmpty else { return nil }
        return LogFiles.manifestOfCut(from: untilSequence + 1)
    }

    /// Over all logs.
    public var lost: Lost {
        var sum = Lost()
        for cut in cuts {
            sum.counts.add(cut.lost.counts)
            sum.eventCount += cut.lost.eventCount
            sum.durableCount += cut.lost.durableCount
        }
        return sum
    }
}

/// Why a directory is not repaired.
public struct RepairRefusal: Error {
    public var fault: RecoveryFault
    /// The lowest sequence that has to go for a repair; nil: no cut of the logs helps.
    public var fromSequence: UInt64?
    /// Why, where the fault does not say it.
    public var sentence: String?
}

extension RepairPlan {
    /// Makes the plan.
    ///
    /// - Parameters:
    ///   - fromSequence: remove all blocks from this sequence on. Nil: nothing but what a crash has left.
    public init(
        storage: any LogStorage, fromSequence: UInt64?, memory: () -> MemorySource
    ) throws(RepairRefusal) {
        let (directory, manifest, audit) = try Self.look(storage)
        let condition = try Condition(directory, manifest, audit)
        let last = try Self.lastToKeep(condition, fromSequence)
        let kept = try condition.bases(for: last)
        var new = manifest
        new.bases = kept
        let cuts = try Self.cuts(directory, manifest, kept[kept.count - 1], last)
        if let last, !cuts.isEmpty { new.removed = Self.removed(manifest, cuts, last) }
        self.directory = directory
        untilSequence = last
        self.cuts = cuts
        dropped = manifest.bases.filter { !kept.contains($0) }.map { ($0.snapshot, condition.fault(of: $0, last)) }
        self.manifest = new
        interrupted = nil
        do throws(RecoveryFault) {
            try tryState(manifest, audit, memory())
        } catch {
            throw RepairRefusal(fault: error, fromSequence: condition.sequence(of: error))
        }
    }

    /// The plan of a repair that was interrupted, for what is left of it to be done. It was decided, and its manifest
    /// is there; what is cut in part cannot be judged any more.
    public init(
        storage: any LogStorage, resuming interrupted: Repair.Interrupted, memory: () -> MemorySource
    ) throws(RepairRefusal) {
        let (directory, manifest, audit) = try Self.look(Repair.view(of: interrupted, storage))
        self.directory = directory
        self.manifest = manifest
        self.interrupted = interrupted
        untilSequence = interrupted.fromSequence - 1
        cuts = try Self.cuts(directory, manifest, manifest.newestBase, untilSequence, isResumed: true)
        let named = manifest.bases.map(\.snapshot)
        dropped = directory.snapshots.filter { !named.contains($0) }.map { ($0, nil) }
        do throws(RecoveryFault) {
            try tryState(manifest, audit, memory())
        } catch {
            throw RepairRefusal(fault: error)
        }
    }

    private static func look(
        _ storage: any LogStorage
    ) throws(RepairRefusal) -> (LogDirectory, Manifest, LogAudit) {
        let directory: LogDirectory
        do throws(RecoveryFault) {
            directory = try LogDirectory(storage: storage)
        } catch {
            throw RepairRefusal(fault: error)
        }
        guard let manifest = directory.manifest else {
            throw RepairRefusal(
                fault: RecoveryFault(
                    .missing, file: LogFiles.manifest,
                    "there is none, so that it is not known which logs make up the state. Restore it from a backup."
                ))
        }
        let audit = LogAudit(storage: storage)
        if let fault = audit.faults.first(where: { $0.kind == .storage || $0.kind == .newer }) {
            throw RepairRefusal(fault: fault)
        }
        return (directory, manifest, audit)
    }

    private static func cuts(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base, _ last: UInt64?,
        isResumed: Bool = false
    ) throws(RepairRefusal) -> [Cut] {
        do throws(RecoveryFault) {
            var cuts: [Cut] = []
            for shard in manifest.logs.indices {
                cuts.append(try Cut(directory, manifest, base, shard: shard, untilSequence: last ?? .max))
            }
            // Segments that were only prepared hold nothing: they stay, or a start removes them.
            let filled = cuts.filter { !$0.pieces.isEmpty }
            return last == nil || filled.isEmpty && !isResumed ? filled : cuts
        } catch {
            throw RepairRefusal(fault: error)
        }
    }

    /// What stays has to be a state.
    private func tryState(
        _ before: Manifest, _ audit: LogAudit, _ memory: MemorySource
    ) throws(RecoveryFault) {
        _ = try Replay(
            directory, manifest: before, base: manifest.newestBase, untilSequence: untilSequence ?? .max,
            damageLiesBehind: true, configuration: audit.configuration, memory: memory, nowMs: 0)
    }

    /// What the manifest says of removed blocks afterwards: what it said before of those that stay away, and this
    /// repair's.
    ///
    /// Up to where they went has to be known also if nothing of the last ones can be read. All sequences are drawn
    /// from one counter, and nobody is told of a sequence before all blocks up to it are durable. So each one that
    /// somebody knows above the highest that can be read stands for a block that cannot be read; or a crash left it
    /// unused, one before a later block of these, and no more of them than writes may have been under way.
    private static func removed(_ old: Manifest, _ cuts: [Cut], _ last: UInt64) -> [Manifest.Removed] {
        let before = old.removed.filter { $0.from <= last }
        let from = max(last, before.last?.until ?? 0) + 1
        let highest = max(from, old.usedSequence, cuts.map(\.lastSequence).max() ?? 0)
        let unreadable = cuts.reduce(0) { $0 + $1.unreadableBlocks }
        let sequencesPerBlock = UInt64(1 + LogWriter.writesInFlightMax * old.logs.count)
        return before + [Manifest.Removed(from: from, until: highest + unreadable * sequencesPerBlock + 1)]
    }

    /// The sequence up to which all is kept, if that was said; else nothing may be missing.
    private static func lastToKeep(
        _ condition: Condition, _ fromSequence: UInt64?
    ) throws(RepairRefusal) -> UInt64? {
        guard let fromSequence else {
            if let refusal = condition.damage { throw refusal }
            return nil
        }
        let oldest = condition.manifest.bases[0].sequence
        guard fromSequence > oldest else {
            throw RepairRefusal(
                fault: RecoveryFault(
                    .missing, file: LogFiles.manifest,
                    "the log here goes back to sequence \(oldest): blocks up to that one cannot be told apart any more."
                ))
        }
        return fromSequence - 1
    }
}

/// What is damaged, and what that means for the bases.
private struct Condition {
    let directory: LogDirectory
    let manifest: Manifest
    /// By base: why its snapshot cannot be used.
    private var snapshotFaults: [RecoveryFault?] = []
    /// By base: the first fault of the logs behind it, and the highest sequence before it that is certain.
    private var logFaults: [(fault: RecoveryFault, certain: UInt64)?] = []

    init(_ directory: LogDirectory, _ manifest: Manifest, _ audit: LogAudit) throws(RepairRefusal) {
        self.directory = directory
        self.manifest = manifest
        do throws(RecoveryFault) {
            for base in manifest.bases {
                snapshotFaults.append(audit.faults.first { $0.file == base.snapshot })
                logFaults.append(try Self.logFault(directory, manifest, base))
            }
        } catch {
            throw RepairRefusal(fault: error)
        }
    }

    private static func logFault(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base
    ) throws(RecoveryFault) -> (fault: RecoveryFault, certain: UInt64)? {
        var found: (fault: RecoveryFault, after: UInt64)?
        for shard in manifest.logs.indices {
            var reader = try LogReader(directory, manifest: manifest, base: base, shard: shard)
            while try reader.next() != nil {}
            guard case .damaged(let fault) = try reader.end() else { continue }
            if found.map({ reader.lastSequence < $0.after }) ?? true { found = (fault, reader.lastSequence) }
        }
        guard let found else { return nil }
        let certain = try LogReader.certainSequence(
            directory, manifest: manifest, base: base, damagedAfter: found.after)
        return (found.fault, certain)
    }

    /// Whether a state up to `last` (nil: the end) can be built on a base.
    private func isUsable(_ index: Int, _ last: UInt64?) -> Bool {
        guard snapshotFaults[index] == nil, manifest.bases[index].sequence <= last ?? .max else { return false }
        guard let certain = logFaults[index]?.certain else { return true }
        return last.map { $0 <= certain } ?? false
    }

    /// The bases that stay.
    func bases(for last: UInt64?) throws(RepairRefusal) -> [Manifest.Base] {
        let usable = manifest.bases.indices.filter { isUsable($0, last) }
        if !usable.isEmpty { return usable.map { manifest.bases[$0] } }
        var refusal = damage ?? RepairRefusal(fault: snapshotFaults.compactMap { $0 }.first ?? noBase)
        refusal.sentence = "a block before that sequence is missing, or the snapshot that it rests on"
        throw refusal
    }

    private var noBase: RecoveryFault {
        RecoveryFault(.missing, file: LogFiles.manifest, "no snapshot reaches back to that sequence.")
    }

    /// Why nothing but a cut of what was there helps; nil if some base and all behind it are whole.
    var damage: RepairRefusal? {
        if manifest.bases.indices.contains(where: { isUsable($0, nil) }) { return nil }
        // Of the bases that can be used, the one that keeps most.
        let best = manifest.bases.indices.filter { snapshotFaults[$0] == nil }
            .compactMap { logFaults[$0] }.max { $0.certain < $1.certain }
        if let best { return RepairRefusal(fault: best.fault, fromSequence: best.certain + 1) }
        return snapshotFaults.compactMap { $0 }.last.map { RepairRefusal(fault: $0) }
    }

    /// Why a base does not stay; nil if it only holds more than what is to be kept.
    func fault(of base: Manifest.Base, _ last: UInt64?) -> RecoveryFault? {
        guard let index = manifest.bases.firstIndex(of: base) else { return nil }
        if let fault = snapshotFaults[index] { return fault }
        return base.sequence > last ?? .max ? nil : logFaults[index]?.fault
    }

    /// The sequence of the block that a fault is about.
    func sequence(of fault: RecoveryFault) -> UInt64? {
        guard let offset = fault.offset, LogFiles.parseSegment(fault.file) != nil else { return nil }
        var window = FileWindow(storage: directory.storage)
        guard let bytes = try? window.bytes(fault.file, at: offset, count: BlockHeader.sizeBytes),
            BlockHeader.isIntact(bytes)
        else { return nil }
        return BlockHeader(bytes).sequence
    }
}

extension RepairPlan.Cut {
    /// What lies behind the last block of a log up to a sequence.
    fileprivate init(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base, shard: Int, untilSequence: UInt64
    ) throws(RecoveryFault) {
        var reader = try LogReader(
            directory, manifest: manifest, base: base, shard: shard, untilSequence: untilSequence)
        while try reader.next() != nil {}
        self.shard = shard
        log = reader.logId
        position = reader.position
        lastSegment = max(reader.lastSegment, reader.position.segment)
        pieces = try reader.remains()
        (lost, lastSequence, unreadableBlocks) = try reader.lost()
    }
}

extension LogReader {
    /// What is not zero behind the last block, a piece for each segment.
    fileprivate mutating func remains() throws(RecoveryFault) -> [RepairPlan.Piece] {
        var pieces: [RepairPlan.Piece] = []
        for segment in position.segment...max(position.segment, lastSegment) {
            let start = segment == position.segment ? position.offsetBytes : 0
            let end = sizes[segment] ?? 0
            var first: Int?
            var behind = start
            var offset = start
            while offset < end {
                let count = min(BlockHeader.alignmentBytes, end - offset)
                if !ts_is_zero(try window.bytes(file(segment), at: offset, count: count), count) {
                    first = first ?? offset
                    behind = offset + count
                }
                offset += count
            }
            guard let first else { continue }
            pieces.append(RepairPlan.Piece(file: file(segment), offset: first, sizeBytes: behind - first))
        }
        return pieces
    }

    /// The events behind the last block, as far as whole blocks of this log tell; the highest sequence of one, and how
    /// many more blocks there may have been.
    fileprivate mutating func lost() throws(RecoveryFault) -> (RepairPlan.Lost, UInt64, UInt64) {
        var lost = RepairPlan.Lost()
        var last = position.nextLsn - 1
        var durable = last
        var sequence: UInt64 = 0
        var unreadable = 0
        for segment in position.segment...max(position.segment, lastSegment) {
            var offset = segment == position.segment ? position.offsetBytes : 0
            let end = min(sizes[segment] ?? 0, segmentSizeBytes)
            // It had its full length before anything was written to it: what is missing may have held something.
            unreadable += (segmentSizeBytes - max(offset, end)) / BlockHeader.alignmentBytes
            while offset + BlockHeader.sizeBytes <= end {
                let bytes = try window.bytes(file(segment), at: offset, count: BlockHeader.sizeBytes)
                var step = BlockHeader.alignmentBytes
                let header = BlockHeader.isIntact(bytes) ? BlockHeader(bytes) : nil
                if let header, isOurs(header, segment), header.firstLsn >= position.nextLsn {
                    last = max(last, header.lastLsn)
                    durable = max(durable, header.durableLsn)
                    sequence = max(sequence, header.sequence)
                    if try count(header, segment, offset, end, &lost.counts) { step = header.lengthBytes }
                } else if try isWritten(segment, offset, end) {
                    unreadable += 1
                }
                offset += step
            }
        }
        lost.eventCount = last - (position.nextLsn - 1)
        lost.durableCount = min(durable, last) - (position.nextLsn - 1)
        return (lost, sequence, UInt64(unreadable))
    }

    /// Whether something stands where a block could begin.
    private mutating func isWritten(_ segment: UInt64, _ offset: Int, _ end: Int) throws(RecoveryFault) -> Bool {
        let count = min(BlockHeader.alignmentBytes, end - offset)
        return !ts_is_zero(try window.bytes(file(segment), at: offset, count: count), count)
    }

    /// Counts the events of a block, if its body is whole.
    private mutating func count(
        _ header: BlockHeader, _ segment: UInt64, _ offset: Int, _ end: Int, _ counts: inout EventCounts
    ) throws(RecoveryFault) -> Bool {
        guard offset + header.lengthBytes <= end else { return false }
        let name = file(segment)
        let bytes = try window.bytes(name, at: offset, count: header.lengthBytes)
        guard header.bodyIsIntact(bytes) else { return false }
        do throws(RecoveryFault) {
            try counts.add(LogBlock(header: header, base: bytes, file: name, offset: offset, fullEvents))
        } catch {
            // Some of its events are counted; the rest shows in the LSNs.
            return true
        }
        return true
    }
}
