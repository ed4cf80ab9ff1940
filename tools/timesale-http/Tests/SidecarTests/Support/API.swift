import Foundation
import Testing
import TimesaleTestKit

/// An engine and a sidecar of a test, both as processes of their own, and the requests to them. Every answer is held
/// against the OpenAPI document that the sidecar serves.
final class API {
    let engine: TimesaleServer
    let sidecar: SidecarProcess
    let contract: Contract
    var token: String?

    init(_ engine: TimesaleServer, _ sidecar: SidecarProcess) throws {
        self.engine = engine
        self.sidecar = sidecar
        let connection = try HTTPConnection(port: sidecar.port)
        try connection.send("GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        contract = Contract(try connection.answer().json)
    }

    /// A request on a connection of its own.
    @discardableResult
    func request(
        _ method: String, _ path: String, _ body: String? = nil, key: String? = nil,
        headers: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> HTTPAnswer {
        let connection = try HTTPConnection(port: sidecar.port)
        try connection.send(bytes(method, path, body, key, headers).utf8)
        let answer = try connection.answer(hasBody: method != "HEAD")
        for fault in contract.faults(method, path, answer) {
            Issue.record("\(method) \(path): \(fault)\n\(answer.text)", sourceLocation: sourceLocation)
        }
        return answer
    }

    func bytes(
        _ method: String, _ path: String, _ body: String?, _ key: String?, _ headers: [String: String]
    ) -> String {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(sidecar.port)\r\n"
        if let body { head += "Content-Length: \(body.utf8.count)\r\n" }
        if body != nil, headers["Content-Type"] == nil { head += "Content-Type: application/json\r\n" }
        if let key { head += "Idempotency-Key: \(key)\r\n" }
        if let token { head += "Authorization: Bearer \(token)\r\n" }
        for (name, value) in headers where !value.isEmpty { head += "\(name): \(value)\r\n" }
        return head + "\r\n" + (body ?? "")
    }

    func get(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> HTTPAnswer {
        try request("GET", path, sourceLocation: sourceLocation)
    }

    func post(
        _ path: String, _ body: String? = nil, key: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> HTTPAnswer {
        try request("POST", path, body, key: key, sourceLocation: sourceLocation)
    }

    /// A sale with this id; further members as JSON, such as `"holdSeconds":60`.
    func sale(_ id: Int, stock: Int = 100, _ more: String = "") throws {
        let rest = more.isEmpty ? "" : "," + more
        let answer = try post("/v1/timesales", #"{"id":\#(id),"name":"Lamps","stock":\#(stock)\#(rest)}"#)
        #expect(answer.status == 201, "\(answer.text)")
    }

    struct NeverWanted: Error, CustomStringConvertible { let description: String }

    /// Asks again and again until an answer is as wanted; after a minute that is an error.
    func until(_ isWanted: (HTTPAnswer) -> Bool, ask: () throws -> HTTPAnswer) throws -> HTTPAnswer {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let answer = try ask()
            if isWanted(answer) { return answer }
            guard ContinuousClock.now < deadline else {
                throw NeverWanted(description: "for a minute no answer was as wanted; the last: \(answer.text)")
            }
        }
    }

    /// Waits until the sidecar says that it is ready, or is not.
    func wait(untilReady isReady: Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let isLastLook = ContinuousClock.now >= deadline
            if try get("/readyz").status == (isReady ? 200 : 503) { return }
            if isLastLook { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("readyz did not become \(isReady)")
    }
}

/// Starts both, runs `body`, stops both.
func withAPI(
    _ arguments: [String] = [], engine engineArguments: [String] = [], _ body: (API) async throws -> Void
) async throws {
    try await withTimesaleServer(engineArguments, executable: Executables.engine) { engine in
        let sidecar = try SidecarProcess(["--engine", "\(engine.unixAddress)"] + arguments)
        defer { sidecar.kill() }
        let api = try API(engine, sidecar)
        try await api.wait(untilReady: true)
        try await body(api)
    }
}

enum Executables {
    /// The variable TIMESALED, else the debug build of the package that this one lies in.
    static var engine: String? {
        if ProcessInfo.processInfo.environment["TIMESALED"] != nil { return nil }
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return package.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(".build/debug/timesaled").path
    }

    static var sidecar: String { beside("timesale-http") }

    static var fuzz: String { beside("fuzz-http") }

    /// Beside the test's own executable.
    private static func beside(_ name: String) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
        if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return package.appendingPathComponent(".build/debug/\(name)").path
    }
}
