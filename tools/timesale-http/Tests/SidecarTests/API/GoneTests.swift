import Foundation
import Testing
import TimesaleTestKit

/// What is not kept any more, as an engine has let it go: 410 GONE, and how to go on from there.
@Suite struct GoneTests {
    @Test func eventsThatTheLogHasLetGo() async throws {
        try await withAPI { api in
            try api.sale(1)
            let client = try await api.engine.client()
            // The log is let go when two newer snapshots hold what it said.
            for user in 1...2 {
                try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#)
                try await client.snapshot()
            }
            await client.shutdown()
            let gone = try api.get("/v1/events?after=0")
            #expect(gone.status == 410)
            #expect(gone.code == "GONE")
            #expect(gone["retryable"] == "false")
            #expect(gone.headers["content-type"] == "application/problem+json")
            // From the place that it names on, everything is there.
            let oldest = try #require(gone["oldest"])
            #expect(try api.get("/v1/events?after=\(oldest)").status == 200)
            let id = try #require(api.post("/v1/timesales/1/orders", #"{"userId":3}"#)["orderId"])
            let events = try api.get("/v1/events?after=\(oldest)&limit=100&wait=30")
            #expect(events.items.contains { $0["orderId"] as? String == id })
        }
    }

    /// The place in the list is one in the memory of the engine that gave it.
    @Test func aListOfOrdersDoesNotOutliveItsEngine() async throws {
        try await withAPI { api in
            try api.sale(1)
            for user in 1...3 { try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#) }
            let path = "/v1/timesales/1/orders?limit=1"
            let cursor = try #require(api.get(path)["nextCursor"])
            #expect(try api.get("\(path)&cursor=\(cursor)").status == 200)
            await api.engine.kill()
            try await api.engine.restart()
            try await api.wait(untilReady: true)
            let gone = try api.until({ $0.status != 503 }) { try api.get("\(path)&cursor=\(cursor)") }
            #expect(gone.status == 410)
            #expect(gone.code == "GONE")
            #expect(try api.get(path).status == 200)
        }
    }
}
