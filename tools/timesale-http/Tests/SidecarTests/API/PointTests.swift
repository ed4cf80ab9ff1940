import Testing

/// Points over HTTP.
@Suite struct PointTests {
    @Test func pointsGoTheirWay() async throws {
        try await withAPI { api in
            let earned = try api.post(
                "/v1/users/42/points/earn",
                #"{"amount":500,"reason":"welcome","expiresAt":"2999-12-31T23:59:59.999Z"}"#, key: "e")
            #expect(earned.status == 201)
            let id = try #require(earned["transactionId"])
            #expect(earned.headers["location"] == "/v1/point-transactions/\(id)")
            #expect(earned["balance"] == "500")
            #expect(earned["kind"] == "earn")
            let used = try api.post("/v1/users/42/points/use", #"{"amount":120}"#, key: "u")
            #expect(used.status == 200)
            #expect(used["balance"] == "380")
            let useAgain = try api.post("/v1/users/42/points/use", #"{"amount":120}"#, key: "u")
            #expect(useAgain.headers["idempotency-replayed"] == "true")
            #expect(useAgain["balance"] == "380")
            #expect(try api.post("/v1/users/42/points/use", #"{"amount":381}"#).code == "INSUFFICIENT_POINTS")
            let balance = try api.get("/v1/users/42/points")
            #expect(balance["balance"] == "380")
            #expect(balance.text.contains(#""nextExpiry":{"amount":380,"at":"2999-12-31T23:59:59.999Z"}"#))
            #expect(try api.get("/v1/users/43/points")["nextExpiry"] == "null")
            let list = try api.get("/v1/users/42/points/transactions")
            #expect(list.items.compactMap { $0["kind"] as? String } == ["use", "earn"])
            #expect(try api.get("/v1/point-transactions/\(id)")["reason"] == "welcome")

            let useId = try #require(used["transactionId"])
            let owner = #"{"userId":42}"#
            #expect(try api.post("/v1/point-transactions/\(id)/cancel", owner).code == "ALREADY_SPENT")
            #expect(try api.post("/v1/point-transactions/\(useId)/cancel", #"{"userId":43}"#).code == "NOT_OWNER")
            let cancelled = try api.post("/v1/point-transactions/\(useId)/cancel", owner, key: "c")
            #expect(cancelled["state"] == "cancelled")
            #expect(cancelled["balance"] == "500")
            #expect(try api.post("/v1/point-transactions/\(useId)/cancel", owner, key: "c").status == 200)
            #expect(try api.post("/v1/point-transactions/\(useId)/cancel", owner).code == "ALREADY_CANCELLED")
        }
    }

    @Test func refusalsSayWhy() async throws {
        try await withAPI { api in
            let past = try api.post("/v1/users/1/points/earn", #"{"amount":1,"expiresAt":"2001-01-01T00:00:00Z"}"#)
            #expect(past.code == "INVALID")
            #expect(past["field"] == "expiresAt")
            #expect(try api.post("/v1/users/1/points/earn", #"{"amount":0}"#).code == "INVALID")
            #expect(try api.post("/v1/users/1/points/earn", #"{"amount":1.5}"#).code == "INVALID")
            let nobody = "/v1/point-transactions/9ec30694-4a46-8457-92a6-876f5cb9ea4e"
            #expect(try api.get(nobody).code == "NOT_FOUND")
            #expect(try api.post("\(nobody)/cancel", #"{"userId":42}"#).code == "NOT_FOUND")
        }
    }

    @Test func aCampaignCreditsEachForItself() async throws {
        try await withAPI { api in
            let body = """
                {"reason":"campaign","entries":[{"userId":1,"amount":10},
                 {"userId":2,"amount":20,"expiresAt":"2001-01-01T00:00:00Z"},{"userId":1,"amount":30}]}
                """
            let batch = try api.post("/v1/points/earn-batch", body, key: "b")
            #expect(batch.status == 200)
            #expect(batch.results.count == 3)
            #expect(batch.results[1]["code"] as? String == "INVALID")
            #expect(batch.results[1]["userId"] as? String == "2")
            #expect(try api.get("/v1/users/1/points")["balance"] == "40")
            let again = try api.post("/v1/points/earn-batch", body, key: "b")
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(try api.get("/v1/users/1/points")["balance"] == "40")
        }
    }
}
