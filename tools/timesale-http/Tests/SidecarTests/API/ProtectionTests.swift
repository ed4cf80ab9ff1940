import Foundation
import Testing

/// What protects the engine and the sidecar: rates, bounds, the circuit breaker, and an end in order.
@Suite struct ProtectionTests {
    @Test func aUserHasARate() async throws {
        try await withAPI(["--user-rate", "1:2"]) { api in
            try api.sale(1)
            let path = "/v1/timesales/1/orders"
            let first = try api.post(path, #"{"userId":1}"#)
            #expect(first.status == 201)
            #expect(first.headers["ratelimit-policy"] == #""user";q=2;w=2"#)
            #expect(first.headers["ratelimit"]?.hasPrefix(#""user";r=1;"#) == true)
            var limited = try api.post(path, #"{"userId":1}"#)
            // However slow the machine is: asked at once, somebody is refused in the end.
            while limited.status != 429 { limited = try api.post(path, #"{"userId":1}"#) }
            #expect(limited.code == "RATE_LIMITED")
            #expect(limited["retryable"] == "true")
            #expect(limited.headers["retry-after"] == "1")
            #expect(limited.headers["ratelimit"]?.hasPrefix(#""user";r=0;"#) == true)
            #expect(try api.post(path, #"{"userId":2}"#).status == 201)
        }
    }

    @Test func anAddressHasARate() async throws {
        try await withAPI(["--address-rate", "1:3", "--trust-forwarded-for", "yes"]) { api in
            func get(_ address: String) throws -> HTTPAnswer {
                try api.request("GET", "/v1/timesales", headers: ["X-Forwarded-For": "9.9.9.9, \(address)"])
            }
            var answer = try get("10.0.0.1")
            while answer.status != 429 { answer = try get("10.0.0.1") }
            #expect(answer.headers["ratelimit-policy"] == #""address";q=3;w=3"#)
            #expect(try get("10.0.0.2").status == 200)
            #expect(try api.get("/livez").status == 200)
        }
    }

    @Test func beyondTheBoundItSaysBusy() async throws {
        try await withAPI(["--requests", "1", "--streams", "0"]) { api in
            try api.sale(1)
            // Of two questions that wait, the second one finds the first one under way, whichever that is.
            let after = try api.get("/v1/events?limit=1000").json["nextCursor"] as? String ?? ""
            let both = try (0..<2).map { _ in try HTTPConnection(port: api.sidecar.port) }
            for connection in both {
                try connection.send(api.bytes("GET", "/v1/events?after=\(after)&wait=60", nil, nil, [:]).utf8)
            }
            let second = try HTTPConnection.answered(both)
            let waiting = both[1 - second]
            for busy in [try both[second].answer(), try api.get("/v1/timesales/1")] {
                #expect(busy.status == 503)
                #expect(busy.code == "BUSY")
                #expect(busy.headers["retry-after"] == "1")
            }
            #expect(try api.get("/readyz").status == 200)
            api.sidecar.terminate()
            #expect(try waiting.answer().status == 200)
            #expect(api.sidecar.waitForEnd() == 0)
        }
    }

    @Test func streamsAreBounded() async throws {
        try await withAPI(["--streams", "1"]) { api in
            try api.sale(1)
            let stream = try HTTPConnection(port: api.sidecar.port)
            try stream.send(api.bytes("GET", "/v1/timesales/1/events", nil, nil, [:]).utf8)
            _ = try stream.read(until: "event: stock")
            #expect(try api.get("/v1/timesales/1/events").code == "BUSY")
        }
    }

    /// The engine goes and comes; the sidecar is not restarted.
    @Test func anEngineThatGoesAndComes() async throws {
        try await withAPI { api in
            try api.sale(1)
            await api.engine.kill()
            try await api.wait(untilReady: false)
            let gone = try api.post("/v1/timesales/1/orders", #"{"userId":1}"#, key: "k")
            #expect(gone.status == 503)
            #expect(gone.code == "UNAVAILABLE")
            #expect(gone["retryable"] == "true")
            #expect(gone.headers["retry-after"] == "1")
            #expect(try api.get("/livez").status == 200)
            try await api.engine.restart()
            try await api.wait(untilReady: true)
            #expect(try api.post("/v1/timesales/1/orders", #"{"userId":1}"#, key: "k").status == 201)
            let stats = try api.get("/v1/stats").json["sidecar"] as? [String: Any]
            #expect(stats?["breaker"] as? String == "closed")
            #expect(stats?["breakerOpenings"] as? Int == 1)
        }
    }

    @Test func aFullTableIsCapacity() async throws {
        try await withAPI(engine: ["--sales", "1"]) { api in
            try api.sale(1)
            let full = try api.post("/v1/timesales", #"{"name":"b","stock":1}"#)
            #expect(full.status == 507)
            #expect(full.code == "CAPACITY")
            #expect(full.headers["retry-after"] == "10")
        }
    }

    @Test func itStopsInOrder() async throws {
        try await withAPI(["--stop-delay", "60s"]) { api in
            try api.sale(1)
            let connection = try HTTPConnection(port: api.sidecar.port)
            api.sidecar.terminate()
            // Not ready, and still serving.
            try await api.wait(untilReady: false)
            try connection.send(api.bytes("POST", "/v1/timesales/1/orders", #"{"userId":1}"#, nil, [:]).utf8)
            #expect(try connection.answer().status == 201)
        }
    }
}
