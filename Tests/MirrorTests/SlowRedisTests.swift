import Foundation
import Protocol
import RedisTestSupport
import Testing

/// The mirror and a real Redis that answers late, or whose answers break off.
@Suite(.serialized) struct SlowRedisTests {
    private let sales = [1, 2, 3, 4] as [UInt64]

    private func shop(behind proxy: DelayingProxy, _ redis: RedisProcess) throws -> MirroredShop {
        let shop = try MirroredShop(["--shards", "2", "--redis-events"], redis: redis, url: proxy.url)
        for sale in sales { try shop.create(sale) }
        try shop.waitUntilInStep()
        return shop
    }

    /// Later than usual, and in time or not: the lag is shown, orders go on, and the copy comes right.
    @Test(arguments: [50, 400] as [UInt32]) func answersThatAreLate(_ delayMs: UInt32) throws {
        let redis = try RedisProcess()
        let proxy = try DelayingProxy(before: redis)
        let shop = try shop(behind: proxy, redis)
        proxy.delayMs = delayMs
        var lagMs: UInt64 = 0
        try shop.wait("a lag of some answers") {
            #expect(try shop.sell(60, of: sales) == 60)
            try shop.expectNotAhead(1, at: [redis])
            let status = try shop.status
            if status.lagEvents > 0 && status.lagBytes > 0 { lagMs = max(lagMs, status.lagMs) }
            return lagMs >= UInt64(delayMs) - 2
        }
        if delayMs > 200 {
            // More than a call may take.
            try shop.wait("an open breaker") { try shop.status.state != MirrorState.closed.rawValue }
            #expect(shop.server.stderr.contains("did not answer in time"))
            proxy.delayMs = 0
        }
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        try shop.compareEvents()
        shop.stop()
    }

    /// Connections end in the middle of an answer: what was done is not known, and is not done twice.
    @Test func answersThatBreakOff() throws {
        let redis = try RedisProcess()
        let proxy = try DelayingProxy(before: redis)
        let shop = try shop(behind: proxy, redis)
        for count in 0..<12 {
            proxy.cutNextAnswer(afterBytes: count)
            let before = try shop.status.errors
            try shop.wait("a call that failed") {
                #expect(try shop.sell(30, of: sales) == 30)
                try shop.expectNotAhead(1, at: [redis])
                return try shop.status.errors > before
            }
        }
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        try shop.compareEvents()
        #expect(try shop.status.rewrites == 0)
        shop.stop()
    }
}
