import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows the commands on points, for people and for scripts.
    @Suite struct PointCommandTests {
        @Test func pointsForPeople() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let earned = try await timesale(
                    "point", "earn", "500", "--user", "42", "--reason", "welcome", "--expires-at", "+30d",
                    at: at)
                #expect(
                    earned.exitCode == 0 && earned.field("kind") == "earn" && earned.field("amount") == "500")
                #expect(earned.field("reason") == "welcome" && earned.field("balance") == "500")
                #expect(earned.field("state") == "posted" && earned.field("expires at") != "never")
                let id = try #require(earned.field("transaction"))
                let used = try await timesale("point", "use", "120", "--user", "42", at: at)
                #expect(used.field("balance") == "380" && used.field("kind") == "use")
                let use = try #require(used.field("transaction"))
                #expect(used.output.contains("timesale point cancel \(use)"))

                let balance = try await timesale("point", "balance", "--user", "42", at: at)
                #expect(balance.field("user") == "42" && balance.field("balance") == "380")
                #expect(balance.field("expires next") == "380 at \(try #require(earned.field("expires at")))")
                #expect(try await timesale("point", "get", id, at: at).field("left of it") == "380")
                let history = try await timesale("point", "history", "--user", "42", at: at)
                try #require(history.lines.count == 3)
                #expect(
                    history.lines[1].hasPrefix("\(use)  use   ")
                        && history.lines[2].hasPrefix("\(id)  earn  "))
                #expect(history.lines[2].hasSuffix("welcome"))

                let spent = try await timesale("point", "cancel", id, at: at)
                #expect(
                    spent.exitCode == 1 && spent.errors.contains("cancel their use first (ALREADY_SPENT)"))
                let cancelled = try await timesale("point", "cancel", use, at: at)
                #expect(cancelled.field("state") == "cancelled" && cancelled.field("balance") == "500")
                let short = try await timesale("point", "use", "501", "--user", "42", at: at)
                #expect(short.exitCode == 1 && short.errors.contains("(INSUFFICIENT_POINTS)"))
                let none = try await timesale("point", "balance", "--user", "43", at: at)
                #expect(none.field("balance") == "0" && none.field("expires next") == "nothing")
                #expect(
                    try await timesale("point", "history", "--user", "43", at: at).output
                        == "No points of user 43.\n")
            }
        }

        @Test func pointsForScripts() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let expiresAt = "2100-01-01T00:00:00.000Z"
                let earn = [
                    "point", "earn", "500", "--user", "42", "--reason", "welcome", "--expires-at", expiresAt,
                    "--key",
                    "signup", "--json",
                ]
                let first = try await timesale(earn, at: at).json
                let id = TransactionID(idempotencyKey: "signup", for: 42, scope: "/v1/users/42/points/earn")
                #expect(first["transactionId"] as? String == "\(id)" && first["userId"] as? String == "42")
                #expect(first["kind"] as? String == "earn" && first["amount"] as? Int == 500)
                #expect(first["reason"] as? String == "welcome" && first["state"] as? String == "posted")
                #expect(first["expiresAt"] as? String == expiresAt && first["createdAt"] is String)
                #expect(first["balance"] as? Int == 500 && first["repeat"] as? Bool == false)
                let second = try await timesale(earn, at: at).json
                #expect(second["repeat"] as? Bool == true && second["balance"] as? Int == 500)

                let use = ["point", "use", "120", "--user", "42", "--key", "basket-7", "--json"]
                let used = try await timesale(use, at: at).json
                #expect(used["kind"] as? String == "use" && used["balance"] as? Int == 380)
                #expect(try await timesale(use, at: at).json["repeat"] as? Bool == true)
                let other = try await timesale(
                    "point", "use", "121", "--user", "42", "--key", "basket-7", "--json", at: at)
                #expect(try other.exitCode == 1 && other.json["code"] as? String == "ID_REUSED")

                let balance = try await timesale("point", "balance", "--user", "42", "--json", at: at).json
                #expect(balance["balance"] as? Int == 380 && balance["userId"] as? String == "42")
                let next = try #require(balance["nextExpiry"] as? [String: Any])
                #expect(next["amount"] as? Int == 380 && next["at"] as? String == expiresAt)
                let shown = try await timesale("point", "get", "\(id)", "--json", at: at).json
                #expect(shown["remaining"] as? Int == 380 && shown["balance"] == nil)
                let page = try await timesale(
                    "point", "history", "--user", "42", "--limit", "1", "--json", at: at)
                #expect(page.items.compactMap { $0["kind"] as? String } == ["use"])
                let after = try #require(try page.json["nextCursor"] as? String)
                let rest = try await timesale(
                    "point", "history", "--user", "42", "--after", after, "--json", at: at)
                #expect(rest.items.compactMap { $0["transactionId"] as? String } == ["\(id)"])
            }
        }

        /// Each transaction stands for itself; what failed is told with its id, and decides the exit code.
        @Test func severalCancelsAtOnce() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                var ids: [String] = []
                for user in 1...2 {
                    let run = try await timesale("point", "earn", "5", "--user", "\(user)", "--json", at: at)
                    ids.append(try #require(try run.json["transactionId"] as? String))
                }
                try await timesale("point", "use", "1", "--user", "2", at: at)
                let unknown = "\(TransactionID.mint(for: 9))"
                let json = try await timesale("point", "cancel", ids[0], ids[1], unknown, "--json", at: at)
                #expect(json.exitCode == 1 && json.errors.isEmpty)
                #expect(json.objects.map { $0["transactionId"] as? String } == [ids[0], ids[1], unknown])
                #expect(json.objects.map { $0["state"] as? String } == ["cancelled", nil, "cancelled"])
                #expect(json.objects.map { $0["code"] as? String } == [nil, "ALREADY_SPENT", nil])
                #expect(json.objects.map { $0["beforeTransaction"] as? Bool } == [nil, nil, true])
                let text = try await timesale("point", "cancel", ids[0], ids[1], at: at)
                try #require(text.lines.count == 3)
                #expect(text.lines[1].contains("cancelled") && text.lines[2].contains("ALREADY_SPENT"))
                #expect(text.errors.contains("timesale: \(ids[1]): "))
                let late = try await timesale(
                    "point", "earn", "5", "--user", "9", "--id", unknown, "--json", at: at)
                #expect(try late.exitCode == 1 && late.json["code"] as? String == "CANCELLED")
            }
        }

        // MARK: Campaigns

        @Test func aCampaignFromCSV() async throws {
            try await withTimesaleServer(["--shards", "2"]) { server in
                let at = server.tcpAddress
                let file = server.directory.path + "/campaign.csv"
                var text = "user,amount,expiresAt,reason\n"
                for user in 1...3_000 { text += "\(user),\(user),,\n" }
                text += "7,70,2100-01-01T00:00:00Z,\"twice, as it is said\"\n"
                try write(text, to: file)
                let batch = ["point", "earn-batch", file, "--reason", "birthday", "--key", "birthday 2026"]
                let first = try await timesale(batch, at: at)
                #expect(first.exitCode == 0 && first.field("credited") == "3,001 of 3,001", "\(first)")
                #expect(first.field("points") == "4,501,570" && first.field("repeats") == nil)
                #expect(first.output.contains("--reason birthday --key 'birthday 2026'"))
                let second = try await timesale(batch + ["--json"], at: at)
                let json = try second.json
                #expect(json["credited"] as? Int == 3_001 && json["repeats"] as? Int == 3_001)
                #expect(json["refused"] as? Int == 0 && json["unknown"] as? Int == 0)
                let results = try #require(json["results"] as? [[String: Any]])
                #expect(results.count == 3_001 && results.allSatisfy { $0["repeat"] as? Bool == true })
                #expect(results[41]["userId"] as? String == "42" && results[41]["balance"] as? Int == 42)
                let history = try await timesale("point", "history", "--user", "7", "--json", at: at)
                #expect(history.items.compactMap { $0["amount"] as? Int } == [70, 7])
                #expect(
                    history.items.compactMap { $0["reason"] as? String } == [
                        "twice, as it is said", "birthday",
                    ])
            }
        }

        /// Each is told for itself: those that can be credited are.
        @Test func aCampaignFromJSONOfWhichOneIsRefused() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let file = server.directory.path + "/campaign.json"
                let entries = """
                    {"entries": [{"userId": 1, "amount": 10}, {"userId": "2", "amount": 20,
                    "expiresAt": "2001-01-01T00:00:00Z"},
                    {"userId": "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "amount": 30}]}
                    """
                try write(entries, to: file)
                let text = try await timesale("point", "earn-batch", file, at: at)
                #expect(
                    text.exitCode == 1 && text.field("credited") == "2 of 3" && text.field("refused") == "1")
                #expect(text.lines.contains { $0.hasPrefix("2         20  EXPIRED") }, "\(text.output)")
                let key = try #require(text.field("key"))
                let json = try await timesale("point", "earn-batch", file, "--key", key, "--json", at: at)
                #expect(json.exitCode == 1)
                let results = try #require(try json.json["results"] as? [[String: Any]])
                #expect(results.map { $0["repeat"] as? Bool } == [true, nil, true])
                #expect(results.map { $0["code"] as? String } == [nil, "EXPIRED", nil])
                #expect(results.map { $0["balance"] as? Int } == [10, nil, 30])
            }
        }

        /// What cannot be read is told with its place, and nobody is credited.
        @Test func aCampaignThatCannotBeRead() async throws {
            try await withTimesaleServer { server in
                let file = server.directory.path + "/campaign.csv"
                try write("user,amount\n1,10\n2,ten\n", to: file)
                let at = server.tcpAddress
                let run = try await timesale("point", "earn-batch", file, at: at)
                #expect(
                    run.exitCode == 64 && run.errors.contains("line 3: amount \"ten\": give a whole number"))
                let json = try await timesale("point", "earn-batch", "/nowhere/at/all.csv", "--json", at: at)
                #expect(try json.exitCode == 64 && json.json["code"] as? String == "USAGE")
                #expect(try await timesale("point", "balance", "--user", "1", at: at).field("balance") == "0")
            }
        }
    }
}
