import Foundation
import Generator
import Testing

@testable import Harness

/// Shows how ratios are formed and judged, from rounds that are made up.
@Suite struct CompareReportTests {
    private func round(_ rate: Double, p99Us: UInt64, apartNs: Double? = nil) -> BoutResult {
        var latency = Latencies()
        (latency.p50Us, latency.p99Us, latency.p999Us) = (p99Us / 2, p99Us, 2 * p99Us)
        return BoutResult(
            ordersPerSecond: rate, latency: latency, serverCPU: 0.98, generatorCPU: 0.3, othersCPU: 0.1,
            stolenCPU: 0.07, acceptedInAll: 1, cpuDistanceNs: apartNs)
    }

    private func report(_ test: String, own: [BoutResult], other: [BoutResult], against: String) -> CompareReport {
        CompareReport(
            machine: Machine(kernel: "6.1.0", cpuModel: "Some CPU", cpus: 2, memoryBytes: 8 << 30),
            versions: ["redis": "7"], transport: "tcp", secondsPerRound: 2,
            bouts: [(test, "timesale", own), (test, against, other)])
    }

    /// Every contestant has its bar in each case, for its rate and for its p99, and each goal its verdict.
    @Test func aPageHasBarsAndVerdicts() throws {
        let report = report(
            "depth-1", own: [round(50, p99Us: 50), round(80, p99Us: 90), round(60, p99Us: 70)],
            other: other.map { round($0.0, p99Us: UInt64($0.1)) }, against: "redis-always")
        let html = report.page.html
        #expect(html.components(separatedBy: "<svg").count == 3)
        for text in ["depth-1, timesale: 60/s", "depth-1, redis-always: 20/s", "depth-1, timesale: 70 us"] {
            #expect(html.contains("<title>\(text)</title>"), "\(text)")
        }
        #expect(html.contains("depth-1: 4.00 times the orders of redis-always, p99 0.45 times; wanted are 3"))
        #expect(html.contains("class=\"verdict good\"") && !html.contains("class=\"verdict bad\""))
        let slow = self.report(
            "depth-16", own: [round(50, p99Us: 50)], other: [round(10, p99Us: 50)], against: "redis-always")
        #expect(slow.page.html.contains("class=\"verdict bad\""))
        let directory = NSTemporaryDirectory() + "compare-page-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = try report.write(to: directory)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == html)
        #expect(FileManager.default.fileExists(atPath: "\(directory)/report.json"))
    }

    private let other = [(10.0, 100), (20, 200), (40, 300)]

    /// Rounds are compared with themselves: 3, 4 and 5 times, though the medians are 5 times apart.
    @Test func ratiosAreOfTheSameRound() throws {
        let own = [round(50, p99Us: 50), round(80, p99Us: 400), round(120, p99Us: 150)]
        let report = report(
            "depth-1", own: own, other: other.map { round($0.0, p99Us: UInt64($0.1)) }, against: "redis-always")
        let ratio = try #require(report.ratios.first)
        #expect(ratio.median == 4 && ratio.low == 3 && ratio.high == 5 && abs(ratio.confidence - 0.75) < 1e-9)
        #expect(ratio.p99.median == 0.5 && ratio.p99.low == 0.5 && ratio.p99.high == 2)
        #expect(ratio.target == 3 && ratio.isMet == true)
        #expect(report.text.contains("at least 3, p99 no higher: met"))
        let result = report.results[0]
        #expect(result.opsPerS == Spread([50, 80, 120]) && result.p99 == 150 && result.cpu.server == 0.98)
        #expect(result.cpu.stolen == 0.07 && report.text.contains("of it stolen"))
    }

    /// A round counts as near if its CPUs were at both of its bouts; where all were, or none is known, nothing is said.
    @Test func ratiosOfTheRoundsWithNearCPUs() throws {
        let far = report(
            "batch-128",
            own: [(300, 40), (200, 210), (320, 45), (330, 40)].map { round($0.0, p99Us: 9, apartNs: $0.1) },
            other: [(10, 50), (10, 40), (10, 190), (10, 60)].map { round($0.0, p99Us: 9, apartNs: $0.1) },
            against: "redis-always")
        let ratio = try #require(far.ratios.first)
        #expect(ratio.near?.low == 30 && ratio.near?.high == 33 && ratio.nearRounds == 2)
        #expect(far.cpuDistanceNs?.min == 40 && far.cpuDistanceNs?.max == 210)
        #expect(far.text.contains("redis-always, batch-128: 33.0 in 2 rounds"))

        let near = report(
            "batch-128", own: [round(300, p99Us: 9, apartNs: 40)], other: [round(10, p99Us: 9, apartNs: 70)],
            against: "redis-always")
        #expect(near.ratios.first?.near == nil && near.text.contains("40 .. 70 in all bouts"))
        let unknown = report(
            "batch-128", own: [round(300, p99Us: 9)], other: [round(10, p99Us: 9)], against: "redis-always")
        #expect(unknown.cpuDistanceNs == nil && !unknown.text.contains("from each other"))
    }

    @Test func aRateIsNotEnoughWhereTheP99CountsToo() throws {
        let others = other.map { round($0.0, p99Us: UInt64($0.1)) }
        func isMet(_ test: String, _ factor: Double, _ against: String = "redis-always") -> Bool? {
            let own = other.map { round(factor * $0.0, p99Us: UInt64(2 * $0.1)) }
            return report(test, own: own, other: others, against: against).ratios.first?.isMet
        }
        #expect(isMet("depth-1", 3.5) == false)
        #expect(isMet("depth-16", 15) == true && isMet("depth-16", 14.9) == false)
        #expect(isMet("depth-128", 50) == true && isMet("depth-128", 49) == false)
        #expect(isMet("batch-128", 30) == true && isMet("batch-128", 29) == false)
        #expect(isMet("depth-128", 100, "redis-none") == nil)
    }

    @Test func theKeysAreThoseThatAreDocumented() throws {
        let one = [round(30, p99Us: 50)]
        let report = report("depth-16", own: one, other: [round(1, p99Us: 60)], against: "redis-always")
        let json = try #require(
            try JSONSerialization.jsonObject(with: JSONFile.data(report)) as? [String: Any])
        #expect(
            Set(json.keys) == [
                "command", "machine", "versions", "transport", "secondsPerRound", "interval", "results", "ratios",
            ])
        let result = try #require((json["results"] as? [[String: Any]])?.first)
        #expect(
            Set(result.keys) == ["contestant", "case", "ops_per_s", "p50", "p99", "p999", "cpu", "rounds"])
        #expect((result["ops_per_s"] as? [String: Double]).map { Set($0.keys) } == ["median", "min", "max"])
        let cpu = try #require(result["cpu"] as? [String: Double])
        #expect(Set(cpu.keys) == ["server", "generator", "others", "stolen"])
        let ratio = try #require((json["ratios"] as? [[String: Any]])?.first)
        #expect(
            Set(ratio.keys) == ["case", "against", "median", "low", "high", "confidence", "p99", "target", "met"])
    }
}
