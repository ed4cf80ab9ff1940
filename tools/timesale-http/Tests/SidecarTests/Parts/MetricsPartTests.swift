import CoreMetrics
import NIOCore
import Synchronization
import Testing

@testable import Sidecar

/// The backend of swift-metrics and the text that it becomes, part by part.
@Suite struct MetricsPartTests {
    private static let hits = MetricFamily("hits_total", .counter, "Hits.", labels: ["who"])
    private static let depth = MetricFamily("depth", .gauge, "Depth.")
    private static let took = MetricFamily("took_seconds", .histogram, "Took.")
    private let registry = MetricsRegistry([hits, depth, took], boundsUs: [1_000, 2_500])

    private func text() -> String {
        var exposition = Exposition()
        for family in registry.families { exposition.write(family, registry.samples(of: family)) }
        return String(buffer: exposition.buffer)
    }

    @Test func whatIsCountedIsShown() {
        let counter = Counter(label: "hits_total", dimensions: [("who", "a")], factory: registry)
        counter.increment()
        // The same series, wherever it is made.
        Counter(label: "hits_total", dimensions: [("who", "a")], factory: registry).increment(by: 2)
        counter.increment(by: -5)
        let meter = Meter(label: "depth", factory: registry)
        meter.set(2)
        meter.increment(by: 1.5)
        meter.decrement()
        let timer = Timer(label: "took_seconds", factory: registry)
        for us in [1_000, 1_001, 2_500, 9_000] { timer.recordMicroseconds(us) }
        #expect(
            text() == """
                # HELP hits_total Hits.
                # TYPE hits_total counter
                hits_total{who="a"} 3
                # HELP depth Depth.
                # TYPE depth gauge
                depth 2.5
                # HELP took_seconds Took.
                # TYPE took_seconds histogram
                took_seconds_bucket{le="0.001"} 1
                took_seconds_bucket{le="0.0025"} 3
                took_seconds_bucket{le="+Inf"} 4
                took_seconds_sum 0.013501
                took_seconds_count 4

                """)
    }

    @Test func labelsAreEscaped() {
        let name = "a \"b\" \\ c\r\nd"
        Counter(label: "hits_total", dimensions: [("who", name)], factory: registry).increment()
        #expect(text().contains(#"{who="a \"b\" \\ c\#u{d}\nd"} 1"#))
    }

    /// What a library counts under names of its own does not get in, nor a family of another kind.
    @Test func whatIsNotDeclaredIsNotKept() {
        Counter(label: "other_total", factory: registry).increment()
        Counter(label: "hits_total", dimensions: [("user", "7")], factory: registry).increment()
        Counter(label: "hits_total", factory: registry).increment()
        Counter(label: "depth", factory: registry).increment()
        Recorder(label: "took_seconds", aggregate: true, factory: registry).record(1)
        #expect(text().isEmpty)
    }

    @Test func seriesAreBoundedAndCanEnd() {
        let first = Counter(label: "hits_total", dimensions: [("who", "0")], factory: registry)
        for who in 1...MetricsRegistry.seriesMax {
            Counter(label: "hits_total", dimensions: [("who", "\(who)")], factory: registry).increment()
        }
        #expect(registry.samples(of: Self.hits).count == MetricsRegistry.seriesMax)
        first.destroy()
        #expect(registry.samples(of: Self.hits).count == MetricsRegistry.seriesMax - 1)
        Counter(label: "hits_total", dimensions: [("who", "1")], factory: registry).increment()
        #expect(text().contains(#"hits_total{who="1"} 2"#))
        #expect(!text().contains(#"hits_total{who="0"}"#))
    }

    /// No two families have one name, and all keep to Prometheus' conventions.
    @Test func namesAreAsPrometheusWantsThem() {
        let families =
            SidecarFamilies.all + ClientFamilies.all.map(\.family) + ProcessReading.families.map(\.family)
            + [EngineFamilies.up.family] + EngineFamilies.all.map(\.family) + MirrorFamilies.all.map(\.family)
            + StockFamilies.all.map(\.family)
        #expect(Set(families.map(\.name)).count == families.count)
        for family in families {
            #expect(family.name.wholeMatch(of: /(timesale|process)_[a-z0-9_]+[a-z0-9]/) != nil, "\(family.name)")
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
            #expect(family.help.hasSuffix(".") && !family.help.contains("\n"), "\(family.name)")
            #expect(!family.labels.contains("user") && !family.labels.contains("le"), "\(family.name)")
        }
    }

    @Test func aReadingIsShared() async {
        let shared = SharedReading<Int>(keptNs: 100)
        let reads = Atomic<Int>(0)
        func read(at nowNs: UInt64) async -> Int {
            await shared.value(nowNs: nowNs, nil) { reads.add(1, ordering: .relaxed).newValue }
        }
        #expect(await read(at: 1_000) == 1)
        #expect(await read(at: 1_099) == 1)
        #expect(await read(at: 1_100) == 2)
        #expect(await read(at: 1_199) == 2)
    }
}
