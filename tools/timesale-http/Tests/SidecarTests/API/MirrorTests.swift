import Foundation
import Testing
import TimesaleTestKit

/// How the copy in Redis stands, in `/metrics` and in the dashboard's stream, with a real redis-server.
@Suite struct MirrorTests {
    /// The samples of `/metrics`, by what stands before their value.
    private func samples(_ api: API) throws -> [String: Double] {
        var samples: [String: Double] = [:]
        for line in try api.get("/metrics").text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return samples
    }

    private func until(
        _ api: API, _ what: String, _ isWanted: ([String: Double]) -> Bool
    ) async throws -> [String: Double] {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let samples = try samples(api)
            if isWanted(samples) { return samples }
            let said = samples.filter { $0.key.hasPrefix("timesale_mirror_") }
            try #require(ContinuousClock.now < deadline, "never: \(what); \(said)")
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func state(_ name: String) -> String { #"timesale_mirror_state{state="\#(name)"}"# }

    /// The next event of the stream.
    private func live(_ api: API) throws -> [String: Any] {
        let connection = try HTTPConnection(port: api.sidecar.port)
        try connection.send(api.bytes("GET", "/v1/live", nil, nil, [:]).utf8)
        _ = try connection.read(until: "event: state\ndata:")
        let text = try connection.read(until: "\n\n")
        let state = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
        #expect(api.contract.faults(state, schema: "LiveState").isEmpty)
        return state
    }

    @Test func withoutAMirrorNothingIsSaidOfOne() async throws {
        try await withAPI { api in
            try api.sale(1)
            #expect(try !api.get("/metrics").text.contains("timesale_mirror"))
            #expect(try live(api)["mirror"] == nil)
        }
    }

    @Test func itsStandIsTold() async throws {
        let redis = try RedisServer()
        try await withAPI(engine: ["--redis", redis.address, "--redis-events"]) { api in
            try api.sale(1)
            for user in 1...5 { try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#) }
            let good = try await until(api, "all is in Redis") {
                $0[state("closed")] == 1 && $0["timesale_mirror_lag_events"] == 0
                    && $0["timesale_mirror_events_written_total"] == 5
            }
            #expect(good["timesale_mirror_lag_seconds"] == 0)
            #expect(good["timesale_mirror_lag_bytes"] == 0)
            #expect(try #require(good["timesale_mirror_writes_total"]) >= 1)
            #expect(try #require(good["timesale_mirror_flushes_total"]) >= 1)
            #expect(try #require(good["timesale_mirror_sequence"]) >= 1)
            #expect(try #require(good["timesale_mirror_event_sequence"]) >= 1)
            #expect(good["timesale_mirror_event_gaps_total"] == 0)
            for other in ["open", "halfOpen", "superseded"] { #expect(good[state(other)] == 0) }
            let mirror = try #require(live(api)["mirror"] as? [String: Any])
            #expect(mirror["state"] as? String == "closed")
            #expect(mirror["eventsWritten"] as? Int == 5)
            #expect(mirror["lagEvents"] as? Int == 0)

            redis.kill()
            // Orders do not mind, and what Redis lacks of them is told.
            for user in 6...8 {
                #expect(try api.post("/v1/timesales/1/orders", #"{"userId":\#(user)}"#).status == 201)
            }
            let away = try await until(api, "Redis is away") {
                $0[state("closed")] == 0 && $0["timesale_mirror_lag_events", default: 0] >= 3
            }
            #expect(away[state("open", or: "halfOpen", in: away)] == 1)
            #expect(try #require(away["timesale_mirror_errors_total"]) >= 1)
            #expect(try #require(away["timesale_mirror_lag_seconds"]) > 0)
            #expect(try #require(away["timesale_mirror_lag_bytes"]) > 0)
            let missed = try #require(live(api)["mirror"] as? [String: Any])
            #expect(missed["state"] as? String != "closed")
            #expect(try #require(missed["lagMs"] as? Int) > 0)
        }
    }

    private func state(_ one: String, or other: String, in samples: [String: Double]) -> String {
        samples[state(one)] == 1 ? state(one) : state(other)
    }

    @Test func whoIsSupersededSaysSo() async throws {
        let redis = try RedisServer()
        try await withAPI(engine: ["--redis", redis.address]) { api in
            try api.sale(1)
            _ = try await until(api, "it writes") { $0["timesale_mirror_writes_total", default: 0] >= 1 }
            try await withTimesaleServer(["--redis", redis.address], executable: Executables.engine) { later in
                let client = try await later.client()
                try await client.createSale(.init(id: 1, name: "Others", stock: 7))
                let given = try await until(api, "it leaves Redis alone") { $0[state("superseded")] == 1 }
                #expect(given[state("closed")] == 0)
                #expect((try live(api)["mirror"] as? [String: Any])?["state"] as? String == "superseded")
                await client.shutdown()
            }
        }
    }
}
