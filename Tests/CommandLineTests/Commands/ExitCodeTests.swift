import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows every way to fail: the exit code, the sentence for people, the object for scripts.
    @Suite struct ExitCodeTests {
        /// Nothing listens here: port 1 is privileged, and nobody uses it.
        static let nobody = ClientConfiguration.Address.tcp(host: "127.0.0.1", port: 1)

        static let everyCommand = [
            ["create", "--name", "x", "--stock", "1"], ["list"], ["get", "1"], ["order", "1", "--user", "1"],
            ["confirm", "0193f1a0-0000-7000-8000-000000000000"],
            ["cancel", "0193f1a0-0000-7000-8000-000000000000"],
            ["extend", "0193f1a0-0000-7000-8000-000000000000", "--until", "+1s"], ["orders", "--user", "1"],
            ["restock", "1", "1"], ["close", "1"], ["stats"], ["ping"], ["watch"], ["rush"],
            ["point", "earn", "1", "--user", "1"], ["point", "use", "1", "--user", "1"],
            ["point", "cancel", "0193f1a0-0000-7000-8000-000000000000"],
            ["point", "get", "0193f1a0-0000-7000-8000-000000000000"], ["point", "balance", "--user", "1"],
            ["point", "history", "--user", "1"], ["point", "earn-batch", "/dev/null"],
            ["coupon", "policy", "create", "--name", "x", "--quantity", "1", "--fixed", "1"],
            ["coupon", "policy", "list"], ["coupon", "policy", "get", "1"],
            ["coupon", "policy", "close", "1"],
            ["coupon", "policy", "restock", "1", "1"], ["coupon", "issue", "1", "--user", "1"],
            ["coupon", "use", "0193f1a0-0000-7000-8000-000000000000", "--user", "1"],
            ["coupon", "restore", "0193f1a0-0000-7000-8000-000000000000", "--user", "1"],
            ["coupon", "get", "0193f1a0-0000-7000-8000-000000000000"], ["coupon", "list", "--user", "1"],
            ["checkout", "place", "1", "--user", "1"],
            ["checkout", "confirm", "0193f1a0-0000-7000-8000-000000000000"],
            ["checkout", "cancel", "0193f1a0-0000-7000-8000-000000000000"],
            ["checkout", "get", "0193f1a0-0000-7000-8000-000000000000"],
        ]

        @Test(arguments: everyCommand)
        func noServer(_ command: [String]) async throws {
            let text = try await timesale(command, at: Self.nobody)
            #expect(text.exitCode == 69 && text.output.isEmpty)
            #expect(
                text.errors.contains("no timesale server at 127.0.0.1:1: nobody listens there (UNAVAILABLE)"))
            #expect(text.errors.contains("make run") && text.errors.contains("TIMESALE_SERVER"))
            let json = try await timesale(command + ["--json"], at: Self.nobody)
            #expect(json.exitCode == 69 && json.errors.isEmpty)
            #expect(try json.json["code"] as? String == "UNAVAILABLE")
            #expect(try json.json["retryable"] as? Bool == true && json.json["message"] is String)
        }

        /// Somebody listens and says nothing: the wait is as long as it was told to be.
        @Test func aSilentServer() async throws {
            try await withTimesaleServer { server in
                let pid = try #require(server.processId)
                kill(pid, SIGSTOP)
                let run = try await timesale("list", "--timeout", "1s", "--json", at: server.tcpAddress)
                kill(pid, SIGCONT)
                #expect(try run.exitCode == 69 && run.json["code"] as? String == "UNAVAILABLE", "\(run)")
            }
        }

        @Test func noSocket() async throws {
            let run = try await timesale("list", "--server", "unix:/nowhere/at/all.sock")
            #expect(run.exitCode == 69 && run.errors.contains("there is no such socket"))
        }

        @Test(arguments: [
            ["order", "1", "--user", "1", "--quantity", "0"],
            ["order", "1", "--user", "1", "--quantity", "1000001"],
            ["order", "1", "--user", "1", "--quantity", "-1"], ["order", "1", "--user", "0"],
            ["order", "1", "--user", "00000000-0000-0000-0000-000000000007"], ["order", "0", "--user", "1"],
            ["order", "1"], ["order", "x", "--user", "1"], ["order", "1", "--user", "1", "--id", "no-uuid"],
            ["order", "1", "--user", "1", "--id", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"],
            ["confirm"], ["confirm", "17"], ["cancel", "x"],
            ["extend", "0193f1a0-0000-7000-8000-000000000000"],
            ["extend", "0193f1a0-0000-7000-8000-000000000000", "--until", "10m"],
            ["create", "--stock", "1"], ["create", "--name", "x", "--stock", "0"],
            ["create", "--name", "x", "--stock", "1", "--hold", "30"],
            ["create", "--name", "x", "--stock", "1", "--hold", "0.5s"],
            ["create", "--name", "x", "--stock", "1", "--starts-at", "tomorrow"],
            ["create", "--name", "x", "--stock", "1", "--starts-at", "2026-02-30T00:00:00Z"],
            ["create", "--name", "x", "--stock", "1", "--price", "9007199254740992"],
            [
                "create", "--name", "x", "--stock", "1", "--starts-at", "+1s", "--operation-id",
                "0193f1a0-0000-7000-8000-000000000000",
            ],
            ["create", "--name", "x", "--stock", "1", "--ends-at", "+1s", "--key", "a"],
            ["order", "1", "--user", "1", "--key", "a", "--id", "0193f1a0-0000-7000-8000-000000000000"],
            ["order", "1", "--user", "1", "--key", ""],
            [
                "restock", "1", "1", "--key", "a", "--operation-id", "0193f1a0-0000-7000-8000-000000000000",
            ],
            ["restock", "1", "0"], ["restock", "1"], ["close", "1", "2"], ["get"], ["get", "abc"],
            ["list", "--limit", "0"], ["list", "--limit", "1001"], ["list", "--state", "shut"], ["orders"],
            ["orders", "--user", "1", "--sale", "1"], ["orders", "--sale", "1", "--after", "x"],
            ["orders", "--user", "1", "--after", "5"],
            ["list", "--server", "nowhere"], ["list", "--timeout", "0s"], ["ping", "--count", "0"],
            ["watch", "--interval", "1ms"], ["watch", "x"], ["rush", "--buyers", "0"],
            ["rush", "--sale", "1", "--stock", "5"], ["sell"], ["list", "--colour"],
            ["point", "sell"], ["point", "earn", "1"], ["point", "earn", "0", "--user", "1"],
            ["point", "earn", "1000000001", "--user", "1"], ["point", "use", "-1", "--user", "1"],
            ["point", "earn", "1", "--user", "1", "--reason", String(repeating: "x", count: 32)],
            ["point", "earn", "1", "--user", "1", "--expires-at", "+1d", "--key", "a"],
            [
                "point", "use", "1", "--user", "1", "--key", "a", "--id",
                "0193f1a0-0000-7000-8000-000000000000",
            ],
            ["point", "cancel"], ["point", "cancel", "7"], ["point", "get", "7"], ["point", "balance"],
            ["point", "history", "--user", "1", "--limit", "0"], ["point", "earn-batch"],
            ["point", "earn-batch", "file", "--key", "a", "--expires-at", "+1d"],
            ["coupon", "policy", "create", "--name", "x", "--quantity", "1"],
            [
                "coupon", "policy", "create", "--name", "x", "--quantity", "1", "--fixed", "1", "--percent",
                "1",
            ],
            ["coupon", "policy", "create", "--name", "x", "--quantity", "1", "--percent", "101"],
            ["coupon", "policy", "create", "--name", "x", "--quantity", "0", "--fixed", "1"],
            ["coupon", "policy", "create", "--name", "x", "--quantity", "1", "--fixed", "0"],
            [
                "coupon", "policy", "create", "--name", "x", "--quantity", "1", "--fixed", "1",
                "--valid-until", "+1d",
                "--key", "a",
            ],
            ["coupon", "policy", "get", "0"], ["coupon", "policy", "list", "--state", "soldOut"],
            ["coupon", "issue", "x", "--user", "1"], ["coupon", "issue", "1"], ["coupon", "get", "1"],
            ["coupon", "use", "0193f1a0-0000-7000-8000-000000000000"],
            ["coupon", "use", "0193f1a0-0000-7000-8000-000000000000", "--user", "1", "--amount", "0"],
            ["coupon", "list", "--user", "1", "--state", "open"], ["coupon", "list"],
            ["checkout", "place", "--user", "1"], ["checkout", "place", "1"],
            ["checkout", "place", "0:1", "--user", "1"], ["checkout", "place", "1:0", "--user", "1"],
            ["checkout", "place", "1:1000001", "--user", "1"], ["checkout", "place", "1:", "--user", "1"],
            ["checkout", "place", "1:1:1", "--user", "1"], ["checkout", "place", ":1", "--user", "1"],
            ["checkout", "place"] + (1...17).map { "\($0)" } + ["--user", "1"],
            ["checkout", "place", "1", "--user", "1", "--coupon", "7"],
            ["checkout", "place", "1", "--user", "1", "--use-points", "0"],
            ["checkout", "place", "1", "--user", "1", "--earn-points", "1000000001"],
            ["checkout", "place", "1", "--user", "1", "--earn-expires-at", "+1d"],
            [
                "checkout", "place", "1", "--user", "1", "--earn-points", "1", "--earn-expires-at", "+1d", "--key",
                "a",
            ],
            [
                "checkout", "place", "1", "--user", "1", "--key", "a", "--id",
                "0193f1a0-0000-7000-8000-000000000000",
            ],
            ["checkout", "confirm"], ["checkout", "cancel", "7"], ["checkout", "get", "1"], ["checkout", "list"],
        ])
        func badArguments(_ arguments: [String]) async throws {
            let text = try await timesale(arguments)
            #expect(text.exitCode == 64 && text.output.isEmpty, "\(text)")
            #expect(text.errors.hasPrefix("Error: ") && text.errors.contains("--help"), "\(text.errors)")
            let json = try await timesale(arguments + ["--json"])
            #expect(json.exitCode == 64 && json.errors.isEmpty)
            #expect(try json.json["code"] as? String == "USAGE")
            #expect(try !(json.json["message"] as? String ?? "").isEmpty)
        }

        @Test func aBadVariable() async throws {
            let run = try await timesale("list", environment: ["TIMESALE_SERVER": "nowhere"])
            #expect(run.exitCode == 64 && run.errors.contains("TIMESALE_SERVER is \"nowhere\""))
        }

        /// The wait is over when the answer says so, whatever refused.
        @Test func refusals() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "few", stock: 2, perUserLimit: 1))
                let startsAtMs = UInt64(Date().timeIntervalSince1970 * 1000) + 3_600_000
                try await client.createSale(NewSale(id: 2, name: "soon", stock: 1, startsAtMs: startsAtMs))
                try await client.createSale(NewSale(id: 3, name: "shut", stock: 1))
                try await client.close(3)
                try await client.order(sale: 1, user: 1)
                await client.shutdown()
                let cases: [([String], String)] = [
                    (["get", "99"], "NOT_FOUND"), (["get", "\(OrderID.mint(for: 1))"], "NOT_FOUND"),
                    (["order", "99", "--user", "1"], "NOT_FOUND"), (["restock", "99", "1"], "NOT_FOUND"),
                    (["close", "99"], "NOT_FOUND"), (["watch", "99", "--count", "1"], "NOT_FOUND"),
                    (["rush", "--sale", "99"], "NOT_FOUND"),
                    (["confirm", "\(OrderID.mint(for: 1))"], "NOT_FOUND"),
                    (["order", "1", "--user", "1"], "LIMIT_EXCEEDED"),
                    (["order", "2", "--user", "1"], "NOT_STARTED"),
                    (["order", "3", "--user", "1"], "CLOSED"),
                    (["restock", "3", "1"], "CLOSED"),
                    (["create", "--name", "x", "--stock", "1", "--id", "1"], "ALREADY_EXISTS"),
                    (
                        ["create", "--name", "x", "--stock", "1", "--ends-at", "2001-01-01T00:00:00Z"],
                        "INVALID"
                    ),
                ]
                for (command, code) in cases {
                    let text = try await timesale(command, at: at)
                    #expect(text.exitCode == 1 && text.errors.contains("(\(code))"), "\(command): \(text)")
                    let json = try await timesale(command + ["--json"], at: at)
                    #expect(try json.exitCode == 1 && json.json["code"] as? String == code, "\(command)")
                    #expect(try json.errors.isEmpty && json.json["retryable"] as? Bool == false)
                }
                #expect(try await timesale("order", "1", "--user", "2", at: at).exitCode == 0)
                let soldOut = try await timesale("order", "1", "--user", "3", "--json", at: at)
                #expect(try soldOut.exitCode == 1 && soldOut.json["code"] as? String == "SOLD_OUT")
            }
        }

        @Test func aFullTableIsForLater() async throws {
            try await withTimesaleServer(["--sales", "1"]) { server in
                let create = ["create", "--name", "x", "--stock", "1"]
                #expect(try await timesale(create, at: server.tcpAddress).exitCode == 0)
                let run = try await timesale(create + ["--json"], at: server.tcpAddress)
                #expect(try run.exitCode == 75 && run.json["code"] as? String == "CAPACITY")
                #expect(try run.json["retryable"] as? Bool == true)
            }
        }

        @Test func tokens() async throws {
            try await withDirectory { directory in
                let tokens = "shop correct-horse-battery\nadmin staple-of-the-shop-1\n"
                try write(tokens, to: directory + "/tokens")
                try write("correct-horse-battery\n", to: directory + "/shop")
                try write("wrong-horse-battery-1\n", to: directory + "/wrong")
                try write("root correct-horse-battery\n", to: directory + "/bad")
                try write("correct-horse-battery\n", to: directory + "/open", mode: 0o644)
                try await withTimesaleServer(["--token-file", directory + "/tokens"]) { server in
                    let at = server.tcpAddress
                    let create = ["create", "--name", "x", "--stock", "5", "--id"]
                    // The server's own file gives the admin's token.
                    #expect(
                        try await timesale(create + ["1", "--token-file", directory + "/tokens"], at: at)
                            .exitCode == 0)
                    let variable = ["TIMESALE_TOKEN": "staple-of-the-shop-1"]
                    #expect(try await timesale(create + ["2"], at: at, environment: variable).exitCode == 0)
                    #expect(
                        try await timesale(
                            "order", "1", "--user", "1", "--token-file", directory + "/shop", at: at
                        )
                        .exitCode == 0)

                    let cases: [([String], String, String)] = [
                        (create + ["3", "--token-file", directory + "/shop"], "FORBIDDEN", "scope admin"),
                        (
                            ["list", "--token-file", directory + "/wrong"], "UNAUTHENTICATED",
                            "does not know this token"
                        ),
                        (["list"], "UNAUTHENTICATED", "--token-file"),
                        (["list", "--token-file", directory + "/none"], "UNAUTHENTICATED", "cannot be read"),
                        (["list", "--token-file", directory + "/bad"], "UNAUTHENTICATED", "holds no token"),
                        (["list", "--token-file", directory + "/open"], "UNAUTHENTICATED", "chmod 600"),
                    ]
                    for (command, code, words) in cases {
                        let text = try await timesale(command, at: at)
                        #expect(text.exitCode == 77 && text.errors.contains(words), "\(command): \(text)")
                        #expect(!text.errors.contains("-horse-"), "no secret is told")
                        let json = try await timesale(command + ["--json"], at: at)
                        #expect(try json.exitCode == 77 && json.json["code"] as? String == code)
                    }
                }
            }
        }
    }
}

/// A directory of its own, removed at the end.
func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
        "timesale-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory.path)
}

func write(_ text: String, to path: String, mode: Int = 0o600) throws {
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
}
