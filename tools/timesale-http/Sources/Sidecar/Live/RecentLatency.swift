/// Percentiles of what was answered lately, out of counters that only grow.
struct RecentLatency {
    /// So many readings lie between the oldest counts and the newest.
    static let readings = 20

    private let bounds: [UInt64]
    /// Counts in each class, the oldest first.
    private var history: [[UInt64]] = []

    /// - Parameter boundsUs: the upper bounds of the classes; one more class is for what is slower.
    init(boundsUs: [UInt64]) { bounds = boundsUs }

    mutating func add(_ counts: [UInt64]) {
        precondition(counts.count == bounds.count + 1)
        history.append(counts)
        if history.count > Self.readings + 1 { history.removeFirst() }
    }

    private var recent: [UInt64] {
        guard let oldest = history.first, let newest = history.last else { return [] }
        return zip(newest, oldest).map { $0 &- $1 }
    }

    /// Requests between the oldest and the newest reading.
    var count: UInt64 { recent.reduce(0, +) }

    /// In microseconds; nil if there were none.
    func percentile(_ share: Double) -> Double? {
        LatencyClasses(boundsUs: bounds, counts: recent).percentileUs(share)
    }
}
