import NIOCore

/// The stream of the dashboard.
enum LiveRoutes {
    static let routes: [Route] = [
        Route(
            method: .get, path: "/v1/live",
            about:
                "Server-sent events: `state` with all that the dashboard shows, at once and then about twice a second. "
                + "While the engine is away the stream goes on, and says so.",
            scope: .admin, answer: .stream(LiveState.shape), isStream: true, needsEngine: false, handler: live)
    ]

    @Sendable static func live(_ call: Call) async throws(Problem) -> Reply {
        let services = call.services
        let place = try services.feeds.enter()
        let states = try services.live.watch { DashboardReader(services) }
        return Reply(
            body: .stream({ (writer: StreamWriter) async throws -> Void in
                defer { withExtendedLifetime(place) {} }
                for await state in Heartbeats.mixed(into: states) {
                    switch state {
                    case .value(let state): try await writer.write(state)
                    case .heartbeat: try await writer.write(ByteBuffer(string: ": still here\n\n"))
                    }
                }
            }), contentType: "text/event-stream")
    }
}
