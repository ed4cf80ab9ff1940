import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows the commands on sales, for people and for scripts.
    @Suite struct SaleCommandTests {
        @Test func aSaleForPeople() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let none = try await timesale("list", at: at)
                #expect(none.exitCode == 0 && none.output.contains("timesale create --name"))

                let created = try await timesale(
                    "create", "--name", "Lämps", "--stock", "12000", "--id", "1001", "--hold", "90s",
                    "--per-user-limit", "2", "--price", "4900", "--ends-at", "2999-01-01T00:00:00+01:00",
                    at: at)
                #expect(created.exitCode == 0 && created.errors.isEmpty)
                #expect(created.field("sale") == "1001" && created.field("name") == "Lämps")
                #expect(created.field("stock") == "12,000" && created.field("available") == "12,000")
                #expect(created.field("hold") == "90s" && created.field("per user") == "2")
                #expect(created.field("unit price") == "4,900" && created.field("starts at") == "at once")
                #expect(created.field("ends at") == "2998-12-31T23:00:00.000Z")
                #expect(created.output.contains("timesale order 1001 --user 42"))
                // No escape sequence gets into a file.
                #expect(!created.output.contains("\u{1b}"))

                #expect(try await timesale("get", "1001", at: at).field("state") == "open")
                #expect(try await timesale("restock", "1001", "8000", at: at).field("stock") == "20,000")
                let list = try await timesale("list", at: at)
                try #require(list.lines.count == 2)
                #expect(list.lines[0].hasPrefix("SALE  NAME   STATE"))
                #expect(list.lines[1].hasPrefix("1001  Lämps  open   20,000"))
                let closed = try await timesale("close", "1001", at: at)
                #expect(closed.exitCode == 0 && closed.field("state") == "closed")
                let again = try await timesale("close", "1001", at: at)
                #expect(again.exitCode == 0 && again.output.contains("nothing was done"))
            }
        }

        @Test func aSaleForScripts() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let created = try await timesale(
                    "create", "--name", "a \"b\"", "--stock", "10", "--hold", "1500ms", "--starts-at", "+1h",
                    "--json", at: at
                ).json
                let id = try #require(created["id"] as? String)
                #expect(UInt64(id) != nil && id.count == 9)
                #expect(created["name"] as? String == "a \"b\"" && created["state"] as? String == "scheduled")
                #expect(created["stock"] as? Int == 10 && created["available"] as? Int == 10)
                #expect(created["held"] as? Int == 0 && created["sold"] as? Int == 0)
                #expect(created["holdSeconds"] as? Double == 1.5 && created["perUserLimit"] as? Int == 0)
                #expect(created["unitPrice"] as? Int == 0 && created["endsAt"] is NSNull)
                #expect(created["repeat"] as? Bool == false && created["operationId"] is String)
                // An hour after the creation, by the server's clock.
                let startsAt = try #require((created["startsAt"] as? String).flatMap(date))
                let createdAt = try #require((created["createdAt"] as? String).flatMap(date))
                #expect(abs(startsAt.timeIntervalSince(createdAt) - 3600) < 60)

                let got = try await timesale("get", id, "--json", at: at).json
                #expect(got["id"] as? String == id && got["repeat"] == nil)
                let restocked = try await timesale("restock", id, "5", "--json", at: at).json
                #expect(restocked["stock"] as? Int == 15)
                let closed = try await timesale("close", id, "--json", at: at).json
                #expect(closed["state"] as? String == "closed" && closed["repeat"] as? Bool == false)
                #expect(try await timesale("close", id, "--json", at: at).json["repeat"] as? Bool == true)
            }
        }

        /// The same operation id is the same creation, also where the sale's own id is drawn.
        @Test func aRepeatChangesNothing() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let operation = "\(OperationID.mint())"
                let create = ["create", "--name", "once", "--stock", "10", "--operation-id", operation]
                let first = try await timesale(create + ["--json"], at: at).json
                let second = try await timesale(create + ["--json"], at: at).json
                #expect(first["id"] as? String == second["id"] as? String)
                #expect(first["repeat"] as? Bool == false && second["repeat"] as? Bool == true)
                #expect(try await timesale(create, at: at).output.contains("nothing was done"))
                let other = try await timesale(
                    "create", "--name", "twice", "--stock", "10", "--operation-id", operation, "--json",
                    at: at)
                #expect(try other.exitCode == 1 && other.json["code"] as? String == "ID_REUSED")
                #expect(try await timesale("list", "--json", at: at).items.count == 1)

                let id = try #require(first["id"] as? String)
                let more = "\(OperationID.mint())"
                for _ in 1...2 {
                    let restocked = try await timesale(
                        "restock", id, "5", "--operation-id", more, "--json", at: at)
                    #expect(try restocked.json["stock"] as? Int == 15)
                }
            }
        }

        @Test func listsInPages() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let client = try await server.client()
                for id in 1...45 {
                    try await client.createSale(NewSale(id: SaleID(UInt64(id)), name: "sale \(id)", stock: 1))
                }
                try await client.close(7)
                await client.shutdown()
                let first = try await timesale("list", "--json", at: at)
                #expect(first.items.compactMap { $0["id"] as? String } == (1...20).map(String.init))
                #expect(try first.json["nextCursor"] as? String == "20")
                let last = try await timesale("list", "--after", "40", "--json", at: at)
                #expect(last.items.count == 5)
                #expect(try last.json["nextCursor"] is NSNull)
                #expect(try await timesale("list", "--all", "--json", at: at).items.count == 45)
                #expect(try await timesale("list", "--limit", "30", "--json", at: at).items.count == 30)
                let closed = try await timesale("list", "--state", "closed", "--json", at: at)
                #expect(closed.items.compactMap { $0["id"] as? String } == ["7"])
                let text = try await timesale("list", at: at)
                #expect(text.output.contains("More: \(executable("timesale")) list --after 20 (or --all)"))
            }
        }
    }
}

private func date(_ text: String) -> Date? {
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    return format.date(from: text)
}

extension ToolRun {
    /// The items of a list in JSON.
    var items: [[String: Any]] { (try? json["items"] as? [[String: Any]]) ?? [] }
}
