import CoreMetrics

/// What has been answered: counted where answers leave, by route and by result, with swift-metrics. Cheap enough for
/// every request; `/metrics` shows it by way of the registry, and whoever else shows it reads `snapshot()`.
public final class SidecarStatistics: Sendable {
    /// The upper bounds of the classes of latencies, in microseconds; one more class is for what is slower.
    public static let latencyBoundsUs: [UInt64] = [
        250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000,
    ]

    /// How an order came.
    private enum Way: String, CaseIterable { case single, batch }

    /// Of each route: one for success, one for each code.
    private let results: [[Tally]]
    private let durations: [Timer]
    private let durationCells: [HistogramCell]
    private let responses: [Tally]
    private let orders: [[Tally]]
    private let rateRefusals: [Tally]
    private let orderRoute: Int?

    init(_ registry: MetricsRegistry, routes: [Route]) {
        let codes: [ProblemCode?] = [nil] + ProblemCode.allCases
        // The last is for requests that match none: their paths are the callers', and have no bound.
        let names = routes.map { ($0.method.rawValue, $0.path) } + [("", "none")]
        results = names.map { method, path in
            codes.map { code in
                Tally(
                    registry, SidecarFamilies.requests,
                    [("method", method), ("route", path), ("code", Self.name(code))], isShownAtZero: false)
            }
        }
        let timed = names.map { [("method", $0.0), ("route", $0.1)] }
        durationCells = timed.map { dimensions in
            let make = { HistogramCell(boundsUs: Self.latencyBoundsUs) }
            guard
                let cell = registry.cell(SidecarFamilies.durations.name, .histogram, dimensions, make)
            else { preconditionFailure("there is no series \(dimensions)") }
            return cell
        }
        durations = zip(timed, durationCells).map {
            Timer(label: SidecarFamilies.durations.name, dimensions: $0, handler: $1, factory: registry)
        }
        responses = codes.map { code in
            let status = code.map { "\($0.status / 100)xx" } ?? "2xx"
            return Tally(registry, SidecarFamilies.responses, [("class", status), ("code", Self.name(code))])
        }
        orderRoute = routes.firstIndex { $0.method == .post && $0.path == OrderRoutes.orderPath }
        let ofOrders = Set(orderRoute.map { routes[$0].allProblems } ?? [])
        orders = Way.allCases.map { way in
            codes.map { code in
                Tally(
                    registry, SidecarFamilies.orders, [("via", way.rawValue), ("code", Self.name(code))],
                    isShownAtZero: code.map(ofOrders.contains) ?? true)
            }
        }
        rateRefusals = RequestLimits.Kind.allCases.map {
            Tally(registry, SidecarFamilies.rateRefusals, [("kind", $0.rawValue)])
        }
    }

    private static func name(_ code: ProblemCode?) -> String { code?.name ?? "OK" }

    /// - Parameters:
    ///   - route: its number in `RouteTable.routes`; nil if none matched.
    ///   - code: nil for a success.
    func answered(route: Int?, code: ProblemCode?, tookNs: UInt64) {
        let place = Self.place(code)
        let index = route ?? results.count - 1
        results[index][place].counter.increment()
        durations[index].recordNanoseconds(Int64(clamping: tookNs))
        responses[place].counter.increment()
        if let route, route == orderRoute { orders[0][place].counter.increment() }
    }

    /// Of orders of a batch.
    func orderedInBatch(_ code: ProblemCode?, count: UInt64 = 1) {
        orders[1][Self.place(code)].counter.increment(by: count)
    }

    func refusedForRate(_ kind: RequestLimits.Kind) {
        rateRefusals[kind == .user ? 0 : 1].counter.increment()
    }

    private static func place(_ code: ProblemCode?) -> Int { code.map { $0.rawValue + 1 } ?? 0 }

    public struct Snapshot: Sendable {
        public struct Route: Sendable {
            public var succeeded: UInt64
            /// Those that are not zero.
            public var refused: [ProblemCode: UInt64]
            /// Requests in each class of latency; not summed up.
            public var latencyCounts: [UInt64]
            public var latencySumUs: UInt64
        }

        /// In the order of the table of routes; the last is for requests that matched none.
        public var routes: [Route]
        public var batchOrdersAccepted: UInt64
        public var batchOrdersRefused: [ProblemCode: UInt64]
    }

    public func snapshot() -> Snapshot {
        func refused(_ tallies: [Tally]) -> [ProblemCode: UInt64] {
            var refused: [ProblemCode: UInt64] = [:]
            for code in ProblemCode.allCases where tallies[Self.place(code)].now > 0 {
                refused[code] = tallies[Self.place(code)].now
            }
            return refused
        }
        return Snapshot(
            routes: results.indices.map {
                Snapshot.Route(
                    succeeded: results[$0][0].now, refused: refused(results[$0]),
                    latencyCounts: durationCells[$0].countsNow, latencySumUs: durationCells[$0].sumNs / 1000)
            },
            batchOrdersAccepted: orders[1][0].now, batchOrdersRefused: refused(orders[1]))
    }
}
