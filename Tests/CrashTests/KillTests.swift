import Foundation
import Protocol
import TestSupport
import Testing

extension CrashTests {
    /// `kill -9` at random moments, many times: what was acknowledged stays, what was not is decided by asking
    /// again, and the stock comes out to the unit.
    @Suite(.serialized) struct Killed {
        private static let rounds = 20

        @Test(arguments: [(shards: 1, seed: UInt64(101)), (shards: 2, seed: UInt64(202))])
        func manyTimes(_ shards: Int, _ seed: UInt64) throws {
            let market = Market(seed: seed)
            for round in 0..<Self.rounds {
                let server = try crashServer(shards, in: market.directory)
                if round == 0 { try market.open(server) }
                try market.repeatEverything(server)
                try market.shopUntilKilled(
                    server, replies: Int(market.mint.random() % 120 + 1), shards: shards)
            }
            let server = try crashServer(shards, in: market.directory)
            try market.repeatEverything(server)
            try market.sellOut(server)
            killAtOnce(server)
            try market.expectLogAgrees()

            let last = try crashServer(shards, in: market.directory)
            try market.repeatEverything(last)
            last.kill(SIGTERM)
            #expect(last.wait() == .exited(0))
            try market.expectLogAgrees()
            // A test that was not under fire has shown nothing.
            let orders = market.customers.flatMap(\.orders)
            #expect(orders.filter(\.isThere).count > 1000 && orders.contains { $0.fate == .found })
            #expect(orders.contains { $0.fate == .refused(.soldOut) && $0.entry.saleId == 1 })
            #expect(orders.contains { $0.fate == .refused(.limitExceeded) })
        }
    }
}
