internal import Protocol

/// The answer to a ping.
public struct Pong: Hashable, Sendable {
    /// The server's clock, ms since 1970.
    public var serverTimeMs: UInt64
    /// By how much the clock of the server's machine is ahead of the server's own, which never jumps and follows it by
    /// 50 ms a second; negative: behind. As it was within the last second.
    public var wallClockOffsetMs: Int
    /// From the call to its answer, waiting for a connection included.
    public var roundTrip: Duration
}

/// What a server says about itself.
public struct Topology: Hashable, Sendable {
    /// 1 ... 64.
    public var shards: Int
    /// The shard that served this answer.
    public var shard: Int
    /// Drawn at each start of the server: another value says that it was restarted.
    public var instance: UInt64
    /// The server's clock, ms since 1970.
    public var serverTimeMs: UInt64
    /// How long ids are remembered.
    public var retainMs: UInt64
    /// Whether the token may create, restock and close sales.
    public var isAdmin: Bool
    /// Position of the last durable block of the log that the shard knows.
    public var sequence: UInt64
    public var protocolVersion: Int
    /// The most entries in one frame.
    public var batchCountMax: Int

    init(_ result: TopologyResult) {
        shards = Int(result.shards)
        shard = Int(result.shard)
        instance = result.instance
        serverTimeMs = result.nowMs
        retainMs = result.retainMs
        isAdmin = result.admin == 1
        sequence = result.sequence
        protocolVersion = Int(result.version)
        batchCountMax = Int(result.batchCountMax)
    }
}

/// The newest snapshot of a server: a start begins with it.
public struct Snapshot: Hashable, Sendable {
    /// One that was made for this answer.
    public struct Made: Hashable, Sendable {
        public var recordCount: UInt64
        /// Of its file.
        public var sizeBytes: UInt64
        public var durationMs: UInt64
    }

    /// It holds all blocks of the log up to this one.
    public var sequence: UInt64
    /// Of the state then: equal to that of every replay up to this sequence.
    public var digest: UInt64
    /// Nil if it had been made before, and nothing has happened since.
    public var made: Made?

    init(_ result: SnapshotResult) {
        sequence = result.sequence
        digest = result.digest
        if result.recordCount > 0 {
            made = Made(recordCount: result.recordCount, sizeBytes: result.size, durationMs: result.durationMs)
        }
    }
}

/// The counters of one shard, since the start of the server unless said otherwise.
public struct ShardStats: Hashable, Sendable {
    public var shard: Int
    /// Open now.
    public var connections: Int
    /// Requests received, of any operation.
    public var frames: UInt64
    public var ordersAccepted: UInt64
    public var ordersRefused: UInt64
    public var confirms: UInt64
    public var cancels: UInt64
    public var expiries: UInt64
    public var extends: UInt64
    /// Entries sent on to the shard that owns their user.
    public var forwarded: UInt64
    /// Entries answered `busy`.
    public var busy: UInt64
    public var logEvents: UInt64
    public var logBytes: UInt64
    public var logBlocks: UInt64
    public var writtenLSN: UInt64
    public var durableLSN: UInt64
    /// Sum over blocks of the microseconds from submission to completion.
    public var logLatencyUs: UInt64
    /// Now.
    public var ordersRemembered: UInt64
    public var ordersCapacity: UInt64
    /// Now.
    public var usersKnown: UInt64
    public var usersCapacity: UInt64
    /// Now.
    public var openHolds: UInt64
    /// Now.
    public var tombstones: UInt64
    public var bytesReceived: UInt64
    public var bytesSent: UInt64
    /// Rounds of the event loop.
    public var turns: UInt64
    /// Earnings of points, accepted, also as parts of checkouts.
    public var pointEarnings: UInt64
    /// Uses of points, accepted, also as parts of checkouts.
    public var pointUses: UInt64
    /// Earnings and uses, now.
    public var transactionsRemembered: UInt64
    public var transactionsCapacity: UInt64
    /// Since the start of the server.
    public var couponsIssued: UInt64
    /// Accepted, also as parts of checkouts.
    public var couponUses: UInt64
    /// Accepted.
    public var couponRestores: UInt64
    /// Now.
    public var couponsRemembered: UInt64
    public var couponsCapacity: UInt64
    /// Checkouts, accepted. Their orders count among those above, as they are confirmed, cancelled and expire.
    public var checkoutsPlaced: UInt64
    public var checkoutConfirms: UInt64
    public var checkoutCancels: UInt64
    public var checkoutExpiries: UInt64
    /// Now.
    public var checkoutsRemembered: UInt64
    public var checkoutsCapacity: UInt64
    /// What has been remembered long enough and left memory, since the start; orders of checkouts among the orders.
    public var ordersRetired: UInt64
    public var tombstonesRetired: UInt64
    public var transactionsRetired: UInt64
    public var couponsRetired: UInt64
    /// Uses and restores.
    public var couponOperationsRetired: UInt64
    public var checkoutsRetired: UInt64
    /// Sales and policies, on the shard of the catalogue.
    public var offersRetired: UInt64
    /// Of the orders refused, those with these codes.
    public var refusedSoldOut: UInt64
    public var refusedLimitExceeded: UInt64
    public var refusedNotStarted: UInt64
    public var refusedEnded: UInt64
    public var refusedClosed: UInt64
    public var refusedNotFound: UInt64
    public var refusedCapacity: UInt64
    public var refusedNoSpace: UInt64
    /// CPU time in microseconds that the shard's thread has worked for, measured once a second.
    public var cpuUs: UInt64
    /// Messages of other shards that wait, now.
    public var meshBytes: UInt64
    /// Replies that wait for the log, now.
    public var repliesWaitingBytes: UInt64
    /// Requests of which a part is with other shards, now.
    public var openAssemblies: UInt64
    /// What the log may still grow by before new operations are refused with `noSpace`, now.
    public var logRoomBytes: UInt64
    /// What made the log durable, by the time it took.
    public var logSyncs: LatencyHistogram

    init(_ result: ShardStatsResult) {
        shard = Int(result.shard)
        connections = Int(result.connections)
        frames = result.frames
        ordersAccepted = result.ordersAccepted
        ordersRefused = result.ordersRefused
        confirms = result.confirms
        cancels = result.cancels
        expiries = result.expiries
        extends = result.extends
        forwarded = result.forwarded
        busy = result.busy
        logEvents = result.logEvents
        logBytes = result.logBytes
        logBlocks = result.logBlocks
        writtenLSN = result.writtenLsn
        durableLSN = result.durableLsn
        logLatencyUs = result.logLatencyUs
        ordersRemembered = result.ordersRemembered
        ordersCapacity = result.ordersCapacity
        usersKnown = result.usersKnown
        usersCapacity = result.usersCapacity
        openHolds = result.openHolds
        tombstones = result.tombstones
        bytesReceived = result.bytesReceived
        bytesSent = result.bytesSent
        turns = result.turns
        pointEarnings = result.pointEarnings
        pointUses = result.pointUses
        transactionsRemembered = result.transactionsRemembered
        transactionsCapacity = result.transactionsCapacity
        couponsIssued = result.couponsIssued
        couponUses = result.couponUses
        couponRestores = result.couponRestores
        couponsRemembered = result.couponsRemembered
        couponsCapacity = result.couponsCapacity
        checkoutsPlaced = result.checkoutsPlaced
        checkoutConfirms = result.checkoutConfirms
        checkoutCancels = result.checkoutCancels
        checkoutExpiries = result.checkoutExpiries
        checkoutsRemembered = result.checkoutsRemembered
        checkoutsCapacity = result.checkoutsCapacity
        ordersRetired = result.ordersRetired
        tombstonesRetired = result.tombstonesRetired
        transactionsRetired = result.transactionsRetired
        couponsRetired = result.couponsRetired
        couponOperationsRetired = result.couponOperationsRetired
        checkoutsRetired = result.checkoutsRetired
        offersRetired = result.offersRetired
        refusedSoldOut = result.refusedSoldOut
        refusedLimitExceeded = result.refusedLimitExceeded
        refusedNotStarted = result.refusedNotStarted
        refusedEnded = result.refusedEnded
        refusedClosed = result.refusedClosed
        refusedNotFound = result.refusedNotFound
        refusedCapacity = result.refusedCapacity
        refusedNoSpace = result.refusedNoSpace
        cpuUs = result.cpuUs
        meshBytes = result.meshBytes
        repliesWaitingBytes = result.repliesWaitingBytes
        openAssemblies = result.openAssemblies
        logRoomBytes = result.logRoomBytes
        logSyncs = LatencyHistogram(result.logSyncs, sumUs: result.logSyncUs)
    }
}

/// Durations counted by their size.
public struct LatencyHistogram: Hashable, Sendable {
    /// The longest duration of each class in microseconds; one more class is for all that is longer.
    public static let boundsUs: [UInt64] = (0..<LatencyCounts.count).compactMap { LatencyCounts.boundUs($0) }

    /// How many were in each class; not summed up.
    public var counts: [UInt64]
    /// Of all durations.
    public var sumUs: UInt64

    public init(counts: [UInt64], sumUs: UInt64) {
        self.counts = counts
        self.sumUs = sumUs
    }

    init(_ counts: LatencyCounts, sumUs: UInt64) {
        self.init(counts: (0..<LatencyCounts.count).map { counts[$0] }, sumUs: sumUs)
    }

    public var count: UInt64 { counts.reduce(0, &+) }

    /// The bound of the class in which a share of all durations is reached, such as 0.99; nil if there are none, or it
    /// is the class without a bound.
    public func bound(ofShare share: Double) -> Duration? {
        var left = (Double(count) * share).rounded(.up)
        guard count > 0 else { return nil }
        for (bound, inClass) in zip(Self.boundsUs, counts) {
            left -= Double(inClass)
            if left <= 0 { return .microseconds(Int64(bound)) }
        }
        return nil
    }

    public static func + (left: LatencyHistogram, right: LatencyHistogram) -> LatencyHistogram {
        LatencyHistogram(counts: zip(left.counts, right.counts).map { $0 &+ $1 }, sumUs: left.sumUs &+ right.sumUs)
    }
}

/// What a client is doing, counted since it was made unless said otherwise.
public struct ClientStatus: Hashable, Sendable {
    /// Connections that have done their handshake, now.
    public var connections: Int
    /// Shards of the server as last seen; 0 before the first connection.
    public var shards: Int
    /// The server's `Topology.instance` as last seen; 0 before the first connection.
    public var instance: UInt64
    /// How often a connection met another instance than the one before it: the server was restarted.
    public var restartsSeen: UInt64
    /// Calls that wait for their answer, now: queued and sent.
    public var callsOutstanding: Int
    /// Calls that wait because a queue is full, now.
    public var callsSuspended: Int
    /// Calls sent, each again as often as it was sent again.
    public var entriesSent: UInt64
    public var framesSent: UInt64
    /// Calls sent again after a lost connection or a `busy`.
    public var retries: UInt64
    public var connectionsOpened: UInt64
    public var connectionsFailed: UInt64
}

/// How the copy of counts and events in Redis stands.
public struct MirrorStats: Hashable, Sendable {
    public enum State: String, Hashable, Sendable {
        /// There is no mirror.
        case off
        /// Redis answers.
        case closed
        /// It does not, or refuses: nothing is tried for a while.
        case open
        /// One look decides.
        case halfOpen
        /// A server that was started later writes to this Redis, and this one leaves it alone.
        case superseded
        /// What a server says that is newer than this client.
        case unknown
    }

    public var state: State
    /// Redis has at least the state at this sequence of the log; 0: not known.
    public var sequence: UInt64
    /// The stream of events has everything up to this one; 0: not known, or there is none.
    public var eventSequence: UInt64
    /// Durable events whose counts Redis does not have yet.
    public var lagEvents: UInt64
    /// Bytes of log that it does not have yet.
    public var lagBytes: UInt64
    /// How long ago it had everything.
    public var lagMs: UInt64
    /// Counts of sales and policies written, since the start of the server like all that follows.
    public var writes: UInt64
    /// Rounds in which any was.
    public var flushes: UInt64
    /// Refusals and failed calls.
    public var errors: UInt64
    /// How often everything was written anew, because Redis had lost something.
    public var rewrites: UInt64
    /// Keys that were found other than they had been written.
    public var repairs: UInt64
    /// Entries appended to the stream.
    public var eventsWritten: UInt64
    /// Of them those that say that events were lost.
    public var eventGaps: UInt64

    init(_ result: MirrorResult) {
        state =
            switch MirrorState(rawValue: result.state) {
            case .off: .off
            case .closed: .closed
            case .open: .open
            case .halfOpen: .halfOpen
            case .superseded: .superseded
            case nil: .unknown
            }
        sequence = result.sequence
        eventSequence = result.eventSequence
        lagEvents = result.lagEvents
        lagBytes = result.lagBytes
        lagMs = result.lagMs
        writes = result.writes
        flushes = result.flushes
        errors = result.errors
        rewrites = result.rewrites
        repairs = result.repairs
        eventsWritten = result.eventsWritten
        eventGaps = result.eventGaps
    }
}
