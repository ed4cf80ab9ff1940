/// The files of a data directory, as recovery and maintenance see them. The log's own writes do not go
/// through here: the writer hands them out as commands, for a ring or a simulator to carry out.
///
/// Names are plain file names. Nothing is durable before `sync` (contents) or `syncDirectory` (names).
/// Not called from shard threads while they serve.
public protocol LogStorage: AnyObject {
    /// The names of all files, in no order.
    func list() throws(StorageError) -> [String]
    func sizeBytes(_ name: String) throws(StorageError) -> Int
    /// Reads up to `buffer.count` bytes; fewer only at the end of the file.
    func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int
    /// Writes all of `bytes` into a file that exists; grows it where needed.
    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError)
    /// Makes an empty file, or empties one.
    func create(_ name: String) throws(StorageError)
    func sync(_ name: String) throws(StorageError)
    func rename(_ name: String, to other: String) throws(StorageError)
    func remove(_ name: String) throws(StorageError)
    func syncDirectory() throws(StorageError)
    /// Has later reads see what the disk has, where that differs from what is cached: after a sync that failed the
    /// kernel shows as clean what it could not write (fsync(2), "Errors"). What is not written yet stays.
    func dropCaches() throws(StorageError)
    /// Fills an empty file with zeros up to a length, a multiple of the disk's blocks.
    func fillWithZeros(_ name: String, sizeBytes: Int) throws(StorageError)
}

extension LogStorage {
    /// For what caches nothing, and for those who only look.
    public func dropCaches() {}

    public func fillWithZeros(_ name: String, sizeBytes: Int) throws(StorageError) {
        let zeros = ZeroedBuffer(sizeBytes: min(sizeBytes, BlockHeader.blockSizeMaxBytes))
        var offset = 0
        while offset < sizeBytes {
            let count = min(sizeBytes - offset, zeros.bytes.count)
            try write(name, at: offset, UnsafeRawBufferPointer(rebasing: zeros.bytes[..<count]))
            offset += count
        }
    }
}

/// A buffer of zeros to write from, aligned for the disk.
public struct ZeroedBuffer: ~Copyable {
    public let bytes: UnsafeMutableRawBufferPointer

    public init(sizeBytes: Int) {
        bytes = .allocate(byteCount: sizeBytes, alignment: BlockHeader.alignmentBytes)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { bytes.deallocate() }
}

/// What the operating system refused, in words for an operator.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    public var file: String
    public var action: String
    /// errno
    public var code: Int32
    public var reason: String

    public init(file: String, action: String, code: Int32, reason: String) {
        self.file = file
        self.action = action
        self.code = code
        self.reason = reason
    }

    public var description: String { "cannot \(action) \(file): \(reason)" }
}

/// File names of a data directory.
public enum LogFiles {
    public static let manifest = "MANIFEST"
    public static let manifestTemporary = "MANIFEST.new"
    public static let lock = "LOCK"
    /// The epoch under which the last start wrote to Redis, as a decimal number and a line feed.
    public static let mirrorEpoch = "MIRROR"

    /// What the manifest is called while a repair removes all blocks from a sequence on.
    public static func manifestOfCut(from sequence: UInt64) -> String { "\(manifest).cut-from-\(sequence)" }

    /// The sequence of such a name, or nil for another file.
    public static func parseManifestOfCut(_ name: String) -> UInt64? {
        let parts = name.split(separator: "-")
        guard let sequence = parts.last.flatMap({ UInt64($0) }), manifestOfCut(from: sequence) == name else {
            return nil
        }
        return sequence
    }

    /// Numbers are padded, so that names sort as numbers do.
    public static func segment(log: UInt64, number: UInt64) -> String {
        "log-\(padded(log, 6))-\(padded(number, 10)).seg"
    }

    /// A segment that is being prepared; recovery removes it.
    public static func segmentTemporary(log: UInt64, number: UInt64) -> String {
        segment(log: log, number: number) + ".new"
    }

    /// A segment without a log yet: zeros or the blocks of an earlier life, which its number then tells apart.
    /// Recovery leaves it alone.
    public static func spare(_ number: UInt64) -> String { "spare-\(padded(number, 10)).seg" }

    /// The number of a spare segment's name, or nil for another file.
    public static func parseSpare(_ name: String) -> UInt64? {
        guard name.hasPrefix("spare-"), name.hasSuffix(".seg"), let number = UInt64(name.dropFirst(6).dropLast(4)),
            spare(number) == name
        else { return nil }
        return number
    }

    public static func snapshot(generation: UInt64, sequence: UInt64) -> String {
        "snapshot-\(padded(generation, 6))-\(padded(sequence, 20)).snap"
    }

    /// The log and number of a segment's name, or nil for another file.
    public static func parseSegment(_ name: String) -> (log: UInt64, number: UInt64)? {
        guard name.hasPrefix("log-"), name.hasSuffix(".seg") else { return nil }
        let parts = name.dropFirst(4).dropLast(4).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let log = UInt64(parts[0]), let number = UInt64(parts[1]),
            segment(log: log, number: number) == name
        else { return nil }
        return (log, number)
    }

    static func padded(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
