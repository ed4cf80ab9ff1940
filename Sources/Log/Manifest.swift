import CAtomics

/// Which logs make up the state, and what they start from. A small text file, replaced atomically.
///
///     timesale-manifest 1
///     generation 3
///     next-log 8
///     segment-size 67108864
///     snapshot snapshot-000003-00000000000000000812.snap 812
///     log 6 0 1
///     log 7 1 1
///     checksum 1a2b3c4d
///
/// `log ID SHARD SEGMENT`: the log of each shard of this generation and the segment it starts with. `snapshot NAME
/// SEQUENCE`: the state before the first event of the logs, `snapshot - 0` for none; every block of the
/// generation has a higher sequence. `next-log`: ids below were given away. The last line is the CRC-32C of all before
/// it, in hexadecimal.
public struct Manifest: Equatable, Sendable {
    public struct Log: Equatable, Sendable {
        public var id: UInt64
        public var firstSegment: UInt64

        public init(id: UInt64, firstSegment: UInt64) {
            self.id = id
            self.firstSegment = firstSegment
        }
    }

    public static let version = 1

    public var generation: UInt64
    public var nextLogId: UInt64
    public var segmentSizeBytes: Int
    public var snapshot: String?
    public var snapshotSequence: UInt64
    /// By shard.
    public var logs: [Log]

    public init(
        generation: UInt64, nextLogId: UInt64, segmentSizeBytes: Int, snapshot: String?, snapshotSequence: UInt64,
        logs: [Log]
    ) {
        self.generation = generation
        self.nextLogId = nextLogId
        self.segmentSizeBytes = segmentSizeBytes
        self.snapshot = snapshot
        self.snapshotSequence = snapshotSequence
        self.logs = logs
    }

    public var text: String {
        var lines = [
            "timesale-manifest \(Self.version)", "generation \(generation)", "next-log \(nextLogId)",
            "segment-size \(segmentSizeBytes)", "snapshot \(snapshot ?? "-") \(snapshotSequence)",
        ]
        for (shard, log) in logs.enumerated() { lines.append("log \(log.id) \(shard) \(log.firstSegment)") }
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
        var logs: [Log] = []
        var fields: [String: [String]] = [:]
        for line in lines.dropFirst() {
            if line[0] == "log" {
                guard line.count == 4, let id = UInt64(line[1]), Int(line[2]) == logs.count,
                    let segment = UInt64(line[3])
                else { throw .damaged }
                logs.append(Log(id: id, firstSegment: segment))
            } else {
                fields[line[0]] = Array(line.dropFirst())
            }
        }
        guard let generation = fields["generation"]?.first.flatMap({ UInt64($0) }),
            let nextLogId = fields["next-log"]?.first.flatMap({ UInt64($0) }),
            let segmentSizeBytes = fields["segment-size"]?.first.flatMap({ Int($0) }),
            let snapshot = fields["snapshot"], snapshot.count == 2, let sequence = UInt64(snapshot[1]),
            !logs.isEmpty, logs.count <= 64
        else { throw .damaged }
        self.init(
            generation: generation, nextLogId: nextLogId, segmentSizeBytes: segmentSizeBytes,
            snapshot: snapshot[0] == "-" ? nil : snapshot[0], snapshotSequence: sequence, logs: logs)
    }

    private static func checksum(_ text: String) -> UInt32 {
        var text = text
        return text.withUTF8 { ts_crc32c(0, $0.baseAddress, $0.count) }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
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
