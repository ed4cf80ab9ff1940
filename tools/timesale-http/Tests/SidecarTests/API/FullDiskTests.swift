import Foundation
import Testing

/// A disk without room, a small one of memory: what is new gets 507 NO_SPACE, what is open ends, and the same request
/// goes through when there is room again.
@Suite(.enabled(if: SmallDisk.isPossible, "no right to mount a file system")) struct FullDiskTests {
    @Test func whatIsNewWaitsForRoom() async throws {
        let disk = try SmallDisk(sizeMiB: 64)
        let engine = ["--data", disk.path + "/data", "--segment-size", "2MiB", "--log-ahead", "4MiB"]
        try await withAPI(engine: engine) { api in
            try api.sale(1, stock: 1000, #""holdSeconds":3600"#)
            let held = try #require(api.post("/v1/timesales/1/orders", #"{"userId":7}"#)["orderId"])
            try disk.leave(freeMiB: 1)
            var user = 100
            let full = try api.until({ $0.status == 507 }) {
                user += 1
                return try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#, key: "k")
            }
            #expect(full.code == "NO_SPACE")
            #expect(full["retryable"] == "true")
            #expect(full.headers["retry-after"] != nil)
            let batch = try api.post("/v1/orders/batch", #"{"orders":[{"timeSaleId":1,"userId":8}]}"#)
            #expect(batch.status == 200)
            #expect(batch.results.first?["code"] as? String == "NO_SPACE")
            #expect(try api.post("/v1/users/7/points/earn", #"{"amount":1}"#).code == "NO_SPACE")
            #expect(try api.post("/v1/timesales", #"{"id":2,"name":"x","stock":1}"#).code == "NO_SPACE")
            // What is open ends, and everything can be read.
            #expect(try api.post("/v1/orders/\(held)/confirm").status == 200)
            #expect(try api.get("/v1/timesales/1")["sold"] == "1")
            let refused = #"timesale_http_orders_total{via="batch",code="NO_SPACE"} 1"#
            #expect(try api.get("/metrics").text.contains(refused))

            try disk.leave(freeMiB: nil)
            let later = try api.until({ $0.status != 507 }) {
                try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#, key: "k")
            }
            #expect(later.status == 201)
            #expect(later.headers["idempotency-replayed"] == nil)
        }
    }
}
