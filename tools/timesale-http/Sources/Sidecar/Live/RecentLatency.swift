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

    /// In microseconds, as if requests lay evenly within a class; nil if there were none. What is slower than all
    /// bounds counts as the highest of them.
    func percentile(_ share: Double) -> Double? {
        let recent = recent
        let total = recent.reduce(0, +)
        guard total > 0 else { return nil }
        let wanted = share * Double(total)
        var below = 0.0
        for (place, count) in recent.enumerated() where count > 0 {
            guard place < bounds.count else { break }
            if below + Double(count) >= wanted {
                let lower = place == 0 ? 0 : Double(bounds[place - 1])
                return lower + (Double(bounds[place]) - lower) * max(0, wanted - below) / Double(count)
            }
            below += Double(count)
        }
        return bounds.last.map { Double($0) }
    }
}
