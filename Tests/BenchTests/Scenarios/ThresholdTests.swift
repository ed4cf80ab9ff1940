import Generator
import Testing

@testable import Harness

/// Shows how thresholds are read, judged, and put in the place of the goals.
@Suite struct ThresholdTests {
    private func phase(rate: Double = 2000, p99Us: UInt64 = 4000, errors: Double = 0) -> PhaseResult {
        var report = LoadReport()
        (report.seconds, report.accepted) = (1, UInt64(rate))
        (report.latency.p99Us, report.latency.p95Us, report.latency.meanUs) = (p99Us, p99Us / 2, 1000)
        var phase = PhaseResult(Scenario.timesale.phases[1], LoadPlan(address: .tcp(port: 1)), report)
        phase.errorShare = errors
        return phase
    }

    @Test(arguments: [
        ("p99<5ms", Threshold(.p99, .below, 5000)), ("p99.9 <= 250us", Threshold(.p999, .atMost, 250)),
        ("max<1.5s", Threshold(.max, .below, 1_500_000)), ("rate>=1000", Threshold(.rate, .atLeast, 1000)),
        ("RATE > 2500/s", Threshold(.rate, .above, 2500)), ("errors<0.5%", Threshold(.errors, .below, 0.005)),
        ("mean<=100ms", Threshold(.mean, .atMost, 100_000)), ("p50<1ms", Threshold(.p50, .below, 1000)),
    ])
    func reads(_ text: String, _ threshold: Threshold) throws { #expect(try Threshold(text) == threshold) }

    @Test(arguments: [
        ("p98<5ms", "metrics are rate, mean, p50"), ("p99", "write METRIC<VALUE"), ("p99=5ms", "write METRIC<VALUE"),
        ("p99<5", "a time has a unit"), ("p99<5%", "a time has a unit"), ("p99<ms", "no number"),
        ("p99<-5ms", "no number"), ("p99<1.2.3ms", "no number"), ("errors<1", "errors are a share"),
        ("rate>=5ms", "a rate has no unit"), ("", "write METRIC<VALUE"), ("<5ms", "metrics are"),
    ])
    func saysWhatIsWrong(_ text: String, _ reason: String) {
        let fault = #expect(throws: LoadError.self) { try Threshold(text) }
        #expect(fault?.description.contains(reason) == true, "\(fault?.description ?? "")")
    }

    @Test func judgesBothSidesOfTheBound() throws {
        for (text, isMet) in [
            ("p99<4001us", true), ("p99<4ms", false), ("p99<=4ms", true), ("p99>4ms", false), ("p99>=4ms", true),
            ("rate>=2000", true), ("rate>2000", false), ("p95<=2ms", true), ("mean<1ms", false), ("errors<1%", true),
        ] {
            let verdict = try Threshold(text).judge(phase())
            #expect(verdict.isMet == isMet, "\(text)")
        }
        #expect(!(try Threshold("errors<1%").judge(phase(errors: 0.01)).isMet))
        #expect(try Threshold("p99<5ms").judge(phase(p99Us: 7100)).measured == "7.10 ms")
    }

    /// No time of nothing is a good time.
    @Test func nothingAcceptedMeetsNothing() throws {
        #expect(!(try Threshold("p99<5ms").judge(phase(rate: 0)).isMet))
    }

    @Test func theGoalsHoldUnlessTheirMetricIsGiven() throws {
        let goals = ["rate >= 1,000/s", "mean <= 100 ms", "p95 <= 200 ms", "errors < 1.00 %"]
        #expect(Threshold.chosen([], rate: nil).map(\.description) == goals)
        let own = [try Threshold("p95<1s"), try Threshold("p99<5ms")]
        #expect(
            Threshold.chosen(own, rate: nil).map(\.description) == [
                goals[0], goals[1], goals[3], "p95 < 1.00 s", "p99 < 5.00 ms",
            ])
    }

    /// No server accepts more than it is asked for.
    @Test func aScheduleSetsTheGoalOfItsRate() {
        #expect(Threshold.goals(rate: 200)[0] == Threshold(.rate, .atLeast, 190))
        #expect(Threshold.goals(rate: 5000)[0] == Threshold(.rate, .atLeast, 1000))
    }

    /// Sold out is an answer; a server that is busy, and a reply that never came, are errors.
    @Test func onlyFaultsAreErrors() {
        var report = LoadReport()
        report.accepted = 90
        report.refused = [32: 100, 96: 6]
        report.account.unknown = 4
        #expect(PhaseResult.errorShare(report) == 0.05)
        #expect(PhaseResult.errorShare(LoadReport()) == 0)
    }
}
