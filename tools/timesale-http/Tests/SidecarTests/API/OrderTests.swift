import Testing

/// Sales and orders over HTTP: every success and every refusal of theirs, against a real engine.
@Suite struct OrderTests {
    @Test func anOrderGoesItsWay() async throws {
        try await withAPI { api in
            let made = try api.post(
                "/v1/timesales",
                #"{"id":"1001","name":"Lamps","stock":10,"holdSeconds":900.5,"unitPrice":4900,"perUserLimit":4}"#)
            #expect(made.status == 201)
            #expect(made.headers["location"] == "/v1/timesales/1001")
            #expect(made["holdSeconds"] == "900.5")
            #expect(made["state"] == "open")
            #expect(
                try api.post("/v1/timesales", #"{"id":1001,"name":"Other","stock":1}"#).code == "ALREADY_EXISTS")

            let order = try api.post("/v1/timesales/1001/orders", #"{"userId":42,"quantity":3}"#)
            #expect(order.status == 201)
            let id = try #require(order["orderId"])
            #expect(order.headers["location"] == "/v1/orders/\(id)")
            #expect(order["state"] == "held")
            #expect(order["userId"] == "42")
            #expect(order["expiresAt"] != nil)
            #expect(try api.get("/v1/orders/\(id)").text == order.text)
            #expect(
                try api.post("/v1/timesales/1001/orders", #"{"userId":"42","quantity":2}"#).code == "LIMIT_EXCEEDED"
            )

            let extended = try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":5000}"#)
            #expect(extended.status == 200)
            #expect(try #require(extended["expiresAt"]) > #require(order["expiresAt"]))
            let confirmed = try api.post("/v1/orders/\(id)/confirm")
            #expect(confirmed["state"] == "confirmed")
            #expect(confirmed["expiresAt"] == nil)
            #expect(try api.post("/v1/orders/\(id)/confirm", "{}").text == confirmed.text)
            #expect(try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":5}"#).code == "CONFIRMED")
            #expect(try api.get("/v1/timesales/1001")["sold"] == "3")

            let cancelled = try api.post("/v1/orders/\(id)/cancel")
            #expect(cancelled["state"] == "cancelled")
            #expect(try api.post("/v1/orders/\(id)/cancel").text == cancelled.text)
            #expect(try api.post("/v1/orders/\(id)/confirm").code == "CANCELLED")
            #expect(try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":5}"#).code == "CANCELLED")
            #expect(try api.get("/v1/timesales/1001")["available"] == "10")
        }
    }

    @Test func refusalsSayWhy() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 2)
            #expect(try api.post("/v1/timesales/1/orders", #"{"userId":1,"quantity":3}"#).code == "SOLD_OUT")
            try api.sale(2, stock: 2, #""startsAt":"2999-01-01T00:00:00+01:00""#)
            let early = try api.post("/v1/timesales/2/orders", #"{"userId":1}"#)
            #expect(early.code == "NOT_STARTED")
            #expect(early.status == 409)
            #expect(early["type"] == "/problems/not-started")
            #expect(early["retryable"] == "false")
            #expect(try api.get("/v1/timesales/2")["startsAt"] == "2998-12-31T23:00:00.000Z")
            try api.sale(3)
            #expect(try api.post("/v1/timesales/3/close")["state"] == "closed")
            #expect(try api.post("/v1/timesales/3/close")["state"] == "closed")
            #expect(try api.post("/v1/timesales/3/orders", #"{"userId":1}"#).code == "CLOSED")
            #expect(try api.post("/v1/timesales/3/restock", #"{"quantity":1}"#).code == "CLOSED")
            #expect(try api.post("/v1/timesales/1/restock", #"{"quantity":5}"#)["stock"] == "7")
            for path in ["/v1/timesales/9/orders", "/v1/timesales/no/orders"] {
                #expect(try api.post(path, #"{"userId":1}"#).code == "NOT_FOUND")
            }
            let nobody = "/v1/orders/9ec30694-4a46-8457-92a6-876f5cb9ea4e"
            #expect(try api.get(nobody).code == "NOT_FOUND")
            #expect(try api.post("\(nobody)/confirm").code == "NOT_FOUND")
            #expect(try api.post("\(nobody)/extend", #"{"holdSeconds":1}"#).code == "NOT_FOUND")
            #expect(try api.get("/v1/orders/nonsense").code == "NOT_FOUND")
            #expect(try api.get("/v1/timesales/9").code == "NOT_FOUND")
            #expect(try api.post("/v1/timesales/9/restock", #"{"quantity":1}"#).code == "NOT_FOUND")
            #expect(try api.post("/v1/timesales/9/close").code == "NOT_FOUND")
        }
    }

    @Test func whatIsOverIsOver() async throws {
        try await withAPI { api in
            // It ends three seconds from now: long enough for the one order, also where much else runs.
            let end = ISOTime.text(inMs: 3000)
            try api.sale(1, stock: 5, #""endsAt":"\#(end)","holdSeconds":0.05"#)
            let order = try api.post("/v1/timesales/1/orders", #"{"userId":1,"quantity":5}"#)
            let id = try #require(order["orderId"])
            let late = try api.until { $0.code == "ENDED" } ask: {
                try api.post("/v1/timesales/1/orders", #"{"userId":2}"#)
            }
            #expect(late.status == 409)
            _ = try api.until { $0["state"] == "expired" } ask: { try api.get("/v1/orders/\(id)") }
            #expect(try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":5}"#).code == "EXPIRED")
            // Its units are there again, and the payment has been made: it is confirmed late.
            // (The other user's holds end as soon.)
            let confirmed = try api.until { $0.code != "EXPIRED" } ask: {
                try api.post("/v1/orders/\(id)/confirm")
            }
            #expect(confirmed["state"] == "confirmed")
            #expect(confirmed["lateConfirm"] == "true")
        }
    }

    @Test func anExpiredOrderWhoseUnitsAreGoneStaysExpired() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 1, #""holdSeconds":0.05"#)
            let id = try #require(api.post("/v1/timesales/1/orders", #"{"userId":1}"#)["orderId"])
            _ = try api.until { $0["state"] == "expired" } ask: { try api.get("/v1/orders/\(id)") }
            let other = try api.until { $0.status == 201 } ask: {
                try api.post("/v1/timesales/1/orders", #"{"userId":2}"#)
            }
            #expect(try api.post("/v1/orders/\(#require(other["orderId"]))/confirm").status == 200)
            #expect(try api.post("/v1/orders/\(id)/confirm").code == "EXPIRED")
        }
    }

    @Test func listsComeInPages() async throws {
        try await withAPI { api in
            for id in 1...5 { try api.sale(id) }
            var seen: [String] = []
            var cursor: String?
            repeat {
                let page = try api.get("/v1/timesales?limit=2" + (cursor.map { "&cursor=\($0)" } ?? ""))
                seen += page.items.compactMap { $0["id"] as? String }
                cursor = page.json["nextCursor"] as? String
            } while cursor != nil
            #expect(seen == ["1", "2", "3", "4", "5"])
            _ = try api.post("/v1/timesales/2/close")
            #expect(try api.get("/v1/timesales?state=closed").items.count == 1)
            #expect(try api.get("/v1/timesales?state=closed,open").items.count == 5)
            for _ in 1...3 {
                _ = try api.post("/v1/timesales/1/orders", #"{"userId":"3f2504e0-4f89-41d3-9a0c-0305e82c3301"}"#)
            }
            #expect(try api.get("/v1/timesales/1/orders").items.count == 3)
            #expect(try api.get("/v1/timesales/9/orders").code == "NOT_FOUND")
            let list = try api.get("/v1/users/3f2504e0-4f89-41d3-9a0c-0305e82c3301/orders?limit=2")
            #expect(list.items.count == 2)
            #expect(list.items[0]["userId"] as? String == "3f2504e0-4f89-41d3-9a0c-0305e82c3301")
            #expect(try api.get("/v1/users/77/orders").text == #"{"items":[],"nextCursor":null}"#)
            #expect(try api.get("/v1/users/77/orders?cursor=nonsense").code == "INVALID")
            #expect(try api.get("/v1/users/77/orders?limit=101").code == "INVALID")
            for number in ["0x10", "0x1p4", "inf", "nan"] {
                #expect(try api.get("/v1/users/77/orders?limit=\(number)").code == "INVALID", "\(number)")
            }
            #expect(try api.get("/v1/users/77/orders?pages=1").code == "UNKNOWN_FIELD")
            #expect(try api.get("/v1/users/0/orders").code == "INVALID")
        }
    }

    @Test func aBatchIsDecidedEntryByEntry() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 2)
            let batch = try api.post(
                "/v1/orders/batch",
                """
                {"orders":[{"timeSaleId":1,"userId":1,"key":"k"},{"timeSaleId":9,"userId":2},
                 {"timeSaleId":"1","userId":3,"quantity":2},{"userId":4,"timeSaleId":1}]}
                """)
            #expect(batch.status == 200)
            #expect(batch.results.count == 4)
            #expect(batch.results[0]["state"] as? String == "confirmed")
            #expect(batch.results[1]["code"] as? String == "NOT_FOUND")
            #expect(batch.results[2]["code"] as? String == "SOLD_OUT")
            #expect(batch.results[3]["userId"] as? String == "4")
            // The key of an entry is that of an order by itself.
            let alone = try api.post("/v1/timesales/1/orders", #"{"userId":1}"#, key: "k")
            #expect(alone.headers["idempotency-replayed"] == "true")
            #expect(alone["orderId"] == batch.results[0]["orderId"] as? String)
            #expect(try api.post("/v1/orders/batch", #"{"orders":[]}"#).code == "INVALID")
            let wrong = try api.post(
                "/v1/orders/batch", #"{"orders":[{"timeSaleId":1,"userId":1},{"timeSaleId":1}]}"#)
            #expect(wrong["field"] == "orders[1].userId")
            let entries = (1...1001).map { #"{"timeSaleId":1,"userId":\#($0)}"# }.joined(separator: ",")
            #expect(try api.post("/v1/orders/batch", #"{"orders":[\#(entries)]}"#).code == "INVALID")
        }
    }
}
