import Foundation
import Testing

/// Who may ask: tokens with two scopes, pages of browsers, TLS, and what a start without tokens is refused for.
@Suite struct AccessTests {
    private static let shop = "shop-token-0123456789"
    private static let admin = "admin-token-0123456789"

    private func withTokens(_ body: (API, String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)")
        FileManager.default.createFile(
            atPath: file.path, contents: Data("shop \(Self.shop)\nadmin \(Self.admin)\n".utf8),
            attributes: [.posixPermissions: 0o600])
        defer { try? FileManager.default.removeItem(at: file) }
        try await withAPI(
            ["--token-file", file.path, "--engine-token-file", file.path], engine: ["--token-file", file.path]
        ) {
            try await body($0, file.path)
        }
    }

    @Test func tokensHaveScopes() async throws {
        try await withTokens { api, _ in
            let none = try api.get("/v1/timesales")
            #expect(none.status == 401)
            #expect(none.code == "UNAUTHENTICATED")
            #expect(none.headers["www-authenticate"] == "Bearer realm=\"timesale\"")
            for header in [
                "Bearer wrong-token-0123456789", "Bearer ", "Basic \(Self.shop)", "Bearer \(Self.shop)x",
            ] {
                #expect(try api.request("GET", "/v1/timesales", headers: ["Authorization": header]).status == 401)
            }
            for path in ["/livez", "/readyz", "/openapi.json"] { #expect(try api.get(path).status == 200) }
            api.token = Self.shop
            #expect(try api.get("/v1/timesales").status == 200)
            let forbidden = try api.post("/v1/timesales", #"{"name":"a","stock":1}"#)
            #expect(forbidden.status == 403)
            #expect(forbidden.code == "FORBIDDEN")
            #expect(forbidden.headers["www-authenticate"]?.contains("scope=\"admin\"") == true)
            for path in ["/v1/stats", "/v1/events"] { #expect(try api.get(path).status == 403) }
            api.token = Self.admin
            try api.sale(1)
            #expect(try api.get("/v1/stats").status == 200)
            api.token = Self.shop
            #expect(try api.post("/v1/timesales/1/orders", #"{"userId":1}"#).status == 201)
        }
    }

    @Test func pagesOfOtherOriginsMayNotChangeAnything() async throws {
        try await withAPI { api in
            try api.sale(1)
            let order = #"{"userId":1}"#
            let foreign = try api.request(
                "POST", "/v1/timesales/1/orders", order, headers: ["Origin": "https://evil.example"])
            #expect(foreign.status == 403)
            let own = "http://127.0.0.1:\(api.sidecar.port)"
            #expect(
                try api.request("POST", "/v1/timesales/1/orders", order, headers: ["Origin": own]).status == 201)
            let read = try api.request("GET", "/v1/timesales/1", headers: ["Origin": "https://evil.example"])
            #expect(read.headers["access-control-allow-origin"] == nil)
        }
        try await withAPI(["--cors-origin", "https://shop.example"]) { api in
            try api.sale(1)
            let origin = ["Origin": "https://shop.example", "Access-Control-Request-Method": "POST"]
            let preflight = try api.request("OPTIONS", "/v1/timesales/1/orders", headers: origin)
            #expect(preflight.status == 204)
            #expect(preflight.headers["access-control-allow-origin"] == "https://shop.example")
            #expect(preflight.headers["access-control-allow-methods"]?.contains("POST") == true)
            #expect(preflight.headers["access-control-allow-headers"]?.contains("Idempotency-Key") == true)
            let order = try api.request(
                "POST", "/v1/timesales/1/orders", #"{"userId":1}"#, headers: ["Origin": "https://shop.example"])
            #expect(order.status == 201)
            #expect(order.headers["access-control-allow-origin"] == "https://shop.example")
        }
    }

    @Test func aStartThatWouldBeOpenIsRefused() throws {
        let open = try SidecarProcess.run(["--listen", "0.0.0.0:0"])
        #expect(open.code == 78)
        #expect(open.text.contains("without tokens"))
        let half = try SidecarProcess.run(["--tls-key", "key.pem"])
        #expect(half.code == 78)
        #expect(try SidecarProcess.run(["--nonsense"]).code == 64)
        #expect(try SidecarProcess.run(["--listen", "nowhere"]).code == 64)
        #expect(try SidecarProcess.run([], environment: ["TIMESALE_HTTP_LISTN": "x"]).code == 78)
        let help = try SidecarProcess.run(["--help"])
        #expect(help.code == 0)
        for flag in ["--listen", "--engine", "--token-file", "--user-rate", "--stop-delay", "--threads"] {
            #expect(help.text.contains(flag))
        }
    }

    @Test func tlsIsSpoken() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let (key, certificate) = (directory.path + "/key.pem", directory.path + "/cert.pem")
        try Self.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "1",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
            certificate,
        ])
        let sidecar = try SidecarProcess([
            "--tls-certificate", certificate, "--tls-key", key, "--engine", "127.0.0.1:1",
        ])
        defer { sidecar.kill() }
        let output = try Self.run([
            "curl", "-sS", "--cacert", certificate, "--resolve", "localhost:\(sidecar.port):127.0.0.1",
            "https://localhost:\(sidecar.port)/livez",
        ])
        #expect(output == #"{"status":"live"}"#)
    }

    @discardableResult
    private static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }
}
