import CAtomics
import Engine

/// Which logs make up the state, and what they start from. A small text file, replaced atomically.
///
///     timesale-manifest 2
///     generation 3
///     next-log 8
///     segment-size 67108864
///     log 6 0
///     log 7 1
///     base - 0 0000000000000000
///     from 0 1 0 1 00000000
///     from 1 1 0 1 00000000
///     base snapshot-000003-00000000000000000812.snap 812 8f3b9d2c61a70e54
///     from 0 4 8192 9001 1a2b3c4d
///     from 1 3 0 7320 5e6f7a8b
///     removed 851 977
///     checksum 1a2b3c4d
///
/// `log ID SHARD`: the log of each shard of this generation. `base NAME SEQUENCE DIGEST`: a snapshot that the state can
/// be built from, the older one first, and the digest of that state; `-` is the empty state before the first event.
/// `from SHARD SEGMENT OFFSET LSN CHECKSUM`: where each log goes on behind it, the LSN that comes next there, and the
/// header checksum of the block before. Every block from there on has a higher sequence. `next-log`: ids below were
/// given away. `removed FROM UNTIL`: sequences of blocks that a repair has removed; mostly there is none. The last
/// line is the CRC-32C of all before it, in hexadecimal.
///
/// Version 1 had a single base: `snapshot NAME SEQUENCE` and `log ID SHARD SEGMENT`, each log from the beginning of
/// that segment with LSN 1. It is read as such.
public struct Manifest: Equatable, Sendable {
    /// A state that logs go on from.
    public struct Base: Equatable, Sendable {
        /// The file that holds it; nil: the empty state.
        public var snapshot: String?
        /// It is the state after all blocks up to this sequence.
        public var sequence: UInt64
        /// Of that state, as `Engine.digest` has it. 0: not known, from a manifest of version 1, or of the empty state.
        public var digest: UInt64
        /// By shard: where the log goes on.
        public var starts: [LogPosition]

        public init(snapshot: String?, sequence: UInt64, digest: UInt64, starts: [LogPosition]) {
            self.snapshot = snapshot
            self.sequence = sequence
            self.digest = digest
            self.starts = starts
        }
    }

    /// Sequences of blocks that a repair has removed. Somebody may know these blocks, so their sequences never stand
    /// for others.
    public struct Removed: Equatable, Sendable {
        /// The lowest of them.
        public var from: UInt64
        /// Above all of them, and of no block either: the log goes on behind it.
        public var until: UInt64

        public init(from: UInt64, until: UInt64) {
            precondition(from > 0 && from < until)
            self.from = from
            self.until = until
        }
    }

    public static let version = 2
    /// The newest snapshot, and the one before it should that turn out to be damaged.
    public static let baseCountMax = 2

    public var generation: UInt64
    public var nextLogId: UInt64
    public var segmentSizeBytes: Int
    /// The id of each shard's log.
    public var logs: [UInt64]
    /// One or two, the older first.
    public var bases: [Base]
    /// By repairs, rising, each above the one before. What the oldest base is behind is left out.
    public var removed: [Removed]

    public init(
        generation: UInt64, nextLogId: UInt64, segmentSizeBytes: Int, logs: [UInt64], bases: [Base],
        removed: [Removed] = []
    ) {
        precondition(!bases.isEmpty && bases.allSatisfy { $0.starts.count == logs.count })
        self.generation = generation
        self.nextLogId = nextLogId
        self.segmentSizeBytes = segmentSizeBytes
        self.logs = logs
        self.bases = bases
        self.removed = removed
    }

    public var newestBase: Base { bases[bases.count - 1] }

    /// Every block to come has a higher sequence than this, whatever blocks are there.
    public var usedSequence: UInt64 { max(newestBase.sequence, removed.last?.until ?? 0) }

    /// Whether somebody who has seen all blocks up to a sequence has seen some that a repair has removed.
    public func hasRemoved(_ sequence: UInt64) -> Bool {
        removed.contains { $0.from <= sequence && sequence < $0.until }
    }

    /// The repair because of which no block has a sequence.
    public func removal(of sequence: UInt64) -> Removed? {
        removed.first { $0.from <= sequence && sequence <= $0.until }
    }

    /// The first segment of a log that a start may need: those before it are covered by every base.
    public func firstSegment(ofLog log: UInt64) -> UInt64? {
        let bases = PlantedBug.olderBaseNotKept.isPlanted ? bases.suffix(1) : bases[...]
        return logs.firstIndex(of: log).map { shard in bases.map { $0.starts[shard].segment }.min()! }
    }

    /// The same with a newer base, beside the one that it was made from.
    public func adopting(_ base: Base, after older: Base) -> Manifest {
        precondition(bases.contains(older) && base.sequence > newestBase.sequence)
        var manifest = self
        manifest.bases = [older, base]
        manifest.removed = removed(behind: older)
        return manifest
    }

    /// The same with the newest base alone.
    public func keepingNewest() -> Manifest {
        var manifest = self
        manifest.bases = [newestBase]
        manifest.removed = removed(behind: newestBase)
        return manifest
    }

    /// Who follows from before a base is told that its events are gone, whatever became of them: what was removed
    /// before it need not be known any more.
    private func removed(behind base: Base) -> [Removed] { removed.filter { $0.until > base.sequence } }

    // MARK: Text

    public var text: String {
        var lines = [
            "timesale-manifest \(Self.version)", "generation \(generation)", "next-log \(nextLogId)",
            "segment-size \(segmentSizeBytes)",
        ]
        for (shard, log) in logs.enumerated() { lines.append("log \(log) \(shard)") }
        for base in bases {
            lines.append("base \(base.snapshot ?? "-") \(base.sequence) \(Self.hexadecimal(base.digest))")
            for (shard, start) in base.starts.enumerated() {
                lines.append(
                    "from \(shard) \(start.segment) \(start.offsetBytes) \(start.nextLsn) "
                        + Self.hexadecimal(start.previousChecksum))
            }
        }
        for range in removed { lines.append("removed \(range.from) \(range.until)") }
        let body = lines.joined(separator: "\n") + "\n"
        return body + "checksum \(Self.hexadecimal(Self.checksum(body)))\n"
    }

    /// Why a manifest cannot be used.
    public enum Fault: Error, Equatable, Sendable {
        case damaged
        case newer(version: Int)
    }

    public init(text: String) throws(Fault) {
        guard let start = text.range(ofLast: "checksum ") else { throw .damaged }
        let body = String(text[..<start])
        guard text == body + "checksum \(Self.hexadecimal(Self.checksum(body)))\n" else { throw .damaged }
        let lines = body.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        guard let first = lines.first, first.count == 2, first[0] == "timesale-manifest", let version = Int(first[1])
        else { throw .damaged }
        guard version <= Self.version else { throw .newer(version: version) }
        var reading = Reading(version: version)
        for line in lines.dropFirst() {
            // One of blanks alone has no word.
            guard let name = line.first, reading.take(name, Array(line.dropFirst())) else { throw .damaged }
        }
        guard let manifest = reading.manifest else { throw .damaged }
        self = manifest
    }

    private static func checksum(_ text: String) -> UInt32 {
        var text = text
        return text.withUTF8 { ts_crc32c(0, $0.baseAddress, $0.count) }
    }

    private static func hexadecimal(_ value: some FixedWidthInteger) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: value.bitWidth / 4 - digits.count) + digits
    }
}

/// A manifest as its lines come in.
private struct Reading {
    let version: Int
    var generation: UInt64?
    var nextLogId: UInt64?
    var segmentSizeBytes: Int?
    var logs: [UInt64] = []
    var bases: [Manifest.Base] = []
    var removed: [Manifest.Removed] = []
    /// Of version 1: the segment that each log begins with.
    var firstSegments: [UInt64] = []

    init(version: Int) { self.version = version }

    /// False for a line that does not belong there.
    mutating func take(_ name: String, _ values: [String]) -> Bool {
        let numbers = values.map { UInt64($0) }
        switch (name, values.count) {
        case ("generation", 1): generation = numbers[0]
        case ("next-log", 1): nextLogId = numbers[0]
        case ("segment-size", 1): segmentSizeBytes = numbers[0].flatMap { Int(exactly: $0) }
        case ("log", version == 1 ? 3 : 2):
            guard let id = numbers[0], numbers[1] == UInt64(logs.count) else { return false }
            logs.append(id)
            if version == 1 {
                guard let segment = numbers[2], segment > 0 else { return false }
                firstSegments.append(segment)
            }
        case (version == 1 ? "snapshot" : "base", version == 1 ? 2 : 3):
            let digest = version == 1 ? 0 : UInt64(values[2], radix: 16)
            guard let sequence = numbers[1], let digest else { return false }
            let name = values[0] == "-" ? nil : values[0]
            bases.append(Manifest.Base(snapshot: name, sequence: sequence, digest: digest, starts: []))
        case ("from", 5) where version > 1 && !bases.isEmpty:
            guard let start = start(values), numbers[0] == UInt64(bases[bases.count - 1].starts.count) else {
                return false
            }
            bases[bases.count - 1].starts.append(start)
        case ("removed", 2) where version > 1:
            guard let from = numbers[0], let until = numbers[1], from > removed.last?.until ?? 0, from < until else {
                return false
            }
            removed.append(Manifest.Removed(from: from, until: until))
        default: return false
        }
        return true
    }

    private func start(_ values: [String]) -> LogPosition? {
        guard let segment = UInt64(values[1]), let offset = Int(values[2]), let lsn = UInt64(values[3]),
            let checksum = UInt32(values[4], radix: 16), segment > 0, lsn > 0, offset >= 0,
            offset % BlockHeader.alignmentBytes == 0
        else { return nil }
        return LogPosition(segment: segment, offsetBytes: offset, nextLsn: lsn, previousChecksum: checksum)
    }

    /// The whole, if nothing is missing.
    var manifest: Manifest? {
        guard let generation, let nextLogId, let segmentSizeBytes, (1...64).contains(logs.count),
            (1...Manifest.baseCountMax).contains(bases.count)
        else { return nil }
        var bases = bases
        if version == 1 {
            guard bases.count == 1 else { return nil }
            bases[0].starts = firstSegments.map {
                LogPosition(segment: $0, offsetBytes: 0, nextLsn: 1, previousChecksum: 0)
            }
        }
        guard bases.allSatisfy({ $0.starts.count == logs.count }) else { return nil }
        return Manifest(
            generation: generation, nextLogId: nextLogId, segmentSizeBytes: segmentSizeBytes, logs: logs, bases: bases,
            removed: removed)
    }
}

extension String {
    /// Where the last occurrence of `needle` at the start of a line begins.
    fileprivate func range(ofLast needle: String) -> String.Index? {
        var found: String.Index?
        var line = startIndex
        while line < endIndex {
            if self[line...].hasPrefix(needle) { found = line }
            guard let end = self[line...].firstIndex(of: "\n") else { break }
            line = index(after: end)
        }
        return found
    }
}
