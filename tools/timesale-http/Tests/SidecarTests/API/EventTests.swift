import Foundation
import Testing

/// The durable events, asked for and waited for, and the stock of a sale as a stream.
@Suite struct EventTests {
    @Test func eventsComeInOrderAndOnce() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 5, #""holdSeconds":60"#)
            let id = try #require(api.post("/v1/timesales/1/orders", #"{"userId":7}"#)["orderId"])
            _ = try api.post("/v1/orders/\(id)/confirm")
            var types: [String] = []
            var after = "0"
            while true {
                let page = try api.get("/v1/events?after=\(after)&limit=1")
                guard let item = page.items.first else { break }
                types.append(item["type"] as? String ?? "")
                after = try #require(page.json["nextCursor"] as? String)
                #expect(item["seq"] as? String == after)
            }
            #expect(types.filter { $0 != "holdsGraced" } == ["timeSaleCreated", "orderPlaced", "orderConfirmed"])
            // Waits for what comes.
            let waiting = try HTTPConnection(port: api.sidecar.port)
            try waiting.send(api.bytes("GET", "/v1/events?after=\(after)&wait=60", nil, nil, [:]).utf8)
            _ = try api.post("/v1/orders/\(id)/cancel")
            let answer = try waiting.answer()
            #expect(answer.items.first?["type"] as? String == "orderCancelled")
            #expect(answer.items.first?["orderId"] as? String == id)
            #expect(try api.get("/v1/events?after=999999999").code == "INVALID")
            #expect(try api.get("/v1/events?after=x").code == "INVALID")
        }
    }

    @Test func stockIsAStream() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 5)
            let stream = try HTTPConnection(port: api.sidecar.port)
            try stream.send(api.bytes("GET", "/v1/timesales/1/events", nil, nil, [:]).utf8)
            let head = try stream.read(until: "\r\n\r\n")
            #expect(head.contains("text/event-stream"))
            _ = try stream.read(until: #""available":5"#)
            _ = try api.post("/v1/timesales/1/orders", #"{"userId":7,"quantity":2}"#)
            _ = try stream.read(until: #""available":3"#)
            #expect(try api.get("/v1/timesales/9/events").code == "NOT_FOUND")
            api.sidecar.terminate()
            #expect(api.sidecar.waitForEnd() == 0)
        }
    }

    @Test func statsTellTheRetention() async throws {
        try await withAPI { api in
            let stats = try api.get("/v1/stats")
            #expect(stats["retentionSeconds"] == "604800")
            #expect(stats.text.contains(#""shards":[{"shard":0"#))
        }
    }
}
