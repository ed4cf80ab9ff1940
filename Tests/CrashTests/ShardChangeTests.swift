import Foundation
import Protocol
import TestSupport
import Testing

extension CrashTests {
    /// The number of shards may change with each start, also if that start is killed.
    @Suite(.serialized) struct ShardChange {
        @Test func keepsEverything() throws {
            let market = Market(seed: 303)
            for (index, shards) in [1, 2, 5, 3, 1].enumerated() {
                let before = index == 0 ? nil : try LogState.read(market.directory)
                let server = try crashServer(shards, in: market.directory)
                if index == 0 { try market.open(server) }
                try market.repeatEverything(server)
                try market.shopUntilKilled(server, replies: 150, shards: shards)
                #expect(before.map { Set($0.sales.map(\.id)) == ["1", "2", "3", "4"] } ?? true)
            }
            let last = try crashServer(4, in: market.directory)
            try market.repeatEverything(last)
            try market.sellOut(last)
            last.kill(SIGTERM)
            #expect(last.wait() == .exited(0))
            try market.expectLogAgrees()
        }

        /// The state is the same on any number of shards: its digest leaves out what is local to one.
        @Test func sameDigest() throws {
            let market = Market(seed: 404)
            let first = try crashServer(2, in: market.directory)
            try market.open(first)
            try market.shopUntilKilled(first, replies: 150, shards: 2)
            // Until the last of the short holds has expired, and the server rests.
            let second = try crashServer(2, in: market.directory)
            let client = try second.client()
            let rest = try eventually {
                try client.getSale(3).held
            } until: {
                $0 == 0
            }
            #expect(rest == 0)
            second.kill(SIGTERM)
            #expect(second.wait() == .exited(0))
            let digest = try LogState.read(market.directory).digest
            for shards in [5, 3, 1, 2] {
                let server = try crashServer(shards, in: market.directory)
                server.kill(SIGTERM)
                #expect(server.wait() == .exited(0))
                #expect(try LogState.read(market.directory).digest == digest, "with \(shards) shards")
            }
        }

        /// Killed at random moments of the start, again and again, with ever other numbers of shards.
        @Test func killedInTheMiddle() throws {
            let market = Market(seed: 505)
            let server = try crashServer(1, in: market.directory)
            try market.open(server)
            try market.shopUntilKilled(server, replies: 150, shards: 1)
            let clock = ContinuousClock()
            var interrupted = 0
            var shards = 1
            for _ in 0..<5 {
                let started = clock.now
                let whole = try crashServer(shards, in: market.directory)
                let startMs = UInt64((clock.now - started) / .milliseconds(1)) + 1
                try market.repeatEverything(whole)
                try market.shopUntilKilled(whole, replies: 60, shards: shards)
                for _ in 0..<14 {
                    shards = [1, 2, 5, 3].filter { $0 != shards }.randomElement(using: &market.mint)!
                    do throws(ServerProcess.Fault) {
                        // Not ready in that time is killed.
                        let moment = Int(market.mint.random() % (startMs + 10))
                        killAtOnce(try crashServer(shards, in: market.directory, readyWithinMs: moment))
                    } catch .notReady {
                        interrupted += 1
                    } catch {
                        Issue.record("seed \(market.seed): \(error)")
                    }
                }
            }
            #expect(interrupted > 10)
            let last = try crashServer(3, in: market.directory)
            try market.repeatEverything(last)
            try market.sellOut(last)
            killAtOnce(last)
            try market.expectLogAgrees()
        }
    }
}
