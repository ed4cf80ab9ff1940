import Generator

extension CompareReport: PagedReport {
    /// Everything as a page to look at: rates and times as bars, each case with a scale of its own.
    public var page: Page {
        let others = versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var page = Page(
            title: "timesale beside others: bench compare",
            subtitle: (others + ["over \(transport), \(decimal(secondsPerRound)) s a round"]).joined(separator: "; ")
                + ". " + machine.summary + ".")
        for ratio in ratios {
            guard let target = ratio.target, let isMet = ratio.isMet else { continue }
            let latency = ratio.case == Self.latencyTarget ? ", p99 \(decimal(ratio.p99.median, 2)) times" : ""
            page.add(
                verdict: "\(ratio.case): \(Self.times(ratio.median)) times the orders of \(ratio.against)\(latency); "
                    + "wanted are \(decimal(target, 0))\(latency.isEmpty ? "" : ", and a p99 that is no higher")",
                isGood: isMet)
        }
        page.add(heading: "Orders a second")
        page.add(
            plot: Plot.bars(groups { $0.opsPerS } text: { "\(grouped($0))/s" }),
            caption: "Accepted orders a second: median, and from the least to the most of \(rounds) rounds")
        page.add(heading: "Latency")
        page.add(
            plot: Plot.bars(
                groups { Spread($0.rounds.map { Double($0.latency.p99Us) }) } text: { duration(us: $0) }),
            caption: "99 of 100 orders took at most: median, and from the least to the most of \(rounds) rounds")
        page.add(heading: "Figures")
        page.add(
            table: ["contestant", "case", "orders/s", "min", "max", "p50", "p99", "p99.9", "CPU: server", "generator"],
            results.map { result in
                [
                    result.contestant, result.case, grouped(result.opsPerS.median), grouped(result.opsPerS.min),
                    grouped(result.opsPerS.max), duration(us: result.p50), duration(us: result.p99),
                    duration(us: result.p999), percent(result.cpu.server), percent(result.cpu.generator),
                ]
            })
        page.add(
            table: ["timesale against", "case", "times the orders/s", "low", "high", "times the p99"],
            ratios.map { ratio in
                [
                    ratio.against, ratio.case, Self.times(ratio.median), Self.times(ratio.low),
                    Self.times(ratio.high), decimal(ratio.p99.median, 2),
                ]
            })
        page.add(
            paragraph: "Ratios are formed within each round. Server and generator share the machine, a core each: a "
                + "contestant whose server is not near 100 % of its core was not at its limit.")
        return page
    }

    private var rounds: Int { results.first?.rounds.count ?? 0 }

    private func groups(_ spread: (Result) -> Spread, text: (Double) -> String) -> [Plot.BarGroup] {
        cases.map { name in
            let bars = results.filter { $0.case == name }.map { result in
                let value = spread(result)
                return Plot.Bar(
                    name: result.contestant, value: value.median, range: value.min...value.max,
                    text: text(value.median))
            }
            return Plot.BarGroup(name: name, bars: bars)
        }
    }
}
