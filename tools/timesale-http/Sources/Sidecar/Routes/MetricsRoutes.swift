/// What Prometheus asks for.
enum MetricsRoutes {
    static let path = "/metrics"

    static let routes: [Route] = [
        Route(
            method: .get, path: path,
            about:
                "Metrics in Prometheus' text format; also while the engine is away. Where tokens are configured it "
                + "needs one, unless `--metrics open`.",
            answer: .other(mediaType: Exposition.contentType), isBounded: false, handler: metrics)
    ]

    @Sendable static func metrics(_ call: Call) async throws(Problem) -> Reply {
        let services = call.services
        guard services.options.metrics != .no else { throw .noSuchPath }
        let (client, newestMax) = (call.lane.client, services.options.metricsSaleCountMax)
        var engine: EngineScrape?
        if services.breaker.state == .closed {
            engine = await services.scrape.value(client.taskExecutor) {
                try? await EngineScrape(client, newestMax: newestMax)
            }
        }
        var exposition = Exposition()
        exposition.write(services, engine)
        return Reply(body: .bytes(exposition.buffer), contentType: Exposition.contentType)
    }
}

extension Exposition {
    /// Everything. Nil: the engine does not answer, and nothing is known of it but that.
    mutating func write(_ services: Services, _ engine: EngineScrape?) {
        SidecarGauges(services.registry).refresh(services)
        for family in services.registry.families { write(family, services.registry.samples(of: family)) }
        write(ClientFamilies.all, of: services.lanes.map(\.client.status))
        write(ProcessReading.families, of: ProcessReading(startSeconds: services.startSeconds))
        write([EngineFamilies.up], of: engine)
        if let engine { write(EngineFamilies.all + MirrorFamilies.all + StockFamilies.all, of: engine) }
    }
}
