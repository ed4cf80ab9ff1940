import Generator

extension ScenarioReport: PagedReport {
    /// Everything as a page to look at.
    public var page: Page {
        let fsync = fsync.map { ", --fsync \($0)" } ?? ""
        var page = Page(
            title: "timesale: bench \(command)",
            subtitle: "\(server), \(shards) shard\(shards == 1 ? "" : "s")\(fsync), seed \(load.seed). "
                + machine.summary + ".")
        for result in results { result.add(to: &page) }
        if results.count > 1 {
            page.add(heading: "All of them")
            let groups = results.map { result in
                Plot.BarGroup(
                    name: result.scenario,
                    bars: result.phases.filter { $0.kind == .speed }.map {
                        Plot.Bar(
                            name: $0.name, value: $0.acceptedPerSecond, text: "\(grouped($0.acceptedPerSecond))/s")
                    })
            }
            page.add(plot: Plot.bars(groups), caption: "Accepted operations a second; each group has its own scale")
        }
        return page
    }
}

extension ScenarioResult {
    fileprivate func add(to page: inout Page) {
        page.add(heading: scenario)
        if isVerified {
            let sides = verification.logNote == nil ? "Replies, server and log" : "Replies and server"
            page.add(
                verdict: "\(sides) agree about every count. \(verification.held)", isGood: true)
        }
        for failure in verification.failures.prefix(20) { page.add(verdict: failure, isGood: false) }
        if let note = verification.logNote { page.add(paragraph: "\(note.prefix(1).uppercased())\(note.dropFirst()).") }
        for phase in phases {
            let own = verdicts.filter { $0.phase == phase.name }
            let met = own.filter(\.isMet).map { "\($0.threshold) (\($0.measured))" }
            if !met.isEmpty { page.add(verdict: "\(phase.name): \(met.joined(separator: ", "))", isGood: true) }
            for verdict in own where !verdict.isMet {
                page.add(
                    verdict: "\(verdict.phase): \(verdict.threshold) missed with \(verdict.measured)", isGood: false)
            }
        }
        page.add(
            table: [
                "phase", "accepted/s", "accepted", "refused", "mean", "p50", "p95", "p99", "p99.9", "max",
                "CPU: shards", "generator",
            ],
            phases.map { phase in
                [
                    phase.name, grouped(phase.acceptedPerSecond), grouped(phase.accepted),
                    grouped(phase.refused.values.reduce(0, +)), duration(us: phase.latency.meanUs),
                ]
                    + [
                        phase.latency.p50Us, phase.latency.p95Us, phase.latency.p99Us, phase.latency.p999Us,
                        phase.latency.maxUs,
                    ].map { duration(us: Double($0)) }
                    + [phase.shardCPU.map(percent) ?? "-", percent(phase.generatorCPU)]
            })
        page.add(
            plot: Plot.lines(phases.map(\.throughput), x: "seconds", y: "accepted a second"),
            caption: "Accepted operations a second, over time")
        page.add(
            plot: Plot.percentiles(
                phases.map { ($0.name, $0.percentiles) },
                names: ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"], y: "latency"),
            caption: "Latency by percentile")
    }
}

extension PhaseResult {
    private static let pointsMax = 200

    /// What was accepted between two moments, over time; of a long run each point stands for several.
    fileprivate var throughput: Plot.Series {
        let step = timeline.count / Self.pointsMax + 1
        var points: [(x: Double, y: Double)] = []
        var last = Moment(seconds: 0, accepted: 0, refused: 0, p99Us: nil)
        for moment in timeline.enumerated().filter({ $0.offset % step == step - 1 }).map(\.element) {
            let seconds = moment.seconds - last.seconds
            // The moments before the first reply and behind the last one are shorter than the others.
            guard seconds > 0.05 else { continue }
            points.append((moment.seconds, Double(moment.accepted - last.accepted) / seconds))
            last = moment
        }
        return Plot.Series(name: name, points: points)
    }

    fileprivate var percentiles: [Double] {
        [
            latency.p50Us, latency.p90Us, latency.p95Us, latency.p99Us, latency.p999Us, latency.p9999Us, latency.maxUs,
        ].map(Double.init)
    }
}
