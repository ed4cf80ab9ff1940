import Foundation
import Testing

/// The dashboard's page and its stream, from the outside: what a browser gets. How the page behaves in one is tested in
/// `Tests/Dashboard`.
@Suite struct DashboardTests {
    @Test func thePageIsInTheExecutable() async throws {
        try await withAPI { api in
            for (path, type, sign) in [
                ("/", "text/html", "<!doctype html>"), ("/dashboard.css", "text/css", ":root"),
                ("/dashboard.js", "text/javascript", "\"use strict\""),
            ] {
                let page = try api.get(path)
                #expect(page.status == 200)
                #expect(page.headers["content-type"] == type)
                #expect(page.text.contains(sign))
                let policy = page.headers["content-security-policy"] ?? ""
                #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
                #expect(page.headers["x-content-type-options"] == "nosniff")
                // Nothing comes from elsewhere: no address with a host but the names of XML vocabularies.
                let hosts = page.text.matches(of: /https?:\/\/([a-z0-9.]+)/).map { String($0.1) }
                #expect(Set(hosts).subtracting(["www.w3.org"]).isEmpty)
            }
        }
    }

    @Test func whoHasThePageGetsNoneAgain() async throws {
        try await withAPI { api in
            let tag = try #require(api.get("/").headers["etag"])
            for known in [tag, "\"x\", \(tag)", String(tag.dropFirst(2)), "*"] {
                let answer = try api.request("GET", "/", headers: ["If-None-Match": known])
                #expect(answer.status == 304)
                #expect(answer.headers["etag"] == tag)
                #expect(answer.headers["content-length"] == nil)
            }
            for other in ["\"x\"", "W/\"\"", "x"] {
                #expect(try api.request("GET", "/", headers: ["If-None-Match": other]).status == 200)
            }
            #expect(try api.get("/dashboard.js").headers["etag"] != tag)
            // The connection goes on behind an answer without a body.
            let connection = try HTTPConnection(port: api.sidecar.port)
            for status in [304, 200] {
                let headers = status == 304 ? ["If-None-Match": tag] : [:]
                try connection.send(api.bytes("GET", "/", nil, nil, headers).utf8)
                #expect(try connection.answer().status == status)
            }
            let packed = try api.request("GET", "/dashboard.js", headers: ["Accept-Encoding": "gzip"])
            #expect(packed.headers["content-encoding"] == "gzip")
        }
    }

    /// A viewer of the stream, event by event.
    private final class Viewer {
        let connection: HTTPConnection
        let head: String

        init(_ api: API) throws {
            connection = try HTTPConnection(port: api.sidecar.port)
            try connection.send(api.bytes("GET", "/v1/live", nil, nil, [:]).utf8)
            head = try connection.read(until: "\r\n\r\n")
        }

        /// The next state.
        func next() throws -> [String: Any] {
            _ = try connection.read(until: "event: state\ndata:")
            var text = try connection.read(until: "\n\n")
            text.removeLast(2)
            return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
        }

        /// The first that is as wanted; after a minute that is an error.
        func first(_ isWanted: ([String: Any]) -> Bool) throws -> [String: Any] {
            let deadline = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < deadline {
                let state = try next()
                if isWanted(state) { return state }
            }
            throw API.NeverWanted(description: "for a minute no state was as wanted")
        }
    }

    private static func isAvailable(_ state: [String: Any]) -> Bool? {
        (state["engine"] as? [String: Any])?["isAvailable"] as? Bool
    }

    @Test func theStreamShowsWhatHappens() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 50, #""holdSeconds":60"#)
            _ = try api.post(
                "/v1/coupon-policies",
                #"{"id":5,"name":"Ten off","quantity":9,"discountType":"percent","discountValue":10}"#)
            let viewer = try Viewer(api)
            #expect(viewer.head.contains("text/event-stream"))
            let before = try viewer.next()
            #expect(api.contract.faults(before, schema: "LiveState").isEmpty)
            #expect((before["policies"] as? [[String: Any]])?.first?["remaining"] as? Int == 9)
            _ = try api.post("/v1/timesales/1/orders", #"{"userId":7,"quantity":3}"#)
            _ = try api.post("/v1/timesales/1/orders", #"{"userId":7,"quantity":99}"#)
            let sold = try viewer.first {
                ($0["sales"] as? [[String: Any]])?.first?["held"] as? Int == 3 && $0["rates"] is [String: Any]
            }
            #expect(api.contract.faults(sold, schema: "LiveState").isEmpty)
            let all = try viewer.first {
                let totals = $0["totals"] as? [String: Any]
                return totals?["ordersAccepted"] as? Int == 1 && totals?["ordersRefused"] as? Int == 1
            }
            #expect((all["requests"] as? [String: Any])?["p99Ms"] is Double)
            #expect((all["requests"] as? [String: Any])?["viewers"] as? Int == 1)
            api.sidecar.terminate()
            #expect(api.sidecar.waitForEnd() == 0)
        }
    }

    @Test func theStreamOutlivesTheEngine() async throws {
        try await withAPI { api in
            try api.sale(1, stock: 50)
            let viewer = try Viewer(api)
            #expect(try Self.isAvailable(viewer.next()) == true)
            await api.engine.kill()
            let away = try viewer.first { Self.isAvailable($0) == false }
            #expect((away["engine"] as? [String: Any])?["awaySince"] is String)
            // What was seen last stays.
            #expect((away["sales"] as? [[String: Any]])?.count == 1)
            #expect(away["rates"] is NSNull)
            // Whoever comes now sees the stream too.
            let late = try Viewer(api)
            #expect(try Self.isAvailable(late.next()) == false)
            try await api.engine.restart()
            let back = try viewer.first { Self.isAvailable($0) == true }
            #expect((back["engine"] as? [String: Any])?["awaySince"] is NSNull)
        }
    }

    @Test func aStreamThatNeverBeginsTakesNoPlace() async throws {
        try await withAPI(["--streams", "1"]) { api in
            try api.sale(1)
            for path in ["/v1/live", "/v1/timesales/1/events"] {
                for _ in 0..<3 {
                    let head = try api.until({ $0.status == 200 }) { try api.request("HEAD", path) }
                    #expect(head.headers["content-type"] == "text/event-stream")
                }
            }
            let viewer = try api.until({ $0.status == 200 }) { try api.request("HEAD", "/v1/live") }
            #expect(viewer.status == 200)
            var open: Viewer? = try Viewer(api)
            _ = try open?.next()
            #expect(try api.get("/v1/live").code == "BUSY")
            open = nil
            _ = try api.until({ $0.status == 200 }) { try api.request("HEAD", "/v1/live") }
        }
    }
}
