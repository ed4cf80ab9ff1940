import Foundation
import Redis
import RedisTestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

@testable import CommandLineTool

extension CommandLineTests {
    /// Shows how a shop's stock keys become sales: from a real redis-server, and from a cluster.
    @Suite struct ImportRedisTests {
        @Test func aShopMoves() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let redis = try RedisProcess()
                for (key, value) in [
                    ("stock:1001", "10000"), ("stock:1002", "1"), ("stock:1003", "0"), ("stock:x", "5"),
                    ("other:9", "7"), ("stock:1001:reserved", "4"),
                ] { try redis.mustRun("SET", key, value) }
                let words = [
                    "import-redis", "--redis", redis.url, "--pattern", "stock:{id}", "--name", "Item {id} ({key})",
                    "--hold", "90s", "--per-user-limit", "2", "--price", "4900", "--ends-at", "2999-01-01T00:00:00Z",
                ]

                let plan = try await timesale(words + ["--dry-run"], at: at)
                #expect(plan.exitCode == 0 && plan.errors.isEmpty, "\(plan)")
                #expect(plan.field("would take") == "2 of 5 keys" && plan.field("units") == "10,001")
                #expect(plan.field("skipped") == "3")
                #expect(plan.output.contains("Item 1001 (stock:1001)") && plan.output.contains("nothing left to sell"))
                #expect(try await timesale("get", "1001", at: at).exitCode == 1)

                let done = try await timesale(words, at: at)
                #expect(done.exitCode == 0 && done.field("taken") == "2 of 5 keys", "\(done)")
                let sale = try await timesale("get", "1001", "--json", at: at).json
                #expect(sale["name"] as? String == "Item 1001 (stock:1001)" && sale["stock"] as? Int == 10000)
                #expect(sale["holdSeconds"] as? Double == 90 && sale["perUserLimit"] as? Int == 2)
                #expect(sale["unitPrice"] as? Int == 4900 && sale["endsAt"] as? String == "2999-01-01T00:00:00.000Z")

                // Again: nothing is done twice, also when units have been sold meanwhile.
                #expect(try await timesale("order", "1002", "--user", "42", at: at).exitCode == 0)
                let again = try await timesale(words, at: at)
                #expect(again.exitCode == 0 && again.field("taken") == "0 of 5 keys" && again.field("repeated") == "2")
                #expect(try await timesale("get", "1002", at: at).field("available") == "0")
                let look = try await timesale(words + ["--dry-run"], at: at)
                #expect(look.exitCode == 0 && look.field("exists") == "2")
            }
        }

        @Test func whatIsWrongIsToldKeyByKey() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let redis = try RedisProcess()
                for (key, value) in [
                    ("s:1", "5"), ("s:2", "-1"), ("s:3", "1.5"), ("s:4", ""), ("s:5", "many"), ("s:6", " 7"),
                    ("s:7", "8"), ("s:007", "8"), ("s:0", "1"), ("s:18446744073709551616", "1"),
                    ("s:8", "1099511627777"), ("s:10", "1099511627776"),
                ] { try redis.mustRun("SET", key, value) }
                try redis.mustRun("LPUSH", "s:9", "1")
                _ = try await timesale("create", "--name", "other", "--stock", "3", "--id", "11", at: at)
                try redis.mustRun("SET", "s:11", "3")

                let run = try await timesale(
                    "import-redis", "--redis", redis.url, "--pattern", "s:*", "--json", at: at)
                #expect(run.exitCode == 1)
                let json = try run.json
                #expect(json["taken"] as? Int == 2 && json["refused"] as? Int == 12 && json["skipped"] as? Int == 0)
                let keys = try #require(json["keys"] as? [[String: Any]])
                func why(_ key: String) -> String? {
                    keys.first { $0["key"] as? String == key }.flatMap { $0["why"] as? String }
                }
                for key in ["s:2", "s:3", "s:4", "s:5", "s:6"] {
                    #expect(why(key) == "holds no whole number from 0 on", "\(key)")
                }
                #expect(why("s:7") == "the same id as s:007" && why("s:007") == "the same id as s:7")
                #expect(why("s:0")?.contains("from 1 to") == true)
                #expect(why("s:18446744073709551616")?.contains("from 1 to") == true)
                #expect(why("s:8")?.contains("at most 1099511627776 units") == true)
                #expect(why("s:9")?.contains("is no text") == true)
                #expect(why("s:11")?.contains("ALREADY_EXISTS") == true)
                #expect(try await timesale("get", "10", at: at).field("stock") == "1,099,511,627,776")
                #expect(try await timesale("get", "7", at: at).exitCode == 1)

                // The same key with another value: what was imported is not changed behind anybody's back.
                try redis.mustRun("SET", "s:1", "6")
                let other = try await timesale("import-redis", "--redis", redis.url, "--pattern", "s:1", at: at)
                #expect(other.exitCode == 64 && other.errors.contains("{id}"))
                let changed = try await timesale("import-redis", "--redis", redis.url, "--pattern", "s:{id}", at: at)
                #expect(changed.exitCode == 1 && changed.output.contains("was imported before, with other content"))
                #expect(try await timesale("get", "1", at: at).field("stock") == "5")
            }
        }

        @Test func fromAClusterByOneOfItsNodes() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let cluster = try RedisCluster()
                let link = RedisSettings(place: .servers(cluster.addresses)).makeLink()
                let commands = (1...1500).map { RedisCommand(["SET", "stock:\($0)", "\($0)"], key: "stock:\($0)") }
                #expect(try link.send(commands, timeoutMs: 60_000).allSatisfy { $0 == .status("OK") })
                let run = try await timesale(
                    "import-redis", "--redis", cluster.nodes[1].url, "--pattern", "stock:{id}", "--json", at: at)
                #expect(run.exitCode == 0, "\(run.errors)")
                #expect(try run.json["taken"] as? Int == 1500 && run.json["units"] as? Int == 1500 * 1501 / 2)
                #expect(try await timesale("get", "1500", at: at).field("stock") == "1,500")
            }
        }

        @Test func whereRedisIsAndIsNot() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let redis = try RedisProcess(
                    ["requirepass secret"], login: RedisCredentials(password: .bytes(Array("secret".utf8))))
                try redis.mustRun("SET", "stock:1", "2")
                let pattern = ["--pattern", "stock:{id}"]
                let denied = try await timesale(["import-redis", "--redis", redis.url] + pattern, at: at)
                #expect(denied.exitCode == 69 && denied.errors.contains("NOAUTH"))

                try await withDirectory { directory in
                    try write("secret\n", to: directory + "/password")
                    let words = ["import-redis", "--redis", redis.url, "--redis-password-file", directory + "/password"]
                    #expect(try await timesale(words + pattern, at: at).field("taken") == "1 of 1 keys")
                    let none = try await timesale(words + ["--pattern", "nothing:{id}"], at: at)
                    #expect(none.exitCode == 0 && none.output == "No key matches.\n")
                }
                for (words, says) in [
                    (["--redis", "rediss://:secret@h"], "docs/redis.md"),
                    (["--redis", "redis://h:secret"], "no valid port"),
                    ([], "--redis URL or --redis-sentinel"), (["--redis-sentinel", "h"], "names no master"),
                ] {
                    let bad = try await timesale(["import-redis"] + words + pattern, at: at)
                    #expect(bad.exitCode == 64 && bad.errors.contains(says), "\(bad.errors)")
                    #expect(!bad.errors.contains("secret"))
                }
                redis.kill()
                let gone = try await timesale(["import-redis", "--redis", redis.url] + pattern, at: at)
                #expect(gone.exitCode == 69 && gone.errors.contains("Connection refused"))
                let relative = try await timesale(
                    ["import-redis", "--redis", redis.url, "--starts-at", "+10s"] + pattern, at: at)
                #expect(relative.exitCode == 64 && relative.errors.contains("absolute times"))
            }
        }

        /// A user of Redis who may do what `docs/redis.md` names and nothing else.
        @Test func whatItMayDoThere() async throws {
            try await withTimesaleServer { server in
                let redis = try RedisProcess()
                try redis.mustRun("SET", "stock:1", "2")
                try redis.mustRun("ACL", "SETUSER", "import", "on", ">secret", "~stock:*", "+scan", "+get")
                let url = "redis://import:secret@127.0.0.1:\(redis.port)"
                let words = ["import-redis", "--redis", url, "--pattern", "stock:{id}"]
                let run = try await timesale(words, at: server.tcpAddress)
                #expect(run.exitCode == 0 && run.field("taken") == "1 of 1 keys", "\(run)")
                for (permission, exitCode) in [("scan", 69), ("get", 1)] as [(String, Int32)] {
                    try redis.mustRun("ACL", "SETUSER", "import", "-\(permission)")
                    let denied = try await timesale(words, at: server.tcpAddress)
                    #expect(denied.exitCode == exitCode, "\(denied)")
                    #expect((denied.errors + denied.output).contains("NOPERM"), "\(denied)")
                    try redis.mustRun("ACL", "SETUSER", "import", "+\(permission)")
                }
            }
        }

        @Test func patternsOfKeys() throws {
            func digits(_ pattern: String, _ key: String) throws -> String? {
                try #require(KeyPattern(pattern), "\(pattern)").digits(in: Array(key.utf8))
            }
            #expect(try digits("stock:{id}", "stock:1001") == "1001")
            #expect(try digits("stock:*", "stock:1001") == "1001")
            #expect(try digits("{id}", "7") == "7")
            #expect(try digits("{shop}:{id}:*", "{shop}:12:left:now") == "12")
            #expect(try digits("*:s:{id}", "a:s:s:3") == "3")
            #expect(try digits("*{id}", "12") == "12")
            for (pattern, key) in [
                ("stock:{id}", "stock:"), ("stock:{id}", "stock:1x"), ("stock:{id}", "xstock:1"),
                ("stock:{id}", "stock:-1"),
                ("{id}:a", "1:b"), ("stock:*", "stock:1:2"), ("a{id}", "a１"),
            ] { #expect(try digits(pattern, key) == nil, "\(pattern) \(key)") }
            for pattern in ["", "stock", "a:*:b:*", "{id}{id}", "{id}:*:{id}"] {
                #expect(KeyPattern(pattern) == nil, "\(pattern)")
            }
            let glob = try #require(KeyPattern("a?[b]\\:{id}:*")).glob
            #expect(String(decoding: glob, as: UTF8.self) == "a\\?\\[b\\]\\\\:*:*")
        }
    }
}
