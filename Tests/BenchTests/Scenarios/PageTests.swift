import Foundation
import Generator
import Testing

@testable import Harness

/// Shows that a page needs nothing but itself, is well-formed whatever it is told, and draws what it is given.
@Suite struct PageTests {
    private static func phase(_ phase: Scenario.Phase, rate: Double) -> PhaseResult {
        var report = LoadReport()
        (report.seconds, report.accepted) = (2, UInt64(2 * rate))
        report.latency.meanUs = 510
        let times: [UInt64] = [400, 700, 900, 1200, 3000, 15_000, 120_000]
        (report.latency.p50Us, report.latency.p90Us, report.latency.p95Us) = (times[0], times[1], times[2])
        (report.latency.p99Us, report.latency.p999Us, report.latency.p9999Us) = (times[3], times[4], times[5])
        report.latency.maxUs = times[6]
        report.timeline = (1...20).map {
            Moment(seconds: Double($0) / 10, accepted: UInt64(Double($0) / 10 * rate), refused: 0, p99Us: 1200)
        }
        return PhaseResult(phase, LoadPlan(address: .tcp(port: 1)), report)
    }

    private static func report(_ change: (inout ScenarioResult) -> Void = { _ in }) -> ScenarioReport {
        let results = Scenario.all.map { scenario in
            let phases = scenario.phases.enumerated().map { phase($1, rate: 1000 * Double($0 + 1)) }
            var result = ScenarioResult(scenario: scenario.name, phases: phases, verification: Verification())
            result.verification.counts = [Verification.Count(what: "orders", replies: 5, server: 5, log: 5)]
            change(&result)
            result.judge(Threshold.goals(rate: nil))
            return result
        }
        let machine = Machine(kernel: "6.1.0", cpuModel: "Some <CPU> & more", cpus: 2, memoryBytes: 8 << 30)
        return ScenarioReport(
            command: "all", machine: machine, server: "a fresh server", shards: 1, fsync: "always",
            load: ScenarioLoad(), results: results)
    }

    /// The elements of a page by name; nil if they do not close in the order in which they open, or if a sign stands
    /// in a text that has to be escaped there.
    private func elements(_ html: String) -> [String: Int]? {
        var counts: [String: Int] = [:]
        var open: [Substring] = []
        for part in html.split(separator: "<").drop(while: { $0.hasPrefix("!DOCTYPE") }) {
            let pieces = part.split(separator: ">", maxSplits: 1, omittingEmptySubsequences: false)
            guard pieces.count == 2, !pieces[1].contains(">") else { return nil }
            let tag = pieces[0]
            let name = tag.drop { $0 == "/" }.prefix { $0.isLetter || $0.isNumber }
            guard !name.isEmpty else { return nil }
            if tag.hasPrefix("/") {
                guard open.popLast() == name else { return nil }
                continue
            }
            counts[String(name), default: 0] += 1
            if !tag.hasSuffix("/") { open.append(name) }
        }
        return open.isEmpty ? counts : nil
    }

    @Test func itIsWellFormed() throws {
        let html = Self.report().page.html
        let elements = try #require(self.elements(html))
        // Two plots for each scenario, and the bars of all.
        #expect(elements["svg"] == 9 && elements["table"] == 4 && elements["style"] == 1)
        #expect(elements["polyline"] == 2 * Scenario.all.reduce(0) { $0 + $1.phases.count })
        #expect(html.contains("Some &lt;CPU&gt; &amp; more"))
        #expect(self.elements(html.replacingOccurrences(of: "</svg>", with: "")) == nil)
        #expect(self.elements(html.replacingOccurrences(of: "&lt;", with: "<")) == nil)
    }

    @Test func itAsksForNothingElse() {
        let html = Self.report().page.html
            .replacingOccurrences(of: "xmlns=\"http://www.w3.org/2000/svg\"", with: "")
        for resource in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"] {
            #expect(!html.contains(resource), "\(resource)")
        }
        #expect(html.contains("prefers-color-scheme: dark"))
    }

    @Test func itSaysWhatFailed() {
        let bad = Self.report { result in
            result.verification.counts[0].server = 6
            result.phases[result.phases.count - 1].acceptedPerSecond = 10
        }
        let html = bad.page.html
        #expect(html.contains("orders: 5 by the replies, but 6 by the server's counters"))
        #expect(html.contains("rate &gt;= 1,000/s missed with 10/s"))
        #expect(html.contains("class=\"verdict bad\""))
        #expect(!Self.report().page.html.contains("class=\"verdict bad\""))
    }

    /// The times beside the marks are those that were measured.
    @Test func percentilesHaveTheirTimes() {
        let plot = Plot.percentiles([("a", [400, 15_000])], names: ["p50", "max"], y: "latency")
        #expect(plot.contains("<title>a: 400 us</title>") && plot.contains("<title>a: 15.0 ms</title>"))
        #expect(plot.contains(">100 us<") && plot.contains(">100 ms<"))
    }

    @Test func barsOfANameHaveOneColour() {
        let groups = ["depth 1", "depth 16"].map { name in
            Plot.BarGroup(
                name: name,
                bars: [
                    Plot.Bar(name: "timesale", value: 300, range: 250...320, text: "300/s"),
                    Plot.Bar(name: "another", value: 100, text: "100/s"),
                ])
        }
        let plot = Plot.bars(groups)
        #expect(plot.components(separatedBy: "class=\"f0\"").count == 3)
        #expect(plot.components(separatedBy: "class=\"f1\"").count == 3)
        #expect(plot.components(separatedBy: "class=\"range\"").count == 7)
        #expect(elements(plot) != nil && elements(Plot.bars([])) != nil)
    }

    @Test func ticksAreRound() {
        #expect(Plot.ticks(upTo: 0) == [0, 1])
        #expect(Plot.ticks(upTo: 9.3) == [0, 2, 4, 6, 8, 10])
        #expect(Plot.ticks(upTo: 2_300_000).last == 2_500_000)
        #expect(Plot.short(1500) == "1.5 k" && Plot.short(2e6) == "2 M" && Plot.short(0.5) == "0.50")
    }

    @Test func jsonHasEverything() throws {
        let text = try JSONFile.data(Self.report())
        let json = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
        #expect(Set(json.keys) == ["command", "machine", "server", "shards", "fsync", "load", "results"])
        let results = try #require(json["results"] as? [[String: Any]])
        #expect(results.count == 4)
        #expect(Set(results[0].keys) == ["scenario", "phases", "verification", "verdicts"])
        let verification = try #require(results[0]["verification"] as? [String: Any])
        #expect(verification["passed"] as? Bool == true && verification["failures"] as? [String] == [])
        let phase = try #require((results[0]["phases"] as? [[String: Any]])?.first)
        #expect((phase["latency"] as? [String: Any])?["p9999Us"] as? Int == 15_000)
        #expect((phase["timeline"] as? [Any])?.count == 20)
    }
}
