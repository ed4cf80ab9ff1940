import Glibc
import NIOCore
import TimesaleClient

/// Reads what the dashboard shows: asks the engine, and looks at this sidecar.
struct DashboardReader: LiveReader {
    /// An engine that does not answer for so long is away, as far as the dashboard is concerned.
    static let timeoutMs: UInt32 = 1_500
    /// Readings between which rates are taken: over a second, with the last one.
    static let rateReadings = 3

    private let services: Services
    private let client: TimesaleClient
    private var newestSales = NewestOffers<Sale, SaleID>(countMax: LiveOffers<Sale>.countMax)
    private var newestPolicies = NewestOffers<Policy, PolicyID>(countMax: LiveOffers<Policy>.countMax)
    /// The oldest first.
    private var readings: [EngineReading] = []
    private var latency = RecentLatency(boundsUs: SidecarStatistics.latencyBoundsUs)
    private var latencyTakenNs: [UInt64] = []
    /// By the engine's clock.
    private var awaySinceMs: UInt64?
    /// The engine's clock, less this machine's: orders go by the engine's.
    private var clockAheadMs: Int64 = 0

    init(_ services: Services) {
        self.services = services
        client = services.lanes[0].client
    }

    mutating func read() async -> ByteBuffer {
        readLatency()
        if let reading = await ask() {
            if let last = readings.last, EngineDelta(from: last, to: reading) == nil { readings.removeAll() }
            readings.append(reading)
            if readings.count > Self.rateReadings { readings.removeFirst() }
            clockAheadMs = Int64(bitPattern: reading.topology.serverTimeMs &- Self.nowMs())
            awaySinceMs = nil
        } else if awaySinceMs == nil {
            awaySinceMs = engineNowMs
        }
        return serverSentEvent("state") { state.write(to: &$0) }
    }

    private var engineNowMs: UInt64 { UInt64(max(0, Int64(bitPattern: Self.nowMs()) &+ clockAheadMs)) }

    private static func nowMs() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }

    /// Nil if the engine does not answer.
    private mutating func ask() async -> EngineReading? {
        guard services.breaker.state == .closed else { return nil }
        do throws(TimesaleError) {
            let topology = try await client.topology(timeoutMs: Self.timeoutMs)
            let shards = try await client.stats(timeoutMs: Self.timeoutMs)
            let takenNs = TokenBuckets.nowNs()
            return EngineReading(
                takenNs: takenNs, topology: topology, shards: shards, sales: try await sales(),
                policies: try await policies(),
                mirror: try await client.mirrorIfAny(timeoutMs: Self.timeoutMs))
        } catch {
            return nil
        }
    }

    private mutating func sales() async throws(TimesaleError) -> LiveOffers<Sale> {
        let client = client
        return try await Self.read(&newestSales, open: [.open], waiting: [.scheduled, .soldOut]) {
            (states: Set<SaleState>, after, limit) throws(TimesaleError) in
            let page = try await client.sales(states, after: after, limit: limit, timeoutMs: Self.timeoutMs)
            return (page.sales, page.next)
        }
    }

    private mutating func policies() async throws(TimesaleError) -> LiveOffers<Policy> {
        let client = client
        return try await Self.read(&newestPolicies, open: [.open], waiting: [.scheduled, .exhausted]) {
            (states: Set<PolicyState>, after, limit) throws(TimesaleError) in
            let page = try await client.policies(states, after: after, limit: limit, timeoutMs: Self.timeoutMs)
            return (page.policies, page.next)
        }
    }

    /// The newest of a catalogue; and if those are not all, some of each group of states that the newest may hide.
    ///
    /// - Parameter page: those in such states, or all if none are named.
    private static func read<Offer: LiveOffer, State>(
        _ newest: inout NewestOffers<Offer, Offer.Number>, open: Set<State>, waiting: Set<State>,
        _ page: (Set<State>, Offer.Number?, Int) async throws(TimesaleError) -> (items: [Offer], next: Offer.Number?)
    ) async throws(TimesaleError) -> LiveOffers<Offer> {
        var offers = try await newest.read(id: { $0.id }) { after, limit throws(TimesaleError) in
            try await page([], after, limit)
        }
        guard newest.after != nil else { return LiveOffers(offers, isWhole: true) }
        for states in [open, waiting] { offers += try await page(states, nil, newest.pageMax).items }
        return LiveOffers(offers, isWhole: false)
    }

    /// Of requests that the engine decides: pages, health and what waits on purpose would only blur it.
    private static let timedRoutes: [Int] = RouteTable.routes.indices.filter {
        let route = RouteTable.routes[$0]
        return route.isBounded && !route.isStream && route.path != "/v1/events"
    }

    private mutating func readLatency() {
        let routes = services.statistics.snapshot().routes
        var counts = [UInt64](repeating: 0, count: SidecarStatistics.latencyBoundsUs.count + 1)
        for index in Self.timedRoutes {
            for (place, count) in routes[index].latencyCounts.enumerated() { counts[place] += count }
        }
        latency.add(counts)
        latencyTakenNs.append(TokenBuckets.nowNs())
        if latencyTakenNs.count > RecentLatency.readings + 1 { latencyTakenNs.removeFirst() }
    }

    private var state: LiveState {
        let clients = services.lanes.map(\.client.status)
        let first = latencyTakenNs.first ?? 0
        let seconds = Double((latencyTakenNs.last ?? first) - first) / 1e9
        let isAway = awaySinceMs != nil
        return LiveState(
            timeMs: engineNowMs, awaySinceMs: awaySinceMs, breaker: services.breaker.state,
            connections: clients.reduce(0) { $0 + $1.connections },
            restarts: clients.reduce(0) { max($0, $1.restartsSeen) },
            reading: readings.last,
            // Of an engine that is away there is nothing between the last two readings.
            delta: isAway || readings.count < 2
                ? nil : EngineDelta(from: readings[0], to: readings[readings.count - 1]),
            requestsPerSecond: seconds > 0 ? Double(latency.count) / seconds : 0,
            latencyUs: [0.5, 0.9, 0.99].map(latency.percentile),
            underWay: max(0, services.work.underWay), streams: max(0, services.feeds.streams),
            viewers: services.live.viewers)
    }
}
