import CAtomics
import Engine
import Protocol

/// Counts of one shard since its start.
struct ShardCounts {
    var frames: UInt64 = 0
    var forwarded: UInt64 = 0
    var busy: UInt64 = 0
    var turns: UInt64 = 0
}

/// What only the driver of a shard can count.
public struct DriverCounts: Sendable {
    public var connections: UInt32 = 0
    public var logLatencyUs: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0
    /// What made the log durable: durable writes, and syncs.
    public var logSyncs = LatencyCounts()
    public var logSyncUs: UInt64 = 0
    /// CPU time that the shard's thread has worked for, as last measured.
    public var cpuUs: UInt64 = 0
    /// Room on the disk for further segments of this shard, as last measured.
    public var roomBytes: UInt64 = 0
    /// By how much the wall clock is ahead of the server's, as last measured; negative: behind.
    public var wallClockOffsetMs: Int32 = 0

    public init() {}

    /// The log became durable after so long.
    @inline(__always)
    public mutating func synced(us: UInt64) {
        logSyncs.add(us: us)
        logSyncUs &+= us
    }
}

/// The statistics of all shards: each writes its own place now and then, any may read all of them.
public struct StatisticsBoard: @unchecked Sendable {
    /// Whole cache lines.
    private static let strideWords = (ShardStatsResult.sizeBytes + 63) / 64 * 8
    private let words: UnsafeMutablePointer<UInt64>
    public let shards: Int

    public init(shards: Int, memory: MemorySource) {
        self.shards = shards
        words = memory.table(ofWords: shards * Self.strideWords)
    }

    /// Only by the shard's own thread.
    func write(_ result: ShardStatsResult, shard: Int) {
        withUnsafeTemporaryAllocation(byteCount: Self.strideWords * 8, alignment: 8) { memory in
            let base = memory.baseAddress!
            base.initializeMemory(as: UInt64.self, repeating: 0, count: Self.strideWords)
            result.store(to: base)
            for word in 0..<Self.strideWords {
                ts_store_relaxed(
                    words + shard * Self.strideWords + word,
                    base.load(fromByteOffset: word * 8, as: UInt64.self))
            }
        }
    }

    /// From any thread: values of about this moment.
    public func read(shard: Int) -> ShardStatsResult {
        withUnsafeTemporaryAllocation(byteCount: Self.strideWords * 8, alignment: 8) { memory in
            let base = memory.baseAddress!
            for word in 0..<Self.strideWords {
                base.storeBytes(
                    of: ts_load_relaxed(words + shard * Self.strideWords + word), toByteOffset: word * 8,
                    as: UInt64.self)
            }
            return ShardStatsResult(UnsafeRawPointer(base))
        }
    }
}

extension MemorySource {
    func table(ofWords count: Int) -> UnsafeMutablePointer<UInt64> {
        allocate(count * 8).bindMemory(to: UInt64.self, capacity: count)
    }
}

extension ShardCore {
    /// Puts this shard's counts where every shard can read them: once a second, and when somebody asks.
    @inline(never)
    public mutating func publishStatistics() {
        let engine = engine.pointee.statistics
        let state = self.engine
        statisticsBoard.write(
            ShardStatsResult(
                code: .ok, shard: UInt16(shard), connections: driver.connections, frames: counts.frames,
                ordersAccepted: engine.ordersAccepted, ordersRefused: engine.ordersRefused,
                confirms: engine.confirms, cancels: engine.cancels, expiries: engine.expiries,
                extends: engine.extends, forwarded: counts.forwarded, busy: counts.busy,
                logEvents: state.pointee.events.pointee.lastLsn, logBytes: writer.bytesSealed,
                logBlocks: writer.blocksSealed, writtenLsn: writer.writtenLsn, durableLsn: writer.durableLsn,
                logLatencyUs: driver.logLatencyUs, ordersRemembered: UInt64(state.pointee.ordersRemembered),
                ordersCapacity: UInt64(state.pointee.configuration.capacities.orders),
                usersKnown: UInt64(state.pointee.usersKnown),
                usersCapacity: UInt64(state.pointee.configuration.capacities.users),
                openHolds: UInt64(state.pointee.openHolds), tombstones: UInt64(state.pointee.tombstonesKept),
                bytesReceived: driver.bytesReceived, bytesSent: driver.bytesSent, turns: counts.turns,
                pointEarnings: engine.pointEarnings, pointUses: engine.pointUses,
                transactionsRemembered: UInt64(state.pointee.transactionsRemembered),
                transactionsCapacity: UInt64(state.pointee.configuration.capacities.transactions),
                couponsIssued: engine.couponsIssued,
                couponUses: engine.couponUses,
                couponRestores: engine.couponRestores,
                couponsRemembered: UInt64(state.pointee.couponsRemembered),
                couponsCapacity: UInt64(state.pointee.configuration.capacities.coupons),
                checkoutsPlaced: engine.checkoutsPlaced, checkoutConfirms: engine.checkoutConfirms,
                checkoutCancels: engine.checkoutCancels, checkoutExpiries: engine.checkoutExpiries,
                checkoutsRemembered: UInt64(state.pointee.checkoutsKnown),
                checkoutsCapacity: UInt64(state.pointee.configuration.capacities.checkouts),
                ordersRetired: engine.ordersRetired, tombstonesRetired: engine.tombstonesRetired,
                transactionsRetired: engine.transactionsRetired, couponsRetired: engine.couponsRetired,
                couponOperationsRetired: engine.couponOperationsRetired, checkoutsRetired: engine.checkoutsRetired,
                offersRetired: engine.offersRetired, refusedSoldOut: engine.refusedSoldOut,
                refusedLimitExceeded: engine.refusedLimitExceeded, refusedNotStarted: engine.refusedNotStarted,
                refusedEnded: engine.refusedEnded, refusedClosed: engine.refusedClosed,
                refusedNotFound: engine.refusedNotFound, refusedCapacity: engine.refusedCapacity,
                refusedNoSpace: engine.refusedNoSpace, cpuUs: driver.cpuUs, meshBytes: UInt64(meshBytes),
                repliesWaitingBytes: UInt64(repliesWaitingBytes), openAssemblies: UInt64(assemblies.openCount),
                logRoomBytes: UInt64(max(0, logRoomBytes(Int(clamping: driver.roomBytes)))),
                logSyncUs: driver.logSyncUs, logSyncs: driver.logSyncs),
            shard: shard)
    }

    /// What waits in the rings to this shard.
    private var meshBytes: Int {
        var bytes = 0
        for source in 0..<shards {
            bytes += mesh.requests(from: source, to: shard).waitingBytes
            bytes += mesh.replies(from: source, to: shard).waitingBytes
        }
        return bytes
    }

    private var repliesWaitingBytes: Int { gated.waitingBytes + immediate.waitingBytes + gatedByDisk.waitingBytes }
}
