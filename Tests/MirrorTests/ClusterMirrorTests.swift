import Foundation
import Protocol
import Redis
import RedisTestSupport
import Testing

/// The mirror on a cluster of three real masters, whose slots move and whose nodes die while the shop sells.
@Suite(.serialized) struct ClusterMirrorTests {
    private let sales = Array(1...30 as ClosedRange<UInt64>)

    private func slot(_ key: String) -> Int { KeySlot.of(Array(key.utf8)) }

    private func shop(on cluster: RedisCluster) throws -> MirroredShop {
        let shop = try MirroredShop(
            ["--shards", "2", "--redis-events"], redis: cluster.nodes[0],
            place: cluster.nodes.flatMap { ["--redis", $0.url] })
        shop.holder = { try #require(try cluster.owner(ofSlot: KeySlot.of(Array($0.utf8)))) }
        for sale in sales { try shop.create(sale) }
        try shop.sell(90, of: sales)
        try shop.waitUntilInStep()
        let holders = try Set(sales.map { try shop.holder("timesale:{\($0)}").port })
        #expect(holders.count == 3)
        return shop
    }

    /// The slots of sales, of the position and of the stream move, and nothing is written twice for it.
    @Test func slotsThatMove() throws {
        let cluster = try RedisCluster()
        let shop = try shop(on: cluster)
        for key in ["timesale:{1}", "timesale:{2}", "timesale:{3}", "timesale:mirror", "timesale:events"] {
            let slot = slot(key)
            let source = try shop.holder(key)
            let target = try #require(cluster.nodes.first { $0 !== source })
            #expect(try shop.sell(60, of: sales) == 60)
            try cluster.beginMove(ofSlot: slot, from: source, to: target)
            for node in [source, target] { try node.mustRun("CONFIG", "RESETSTAT") }
            // One whose keys are in this slot and not there yet.
            let others = 1_000...1_000_000 as ClosedRange<UInt64>
            let new = try #require(others.first { self.slot("timesale:{\($0)}") == slot })
            try shop.create(new)
            #expect(try shop.sell(60, of: sales + [new]) == 60)
            try shop.wait("a command that the source passes on and the target is asked to take") {
                try source.run("INFO", "errorstats").text?.contains("errorstat_ASK") == true
                    && target.run("INFO", "commandstats").text?.contains("cmdstat_asking") == true
            }
            #expect(try shop.sell(60, of: sales) == 60)
            try cluster.endMove(ofSlot: slot, from: source, to: target)
            #expect(try shop.sell(60, of: sales + [new]) == 60)
            try shop.expectNotAhead(1, at: cluster.nodes)
            #expect(try shop.holder(key) === target)
        }
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        try shop.compareEvents()
        #expect(try shop.status.rewrites == 0)
        shop.stop()
    }

    /// A master is killed and starts again with nothing: that of the position, that of the stream, and any other.
    @Test(arguments: ["timesale:mirror", "timesale:events", "timesale:{1}"])
    func aMasterThatComesBackEmpty(_ key: String) throws {
        let cluster = try RedisCluster()
        let shop = try shop(on: cluster)
        let node = try shop.holder(key)
        node.kill()
        // The other sales are not ordered any more: their keys come back only if they are missed.
        let some = Array(sales.prefix(10))
        for _ in 0..<10 { #expect(try shop.sell(60, of: some) == 60) }
        try shop.wait("an open breaker") {
            #expect(try shop.sell(6, of: some) == 6)
            return try shop.status.state != MirrorState.closed.rawValue
        }
        try node.start()
        try shop.wait("a cluster that is whole again") {
            #expect(try shop.sell(6, of: some) == 6)
            try shop.expectNotAhead(1, at: cluster.nodes)
            return try cluster.nodes.allSatisfy {
                try $0.run("CLUSTER", "INFO").text?.contains("cluster_state:ok") == true
            }
        }
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        try shop.compareEvents()
        #expect(try shop.status.eventGaps == 0)
        shop.stop()
    }
}
