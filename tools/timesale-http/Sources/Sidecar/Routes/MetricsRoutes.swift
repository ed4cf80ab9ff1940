/// What Prometheus asks for.
enum MetricsRoutes {
    static let path = "/metrics"

    static let routes: [Route] = [
        Route(
            method: .get, path: path,
            about: "Metrics in Prometheus' text format; also while the engine is away. It has its own switch, `--metrics`.",
            scope: .none, answer: .other(mediaType: Exposition.contentType), isBounded: false, handler: metrics)
    ]

    @Sendable static func metrics(_ call: Call) async throws(Problem) -> Reply {
        guard call.services.options.metrics != .no else { throw .noSuchPath }
        let engine = await EngineReading.read(call.services, call.lane.client)
        var exposition = Exposition()
        exposition.write(call.services)
        exposition.write(engine)
        return Reply(body: .bytes(exposition.buffer), contentType: Exposition.contentType)
    }
}
