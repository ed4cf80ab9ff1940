import Foundation
import Protocol
import RedisTestSupport
import Testing

/// The mirror through real sentinels, whose master is lost while the shop sells.
@Suite(.serialized) struct SentinelMirrorTests {
    enum Loss: CaseIterable { case killed, killedBeforeItsReplicaHadAll, hung }

    /// No order notices the failover; the new master then has what the log has, also if it was behind.
    @Test(arguments: Loss.allCases) func aFailover(_ loss: Loss) throws {
        let group = try RedisSentinelGroup()
        let (old, new) = (group.master, group.replica)
        let shop = try MirroredShop(
            ["--shards", "2", "--redis-events"], redis: old, place: ["--redis-sentinel", group.spelling])
        // Nobody orders of the last one any more: it comes back only if everything is written again.
        for sale in 1...4 as ClosedRange<UInt64> { try shop.create(sale) }
        try shop.sell(60, of: [1, 2, 3])
        try shop.waitUntilInStep()
        if loss == .killedBeforeItsReplicaHadAll {
            // Paused and cut off: what comes now does not wait for it in a buffer of the kernel either.
            new.pause()
            try old.mustRun("CLIENT", "KILL", "TYPE", "replica")
            try shop.sell(30, of: [4])
            try shop.waitUntilInStep()
        }
        #expect(try shop.sell(60, of: [1, 2, 3]) == 60)
        try group.whileLossesCount {
            if loss == .hung { old.pause() } else { old.kill() }
            if loss == .killedBeforeItsReplicaHadAll { new.resume() }
            try shop.wait("the failover") {
                #expect(try shop.sell(6, of: [1, 2, 3]) == 6)
                try shop.expectNotAhead(1, at: [new])
                return try group.isMaster(new)
            }
        }
        // It goes on where it was, until it is told that it is a replica.
        if loss == .hung { old.resume() }
        shop.holder = { _ in new }
        #expect(try shop.sell(60, of: [1, 2, 3]) == 60)
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        try shop.compareEvents()
        let status = try shop.status
        #expect(status.errors > 0 && status.eventGaps == 0)
        if loss == .killedBeforeItsReplicaHadAll { #expect(status.rewrites > 0) }
        shop.stop()
    }
}
