import Foundation
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    @Suite(.serialized) struct StatsTests {
        /// Each number against the dump of the same log.
        @Test func asTheDumpHasIt() throws {
            let shop = try Shop(shards: 2)
            try shop.openAndSell()
            try shop.sell(30)
            shop.close()
            let events = try walReplay("dump", shop.dataPath, "--json").objects
            let result = try walReplay("stats", shop.dataPath, "--json")
            #expect(result.status == 0, "\(result.errors)")
            let stats = try result.object
            #expect(stats["events"] as? Int == events.count)
            let kinds = Dictionary(grouping: events) { $0["kind"] as? String ?? "" }.mapValues(\.count)
            #expect(stats["kinds"] as? [String: Int] == kinds)
            let seconds = try #require(stats["seconds"] as? [[String: Int]])
            #expect(seconds.reduce(0) { $0 + $1["events"]! } == events.count)
            #expect(seconds.reduce(0) { $0 + $1["orders"]! } == kinds["orderPlaced"])
            #expect(
                stats["lastSequence"] as? Int
                    == events.compactMap { $0["sequence"] as? Int }.max().map {
                        max($0, stats["lastSequence"] as? Int ?? 0)
                    })
            let sales = try #require(stats["sales"] as? [[String: Any]])
            #expect(sales.map { $0["sale"] as? String } == ["7", "8"])
            // 30 orders, and one of the checkout, of two units.
            #expect(sales[0]["orders"] as? Int == 31 && sales[0]["units"] as? Int == 32)
            // One confirmed, one cancelled, one of the checkout that was confirmed.
            #expect(
                sales[1]["orders"] as? Int == 3 && sales[1]["confirmed"] as? Int == 2
                    && sales[1]["cancelled"] as? Int == 1)
            let policies = try #require(stats["policies"] as? [[String: Any]])
            #expect(policies[0]["issued"] as? Int == 1 && policies[0]["used"] as? Int == 1)
            #expect(stats["sequencesUnused"] as? Int == 0)
            let blocks = try #require(stats["blocks"] as? Int)
            #expect(try #require(stats["blockBytes"] as? Int) >= blocks * 4096)

            let text = try walReplay("stats", shop.dataPath, "--columns", "40")
            #expect(text.status == 0)
            #expect(text.output.contains("orderPlaced                     34"))
            #expect(
                text.output.contains("LONGEST SILENCES") && text.output.contains("█") && text.output.contains(" └─")
            )
            #expect(text.lines.allSatisfy { $0.count <= 120 })
        }
    }
}
