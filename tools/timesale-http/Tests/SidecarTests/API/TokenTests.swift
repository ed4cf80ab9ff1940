import Foundation
import Testing

/// Tokens that change while the sidecar runs, and what can be seen of them.
@Suite struct TokenTests {
    /// A token file of a test, removed with it.
    private final class File {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)").path

        init(_ lines: String...) { write(lines) }
        deinit { unlink(path) }

        /// Puts other lines in its place, all at once.
        func write(_ lines: [String]) {
            let text = lines.map { $0 + "\n" }.joined()
            let fresh = path + ".new"
            #expect(FileManager.default.createFile(
                atPath: fresh, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
            #expect(rename(fresh, path) == 0)
        }

        func write(_ lines: String...) { write(lines) }
    }

    private let shop = "shop-\(UUID().uuidString)"
    private let admin = "admin-\(UUID().uuidString)"
    private let fresh = "fresh-\(UUID().uuidString)"

    /// The new token is taken, the one that is gone is refused and its streams end, a broken file changes nothing.
    @Test func tokensAreReadAgain() async throws {
        let file = File("shop \(shop)", "admin \(admin)")
        try await withAPI(["--token-file", file.path, "--log-level", "notice"]) { api in
            func status(_ token: String) throws -> Int {
                api.token = token
                return try api.get("/v1/timesales").status
            }
            api.token = admin
            try api.sale(1)
            api.token = shop
            let stream = try HTTPConnection(port: api.sidecar.port)
            try stream.send(api.bytes("GET", "/v1/timesales/1/events", nil, nil, [:]).utf8)
            _ = try stream.read(until: "event: stock")

            file.write("shop \(fresh)", "admin \(admin)")
            api.sidecar.hangUp()
            #expect(try api.sidecar.errors(until: "tokens read again").contains("2, of them 1 new; 1 removed"))
            #expect(try status(fresh) == 200)
            #expect(try status(admin) == 200)
            #expect(try status(shop) == 401)
            // The last chunk: the stream is over, its connection may go on.
            _ = try stream.read(until: "\r\n0\r\n\r\n")
            // Whoever may watch comes again.
            api.token = fresh
            let next = try HTTPConnection(port: api.sidecar.port)
            try next.send(api.bytes("GET", "/v1/timesales/1/events", nil, nil, [:]).utf8)
            _ = try next.read(until: "event: stock")

            for broken in ["shop \(shop) \(shop)", "\(shop)", ""] {
                file.write(broken)
                api.sidecar.hangUp()
                let told = try api.sidecar.errors(until: "the tokens stay as they were")
                #expect(!told.contains(shop))
                #expect(try status(fresh) == 200)
                #expect(try status(shop) == 401)
            }
        }
    }

    /// The engine's token changes without a moment in which the sidecar is not served: both are known for a while.
    @Test func theEnginesTokenIsReadAgain() async throws {
        let engineFile = File("admin \(admin)")
        let file = File("admin \(admin)")
        try await withAPI(
            ["--engine-token-file", file.path, "--log-level", "notice"], engine: ["--token-file", engineFile.path]
        ) { api in
            try api.sale(1)
            func engineReads(_ words: String) async throws {
                kill(try #require(api.engine.processId), SIGHUP)
                let deadline = ContinuousClock.now + .seconds(60)
                while !api.engine.messages.contains(words) {
                    try #require(ContinuousClock.now < deadline, "\(api.engine.messages)")
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            engineFile.write("admin \(admin)", "admin \(fresh)")
            try await engineReads("2, of them 1 new; 0 removed")
            file.write("admin \(fresh)")
            api.sidecar.hangUp()
            _ = try api.sidecar.errors(until: "the engine's token read again")
            #expect(try api.post("/v1/timesales/1/orders", #"{"userId":1}"#).status == 201)
            // The connections of the one that is gone end; the next ones present the other.
            engineFile.write("admin \(fresh)")
            try await engineReads("1, of them 0 new; 1 removed")
            try await api.wait(untilReady: true)
            #expect(try api.until({ $0.status == 201 }) {
                try api.post("/v1/timesales/1/orders", #"{"userId":2}"#, key: "basket")
            }.status == 201)
            #expect(api.engine.messages.contains("its token was removed"))
            // Without a good file of its own it goes on as it was.
            file.write("admin short")
            api.sidecar.hangUp()
            _ = try api.sidecar.errors(until: "the engine's token stays as it was")
            #expect(try api.post("/v1/timesales/1/orders", #"{"userId":3}"#).status == 201)
        }
    }

    /// Neither the process list, nor the environment, nor the log at its most talkative shows a token, given rightly or
    /// wrongly.
    @Test(arguments: ["debug", "trace"]) func noTokenIsInWhatAnyoneCanSee(_ level: String) async throws {
        let file = File("shop \(shop)", "admin \(admin)")
        let engineFile = File("admin \(fresh)")
        try await withAPI(
            ["--token-file", file.path, "--engine-token-file", engineFile.path, "--log-level", level],
            engine: ["--token-file", engineFile.path, "--log-level", level]
        ) { api in
            api.token = admin
            try api.sale(1)
            for header in ["Bearer \(shop)x", "Basic \(shop)", "Bearer \(shop) \(admin)", "\(shop)"] {
                api.token = nil
                let answer = try api.request("GET", "/v1/timesales", headers: ["Authorization": header])
                #expect(answer.status == 401)
                #expect(!answer.text.contains(shop) && !answer.headers.values.contains { $0.contains(shop) })
            }
            // Where it should not be: in the query, which is looked at for its names.
            #expect(try !api.get("/v1/timesales?token=\(shop)").text.contains(shop))
            file.write("shop \(shop) \(admin)")
            api.sidecar.hangUp()
            var seen = try api.sidecar.errors(until: "the tokens stay as they were")
            for place in ["cmdline", "environ"] {
                let path = "/proc/\(api.sidecar.processId)/\(place)"
                seen += try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
            }
            #expect(seen.contains("timesale-http"))
            seen += api.engine.messages
            for token in [shop, admin, fresh] {
                #expect(!seen.contains(token))
                #expect(!seen.contains("\(Array(token.utf8))".dropFirst().dropLast()))
            }
        }
    }

    /// A start that a token file keeps from starting shows nothing of it.
    @Test func noTokenIsInAMessage() throws {
        for text in [
            "\(shop)", "root \(shop)", "shop \(shop) \(shop)", "shop \(shop)\u{1}", "shop \(shop.prefix(15))",
        ] {
            let file = File(text)
            for flag in ["--token-file", "--engine-token-file"] {
                let run = try SidecarProcess.run([flag, file.path])
                #expect(run.code == 78 && run.text.contains("line 1"), "\(run.text)")
                #expect(!run.text.contains(shop.prefix(15)))
            }
        }
        let flag = try SidecarProcess.run(["--token", shop])
        #expect(flag.code == 64)
    }
}
