/// Durations, counted by the class that they are in.
struct LatencyClasses {
    /// The upper bounds of the classes, rising.
    let boundsUs: [UInt64]
    /// One more than there are bounds: the last is of what is slower than all; or none at all.
    let counts: [UInt64]

    /// In microseconds, as if durations lay evenly within a class; nil if there were none. What is slower than all
    /// bounds counts as the highest of them.
    func percentileUs(_ share: Double) -> Double? {
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        let wanted = share * Double(total)
        var below = 0.0
        for (place, count) in counts.enumerated() where count > 0 {
            guard place < boundsUs.count else { break }
            if below + Double(count) >= wanted {
                let lower = place == 0 ? 0 : Double(boundsUs[place - 1])
                return lower + (Double(boundsUs[place]) - lower) * max(0, wanted - below) / Double(count)
            }
            below += Double(count)
        }
        return boundsUs.last.map { Double($0) }
    }
}
