import CAtomics

/// One message in either direction: a header of 32 bytes and `count` fixed-size entries or results.
///
///      0        4          8        12 13 14     16            24    26    28        32
///     +--------+----------+--------+--+--+------+-------------+-----+-----+---------+----
///     | magic  | checksum | length |v |op|status| request id  |count|flags| retry   | body
///     +--------+----------+--------+--+--+------+-------------+-----+-----+---------+----
///
/// `length` counts the whole frame; `checksum` is the CRC-32C of everything behind it, bytes 8 ..< length.
/// `status` and `retry` (ms to wait before a retry, 0 for no hint) are 0 in requests.
public enum Frame {
    public static let magic: UInt32 = 0x3146_5354  // "TSF1" in memory order
    public static let version: UInt8 = 1
    public static let headerSizeBytes = 32

    /// The longest frame in either direction. A longer `length` closes the connection.
    public static let sizeMaxBytes = 1 << 20

    /// The most entries of one order operation in one frame.
    public static let batchCountMax = 8190

    /// The most entries of one catalogue operation in one frame.
    public static let catalogueBatchCountMax = 256

    /// The most entries of one checkout operation in one frame.
    public static let checkoutBatchCountMax = 256

    /// The most results in one page of a list.
    public static let pageCountMax = 1000

    public enum Flags {
        /// Set in replies.
        public static let reply: UInt16 = 1 << 0
        /// Set in the reply to a list when more follows behind its last result.
        public static let more: UInt16 = 1 << 1
    }
}

/// The header of a frame, decoded. The body follows at offset 32.
public struct FrameHeader: Equatable, Sendable {
    public var checksum: UInt32
    public var lengthBytes: Int
    public var version: UInt8
    public var operation: UInt8
    public var status: ResultCode
    public var requestId: UInt64
    public var count: Int
    public var flags: UInt16
    public var retryAfterMs: UInt32

    /// Decodes 32 bytes. The magic is the caller's to check first, by `FrameHeader.hasMagic`.
    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        checksum = bytes.loadLE(4)
        lengthBytes = Int(bytes.loadLE(8, as: UInt32.self))
        version = bytes.loadLE(12)
        operation = bytes.loadLE(13)
        status = ResultCode(rawValue: bytes.loadLE(14))
        requestId = bytes.loadLE(16)
        count = Int(bytes.loadLE(24, as: UInt16.self))
        flags = bytes.loadLE(26)
        retryAfterMs = bytes.loadLE(28)
    }

    @inlinable
    public static func hasMagic(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(0, as: UInt32.self) == Frame.magic
    }

    /// Writes a header in front of a body that is already in place, and seals both with the checksum.
    @inlinable
    public static func seal(
        _ frame: UnsafeMutableRawPointer, operation: UInt8, status: ResultCode = .ok, requestId: UInt64,
        count: Int, lengthBytes: Int, flags: UInt16 = 0, retryAfterMs: UInt32 = 0
    ) {
        precondition(lengthBytes >= Frame.headerSizeBytes && lengthBytes <= Frame.sizeMaxBytes)
        frame.storeLE(Frame.magic, 0)
        frame.storeLE(UInt32(truncatingIfNeeded: lengthBytes), 8)
        frame.storeLE(Frame.version, 12)
        frame.storeLE(operation, 13)
        frame.storeLE(status.rawValue, 14)
        frame.storeLE(requestId, 16)
        frame.storeLE(UInt16(truncatingIfNeeded: count), 24)
        frame.storeLE(flags, 26)
        frame.storeLE(retryAfterMs, 28)
        frame.storeLE(ts_crc32c(0, frame + 8, lengthBytes - 8), 4)
    }

    /// Whether the checksum of a whole frame in memory is right.
    @inlinable
    public func checksumMatches(_ frame: UnsafeRawPointer) -> Bool {
        ts_crc32c(0, frame + 8, lengthBytes - 8) == checksum
    }
}
