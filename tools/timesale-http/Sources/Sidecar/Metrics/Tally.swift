import CoreMetrics

/// A counter of swift-metrics, and the cell that it counts in.
struct Tally: Sendable {
    let counter: Counter
    private let cell: CounterCell

    init(
        _ registry: MetricsRegistry, _ family: MetricFamily, _ dimensions: [(String, String)] = [],
        isShownAtZero: Bool = true
    ) {
        let make = { CounterCell(isShownAtZero: isShownAtZero) }
        guard let cell = registry.cell(family.name, .counter, dimensions, make) else {
            preconditionFailure("\(family.name) has no series \(dimensions)")
        }
        self.cell = cell
        counter = Counter(label: family.name, dimensions: dimensions, handler: cell, factory: registry)
    }

    var now: UInt64 { cell.now }
}
