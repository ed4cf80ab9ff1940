import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows what the server says about itself, and the ways to name it.
    @Suite struct SystemCommandTests {
        @Test func statsOfEachShardAndInAll() async throws {
            try await withTimesaleServer(["--shards", "2"]) { server in
                let at = server.tcpAddress
                try await timesale("create", "--name", "any", "--stock", "100", "--id", "1", at: at)
                for user in 1...6 { try await timesale("order", "1", "--user", "\(user)", at: at) }
                for user in 1...3 { try await timesale("point", "earn", "5", "--user", "\(user)", at: at) }
                try await timesale("point", "use", "5", "--user", "1", at: at)
                for user in 1...2 {
                    try await timesale("checkout", "place", "1:2", "--user", "\(user)", "--key", "a", at: at)
                }
                let checkout = CheckoutID(idempotencyKey: "a", for: 1, scope: "/v1/checkouts")
                try await timesale("checkout", "cancel", "\(checkout)", at: at)
                // A shard tells the counters of the others as it last heard of them.
                let isComplete = try await eventually {
                    let total = try await timesale("stats", "--json", at: at).json["total"] as? [String: Any]
                    return total?["ordersAccepted"] as? Int == 8 && total?["pointEarnings"] as? Int == 3
                        && total?["pointUses"] as? Int == 1 && total?["transactionsRemembered"] as? Int == 4
                        && total?["checkoutsPlaced"] as? Int == 2 && total?["checkoutCancels"] as? Int == 1
                        && total?["checkoutsRemembered"] as? Int == 2
                }
                #expect(isComplete)
                let stats = try await timesale("stats", "--json", at: at).json
                #expect(stats["server"] as? String == "\(at)" && stats["admin"] as? Bool == true)
                let total = stats["total"] as? [String: Any]
                #expect(total?["ordersRetired"] as? Int == 0 && total?["offersRetired"] as? Int == 0)
                #expect(stats["retainSeconds"] as? Int == 604_800 && stats["protocolVersion"] as? Int == 1)
                let shards = try #require(stats["shards"] as? [[String: Any]])
                #expect(shards.compactMap { $0["shard"] as? Int } == [0, 1])
                #expect(shards.compactMap { $0["ordersAccepted"] as? Int }.reduce(0, +) == 8)
                #expect(shards.allSatisfy { ($0["logSyncs"] as? [Int])?.count == 16 })
                #expect(total?["refusedSoldOut"] as? Int == 0 && total?["cpuUs"] as? Int != nil)
                let text = try await timesale("stats", at: at)
                #expect(text.exitCode == 0 && text.field("shards") == "2" && text.field("you are") == "admin")
                #expect(text.lines.filter { $0.hasPrefix("SHARD ") }.count == 6)
                #expect(text.lines.filter { $0.hasPrefix("all ") }.count == 6)
                #expect(text.output.contains("ORDERS RETIRED") && text.output.contains("HALF OF SYNCS"))
            }
        }

        @Test func pings() async throws {
            try await withTimesaleServer { server in
                let ping = ["ping", "--count", "3", "--interval", "1ms"]
                let text = try await timesale(ping, at: server.tcpAddress)
                #expect(text.exitCode == 0)
                try #require(text.lines.count == 4)
                #expect(text.lines[0].hasPrefix("\(server.tcpAddress) answered in "))
                let json = try await timesale(ping + ["--json"], at: server.unixAddress).json
                #expect(json["server"] as? String == "\(server.unixAddress)" && json["count"] as? Int == 3)
                let times = try #require(json["roundTripMs"] as? [String: Double])
                #expect(try #require(times["min"]) > 0 && Set(times.keys) == ["min", "mean", "p50", "max"])
            }
        }

        /// The flag comes before the variable, and a printed command carries it on.
        @Test func theServerByFlag() async throws {
            try await withTimesaleServer { server in
                let unix = "\(server.unixAddress)"
                let run = try await timesale(
                    "list", "--server", unix, environment: ["TIMESALE_SERVER": "127.0.0.1:1"])
                #expect(run.exitCode == 0)
                let called = executable("timesale")
                #expect(run.output.contains("\(called) create --name Lamps --stock 10 --server \(unix)"))
            }
        }
    }
}
