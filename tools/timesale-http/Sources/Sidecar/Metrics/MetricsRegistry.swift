import CoreMetrics
import Synchronization

/// The backend of swift-metrics: hands out the cells behind its counters, meters and timers, and shows them all.
///
/// A label that is no declared family, or comes with other dimensions than that has, gets a handler that does nothing:
/// a library that counts something of its own cannot fill the memory.
final class MetricsRegistry: MetricsFactory {
    /// Of one family.
    static let seriesMax = 8192

    private struct Series {
        let labels: [String]
        let cell: any MetricCell
    }

    private struct State {
        /// By the name of their family, in the order in which they came.
        var series: [String: [Series]] = [:]
        var places: [String: [[String]: Int]] = [:]
    }

    let families: [MetricFamily]
    private let byName: [String: MetricFamily]
    private let boundsUs: [UInt64]
    private let state = Mutex(State())

    /// - Parameter boundsUs: of the classes of all histograms.
    init(_ families: [MetricFamily], boundsUs: [UInt64]) {
        self.families = families
        self.boundsUs = boundsUs
        byName = Dictionary(uniqueKeysWithValues: families.map { ($0.name, $0) })
    }

    // MARK: What is exported

    /// What is known of a family, in the order in which the series came.
    func samples(of family: MetricFamily) -> [Sample] {
        let series = state.withLock { $0.series[family.name] ?? [] }
        return series.compactMap { one in one.cell.value.map { Sample(one.labels, $0) } }
    }

    // MARK: Cells

    /// The cell of a series: the same one for the same labels. Nil if there is no such family, or too many series.
    func cell<Cell: MetricCell>(
        _ name: String, _ kind: MetricFamily.Kind, _ dimensions: [(String, String)], _ make: () -> Cell
    ) -> Cell? {
        guard let family = byName[name], family.kind == kind, family.labels.count == dimensions.count else {
            return nil
        }
        var labels: [String] = []
        for label in family.labels {
            guard let value = dimensions.first(where: { $0.0 == label })?.1 else { return nil }
            labels.append(value)
        }
        return state.withLock { state in
            if let place = state.places[name]?[labels] { return state.series[name]?[place].cell as? Cell }
            let count = state.series[name]?.count ?? 0
            guard count < Self.seriesMax else { return nil }
            let made = make()
            state.series[name, default: []].append(Series(labels: labels, cell: made))
            state.places[name, default: [:]][labels] = count
            return made
        }
    }

    private func forget(_ cell: any MetricCell) {
        state.withLock { state in
            for (name, series) in state.series {
                guard let place = series.firstIndex(where: { $0.cell === cell }) else { continue }
                var left = series
                left.remove(at: place)
                state.series[name] = left
                state.places[name] = Dictionary(
                    uniqueKeysWithValues: left.enumerated().map { ($0.element.labels, $0.offset) })
            }
        }
    }

    // MARK: swift-metrics

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(label, .counter, dimensions) { CounterCell(isShownAtZero: true) } ?? NOOPMetricsHandler.instance
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(label, .gauge, dimensions) { GaugeCell() } ?? NOOPMetricsHandler.instance
    }

    /// One that does not aggregate is what swift-metrics calls a gauge. There is no distribution of anything but time.
    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return NOOPMetricsHandler.instance }
        return cell(label, .gauge, dimensions) { GaugeCell() } ?? NOOPMetricsHandler.instance
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        cell(label, .histogram, dimensions) { HistogramCell(boundsUs: boundsUs) } ?? NOOPMetricsHandler.instance
    }

    func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
    func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
    func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

    private func destroy(_ handler: AnyObject) {
        if let cell = handler as? any MetricCell { forget(cell) }
    }
}
