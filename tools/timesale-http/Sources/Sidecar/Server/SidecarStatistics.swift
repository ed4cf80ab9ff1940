import Synchronization

/// What has been answered: counted where answers leave, by route and by result. Cheap enough for every request; whoever
/// shows it reads `snapshot()`.
public final class SidecarStatistics: Sendable {
    /// The upper bounds of the classes of latencies, in microseconds; one more class is for what is slower.
    public static let latencyBoundsUs: [UInt64] = [
        250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000,
    ]

    private final class Counter: Sendable {
        let value = Atomic<UInt64>(0)
        func add(_ more: UInt64 = 1) { value.add(more, ordering: .relaxed) }
        var now: UInt64 { value.load(ordering: .relaxed) }
    }

    /// Of each route: one counter for success, one for each code.
    private let results: [[Counter]]
    /// Of each route: one for each class.
    private let latencies: [[Counter]]
    private let latencySumUs: [Counter]
    /// Of entries of batches, which are many in one request.
    private let batchResults: [Counter]

    init(routes: Int) {
        func counters(_ count: Int) -> [Counter] { (0..<count).map { _ in Counter() } }
        // The last route is for requests that match none.
        results = (0...routes).map { _ in counters(ProblemCode.allCases.count + 1) }
        latencies = (0...routes).map { _ in counters(Self.latencyBoundsUs.count + 1) }
        latencySumUs = counters(routes + 1)
        batchResults = counters(ProblemCode.allCases.count + 1)
    }

    /// - Parameters:
    ///   - route: its number in `RouteTable.routes`; nil if none matched.
    ///   - code: nil for a success.
    func answered(route: Int?, code: ProblemCode?, tookNs: UInt64) {
        let route = route ?? results.count - 1
        results[route][Self.place(code)].add()
        let us = tookNs / 1000
        let bounds = Self.latencyBoundsUs
        var class_ = 0
        while class_ < bounds.count, us > bounds[class_] { class_ += 1 }
        latencies[route][class_].add()
        latencySumUs[route].add(us)
    }

    /// Of orders of a batch.
    func orderedInBatch(_ code: ProblemCode?, count: UInt64 = 1) { batchResults[Self.place(code)].add(count) }

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
        func refused(_ counters: [Counter]) -> [ProblemCode: UInt64] {
            var refused: [ProblemCode: UInt64] = [:]
            for code in ProblemCode.allCases where counters[Self.place(code)].now > 0 {
                refused[code] = counters[Self.place(code)].now
            }
            return refused
        }
        return Snapshot(
            routes: results.indices.map {
                Snapshot.Route(
                    succeeded: results[$0][0].now, refused: refused(results[$0]),
                    latencyCounts: latencies[$0].map(\.now), latencySumUs: latencySumUs[$0].now)
            },
            batchOrdersAccepted: batchResults[0].now, batchOrdersRefused: refused(batchResults))
    }
}
