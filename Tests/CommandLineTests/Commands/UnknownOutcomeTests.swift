import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows that an outcome is never guessed: where no answer comes, the tool says so and prints the command that asks
    /// again, and that command finds what was done and does nothing twice.
    @Suite struct UnknownOutcomeTests {
        /// The words of a printed command; the tests use none that a shell would have quoted.
        private func words(_ command: String) -> [String] {
            command.split(separator: " ").dropFirst().map(String.init)
        }

        @Test func ofAnOrder() async throws {
            try await withTimesaleServer { server in
                try await timesale(
                    "create", "--name", "x", "--stock", "5", "--id", "1", at: server.tcpAddress)
                let relay = Relay(to: server.tcpAddress, swallowing: .order)
                defer { relay.stop() }
                let order = ["order", "1", "--user", "42", "--quantity", "2", "--timeout", "500ms"]
                let json = try await timesale(order + ["--json"], at: relay.address)
                #expect(json.exitCode == 2 && json.errors.isEmpty)
                #expect(try json.json["code"] as? String == "OUTCOME_UNKNOWN")
                #expect(try json.json["retryable"] as? Bool == true)
                let id = try #require(try json.json["orderId"] as? String)
                let again = words(try #require(try json.json["again"] as? String))
                #expect(again == ["order", "1", "--user", "42", "--quantity", "2", "--id", id])

                let settled = try await timesale(again + ["--json"], at: server.tcpAddress).json
                #expect(settled["orderId"] as? String == id && settled["repeat"] as? Bool == true)
                let sale = try await timesale("get", "1", "--json", at: server.tcpAddress).json
                #expect(sale["sold"] as? Int == 2)
            }
        }

        @Test func ofACreation() async throws {
            try await withTimesaleServer { server in
                let relay = Relay(to: server.tcpAddress, swallowing: .createSale)
                defer { relay.stop() }
                let create = [
                    "create", "--name", "x", "--stock", "5", "--hold", "30s", "--per-user-limit", "2",
                    "--price", "7",
                    "--starts-at", "+1h", "--ends-at", "+2h", "--timeout", "1s",
                ]
                let text = try await timesale(create, at: relay.address)
                #expect(text.exitCode == 2 && text.output.isEmpty)
                let line = try #require(
                    text.errors.split(separator: "\n").first { $0.contains("timesale create") })
                let settled = try await timesale(words(String(line)) + ["--json"], at: server.tcpAddress).json
                #expect(settled["repeat"] as? Bool == true && settled["stock"] as? Int == 5)
            }
        }

        @Test func ofAnEarning() async throws {
            try await withTimesaleServer { server in
                let relay = Relay(to: server.tcpAddress, swallowing: .earnPoints)
                defer { relay.stop() }
                let earn = [
                    "point", "earn", "5", "--user", "42", "--reason", "gift", "--expires-at", "+1h",
                    "--timeout", "1s",
                    "--json",
                ]
                let unknown = try await timesale(earn, at: relay.address)
                #expect(try unknown.exitCode == 2 && unknown.json["code"] as? String == "OUTCOME_UNKNOWN")
                let id = try #require(try unknown.json["transactionId"] as? String)
                let again = words(try #require(try unknown.json["again"] as? String))
                let settled = try await timesale(again + ["--json"], at: server.tcpAddress).json
                #expect(settled["transactionId"] as? String == id && settled["repeat"] as? Bool == true)
                #expect(settled["balance"] as? Int == 5)
            }
        }

        @Test func ofAUse() async throws {
            try await withTimesaleServer { server in
                let client = try await server.client()
                try await client.createPolicy(NewPolicy(id: 1, name: "x", quantity: 1, discount: .fixed(5)))
                let coupon = try await client.issueCoupon(policy: 1, user: 42).id
                await client.shutdown()
                let relay = Relay(to: server.tcpAddress, swallowing: .useCoupon)
                defer { relay.stop() }
                let use = [
                    "coupon", "use", "\(coupon)", "--user", "42", "--amount", "9", "--timeout", "1s",
                    "--json",
                ]
                let unknown = try await timesale(use, at: relay.address)
                #expect(try unknown.exitCode == 2 && unknown.json["operationId"] is String)
                let again = words(try #require(try unknown.json["again"] as? String))
                let settled = try await timesale(again + ["--json"], at: server.tcpAddress).json
                #expect(settled["repeat"] as? Bool == true && settled["discount"] as? Int == 5)
            }
        }

        @Test func ofACheckout() async throws {
            try await withTimesaleServer { server in
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "x", stock: 5, holdMs: 600_000, unitPrice: 9))
                try await client.createSale(NewSale(id: 2, name: "y", stock: 5, unitPrice: 5))
                try await client.createPolicy(NewPolicy(id: 1, name: "x", quantity: 1, discount: .fixed(3)))
                try await client.earnPoints(4, user: 42)
                let coupon = try await client.issueCoupon(policy: 1, user: 42).id
                await client.shutdown()
                let relay = Relay(to: server.tcpAddress, swallowing: .placeCheckout)
                defer { relay.stop() }
                let place = [
                    "checkout", "place", "1:2", "2", "--user", "42", "--coupon", "\(coupon)", "--use-points", "4",
                    "--earn-points", "1", "--earn-expires-at", "+1h", "--timeout", "1s", "--json",
                ]
                let unknown = try await timesale(place, at: relay.address)
                #expect(try unknown.exitCode == 2 && unknown.json["code"] as? String == "OUTCOME_UNKNOWN")
                let id = try #require(try unknown.json["checkoutId"] as? String)
                let again = words(try #require(try unknown.json["again"] as? String))
                let settled = try await timesale(again + ["--json"], at: server.tcpAddress).json
                #expect(settled["checkoutId"] as? String == id && settled["repeat"] as? Bool == true)
                #expect(settled["toPay"] as? Int == 16 && settled["earnExpiresAt"] is String)
                let confirms = Relay(to: server.tcpAddress, swallowing: .confirmCheckout)
                defer { confirms.stop() }
                let confirm = ["checkout", "confirm", id]
                let open = try await timesale(confirm + ["--timeout", "1s"], at: confirms.address)
                #expect(open.exitCode == 2 && open.errors.contains("the checkout may or may not have been done"))
                let line = try #require(open.errors.split(separator: "\n").last)
                let sure = try await timesale(words(String(line)) + ["--json"], at: server.tcpAddress).json
                #expect(sure["state"] as? String == "confirmed" && sure["repeat"] as? Bool == true)
            }
        }

        /// A campaign of which nobody knows what became: run again it credits nobody twice.
        @Test func ofACampaign() async throws {
            try await withTimesaleServer { server in
                let relay = Relay(to: server.tcpAddress, swallowing: .earnPoints)
                defer { relay.stop() }
                let file = server.directory.path + "/campaign.csv"
                try write("user,amount\n" + (1...50).map { "\($0),10\n" }.joined(), to: file)
                let unknown = try await timesale(
                    "point", "earn-batch", file, "--expires-at", "+1h", "--timeout", "1s", at: relay.address)
                #expect(unknown.exitCode == 2 && unknown.field("unknown") == "50", "\(unknown)")
                let line = try #require(
                    unknown.lines.last { $0.contains("earn-batch") }?.split(separator: ": ").last)
                let settled = try await timesale(words(String(line)) + ["--json"], at: server.tcpAddress)
                #expect(try settled.exitCode == 0 && settled.json["repeats"] as? Int == 50, "\(settled)")
                #expect(
                    try await timesale("point", "balance", "--user", "50", at: server.tcpAddress).field(
                        "balance")
                        == "10")
            }
        }

        /// Whoever presses Ctrl-C while an order is under way is told its id.
        @Test func ofAnInterruptedOrder() async throws {
            try await withTimesaleServer { server in
                try await timesale(
                    "create", "--name", "x", "--stock", "5", "--id", "1", at: server.tcpAddress)
                let relay = Relay(to: server.tcpAddress, swallowing: .order)
                defer { relay.stop() }
                let tool = try StartedTool(["order", "1", "--user", "42", "--json"], at: relay.address)
                #expect(await eventually { relay.hasSwallowed })
                tool.child.signal(SIGINT)
                let run = try await tool.end()
                #expect(run.exitCode == 2)
                #expect(try run.json["code"] as? String == "OUTCOME_UNKNOWN")
                #expect(try run.json["orderId"] is String)
            }
        }

        /// What only reads has no outcome that could be open.
        @Test func ofARead() async throws {
            try await withTimesaleServer { server in
                let relay = Relay(to: server.tcpAddress, swallowing: .getSale)
                defer { relay.stop() }
                let run = try await timesale("get", "1", "--timeout", "500ms", "--json", at: relay.address)
                #expect(try run.exitCode == 75 && run.json["code"] as? String == "TIMED_OUT")
            }
        }

        @Test func anInterruptedRead() async throws {
            try await withTimesaleServer { server in
                let relay = Relay(to: server.tcpAddress, swallowing: .getSale)
                defer { relay.stop() }
                let tool = try StartedTool(["get", "1", "--json"], at: relay.address)
                #expect(await eventually { relay.hasSwallowed })
                tool.child.signal(SIGINT)
                let run = try await tool.end()
                #expect(try run.exitCode == 130 && run.json["code"] as? String == "INTERRUPTED")
            }
        }
    }
}
