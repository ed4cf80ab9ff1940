import Foundation
import Testing

/// What bad requests get: a problem that says what is wrong, never a 5xx, and the next request is served.
@Suite struct RequestTests {
    @Test func badBodiesAreRefused() async throws {
        try await withAPI { api in
            try api.sale(1)
            let path = "/v1/timesales/1/orders"
            let malformed = [
                "", "{", "}", "[]", "null", "1", "\"a\"", "{\"userId\":}", "{\"userId\":1,}", "{userId:1}",
                "{\"userId\":1}x",
                "{\"userId\":01}", "{\"userId\":1e}", "{\"userId\":\"1}", "{\"userId\":\"\u{1}\"}",
                "{\"userId\" 1}",
                "{\"userId\":\"\\ud800\"}", "{\"userId\":nul}", "\u{feff}{}",
            ]
            for body in malformed {
                let answer = try api.post(path, body)
                #expect(answer.status == 400, "\(body): \(answer.text)")
                #expect(
                    answer.code == "MALFORMED" || body.isEmpty && answer.code == "INVALID",
                    "\(body): \(answer.text)")
            }
            let connection = try HTTPConnection(port: api.sidecar.port)
            try connection.send(
                api.bytes("POST", path, "{\"userId\":\"??\"}", nil, [:]).utf8.map { $0 == 63 ? 0xff : $0 })
            #expect(try connection.answer().code == "MALFORMED")
            let unknown = try api.post(path, #"{"userId":1,"qty":2}"#)
            #expect(unknown.code == "UNKNOWN_FIELD")
            #expect(unknown["field"] == "qty")
            #expect(unknown["detail"]?.contains("qty") == true)
            let invalid = [
                #"{"userId":0}"#, #"{"userId":-1}"#, #"{"userId":1.5}"#, #"{"userId":"01"}"#, #"{"userId":true}"#,
                #"{"userId":18446744073709551616}"#, #"{"userId":"00000000-0000-0000-0000-00000000002a"}"#,
                #"{"userId":{}}"#, #"{"userId":[]}"#, #"{"userId":null}"#, #"{"quantity":1}"#,
                #"{"userId":1,"quantity":0}"#, #"{"userId":1,"quantity":1000001}"#, #"{"userId":1,"quantity":"1"}"#,
                #"{"userId":1,"userId":2}"#, #"{"userId":1,"quantity":1e400}"#,
            ]
            for body in invalid {
                let answer = try api.post(path, body)
                #expect(answer.code == "INVALID", "\(body): \(answer.text)")
                #expect(answer["field"] != nil)
            }
            let valid = [
                #" { "userId" : 18446744073709551615 , "quantity" : 1.0 } "#,
                #"{"user\u0049d":"7","quantity":null}"#,
                #"{"userId":"3F2504E0-4F89-41D3-9A0C-0305E82C3301","quantity":1e0}"#,
            ]
            for body in valid {
                let answer = try api.post(path, body)
                #expect(answer.status == 201, "\(body): \(answer.text)")
            }
        }
    }

    @Test func pathsMethodsAndTypes() async throws {
        try await withAPI { api in
            try api.sale(1)
            #expect(try api.get("/v2").code == "NOT_FOUND")
            #expect(try api.get("/v1/timesales/").code == "NOT_FOUND")
            let wrong = try api.request("DELETE", "/v1/timesales/1")
            #expect(wrong.status == 405)
            #expect(wrong.code == "METHOD_NOT_ALLOWED")
            #expect(wrong.headers["allow"] == "GET, HEAD, OPTIONS")
            #expect(try api.request("OPTIONS", "/v1/timesales").headers["allow"] == "GET, HEAD, OPTIONS, POST")
            let head = try api.request("HEAD", "/v1/timesales/1")
            #expect(head.status == 200)
            #expect(Int(head.headers["content-length"] ?? "") == (try api.get("/v1/timesales/1")).body.count)
            for type in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"] {
                let answer = try api.request(
                    "POST", "/v1/timesales/1/orders", #"{"userId":1}"#, headers: ["Content-Type": type])
                #expect(answer.status == 415)
                #expect(answer.code == "UNSUPPORTED_MEDIA_TYPE")
            }
            let typed = try api.request(
                "POST", "/v1/timesales/1/orders", #"{"userId":1}"#,
                headers: ["Content-Type": "application/json; charset=UTF-8"])
            #expect(typed.status == 201)
        }
    }

    @Test func whatIsTooLargeIsRefused() async throws {
        try await withAPI { api in
            try api.sale(1)
            let long = #"{"userId":1,"# + String(repeating: " ", count: 70_000) + #""quantity":1}"#
            let body = try api.post("/v1/timesales/1/orders", long)
            #expect(body.status == 413)
            #expect(body.code == "TOO_LARGE")
            let chunked = try HTTPConnection(port: api.sidecar.port)
            let chunk = String(repeating: " ", count: 0x8000)
            try chunked.send(
                ("POST /v1/timesales/1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n8000\r\n\(chunk)\r\n8000\r\n\(chunk)\r\n1\r\n \r\n").utf8)
            #expect(try chunked.answer().code == "TOO_LARGE")
            let head = try api.request("GET", "/livez", headers: ["X-Long": String(repeating: "a", count: 20_000)])
            #expect(head.status == 413)
            #expect(head.code == "TOO_LARGE")
            #expect(head.headers["connection"] == "close")
        }
    }

    @Test func garbageIsAnsweredAndTheNextIsServed() async throws {
        try await withAPI { api in
            try api.sale(1)
            for garbage in ["\u{16}\u{3}\u{1}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "hello\r\n\r\n"] {
                let connection = try HTTPConnection(port: api.sidecar.port)
                try connection.send(garbage.utf8)
                let answer = try connection.answer()
                #expect(answer.status == 400)
                #expect(answer.code == "MALFORMED")
            }
            // Several requests, one behind the other, on one connection; one of them waits to be asked for its body.
            let connection = try HTTPConnection(port: api.sidecar.port)
            let order = #"{"userId":5}"#
            try connection.send(
                (api.bytes("GET", "/livez", nil, nil, [:])
                    + api.bytes("POST", "/v1/timesales/1/orders", order, nil, ["Expect": "100-continue"])
                    + api.bytes("GET", "/v1/users/5/orders", nil, nil, [:])).utf8)
            #expect(try connection.answer().status == 200)
            #expect(try connection.answer().status == 201)
            #expect(try connection.answer().items.count == 1)
            // A caller that ends its side still gets its answer, and then the end.
            let last = try HTTPConnection(port: api.sidecar.port)
            try last.send(api.bytes("GET", "/livez", nil, nil, [:]).utf8)
            last.endSending()
            #expect(try last.answer().status == 200)
            #expect(throws: HTTPConnection.Fault.self) { try last.read(until: "\n") }
        }
    }

    @Test func aSlowRequestIsCutOff() async throws {
        try await withAPI(["--client-timeout", "100ms"]) { api in
            let connection = try HTTPConnection(port: api.sidecar.port)
            try connection.send(
                "POST /v1/timesales HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
                    .utf8)
            #expect(throws: HTTPConnection.Fault.self) {
                while true { _ = try connection.read(until: "\r\n") }
            }
        }
    }

    /// A byte now and then makes no request: in a head it is cut off like a connection that does nothing, in a body
    /// by the time of the body; others are served meanwhile.
    @Test(arguments: [
        ("--idle-timeout", "GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: "),
        (
            "--client-timeout",
            "POST /v1/timesales HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
        ),
    ])
    func aByteNowAndThenIsCutOff(_ flag: String, _ begin: String) async throws {
        try await withAPI([flag, "300ms"]) { api in
            let slow = try HTTPConnection(port: api.sidecar.port)
            try slow.send(begin.utf8)
            let deadline = ContinuousClock.now + .seconds(60)
            while try !slow.hasEnded() {
                try slow.send(" ".utf8)
                #expect(try api.get("/livez").status == 200)
                try await Task.sleep(for: .milliseconds(10))
                try #require(ContinuousClock.now < deadline, "never cut off")
            }
        }
    }

    @Test func largeAnswersAreCompressed() async throws {
        try await withAPI { api in
            for id in 1...40 { try api.sale(id) }
            let plain = try api.get("/v1/timesales?limit=100")
            #expect(plain.headers["content-encoding"] == nil)
            let gzip = try api.request("GET", "/v1/timesales?limit=100", headers: ["Accept-Encoding": "br, gzip"])
            #expect(gzip.headers["content-encoding"] == "gzip")
            #expect(gzip.headers["vary"] == "Accept-Encoding")
            #expect(gzip.body.count < plain.body.count / 4)
            #expect(Array(gzip.body.prefix(2)) == [0x1f, 0x8b])
            #expect(try Gunzip.text(gzip.body) == plain.text)
            let refused = try api.request(
                "GET", "/v1/timesales?limit=100", headers: ["Accept-Encoding": "gzip;q=0"])
            #expect(refused.headers["content-encoding"] == nil)
        }
    }
}

/// The other end of `Content-Encoding: gzip`: a program that is everywhere.
enum Gunzip {
    static func text(_ bytes: [UInt8]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc"]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        input.fileHandleForWriting.write(Data(bytes))
        try input.fileHandleForWriting.close()
        defer { process.waitUntilExit() }
        return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
}
