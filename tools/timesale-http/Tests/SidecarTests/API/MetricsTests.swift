import Testing

/// What `/metrics` says adds up with what was done, is bounded, and needs no engine.
@Suite struct MetricsTests {
    @Test func valuesAddUp() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 3)
            for user in 1...4 { try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#) }
            try api.post(
                "/v1/orders/batch", #"{"orders":[{"timeSaleId":1,"userId":7},{"timeSaleId":9,"userId":7}]}"#)
            try api.get("/nowhere")
            let text = try api.get("/metrics").text
            let orders = #"{method="POST",route="/v1/timesales/{id}/orders""#
            for line in [
                #"timesale_http_requests_total\#(orders),code="OK"} 3"#,
                #"timesale_http_requests_total\#(orders),code="SOLD_OUT"} 1"#,
                #"timesale_http_requests_total{method="",route="none",code="NOT_FOUND"} 1"#,
                #"timesale_http_request_duration_seconds_bucket\#(orders),le="+Inf"} 4"#,
                #"timesale_http_request_duration_seconds_count\#(orders)} 4"#,
                #"timesale_http_batch_orders_total{code="SOLD_OUT"} 1"#,
                #"timesale_http_batch_orders_total{code="NOT_FOUND"} 1"#,
                #"timesale_sale_available{sale="1"} 0"#, #"timesale_sale_sold{sale="1"} 3"#,
                "timesale_engine_up 1", #"timesale_http_breaker_state{state="closed"} 1"#,
            ] { #expect(text.contains("\n\(line)\n"), "\(line) is not in\n\(text)") }
        }
    }

    @Test func salesAreBoundedAndOpenOnesComeFirst() async throws {
        try await withAPI(["--metrics-sales", "1"]) { api in
            try api.sale(1)
            try api.post("/v1/timesales/1/close")
            try api.sale(2)
            let text = try api.get("/metrics").text
            #expect(text.contains(#"timesale_sale_available{sale="2"} 100"#))
            #expect(!text.contains(#"{sale="1"}"#))
        }
    }

    @Test func anEngineThatIsAwayIsNoError() async throws {
        try await withAPI { api in
            await api.engine.kill()
            try await api.wait(untilReady: false)
            let answer = try api.get("/metrics")
            #expect(answer.status == 200)
            #expect(answer.text.contains("\ntimesale_engine_up 0\n"))
            #expect(answer.text.contains(#"timesale_http_breaker_state{state="closed"} 0"#))
        }
    }

    @Test func itHasASwitch() async throws {
        try await withAPI(["--metrics", "no"]) { api in
            let answer = try api.get("/metrics")
            #expect(answer.status == 404)
        }
    }
}
