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
    public let cuts: [Cut]
    /// Snapshots that cannot be used, with the fault; and those that hold what is to be removed, without.
    public let dropped: [(base: Manifest.Base, fault: RecoveryFault?)]
    /// As it will be.
    public let manifest: Manifest

    public var isEmpty: Bool { cuts.isEmpty && dropped.isEmpty }

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
    ///   - isResumed: the same repair was planned before and did not come to its end. What it has cut already looks
    ///     as if
    ///     it were missing.
    public init(
        storage: any LogStorage, fromSequence: UInt64?, isResumed: Bool = false, memory: () -> MemorySource
    ) throws(RepairRefusal) {
        do throws(RecoveryFault) {
            directory = try LogDirectory(storage: storage)
        } catch {
            throw RepairRefusal(fault: error)
        }
        guard let old = directory.manifest else {
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
        let condition = try Condition(directory, old, audit, isResumed: isResumed)
        let last = try Self.lastToKeep(condition, fromSequence)
        let kept = try condition.bases(for: last)
        untilSequence = last
        var dropped: [(base: Manifest.Base, fault: RecoveryFault?)] = []
        for base in old.bases where !kept.contains(base) { dropped.append((base, condition.fault(of: base, last))) }
        self.dropped = dropped
        var manifest = old
        manifest.bases = kept
        self.manifest = manifest
        let base = kept[kept.count - 1]
        do throws(RecoveryFault) {
            var cuts: [Cut] = []
            for shard in old.logs.indices {
                let cut = try Cut(directory, old, base, shard: shard, untilSequence: last ?? .max)
                // Segments that were only prepared hold nothing: they stay, or a start removes them.
                if !cut.pieces.isEmpty { cuts.append(cut) }
            }
            self.cuts = cuts
        } catch {
            throw RepairRefusal(fault: error)
        }
        do throws(RecoveryFault) {
            // What stays has to be a state.
            _ = try Replay(
                directory, manifest: old, base: base, untilSequence: last ?? .max, damageLiesBehind: true,
                configuration: audit.configuration, memory: memory(), nowMs: 0)
        } catch {
            throw RepairRefusal(fault: error, fromSequence: condition.sequence(of: error))
        }
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

    private let isResumed: Bool

    init(
        _ directory: LogDirectory, _ manifest: Manifest, _ audit: LogAudit, isResumed: Bool
    ) throws(RepairRefusal) {
        self.directory = directory
        self.manifest = manifest
        self.isResumed = isResumed
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
        return last.map { isResumed || $0 <= certain } ?? false
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
        lost = try reader.lost()
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

    /// The events behind the last block, as far as whole blocks of this log tell.
    fileprivate mutating func lost() throws(RecoveryFault) -> RepairPlan.Lost {
        var lost = RepairPlan.Lost()
        var last = position.nextLsn - 1
        var durable = last
        for segment in position.segment...max(position.segment, lastSegment) {
            var offset = segment == position.segment ? position.offsetBytes : 0
            let end = min(sizes[segment] ?? 0, segmentSizeBytes)
            while offset + BlockHeader.sizeBytes <= end {
                let bytes = try window.bytes(file(segment), at: offset, count: BlockHeader.sizeBytes)
                var step = BlockHeader.alignmentBytes
                if BlockHeader.isIntact(bytes) {
                    let header = BlockHeader(bytes)
                    if isOurs(header, segment) && header.firstLsn >= position.nextLsn {
                        last = max(last, header.lastLsn)
                        durable = max(durable, header.durableLsn)
                        if try count(header, segment, offset, end, &lost.counts) { step = header.lengthBytes }
                    }
                }
                offset += step
            }
        }
        lost.eventCount = last - (position.nextLsn - 1)
        lost.durableCount = min(durable, last) - (position.nextLsn - 1)
        return lost
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
            try counts.add(LogBlock(header: header, base: bytes, file: name, offset: offset))
        } catch {
            // Some of its events are counted; the rest shows in the LSNs.
            return true
        }
        return true
    }
}
