import TimesaleClient

/// What the client library of the engine counts, over all threads.
enum ClientFamilies {
    static let all: [ReadFamily<[ClientStatus]>] = [
        row("calls_total", "Calls sent to the engine, each as often as it was sent.") { sum($0, \.entriesSent) },
        row("frames_total", "Frames sent to the engine; calls by frames is the size of a batch.") {
            sum($0, \.framesSent)
        },
        row("retries_total", "Calls sent again after a lost connection or a BUSY.") { sum($0, \.retries) },
        row("connections_opened_total", "Connections to the engine that were made.") { sum($0, \.connectionsOpened) },
        row("connections_failed_total", "Connections to the engine that could not be made.") {
            sum($0, \.connectionsFailed)
        },
        // Every thread sees each.
        row("restarts_total", "Restarts of the engine that were seen.") { $0.map(\.restartsSeen).max() ?? 0 },
    ]

    private static func row(
        _ name: String, _ help: String, _ count: @escaping @Sendable ([ClientStatus]) -> UInt64
    ) -> ReadFamily<[ClientStatus]> {
        ReadFamily(MetricFamily("timesale_http_engine_\(name)", .counter, help), one: count)
    }

    private static func sum(_ clients: [ClientStatus], _ count: KeyPath<ClientStatus, UInt64>) -> UInt64 {
        clients.reduce(0) { $0 + $1[keyPath: count] }
    }
}
