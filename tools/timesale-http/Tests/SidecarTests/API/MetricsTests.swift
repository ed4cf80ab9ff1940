import Foundation
import Testing
import TimesaleTestKit

/// What `/metrics` says adds up with what was done, is bounded, names nobody, and needs no engine.
@Suite struct MetricsTests {
    private func expect(
        _ text: String, has lines: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for line in lines {
            #expect("\n\(text)".contains("\n\(line)\n"), "\(line) is not in\n\(text)", sourceLocation: sourceLocation)
        }
    }

    @Test func valuesAddUp() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 3)
            for user in 1...4 { try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#) }
            try api.post(
                "/v1/orders/batch", #"{"orders":[{"timeSaleId":1,"userId":7},{"timeSaleId":9,"userId":7}]}"#)
            try api.get("/nowhere")
            let text = try api.get("/metrics").text
            let orders = #"{method="POST",route="/v1/timesales/{id}/orders""#
            expect(
                text, has: #"timesale_http_requests_total\#(orders),code="OK"} 3"#,
                #"timesale_http_requests_total\#(orders),code="SOLD_OUT"} 1"#,
                #"timesale_http_requests_total{method="",route="none",code="NOT_FOUND"} 1"#,
                #"timesale_http_request_duration_seconds_bucket\#(orders),le="+Inf"} 4"#,
                #"timesale_http_request_duration_seconds_count\#(orders)} 4"#,
                #"timesale_http_orders_total{via="single",code="OK"} 3"#,
                #"timesale_http_orders_total{via="single",code="SOLD_OUT"} 1"#,
                #"timesale_http_orders_total{via="single",code="LIMIT_EXCEEDED"} 0"#,
                #"timesale_http_orders_total{via="batch",code="SOLD_OUT"} 1"#,
                #"timesale_http_orders_total{via="batch",code="NOT_FOUND"} 1"#,
                #"timesale_http_responses_total{class="4xx",code="SOLD_OUT"} 1"#,
                #"timesale_http_responses_total{class="5xx",code="INTERNAL"} 0"#,
                #"timesale_sale_available_units{sale="1"} 0"#, #"timesale_sale_sold_units{sale="1"} 3"#,
                #"timesale_sale_stock_units{sale="1"} 3"#, #"timesale_sale_info{sale="1",name="Lamps"} 1"#,
                "timesale_sales_left_out 0", "timesale_engine_up 1", "timesale_http_ready 1",
                #"timesale_http_breaker_state{state="closed"} 1"#, "timesale_http_requests_in_progress_limit 10000")
            #expect(!text.contains(#"code="ALREADY_ISSUED"} 0"# + "\n" + "timesale_http_orders"))
        }
    }

    /// Those who sell, the newest first; how many more there are is told.
    @Test func salesAreBounded() async throws {
        try await withAPI(["--metrics-sales", "2"]) { api in
            for id in 1...5 { try api.sale(id) }
            try api.post("/v1/timesales/5/close")
            // Sold out is what one wants to see.
            try api.post("/v1/timesales/4/orders", #"{"userId":1,"quantity":100}"#)
            let text = try api.get("/metrics").text
            expect(
                text, has: #"timesale_sale_available_units{sale="4"} 0"#,
                #"timesale_sale_available_units{sale="3"} 100"#, "timesale_sales_left_out 2")
            for id in [1, 2, 5] { #expect(!text.contains(#"{sale="\#(id)""#)) }
        }
    }

    @Test func anEngineThatIsAwayIsNoError() async throws {
        try await withAPI { api in
            await api.engine.kill()
            try await api.wait(untilReady: false)
            let answer = try api.get("/metrics")
            #expect(answer.status == 200)
            expect(
                answer.text, has: "timesale_engine_up 0", "timesale_http_ready 0",
                #"timesale_http_breaker_state{state="closed"} 0"#, "timesale_http_breaker_openings_total 1")
            #expect(!answer.text.contains("timesale_engine_frames_total"))
        }
    }

    /// The clock of the engine's machine is set back by an hour: whoever scrapes sees how far the engine's has to go.
    @Test func aClockThatWasSetIsSeen() async throws {
        let clock = try SetClock()
        try await withTimesaleServer(executable: clock.engine) { engine in
            let sidecar = try SidecarProcess(["--engine", "\(engine.unixAddress)"])
            defer { sidecar.kill() }
            let api = try API(engine, sidecar)
            try await api.wait(untilReady: true)
            func offset() throws -> Double? {
                let name = "timesale_engine_wall_clock_offset_seconds "
                let line = try api.get("/metrics").text.split(separator: "\n").first { $0.hasPrefix(name) }
                return line.flatMap { Double($0.dropFirst(name.count)) }
            }
            let before = try #require(try offset())
            #expect(abs(before) < 1000)
            try clock.set(bySeconds: -3600)
            let deadline = ContinuousClock.now + .seconds(60)
            var now = before
            while now > -1000 {
                try #require(ContinuousClock.now < deadline, "still \(now)")
                try await Task.sleep(for: .milliseconds(100))
                now = try #require(try offset())
            }
            // Both clocks are read a moment apart, so that the whole hour may be a millisecond more.
            #expect((-3610 ... -3500).contains(now), "\(now)")
        }
    }

    @Test func itHasASwitch() async throws {
        try await withAPI(["--metrics", "no"]) { api in
            let off = try api.get("/metrics")
            #expect(off.status == 404)
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)")
        let token = "shop-token-0123456789"
        let isThere = FileManager.default.createFile(
            atPath: file.path, contents: Data("shop \(token)\n".utf8), attributes: [.posixPermissions: 0o600])
        #expect(isThere)
        defer { try? FileManager.default.removeItem(at: file) }
        try await withAPI(["--token-file", file.path]) { api in
            let none = try api.get("/metrics")
            #expect(none.status == 401)
            api.token = token
            #expect(try api.get("/metrics").status == 200)
        }
        try await withAPI(["--token-file", file.path, "--metrics", "open"]) { api in
            let open = try api.get("/metrics")
            #expect(open.status == 200)
            #expect(try api.get("/v1/timesales").status == 401)
        }
    }

    @Test func refusalsForARateAreCountedByKind() async throws {
        try await withAPI(["--user-rate", "1:1", "--address-rate", "1000000"]) { api in
            try api.sale(1)
            var refused = 0
            while refused < 2 {
                if try api.post("/v1/timesales/1/orders", #"{"userId":1}"#).status == 429 { refused += 1 }
            }
            expect(
                try api.get("/metrics").text, has: #"timesale_http_rate_limit_refusals_total{kind="user"} 2"#,
                #"timesale_http_rate_limit_refusals_total{kind="address"} 0"#,
                #"timesale_http_orders_total{via="single",code="RATE_LIMITED"} 2"#)
        }
    }

    /// Whoever asks for anything at all with any user: no series tells of it.
    @Test func nobodyIsNamed() async throws {
        try await withAPI { api in
            try api.sale(1)
            let users = ["987654321987654321", "6ba7b810-9dad-51d1-80b4-00c04fd430c8"]
            for user in users {
                try api.post("/v1/timesales/1/orders", #"{"userId":"\#(user)"}"#)
                try api.get("/v1/users/\(user)/orders")
                try api.get("/v1/users/\(user)/nothing")
                try api.post("/v1/users/\(user)/points/earn", #"{"amount":5}"#)
            }
            let text = try api.get("/metrics").text
            for user in users { #expect(!text.contains(user)) }
        }
    }

    @Test func promtoolFindsNothing() async throws {
        try await withAPI { api in
            try api.sale(1)
            try api.post(
                "/v1/coupon-policies",
                #"{"id":1,"name":"\"a\"","quantity":1,"discountType":"fixed","discountValue":1}"#)
            try api.post("/v1/timesales/1/orders", #"{"userId":1}"#)
            let text = try api.get("/metrics").text
            expect(text, has: #"timesale_policy_remaining_coupons{policy="1"} 1"#)
            let process = Process()
            let (input, output) = (Pipe(), Pipe())
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["promtool", "check", "metrics"]
            process.standardInput = input
            process.standardOutput = output
            process.standardError = output
            try process.run()
            try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
            try input.fileHandleForWriting.close()
            let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0 && said.isEmpty, "\(said)")
        }
    }
}
