import Foundation
import Testing

/// The header Idempotency-Key: one effect for one key, also after a restart of both processes.
@Suite struct IdempotencyTests {
    @Test func theSameKeyHasOneEffect() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 10)
            let first = try api.post(
                "/v1/timesales/1/orders", #"{"userId":7,"quantity":2}"#, key: "\"basket \\\"7\\\"\"")
            #expect(first.headers["idempotency-replayed"] == nil)
            await api.engine.kill()
            try await api.engine.restart()
            try await api.wait(untilReady: true)
            let again = try api.post("/v1/timesales/1/orders", #"{"quantity":2,"userId":"7"}"#, key: "basket \"7\"")
            #expect(again.status == 201)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.headers["location"] == first.headers["location"])
            #expect(again.text == first.text)
            let other = try api.post("/v1/timesales/1/orders", #"{"userId":7,"quantity":3}"#, key: "basket \"7\"")
            #expect(other.status == 422)
            #expect(other.code == "IDEMPOTENCY_KEY_REUSED")
            // Of another user it is another key.
            #expect(try api.post("/v1/timesales/1/orders", #"{"userId":8}"#, key: "basket \"7\"").status == 201)
            #expect(try api.get("/v1/timesales/1")["sold"] == "3")
            for key in ["\"open", String(repeating: "k", count: 256), "\u{fffd}"] {
                #expect(try api.post("/v1/timesales/1/orders", #"{"userId":7}"#, key: key).code == "INVALID")
            }
        }
    }

    @Test func aRefusalIsNotRemembered() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 1)
            let order = #"{"userId":7,"quantity":2}"#
            #expect(try api.post("/v1/timesales/1/orders", order, key: "k").code == "SOLD_OUT")
            _ = try api.post("/v1/timesales/1/restock", #"{"quantity":1}"#, key: "r")
            #expect(try api.post("/v1/timesales/1/restock", #"{"quantity":1}"#, key: "r")["stock"] == "2")
            #expect(try api.post("/v1/timesales/1/restock", #"{"quantity":2}"#, key: "r").status == 422)
            let later = try api.post("/v1/timesales/1/orders", order, key: "k")
            #expect(later.status == 201)
            #expect(later.headers["idempotency-replayed"] == nil)
        }
    }

    /// Without an id the sidecar draws one; with a key it is the same each time.
    @Test func aCreationWithoutIdIsRepeatable() async throws {
        try await withAPI { api in
            let body = #"{"name":"Lamps","stock":1}"#
            let first = try api.post("/v1/timesales", body, key: "c")
            let again = try api.post("/v1/timesales", body, key: "c")
            #expect(first.status == 201)
            #expect(again["id"] == first["id"])
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(try api.post("/v1/timesales", body)["id"] != first["id"])
        }
    }

    @Test func anExtensionIsDoneOnceForAKey() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 1, #""holdSeconds":100"#)
            let id = try #require(api.post("/v1/timesales/1/orders", #"{"userId":7}"#)["orderId"])
            let first = try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":1000}"#, key: "e")
            #expect(first.status == 200)
            let again = try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":1000}"#, key: "e")
            #expect(again["expiresAt"] == first["expiresAt"])
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":1001}"#, key: "e").status == 422)
            let next = try api.post("/v1/orders/\(id)/extend", #"{"holdSeconds":2000}"#, key: "f")
            #expect(try #require(next["expiresAt"]) > #require(first["expiresAt"]))
        }
    }

    /// The engine is stopped in its tracks: the order was sent, and nobody can say what became of it.
    @Test func anUnknownOutcomeIsSettledByTheKey() async throws {
        try await withAPI(["--engine-timeout", "300ms"]) { api in
            try api.sale(1, stock: 10)
            let pid = try #require(api.engine.processId)
            _ = kill(pid, SIGSTOP)
            let unknown = try api.post("/v1/timesales/1/orders", #"{"userId":7}"#, key: "u")
            let unkeyed = try api.post("/v1/timesales/1/orders", #"{"userId":8}"#)
            _ = kill(pid, SIGCONT)
            #expect(unknown.status == 504)
            #expect(unknown.code == "OUTCOME_UNKNOWN")
            #expect(unknown["retryable"] == "true")
            #expect(unknown.headers["retry-after"] == "1")
            #expect(unkeyed["retryable"] == "false")
            #expect(unkeyed.headers["retry-after"] == nil)
            let settled = try api.until { $0.status < 500 } ask: {
                try api.post("/v1/timesales/1/orders", #"{"userId":7}"#, key: "u")
            }
            #expect(settled.status == 201)
            #expect(settled["orderId"] == unknown["orderId"])
            // Who had no key can still give up for good: the problem tells the id.
            let orderId = try #require(unkeyed["orderId"])
            _ = try api.post("/v1/orders/\(orderId)/cancel")
            #expect(try api.get("/v1/timesales/1")["sold"] == "1")
        }
    }

    /// The cancel of what has not arrived is remembered: the order that comes after it is refused.
    @Test func aCancelMayComeFirst() async throws {
        try await withAPI { api in
            try api.sale(1)
            let probe = try api.post("/v1/timesales/1/orders", #"{"userId":7}"#, key: "x")
            let id = try #require(probe["orderId"])
            #expect(try api.post("/v1/orders/\(id)/cancel").status == 200)
            // An id of a key that has not been used; computed by the same rule, it is known before the order.
            let unused = "9ec30694-4a46-8457-92a6-876f5cb9ea4e"
            #expect(try api.post("/v1/orders/\(unused)/cancel").code == "NOT_FOUND")
            #expect(try api.get("/v1/orders/\(unused)").code == "NOT_FOUND")
            #expect(try api.post("/v1/orders/\(unused)/confirm").code == "CANCELLED")
        }
    }
}
