import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows that a rush sells what there is and not a unit more, and tells the truth about it.
    @Suite struct RushTests {
        private func refused(_ rush: [String: Any]) -> [String: Int] {
            rush["refused"] as? [String: Int] ?? [:]
        }
        private func checks(_ rush: [String: Any]) -> [String: Bool] {
            rush["checks"] as? [String: Bool] ?? [:]
        }

        @Test(arguments: [1, 2])
        func theStockIsSoldAndNoMore(_ shards: Int) async throws {
            try await withTimesaleServer(["--shards", "\(shards)"]) { server in
                let run = try await timesale(
                    "rush", "--stock", "500", "--buyers", "800", "--starts-in", "100ms", "--connections", "2",
                    "--json",
                    at: server.tcpAddress)
                #expect(run.exitCode == 0, "\(run)")
                let rush = try run.json
                #expect(rush["accepted"] as? Int == 500 && rush["buyers"] as? Int == 800)
                #expect(refused(rush) == ["SOLD_OUT": 300] && rush["unknown"] as? Int == 0)
                #expect(
                    checks(rush) == [
                        "neverOversold": true, "acceptedOrdersAreThere": true, "repeatsChangeNothing": true,
                        "soldIsAccepted": true, "soldOutWasTrue": true,
                    ])
                let sale = try #require(rush["sale"] as? [String: Any])
                #expect(sale["sold"] as? Int == 500 && sale["available"] as? Int == 0)
                let id = try #require(sale["id"] as? String)
                let got = try await timesale("get", id, "--json", at: server.tcpAddress).json
                #expect(got["sold"] as? Int == 500 && got["state"] as? String == "soldOut")
                let latency = try #require(rush["latencyMs"] as? [String: Double])
                #expect(try #require(latency["p50"]) <= #require(latency["p99"]))
                #expect(try #require(latency["p99"]) <= #require(latency["max"]))
            }
        }

        @Test func forPeople() async throws {
            try await withTimesaleServer { server in
                let run = try await timesale(
                    "rush", "--stock", "100", "--starts-in", "0s", at: server.tcpAddress)
                #expect(run.exitCode == 0 && run.errors.isEmpty && !run.output.contains("\u{1b}"))
                #expect(
                    run.output.contains("100 units, 120 buyers") && run.output.contains("Sold out: 100 units")
                )
                #expect(run.output.contains("accepted     100") && run.output.contains("SOLD_OUT      20"))
                #expect(run.lines.filter { $0.hasPrefix("  kept  ") }.count == 5)
            }
        }

        /// A sale of somebody's own: its limits hold, and what the buyers are refused is told by code.
        @Test func forASaleThatIsThere() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                try await timesale(
                    "create", "--name", "mine", "--stock", "50", "--id", "7", "--per-user-limit", "2",
                    "--hold", "10m",
                    at: at)
                let rush = ["rush", "--sale", "7", "--buyers", "10", "--quantity", "2", "--json"]
                let first = try await timesale(rush, at: at).json
                #expect(first["accepted"] as? Int == 10 && refused(first).isEmpty)
                #expect(checks(first) == ["neverOversold": true, "acceptedOrdersAreThere": true])
                let second = try await timesale(rush, at: at).json
                #expect(second["accepted"] as? Int == 0 && refused(second) == ["LIMIT_EXCEEDED": 10])
                let sale = try await timesale("get", "7", "--json", at: at).json
                #expect(sale["held"] as? Int == 20)
            }
        }

        @Test func onATerminal() async throws {
            try await withTimesaleServer { server in
                let run = try TerminalRun([
                    "rush", "--stock", "300", "--over", "1s", "--starts-in", "1s", "--server",
                    "\(server.tcpAddress)",
                ])
                #expect(await run.exitCode() == 0)
                #expect(await eventually { run.written.contains("timesale get") })
                for words in ["opens in 0.", "open for ", "█", "░", "Sold out: 300 units", "\u{1b}[?25h"] {
                    #expect(run.written.contains(words), "\(words)")
                }
            }
        }

        /// Ctrl-C before the opening: the terminal is whole, and the exit code is that of an interrupted command.
        @Test func interrupted() async throws {
            try await withTimesaleServer { server in
                let run = try TerminalRun(["rush", "--starts-in", "1h", "--server", "\(server.tcpAddress)"])
                #expect(await eventually { run.written.contains("opens in 59:") })
                run.press("\u{3}")
                #expect(await run.exitCode() == 130)
                #expect(
                    await eventually {
                        run.written.contains("\u{1b}[?25h") && run.written.contains("interrupted; 0 orders")
                    })
            }
        }

        /// A server that is killed and started again in the middle: the buyers ask again, and nothing is sold twice.
        @Test func acrossARestart() async throws {
            try await withTimesaleServer { server in
                let tool = try StartedTool(
                    ["rush", "--stock", "3000", "--over", "2s", "--starts-in", "0s", "--json"],
                    at: server.tcpAddress)
                let client = try await server.client()
                let isUnderWay = try await eventually {
                    try await client.sales().sales.first.map { $0.sold > 500 } ?? false
                }
                #expect(isUnderWay)
                await server.kill()
                try await server.restart()
                let run = try await tool.end()
                #expect(run.exitCode == 0, "\(run)")
                let rush = try run.json
                #expect(rush["accepted"] as? Int == 3000 && refused(rush) == ["SOLD_OUT": 600])
                #expect(rush["kept"] as? Bool == true)
                await client.shutdown()
            }
        }
    }
}
