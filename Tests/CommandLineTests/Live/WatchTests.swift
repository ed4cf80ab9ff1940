import Foundation
import TestSupport
import Testing
import TimesaleClient
import TimesaleTestKit

extension CommandLineTests {
    /// Shows the live view: lines where there is no terminal, a picture where there is one, and a terminal that is
    /// whole afterwards.
    @Suite struct WatchTests {
        @Test func aLineForEachLook() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                try await timesale(
                    "create", "--name", "x", "--stock", "10", "--id", "1", "--hold", "10m", at: at)
                try await timesale("order", "1", "--user", "1", "--quantity", "3", at: at)
                let watch = ["watch", "1", "--count", "3", "--interval", "20ms"]
                let text = try await timesale(watch, at: at)
                #expect(text.exitCode == 0 && text.lines.count == 3 && !text.output.contains("\u{1b}"))
                #expect(
                    text.lines.allSatisfy {
                        $0.contains("sale=1 state=open available=7 held=3 sold=0 rate=0/s")
                    })
                let json = try await timesale(watch + ["--json"], at: at)
                #expect(json.objects.count == 3)
                #expect(json.objects.allSatisfy { $0["id"] as? String == "1" && $0["held"] as? Int == 3 })
                #expect(json.objects.allSatisfy { $0["unitsPerSecond"] as? Int == 0 && $0["at"] is String })
            }
        }

        @Test func itEndsWhenAllIsSold() async throws {
            try await withTimesaleServer { server in
                let at = server.tcpAddress
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "a", stock: 2))
                try await client.createSale(NewSale(id: 2, name: "b", stock: 2))
                let tool = try StartedTool(
                    ["watch", "1", "2", "--until-sold-out", "--interval", "10ms", "--json"], at: at)
                #expect(await eventually { tool.output.contains("\"id\":\"2\"") })
                try await client.order(sale: 1, user: 1, quantity: 2)
                #expect(
                    await eventually {
                        tool.output.contains("\"id\":\"1\",\"name\":\"a\",\"state\":\"soldOut\"")
                    })
                try await client.order(sale: 2, user: 1, quantity: 2)
                let run = try await tool.end()
                #expect(run.exitCode == 0)
                #expect(run.objects.suffix(2).allSatisfy { $0["state"] as? String == "soldOut" })
                await client.shutdown()
            }
        }

        @Test func onATerminal() async throws {
            try await withTimesaleServer { server in
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "Lamps", stock: 1_000))
                let run = try TerminalRun([
                    "watch", "1", "--interval", "20ms", "--server", "\(server.tcpAddress)",
                ])
                #expect(await eventually { run.written.contains("1,000 of 1,000 left") })
                #expect(
                    run.written.contains("█") && run.written.contains("100.0%")
                        && run.written.contains("Lamps"))
                #expect(run.written.contains("\u{1b}[?25l"), "the cursor is hidden")
                for user in 1...250 {
                    try await client.order(sale: 1, user: UserID(UInt64(user)), quantity: 2)
                }
                #expect(
                    await eventually {
                        run.written.contains("500 of 1,000 left") && run.written.contains("░")
                    })

                // A server that goes and comes back is no reason to stop looking.
                await server.kill()
                #expect(await eventually { run.written.contains("trying again") })
                try await server.restart()
                try await client.order(sale: 1, user: 1, quantity: 100)
                #expect(await eventually { run.written.contains("400 of 1,000 left") })

                #expect(!run.written.contains("\u{1b}[?25h"))
                run.press("\u{3}")
                #expect(await run.exitCode() == 0)
                #expect(await eventually { run.written.hasSuffix("\u{1b}[?25h") }, "the cursor is back")
                await client.shutdown()
            }
        }

        @Test func aTerminalWithoutColour() async throws {
            try await withTimesaleServer { server in
                try await timesale(
                    "create", "--name", "Lamps", "--stock", "10", "--id", "1", at: server.tcpAddress)
                for (name, value, hasColour) in [("NO_COLOR", "1", false), ("NO_COLOR", "", true)] {
                    let run = try TerminalRun(
                        ["watch", "1", "--count", "1", "--server", "\(server.tcpAddress)"],
                        environment: [name: value])
                    #expect(await run.exitCode() == 0)
                    #expect(await eventually { run.written.contains("\u{1b}[?25h") })
                    #expect(run.written.contains("\u{1b}[32m") == hasColour)
                }
                let dumb = try TerminalRun(
                    ["watch", "1", "--count", "1", "--server", "\(server.tcpAddress)"],
                    environment: ["TERM": "dumb"])
                #expect(await dumb.exitCode() == 0)
                #expect(await eventually { dumb.written.contains("sale=1") })
                #expect(!dumb.written.contains("\u{1b}"))
            }
        }

        /// More sales than there is room for, and names wider than the terminal: the picture stays in its place.
        @Test func aSmallTerminal() async throws {
            try await withTimesaleServer { server in
                let client = try await server.client()
                for id in 1...9 {
                    let name = String(repeating: "日本", count: 13)
                    try await client.createSale(NewSale(id: SaleID(UInt64(id)), name: name, stock: 1))
                }
                await client.shutdown()
                let run = try TerminalRun(
                    ["watch", "--count", "2", "--interval", "10ms", "--server", "\(server.tcpAddress)"],
                    environment: ["NO_COLOR": "1"], columns: 40, rows: 12)
                #expect(await run.exitCode() == 0)
                #expect(await eventually { run.written.contains("\u{1b}[?25h") })
                #expect(run.written.contains("and 7 older ones"))
                let frame = try #require(run.written.components(separatedBy: "\u{1b}[J").first)
                #expect(frame.components(separatedBy: "\n").count - 1 <= 11)
            }
        }
    }
}
