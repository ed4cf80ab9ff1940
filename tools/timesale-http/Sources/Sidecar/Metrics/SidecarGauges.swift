import CoreMetrics
import Settings

/// What the process holds at a moment: set when somebody asks for metrics.
struct SidecarGauges: Sendable {
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry) { self.registry = registry }

    private func set(_ family: MetricFamily, _ value: Int, _ labels: [(String, String)] = []) {
        Meter(label: family.name, dimensions: labels, factory: registry).set(value)
    }

    func refresh(_ services: Services) {
        let options = services.options
        set(SidecarFamilies.buildInfo, 1, [("version", Version.current)])
        set(SidecarFamilies.isReady, services.isReady ? 1 : 0)
        let state = services.breaker.state
        for other in Breaker.State.allCases {
            set(SidecarFamilies.breakerState, state == other ? 1 : 0, [("state", "\(other)")])
        }
        set(SidecarFamilies.connections, services.connections.now)
        set(SidecarFamilies.connectionsLimit, options.connectionCountMax)
        set(SidecarFamilies.inProgress, services.work.underWay)
        set(SidecarFamilies.inProgressLimit, services.work.requestsMax)
        set(SidecarFamilies.largeBytes, services.work.largeBytesUnderWay)
        set(SidecarFamilies.largeBytesLimit, WorkBound.largeBytesMax)
        set(SidecarFamilies.streams, services.feeds.streams)
        set(SidecarFamilies.streamsLimit, services.feeds.streamsMax)
        var connections = 0
        for (number, lane) in services.lanes.enumerated() {
            let status = lane.client.status
            set(SidecarFamilies.laneCalls, status.callsOutstanding, [("lane", "\(number)")])
            connections += status.connections
        }
        set(SidecarFamilies.engineConnections, connections)
    }
}
