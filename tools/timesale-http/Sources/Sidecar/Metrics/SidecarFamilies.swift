/// The families that the sidecar counts itself, by way of swift-metrics.
enum SidecarFamilies {
    static let responses = MetricFamily(
        "timesale_http_responses_total", .counter, "Requests answered, by the class of their status and by code.",
        labels: ["class", "code"])
    static let requests = MetricFamily(
        "timesale_http_requests_total", .counter, "Requests answered, by route and code.",
        labels: ["method", "route", "code"])
    static let durations = MetricFamily(
        "timesale_http_request_duration_seconds", .histogram,
        "Time from the end of a request to its answer, by route; of a stream, to its beginning.",
        labels: ["method", "route"])
    static let orders = MetricFamily(
        "timesale_http_orders_total", .counter,
        "Orders answered, by code; repeats among them, those of checkouts not. via: single or batch.",
        labels: ["via", "code"])
    static let rateRefusals = MetricFamily(
        "timesale_http_rate_limit_refusals_total", .counter, "Requests refused for a rate, by its kind.",
        labels: ["kind"])
    static let breakerState = MetricFamily(
        "timesale_http_breaker_state", .gauge, "1 for the state that the circuit breaker is in.", labels: ["state"])
    static let breakerOpenings = MetricFamily(
        "timesale_http_breaker_openings_total", .counter,
        "Times that the breaker opened because the engine did not answer.")
    static let buildInfo = MetricFamily(
        "timesale_http_build_info", .gauge, "Always 1; the label tells the version.", labels: ["version"])
    static let isReady = MetricFamily("timesale_http_ready", .gauge, "1 if /readyz says so.")

    static let connections = MetricFamily("timesale_http_connections", .gauge, "Connections of callers.")
    static let connectionsLimit = MetricFamily(
        "timesale_http_connections_limit", .gauge, "Most connections; further ones wait.")
    static let inProgress = MetricFamily("timesale_http_requests_in_progress", .gauge, "Requests under way.")
    static let inProgressLimit = MetricFamily(
        "timesale_http_requests_in_progress_limit", .gauge, "Most requests under way; further ones get BUSY.")
    static let largeBytes = MetricFamily(
        "timesale_http_large_body_bytes", .gauge, "Bytes of large bodies under way.")
    static let largeBytesLimit = MetricFamily(
        "timesale_http_large_body_bytes_limit", .gauge, "Most bytes of large bodies; further ones get BUSY.")
    static let streams = MetricFamily("timesale_http_streams", .gauge, "Streams of events that are open.")
    static let streamsLimit = MetricFamily(
        "timesale_http_streams_limit", .gauge, "Most streams; further ones get BUSY.")
    static let laneCalls = MetricFamily(
        "timesale_http_lane_calls", .gauge, "Calls to the engine that wait for their answer, by thread.",
        labels: ["lane"])
    static let engineConnections = MetricFamily(
        "timesale_http_engine_connections", .gauge, "Connections to the engine.")

    static let all = [
        buildInfo, isReady, responses, requests, durations, orders, rateRefusals, breakerState, breakerOpenings,
        connections, connectionsLimit, inProgress, inProgressLimit, largeBytes, largeBytesLimit, streams, streamsLimit,
        laneCalls, engineConnections,
    ]
}
