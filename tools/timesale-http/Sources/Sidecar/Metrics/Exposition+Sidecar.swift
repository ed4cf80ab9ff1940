import Settings

extension Exposition {
    /// What this process has done since its start.
    mutating func write(_ services: Services) {
        family("timesale_http_build_info", .gauge, "Always 1; its label tells the version.")
        sample("timesale_http_build_info", [("version", Version.current)], 1 as UInt64)
        single(
            "timesale_http_requests_in_progress", .gauge, "Requests under way.",
            UInt64(max(0, services.work.underWay)))
        single("timesale_http_streams", .gauge, "Streams of events that are open.", UInt64(max(0, services.feeds.streams)))
        family("timesale_http_breaker_state", .gauge, "1 for the state that the circuit breaker is in.")
        let state = services.breaker.state
        for other in Breaker.State.allCases {
            sample("timesale_http_breaker_state", [("state", "\(other)")], (state == other ? 1 : 0) as UInt64)
        }
        single(
            "timesale_http_breaker_openings_total", .counter, "Times that the engine did not answer.",
            services.breaker.openedCount)
        let clients = services.lanes.map(\.client.status)
        single(
            "timesale_http_engine_connections", .gauge, "Connections to the engine.",
            UInt64(clients.reduce(0) { $0 + $1.connections }))
        single(
            "timesale_http_engine_retries_total", .counter, "Calls that were sent to the engine again.",
            clients.reduce(0) { $0 + $1.retries })
        write(services.statistics.snapshot(), services.routes)
    }

    private mutating func write(_ counts: SidecarStatistics.Snapshot, _ routes: [Route]) {
        // The last is for requests that matched no route: their paths are the callers', and have no bound.
        let named = zip(counts.routes, routes.map { ($0.method.rawValue, $0.path) } + [("", "none")])
            .filter { $0.0.succeeded > 0 || !$0.0.refused.isEmpty }
        family("timesale_http_requests_total", .counter, "Requests answered, by route and result.")
        for (count, (method, path)) in named {
            let labels = [("method", method), ("route", path)]
            if count.succeeded > 0 {
                sample("timesale_http_requests_total", labels + [("code", "OK")], count.succeeded)
            }
            for (code, refused) in count.refused.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                sample("timesale_http_requests_total", labels + [("code", code.name)], refused)
            }
        }
        let latency = "timesale_http_request_duration_seconds"
        family(latency, .histogram, "Time from a request's end to its answer, by route.")
        for (count, (method, path)) in named {
            let labels = [("method", method), ("route", path)]
            var sum: UInt64 = 0
            for (bound, inClass) in zip(SidecarStatistics.latencyBoundsUs, count.latencyCounts) {
                sum += inClass
                sample("\(latency)_bucket", labels + [("le", "\(Double(bound) / 1_000_000)")], sum)
            }
            sum += count.latencyCounts.last ?? 0
            sample("\(latency)_bucket", labels + [("le", "+Inf")], sum)
            sample("\(latency)_sum", labels, Double(count.latencySumUs) / 1_000_000)
            sample("\(latency)_count", labels, sum)
        }
        family("timesale_http_batch_orders_total", .counter, "Orders in batches, by result.")
        sample("timesale_http_batch_orders_total", [("code", "OK")], counts.batchOrdersAccepted)
        for (code, refused) in counts.batchOrdersRefused.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            sample("timesale_http_batch_orders_total", [("code", code.name)], refused)
        }
    }
}
