// Entries and results of the system operations: handshake, ping, topology, snapshot; and the entry of stats.

/// The first frame of a connection. Nothing may follow it before its answer.
///
///     offset  size  field
///          0     2  versionMin: the oldest protocol version the client speaks
///          2     2  versionMax: the newest
///          4     2  shard: the wanted shard, or 0xffff for any
///          6     2  reserved: 0
///          8    80  token: length u16, then at most 78 bytes of UTF-8, then zeros
public struct HandshakeEntry: WireStruct {
    public static let sizeBytes = 88

    public var versionMin: UInt16
    public var versionMax: UInt16
    public var shard: UInt16
    public var token: Name

    @inlinable
    public init(versionMin: UInt16, versionMax: UInt16, shard: UInt16, token: Name) {
        self.versionMin = versionMin
        self.versionMax = versionMax
        self.shard = shard
        self.token = token
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        versionMin = bytes.loadLE(0)
        versionMax = bytes.loadLE(2)
        shard = bytes.loadLE(4)
        token = Name(bytes + 8)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(versionMin, 0)
        bytes.storeLE(versionMax, 2)
        bytes.storeLE(shard, 4)
        bytes.storeLE(UInt16(0), 6)
        token.store(to: bytes + 8)
    }

    /// Whether the reserved bytes are zero, as they must be.
    @inlinable
    public static func reservedIsZero(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadLE(6, as: UInt16.self) == 0
    }
}

/// The answer to a handshake, and to `topology`: which shard serves this connection, and who owns what.
/// Partition p belongs to shard p * shards / 4096, rounded down.
///
///     offset  size  field
///          0     2  code
///          2     2  version: the protocol version of this connection
///          4     2  shard: the shard that serves this connection
///          6     2  shards: 1 ... 64
///          8     4  frameSizeMaxBytes
///         12     4  batchCountMax
///         16     8  instance: drawn at each start of the server, so that a client sees a restart
///         24     8  nowMs: the server's clock, ms since 1970
///         32     8  retainMs: how long ids are remembered
///         40     4  inFlightMaxBytes: reply bytes one connection may leave unread before it is read no further
///         44     1  admin: 1 if the token has scope admin
///         45     3  reserved: 0
///         48     8  sequence: the process-wide sequence of the last durable block known
public struct TopologyResult: WireStruct {
    public static let sizeBytes = 56

    public var code: ResultCode
    public var version: UInt16
    public var shard: UInt16
    public var shards: UInt16
    public var frameSizeMaxBytes: UInt32
    public var batchCountMax: UInt32
    public var instance: UInt64
    public var nowMs: UInt64
    public var retainMs: UInt64
    public var inFlightMaxBytes: UInt32
    public var admin: UInt8
    public var sequence: UInt64

    @inlinable
    public init(
        code: ResultCode, version: UInt16, shard: UInt16, shards: UInt16, frameSizeMaxBytes: UInt32,
        batchCountMax: UInt32, instance: UInt64, nowMs: UInt64, retainMs: UInt64, inFlightMaxBytes: UInt32,
        admin: UInt8, sequence: UInt64
    ) {
        self.code = code
        self.version = version
        self.shard = shard
        self.shards = shards
        self.frameSizeMaxBytes = frameSizeMaxBytes
        self.batchCountMax = batchCountMax
        self.instance = instance
        self.nowMs = nowMs
        self.retainMs = retainMs
        self.inFlightMaxBytes = inFlightMaxBytes
        self.admin = admin
        self.sequence = sequence
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        version = bytes.loadLE(2)
        shard = bytes.loadLE(4)
        shards = bytes.loadLE(6)
        frameSizeMaxBytes = bytes.loadLE(8)
        batchCountMax = bytes.loadLE(12)
        instance = bytes.loadLE(16)
        nowMs = bytes.loadLE(24)
        retainMs = bytes.loadLE(32)
        inFlightMaxBytes = bytes.loadLE(40)
        admin = bytes.loadLE(44)
        sequence = bytes.loadLE(48)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(version, 2)
        bytes.storeLE(shard, 4)
        bytes.storeLE(shards, 6)
        bytes.storeLE(frameSizeMaxBytes, 8)
        bytes.storeLE(batchCountMax, 12)
        bytes.storeLE(instance, 16)
        bytes.storeLE(nowMs, 24)
        bytes.storeLE(retainMs, 32)
        bytes.storeLE(inFlightMaxBytes, 40)
        bytes.storeLE(admin, 44)
        bytes.storeLE(UInt16(0), 45)
        bytes.storeLE(UInt8(0), 47)
        bytes.storeLE(sequence, 48)
    }
}

/// The entry of ping, stats, topology, snapshot and mirror.
///
///     offset  size  field
///          0     8  nonce: comes back in the answer to ping; 0 elsewhere
public struct PingEntry: WireStruct {
    public static let sizeBytes = 8

    public var nonce: UInt64

    @inlinable
    public init(nonce: UInt64) {
        self.nonce = nonce
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        nonce = bytes.loadLE(0)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(nonce, 0)
    }
}

/// The answer to ping.
///
///     offset  size  field
///          0     2  code
///          2     2  reserved: 0
///          4     4  wallClockOffsetMs: signed
///          8     8  nonce
///         16     8  nowMs: the server's clock, ms since 1970
public struct PingResult: WireStruct {
    public static let sizeBytes = 24

    public var code: ResultCode
    /// By how much the clock of the machine is ahead of the server's, which follows it slowly; negative: behind.
    public var wallClockOffsetMs: Int32
    public var nonce: UInt64
    public var nowMs: UInt64

    @inlinable
    public init(code: ResultCode, wallClockOffsetMs: Int32 = 0, nonce: UInt64, nowMs: UInt64) {
        self.code = code
        self.wallClockOffsetMs = wallClockOffsetMs
        self.nonce = nonce
        self.nowMs = nowMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        wallClockOffsetMs = Int32(bitPattern: bytes.loadLE(4))
        nonce = bytes.loadLE(8)
        nowMs = bytes.loadLE(16)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(UInt16(0), 2)
        bytes.storeLE(UInt32(bitPattern: wallClockOffsetMs), 4)
        bytes.storeLE(nonce, 8)
        bytes.storeLE(nowMs, 16)
    }
}

/// The answer to snapshot: the newest snapshot.
///
///     offset  size  field
///          0     2  code
///          2     6  reserved: 0
///          8     8  sequence: it holds all blocks of the log up to this one
///         16     8  digest: of the state then; equal to that of any replay up to this sequence
///         24     8  recordCount; 0 if nothing has happened since it was made, and none was made now
///         32     8  size: of its file in bytes; 0 likewise
///         40     8  durationMs: how long it took
public struct SnapshotResult: WireStruct {
    public static let sizeBytes = 48

    public var code: ResultCode
    public var sequence: UInt64
    public var digest: UInt64
    public var recordCount: UInt64
    public var size: UInt64
    public var durationMs: UInt64

    @inlinable
    public init(
        code: ResultCode, sequence: UInt64, digest: UInt64, recordCount: UInt64, size: UInt64, durationMs: UInt64
    ) {
        self.code = code
        self.sequence = sequence
        self.digest = digest
        self.recordCount = recordCount
        self.size = size
        self.durationMs = durationMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        sequence = bytes.loadLE(8)
        digest = bytes.loadLE(16)
        recordCount = bytes.loadLE(24)
        size = bytes.loadLE(32)
        durationMs = bytes.loadLE(40)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(UInt32(0), 2)
        bytes.storeLE(UInt16(0), 6)
        bytes.storeLE(sequence, 8)
        bytes.storeLE(digest, 16)
        bytes.storeLE(recordCount, 24)
        bytes.storeLE(size, 32)
        bytes.storeLE(durationMs, 40)
    }
}
