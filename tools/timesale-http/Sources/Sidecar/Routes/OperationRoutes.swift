import NIOCore

/// Health, and what the sidecar says about itself.
enum OperationRoutes {
    static let health = ObjectShape("Health", "A sign of life.", [.init("status", .text, "live or ready.")])

    static let routes: [Route] = [
        Route(
            method: .get, path: "/livez", about: "Whether the process lives.", scope: .none,
            answer: .object(health), isBounded: false,
            handler: { _ in Reply { $0.status("live") } }),
        Route(
            method: .get, path: "/readyz",
            about:
                "Whether it can do something: 503 until the engine answers, while it recovers, and when the sidecar "
                + "was asked to stop.",
            scope: .none, answer: .object(health), isBounded: false, handler: ready),
        Route(
            method: .get, path: "/openapi.json", about: "This document.", scope: .none,
            answer: .other(mediaType: "application/json"), isBounded: false,
            handler: { _ in Reply(body: .bytes(document), contentType: "application/json") }),
    ]

    private static let document = OpenAPIDocument(RouteTable.routes).buffer

    @Sendable static func ready(_ call: Call) async throws(Problem) -> Reply {
        guard call.services.isReady else {
            throw Problem(.unavailable, call.services.isStopping ? "it is stopping" : "the engine does not answer")
        }
        return Reply { $0.status("ready") }
    }
}

extension JSONWriter {
    fileprivate mutating func status(_ text: StaticString) {
        begin()
        key("status")
        plain(text)
        end()
    }
}
