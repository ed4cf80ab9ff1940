// Entries and results of the system operations: handshake, ping, stats, topology, snapshot.

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
///          2     6  reserved: 0
///          8     8  nonce
///         16     8  nowMs: the server's clock, ms since 1970
public struct PingResult: WireStruct {
    public static let sizeBytes = 24

    public var code: ResultCode
    public var nonce: UInt64
    public var nowMs: UInt64

    @inlinable
    public init(code: ResultCode, nonce: UInt64, nowMs: UInt64) {
        self.code = code
        self.nonce = nonce
        self.nowMs = nowMs
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        nonce = bytes.loadLE(8)
        nowMs = bytes.loadLE(16)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(UInt32(0), 2)
        bytes.storeLE(UInt16(0), 6)
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

/// One shard's counters since its start; `stats` answers with one result for each shard.
///
///     offset  size  field
///          0     2  code
///          2     2  shard
///          4     4  connections: open now
///          8     8  frames: requests received
///         16     8  ordersAccepted
///         24     8  ordersRefused
///         32     8  confirms
///         40     8  cancels
///         48     8  expiries
///         56     8  extends
///         64     8  forwarded: entries sent to another shard
///         72     8  busy: entries answered BUSY
///         80     8  logEvents: events written
///         88     8  logBytes: bytes of blocks written
///         96     8  logBlocks: blocks written
///        104     8  writtenLsn: last LSN whose write has completed
///        112     8  durableLsn: last LSN known durable
///        120     8  logLatencyUs: sum over blocks of the time from submission to completion
///        128     8  ordersRemembered
///        136     8  ordersCapacity
///        144     8  usersKnown
///        152     8  usersCapacity
///        160     8  openHolds
///        168     8  tombstones
///        176     8  bytesReceived
///        184     8  bytesSent
///        192     8  turns: rounds of the event loop
///        200     8  pointEarnings: accepted, also as parts of checkouts
///        208     8  pointUses: accepted, also as parts of checkouts
///        216     8  transactionsRemembered: now
///        224     8  transactionsCapacity
///        232     8  couponsIssued: since the start
///        240     8  couponUses: accepted, also as parts of checkouts
///        248     8  couponRestores: accepted
///        256     8  couponsRemembered: now
///        264     8  couponsCapacity
///        272     8  checkoutsPlaced: accepted
///        280     8  checkoutConfirms: each also counts its orders among the confirms
///        288     8  checkoutCancels: likewise
///        296     8  checkoutExpiries: likewise
///        304     8  checkoutsRemembered: now
///        312     8  checkoutsCapacity
///        320     8  ordersRetired: have left memory, also with their checkouts
///        328     8  tombstonesRetired: likewise
///        336     8  transactionsRetired: likewise
///        344     8  couponsRetired: likewise
///        352     8  couponOperationsRetired: uses and restores; also with their coupons
///        360     8  checkoutsRetired: likewise
///        368     8  offersRetired: sales and policies; by shard 0, whose catalogue they are in
public struct ShardStatsResult: WireStruct {
    public static let sizeBytes = 376

    public var code: ResultCode
    public var shard: UInt16
    public var connections: UInt32
    public var frames: UInt64
    public var ordersAccepted: UInt64
    public var ordersRefused: UInt64
    public var confirms: UInt64
    public var cancels: UInt64
    public var expiries: UInt64
    public var extends: UInt64
    public var forwarded: UInt64
    public var busy: UInt64
    public var logEvents: UInt64
    public var logBytes: UInt64
    public var logBlocks: UInt64
    public var writtenLsn: UInt64
    public var durableLsn: UInt64
    public var logLatencyUs: UInt64
    public var ordersRemembered: UInt64
    public var ordersCapacity: UInt64
    public var usersKnown: UInt64
    public var usersCapacity: UInt64
    public var openHolds: UInt64
    public var tombstones: UInt64
    public var bytesReceived: UInt64
    public var bytesSent: UInt64
    public var turns: UInt64
    public var pointEarnings: UInt64
    public var pointUses: UInt64
    public var transactionsRemembered: UInt64
    public var transactionsCapacity: UInt64
    public var couponsIssued: UInt64
    public var couponUses: UInt64
    public var couponRestores: UInt64
    public var couponsRemembered: UInt64
    public var couponsCapacity: UInt64
    public var checkoutsPlaced: UInt64
    public var checkoutConfirms: UInt64
    public var checkoutCancels: UInt64
    public var checkoutExpiries: UInt64
    public var checkoutsRemembered: UInt64
    public var checkoutsCapacity: UInt64
    public var ordersRetired: UInt64
    public var tombstonesRetired: UInt64
    public var transactionsRetired: UInt64
    public var couponsRetired: UInt64
    public var couponOperationsRetired: UInt64
    public var checkoutsRetired: UInt64
    public var offersRetired: UInt64

    @inlinable
    public init(
        code: ResultCode, shard: UInt16, connections: UInt32, frames: UInt64, ordersAccepted: UInt64,
        ordersRefused: UInt64, confirms: UInt64, cancels: UInt64, expiries: UInt64, extends: UInt64,
        forwarded: UInt64, busy: UInt64, logEvents: UInt64, logBytes: UInt64, logBlocks: UInt64,
        writtenLsn: UInt64, durableLsn: UInt64, logLatencyUs: UInt64, ordersRemembered: UInt64,
        ordersCapacity: UInt64, usersKnown: UInt64, usersCapacity: UInt64, openHolds: UInt64,
        tombstones: UInt64, bytesReceived: UInt64, bytesSent: UInt64, turns: UInt64, pointEarnings: UInt64,
        pointUses: UInt64, transactionsRemembered: UInt64, transactionsCapacity: UInt64, couponsIssued: UInt64,
        couponUses: UInt64, couponRestores: UInt64, couponsRemembered: UInt64, couponsCapacity: UInt64,
        checkoutsPlaced: UInt64, checkoutConfirms: UInt64, checkoutCancels: UInt64, checkoutExpiries: UInt64,
        checkoutsRemembered: UInt64, checkoutsCapacity: UInt64, ordersRetired: UInt64, tombstonesRetired: UInt64,
        transactionsRetired: UInt64, couponsRetired: UInt64, couponOperationsRetired: UInt64,
        checkoutsRetired: UInt64, offersRetired: UInt64
    ) {
        self.code = code
        self.shard = shard
        self.connections = connections
        self.frames = frames
        self.ordersAccepted = ordersAccepted
        self.ordersRefused = ordersRefused
        self.confirms = confirms
        self.cancels = cancels
        self.expiries = expiries
        self.extends = extends
        self.forwarded = forwarded
        self.busy = busy
        self.logEvents = logEvents
        self.logBytes = logBytes
        self.logBlocks = logBlocks
        self.writtenLsn = writtenLsn
        self.durableLsn = durableLsn
        self.logLatencyUs = logLatencyUs
        self.ordersRemembered = ordersRemembered
        self.ordersCapacity = ordersCapacity
        self.usersKnown = usersKnown
        self.usersCapacity = usersCapacity
        self.openHolds = openHolds
        self.tombstones = tombstones
        self.bytesReceived = bytesReceived
        self.bytesSent = bytesSent
        self.turns = turns
        self.pointEarnings = pointEarnings
        self.pointUses = pointUses
        self.transactionsRemembered = transactionsRemembered
        self.transactionsCapacity = transactionsCapacity
        self.couponsIssued = couponsIssued
        self.couponUses = couponUses
        self.couponRestores = couponRestores
        self.couponsRemembered = couponsRemembered
        self.couponsCapacity = couponsCapacity
        self.checkoutsPlaced = checkoutsPlaced
        self.checkoutConfirms = checkoutConfirms
        self.checkoutCancels = checkoutCancels
        self.checkoutExpiries = checkoutExpiries
        self.checkoutsRemembered = checkoutsRemembered
        self.checkoutsCapacity = checkoutsCapacity
        self.ordersRetired = ordersRetired
        self.tombstonesRetired = tombstonesRetired
        self.transactionsRetired = transactionsRetired
        self.couponsRetired = couponsRetired
        self.couponOperationsRetired = couponOperationsRetired
        self.checkoutsRetired = checkoutsRetired
        self.offersRetired = offersRetired
    }

    @inlinable
    public init(_ bytes: UnsafeRawPointer) {
        code = ResultCode(rawValue: bytes.loadLE(0))
        shard = bytes.loadLE(2)
        connections = bytes.loadLE(4)
        frames = bytes.loadLE(8)
        ordersAccepted = bytes.loadLE(16)
        ordersRefused = bytes.loadLE(24)
        confirms = bytes.loadLE(32)
        cancels = bytes.loadLE(40)
        expiries = bytes.loadLE(48)
        extends = bytes.loadLE(56)
        forwarded = bytes.loadLE(64)
        busy = bytes.loadLE(72)
        logEvents = bytes.loadLE(80)
        logBytes = bytes.loadLE(88)
        logBlocks = bytes.loadLE(96)
        writtenLsn = bytes.loadLE(104)
        durableLsn = bytes.loadLE(112)
        logLatencyUs = bytes.loadLE(120)
        ordersRemembered = bytes.loadLE(128)
        ordersCapacity = bytes.loadLE(136)
        usersKnown = bytes.loadLE(144)
        usersCapacity = bytes.loadLE(152)
        openHolds = bytes.loadLE(160)
        tombstones = bytes.loadLE(168)
        bytesReceived = bytes.loadLE(176)
        bytesSent = bytes.loadLE(184)
        turns = bytes.loadLE(192)
        pointEarnings = bytes.loadLE(200)
        pointUses = bytes.loadLE(208)
        transactionsRemembered = bytes.loadLE(216)
        transactionsCapacity = bytes.loadLE(224)
        couponsIssued = bytes.loadLE(232)
        couponUses = bytes.loadLE(240)
        couponRestores = bytes.loadLE(248)
        couponsRemembered = bytes.loadLE(256)
        couponsCapacity = bytes.loadLE(264)
        checkoutsPlaced = bytes.loadLE(272)
        checkoutConfirms = bytes.loadLE(280)
        checkoutCancels = bytes.loadLE(288)
        checkoutExpiries = bytes.loadLE(296)
        checkoutsRemembered = bytes.loadLE(304)
        checkoutsCapacity = bytes.loadLE(312)
        ordersRetired = bytes.loadLE(320)
        tombstonesRetired = bytes.loadLE(328)
        transactionsRetired = bytes.loadLE(336)
        couponsRetired = bytes.loadLE(344)
        couponOperationsRetired = bytes.loadLE(352)
        checkoutsRetired = bytes.loadLE(360)
        offersRetired = bytes.loadLE(368)
    }

    @inlinable
    public func store(to bytes: UnsafeMutableRawPointer) {
        bytes.storeLE(code.rawValue, 0)
        bytes.storeLE(shard, 2)
        bytes.storeLE(connections, 4)
        bytes.storeLE(frames, 8)
        bytes.storeLE(ordersAccepted, 16)
        bytes.storeLE(ordersRefused, 24)
        bytes.storeLE(confirms, 32)
        bytes.storeLE(cancels, 40)
        bytes.storeLE(expiries, 48)
        bytes.storeLE(extends, 56)
        bytes.storeLE(forwarded, 64)
        bytes.storeLE(busy, 72)
        bytes.storeLE(logEvents, 80)
        bytes.storeLE(logBytes, 88)
        bytes.storeLE(logBlocks, 96)
        bytes.storeLE(writtenLsn, 104)
        bytes.storeLE(durableLsn, 112)
        bytes.storeLE(logLatencyUs, 120)
        bytes.storeLE(ordersRemembered, 128)
        bytes.storeLE(ordersCapacity, 136)
        bytes.storeLE(usersKnown, 144)
        bytes.storeLE(usersCapacity, 152)
        bytes.storeLE(openHolds, 160)
        bytes.storeLE(tombstones, 168)
        bytes.storeLE(bytesReceived, 176)
        bytes.storeLE(bytesSent, 184)
        bytes.storeLE(turns, 192)
        bytes.storeLE(pointEarnings, 200)
        bytes.storeLE(pointUses, 208)
        bytes.storeLE(transactionsRemembered, 216)
        bytes.storeLE(transactionsCapacity, 224)
        bytes.storeLE(couponsIssued, 232)
        bytes.storeLE(couponUses, 240)
        bytes.storeLE(couponRestores, 248)
        bytes.storeLE(couponsRemembered, 256)
        bytes.storeLE(couponsCapacity, 264)
        bytes.storeLE(checkoutsPlaced, 272)
        bytes.storeLE(checkoutConfirms, 280)
        bytes.storeLE(checkoutCancels, 288)
        bytes.storeLE(checkoutExpiries, 296)
        bytes.storeLE(checkoutsRemembered, 304)
        bytes.storeLE(checkoutsCapacity, 312)
        bytes.storeLE(ordersRetired, 320)
        bytes.storeLE(tombstonesRetired, 328)
        bytes.storeLE(transactionsRetired, 336)
        bytes.storeLE(couponsRetired, 344)
        bytes.storeLE(couponOperationsRetired, 352)
        bytes.storeLE(checkoutsRetired, 360)
        bytes.storeLE(offersRetired, 368)
    }
}
