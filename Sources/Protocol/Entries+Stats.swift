// The result of stats.

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
///        376     8  refusedSoldOut: of ordersRefused: SOLD_OUT
///        384     8  refusedLimitExceeded: of ordersRefused: LIMIT_EXCEEDED
///        392     8  refusedNotStarted: of ordersRefused: NOT_STARTED
///        400     8  refusedEnded: of ordersRefused: ENDED
///        408     8  refusedClosed: of ordersRefused: CLOSED
///        416     8  refusedNotFound: of ordersRefused: NOT_FOUND
///        424     8  refusedCapacity: of ordersRefused: CAPACITY
///        432     8  refusedNoSpace: of ordersRefused: NO_SPACE
///        440     8  cpuUs: CPU time in microseconds that the shard's thread has worked for, measured once a second
///        448     8  meshBytes: now: messages that wait in the rings to this shard, in bytes
///        456     8  repliesWaitingBytes: now: replies that wait for the log
///        464     8  openAssemblies: now: frames of its connections of which a part is with other shards
///        472     8  logRoomBytes: now: what the log may still grow by before new operations get NO_SPACE
///        480     8  logSyncUs: sum of the microseconds that logSyncs took
///        488   128  logSyncs: what made the log durable, durable writes and syncs, by the time it took
public struct ShardStatsResult: WireStruct {
    public static let sizeBytes = 616

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
    public var refusedSoldOut: UInt64
    public var refusedLimitExceeded: UInt64
    public var refusedNotStarted: UInt64
    public var refusedEnded: UInt64
    public var refusedClosed: UInt64
    public var refusedNotFound: UInt64
    public var refusedCapacity: UInt64
    public var refusedNoSpace: UInt64
    public var cpuUs: UInt64
    public var meshBytes: UInt64
    public var repliesWaitingBytes: UInt64
    public var openAssemblies: UInt64
    public var logRoomBytes: UInt64
    public var logSyncUs: UInt64
    public var logSyncs: LatencyCounts

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
        checkoutsRetired: UInt64, offersRetired: UInt64, refusedSoldOut: UInt64, refusedLimitExceeded: UInt64,
        refusedNotStarted: UInt64, refusedEnded: UInt64, refusedClosed: UInt64, refusedNotFound: UInt64,
        refusedCapacity: UInt64, refusedNoSpace: UInt64, cpuUs: UInt64, meshBytes: UInt64,
        repliesWaitingBytes: UInt64, openAssemblies: UInt64, logRoomBytes: UInt64, logSyncUs: UInt64,
        logSyncs: LatencyCounts
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
        self.refusedSoldOut = refusedSoldOut
        self.refusedLimitExceeded = refusedLimitExceeded
        self.refusedNotStarted = refusedNotStarted
        self.refusedEnded = refusedEnded
        self.refusedClosed = refusedClosed
        self.refusedNotFound = refusedNotFound
        self.refusedCapacity = refusedCapacity
        self.refusedNoSpace = refusedNoSpace
        self.cpuUs = cpuUs
        self.meshBytes = meshBytes
        self.repliesWaitingBytes = repliesWaitingBytes
        self.openAssemblies = openAssemblies
        self.logRoomBytes = logRoomBytes
        self.logSyncUs = logSyncUs
        self.logSyncs = logSyncs
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
        refusedSoldOut = bytes.loadLE(376)
        refusedLimitExceeded = bytes.loadLE(384)
        refusedNotStarted = bytes.loadLE(392)
        refusedEnded = bytes.loadLE(400)
        refusedClosed = bytes.loadLE(408)
        refusedNotFound = bytes.loadLE(416)
        refusedCapacity = bytes.loadLE(424)
        refusedNoSpace = bytes.loadLE(432)
        cpuUs = bytes.loadLE(440)
        meshBytes = bytes.loadLE(448)
        repliesWaitingBytes = bytes.loadLE(456)
        openAssemblies = bytes.loadLE(464)
        logRoomBytes = bytes.loadLE(472)
        logSyncUs = bytes.loadLE(480)
        logSyncs = LatencyCounts(bytes + 488)
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
        bytes.storeLE(refusedSoldOut, 376)
        bytes.storeLE(refusedLimitExceeded, 384)
        bytes.storeLE(refusedNotStarted, 392)
        bytes.storeLE(refusedEnded, 400)
        bytes.storeLE(refusedClosed, 408)
        bytes.storeLE(refusedNotFound, 416)
        bytes.storeLE(refusedCapacity, 424)
        bytes.storeLE(refusedNoSpace, 432)
        bytes.storeLE(cpuUs, 440)
        bytes.storeLE(meshBytes, 448)
        bytes.storeLE(repliesWaitingBytes, 456)
        bytes.storeLE(openAssemblies, 464)
        bytes.storeLE(logRoomBytes, 472)
        bytes.storeLE(logSyncUs, 480)
        logSyncs.store(to: bytes + 488)
    }
}
