import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows the commands on orders, for people and for scripts.
    @Suite struct OrderCommandTests {
        @Test func anOrderForPeople() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                try await timesale(
                    "create", "--name", "held", "--stock", "10", "--id", "1", "--hold", "10m", at: at)
                let held = try await timesale("order", "1", "--user", "42", "--quantity", "3", at: at)
                #expect(held.exitCode == 0 && held.field("state") == "held" && held.field("quantity") == "3")
                #expect(held.field("user") == "42" && held.field("sale") == "1")
                let id = try #require(held.field("order"))
                #expect(held.output.contains("timesale confirm \(id)"))
                #expect(try await timesale("get", id, at: at).field("expires at") == held.field("expires at"))
                let extended = try await timesale("extend", id, "--until", "+1h", at: at)
                #expect(extended.field("state") == "held")
                #expect(try #require(extended.field("expires at")) > #require(held.field("expires at")))
                #expect(try await timesale("confirm", id, at: at).field("state") == "confirmed")
                let list = try await timesale("orders", "--user", "42", at: at)
                #expect(
                    list.lines.count == 2 && list.lines[1].hasPrefix("\(id)  1     42           3  confirmed")
                )
                #expect(try await timesale("cancel", id, at: at).field("state") == "cancelled")
                #expect(try await timesale("get", "1", at: at).field("available") == "10")
                let none = try await timesale("orders", "--user", "43", at: at)
                #expect(none.exitCode == 0 && none.output == "No orders of user 43.\n")
            }
        }

        @Test func anOrderForScripts() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                try await timesale(
                    "create", "--name", "held", "--stock", "10", "--id", "1", "--hold", "10m", at: at)
                let user = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
                let held = try await timesale("order", "1", "--user", user, "--json", at: at).json
                let id = try #require(held["orderId"] as? String)
                #expect(held["timeSaleId"] as? String == "1" && held["userId"] as? String == user)
                #expect(held["quantity"] as? Int == 1 && held["state"] as? String == "held")
                #expect(held["lateConfirm"] as? Bool == false && held["repeat"] as? Bool == false)
                #expect(held["createdAt"] is String && held["expiresAt"] is String)

                let until = "2026-01-01T00:00:00Z"
                let extended = try await timesale("extend", id, "--until", until, "--json", at: at).json
                #expect(extended["expiresAt"] as? String == held["expiresAt"] as? String, "never shortened")
                let confirmed = try await timesale("confirm", id, "--json", at: at).json
                #expect(confirmed["state"] as? String == "confirmed" && confirmed["expiresAt"] == nil)
                #expect(try await timesale("confirm", id, "--json", at: at).json["repeat"] as? Bool == true)
                #expect(
                    try await timesale("get", id, "--json", at: at).json["state"] as? String == "confirmed")
                let list = try await timesale("orders", "--user", user, "--json", at: at)
                #expect(list.items.compactMap { $0["orderId"] as? String } == [id])
                #expect(
                    try await timesale("cancel", id, "--json", at: at).json["state"] as? String == "cancelled"
                )
            }
        }

        @Test func theSameIdIsTheSameOrder() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                try await timesale("create", "--name", "once", "--stock", "10", "--id", "1", at: at)
                let id = "\(OrderID.mint(for: 42))"
                let order = ["order", "1", "--user", "42", "--quantity", "2", "--id", id]
                #expect(try await timesale(order + ["--json"], at: at).json["repeat"] as? Bool == false)
                #expect(try await timesale(order + ["--json"], at: at).json["repeat"] as? Bool == true)
                let text = try await timesale(order, at: at)
                #expect(text.exitCode == 0 && text.output.contains("nothing was done"))
                #expect(try await timesale("get", "1", "--json", at: at).json["sold"] as? Int == 2)
                let other = try await timesale("order", "1", "--user", "43", "--id", id, "--json", at: at)
                #expect(try other.exitCode == 1 && other.json["code"] as? String == "WRONG_PARTITION")
            }
        }

        /// A script that keeps nothing but a key of its own.
        @Test func theSameKeyIsTheSameOrder() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let create = ["create", "--name", "once", "--stock", "10", "--key", "spring", "--json"]
                let sale = try #require(try await timesale(create, at: at).json["id"] as? String)
                #expect(try await timesale(create, at: at).json["repeat"] as? Bool == true)
                let order = ["order", sale, "--user", "42", "--key", "basket 7", "--json"]
                let first = try await timesale(order, at: at).json
                let second = try await timesale(order, at: at).json
                #expect(first["repeat"] as? Bool == false && second["repeat"] as? Bool == true)
                let id = OrderID(idempotencyKey: "basket 7", for: 42, scope: "/v1/timesales/\(sale)/orders")
                #expect(first["orderId"] as? String == "\(id)" && second["orderId"] as? String == "\(id)")
                let restock = ["restock", sale, "5", "--key", "more", "--json"]
                for _ in 1...2 { #expect(try await timesale(restock, at: at).json["stock"] as? Int == 15) }
            }
        }

        /// Each order stands for itself; what failed is told with its id, and decides the exit code.
        @Test func severalAtOnce() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                try await timesale(
                    "create", "--name", "held", "--stock", "10", "--id", "1", "--hold", "10m", at: at)
                var ids: [String] = []
                for user in 1...3 {
                    let run = try await timesale("order", "1", "--user", "\(user)", "--json", at: at)
                    ids.append(try #require(try run.json["orderId"] as? String))
                }
                let unknown = "\(OrderID.mint(for: 9))"
                let held = try await timesale(
                    "extend", ids[0], unknown, "--until", "+1h", "--json", at: at)
                #expect(held.exitCode == 1)
                #expect(held.objects.map { $0["code"] as? String } == [nil, "NOT_FOUND"])
                let confirmed = try await timesale("confirm", ids[0], unknown, ids[1], "--json", at: at)
                #expect(confirmed.exitCode == 1 && confirmed.errors.isEmpty)
                #expect(confirmed.objects.map { $0["orderId"] as? String } == [ids[0], unknown, ids[1]])
                #expect(confirmed.objects.map { $0["state"] as? String } == ["confirmed", nil, "confirmed"])
                #expect(confirmed.objects.map { $0["code"] as? String } == [nil, "NOT_FOUND", nil])
                let text = try await timesale("confirm", ids[2], unknown, at: at)
                #expect(text.exitCode == 1)
                try #require(text.lines.count == 3)
                #expect(text.lines[1].contains("confirmed") && text.lines[2].contains("NOT_FOUND"))
                #expect(
                    text.errors.contains("timesale: \(unknown): there is no such sale or order (NOT_FOUND)"))
                let extended = try await timesale(
                    "extend", ids[2], unknown, "--until", "+1h", "--json", at: at)
                #expect(extended.objects.map { $0["code"] as? String } == ["CONFIRMED", "NOT_FOUND"])

                let cancelled = try await timesale("cancel", ids[0], unknown, "--json", at: at)
                #expect(cancelled.exitCode == 0)
                #expect(cancelled.objects.map { $0["state"] as? String } == ["cancelled", "cancelled"])
                #expect(cancelled.objects.map { $0["beforeOrder"] as? Bool } == [nil, true])
                let late = try await timesale("order", "1", "--user", "9", "--id", unknown, "--json", at: at)
                #expect(try late.exitCode == 1 && late.json["code"] as? String == "CANCELLED")
            }
        }

        @Test func ordersInPages() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "many", stock: 100))
                for _ in 1...25 { try await client.order(sale: 1, user: 42) }
                await client.shutdown()
                let first = try await timesale("orders", "--user", "42", "--json", at: at)
                let next = try #require(try first.json["nextCursor"] as? String)
                #expect(first.items.count == 20)
                let rest = try await timesale("orders", "--user", "42", "--after", next, "--json", at: at)
                #expect(rest.items.count == 5)
                let ofSale = try await timesale("orders", "--sale", "1", "--limit", "10", "--json", at: at)
                let behind = try #require(try ofSale.json["nextCursor"] as? String)
                let others = try await timesale("orders", "--sale", "1", "--after", behind, "--all", "--json", at: at)
                #expect(ofSale.items.count == 10 && others.items.count == 15)
                let ids = (ofSale.items + others.items).compactMap { $0["orderId"] as? String }
                #expect(Set(ids).count == 25)
                let all = try await timesale("orders", "--user", "42", "--all", "--json", at: at)
                #expect(Set(all.items.compactMap { $0["orderId"] as? String }).count == 25)
            }
        }
    }
}
