import TimesaleClient

/// What a rush was, in figures.
struct RushReport {
    var plan: RushPlan
    var counts: Tally.Counts
    var records: Tally.Records
    var checks: [RushCheck]
    /// In the end.
    var sale: Sale
    private let sortedUs: [UInt32]

    init(
        _ plan: RushPlan, _ counts: Tally.Counts, _ records: Tally.Records, _ checks: [RushCheck],
        _ sale: Sale
    ) {
        self.plan = plan
        self.counts = counts
        self.records = records
        self.checks = checks
        self.sale = sale
        sortedUs = records.latenciesUs.sorted()
    }

    var isKept: Bool { checks.allSatisfy(\.isKept) }

    /// How the run of the tool ends.
    var verdict: ExitStatus {
        if !isKept { return .broken }
        if counts.unknown > 0 { return .unknown }
        return counts.answered == 0 ? .unavailable : .done
    }

    /// From the first call to the last answer.
    private var elapsed: Duration { .microseconds(Int64(records.lastAnswerUs)) }
    /// From the first call to the last order that was accepted.
    private var selling: Duration { .microseconds(Int64(records.acceptedAtUs.max() ?? 0)) }

    private var ordersPerSecond: Double {
        selling > .zero ? Double(counts.accepted) / (selling / .seconds(1)) : 0
    }

    private func latency(_ share: Double) -> Duration {
        guard !sortedUs.isEmpty else { return .zero }
        return .microseconds(Int64(sortedUs[min(sortedUs.count - 1, Int(share * Double(sortedUs.count)))]))
    }

    private var refused: [(code: RefusalCode, count: Int)] {
        counts.refused.sorted { ($1.value, $0.key.name) < ($0.value, $1.key.name) }.map { ($0.key, $0.value) }
    }

    // MARK: JSON

    var json: JSON {
        .object([
            ("sale", sale.json), ("buyers", .integer(plan.buyers)), ("quantity", .integer(plan.quantity)),
            ("accepted", .integer(counts.accepted)),
            ("refused", .object(refused.map { ($0.code.name, .integer($0.count)) })),
            ("unknown", .integer(counts.unknown)), ("unanswered", .integer(counts.unanswered)),
            ("early", .integer(counts.early)), ("askedAgain", .integer(counts.askedAgain)),
            ("elapsedMs", .milliseconds(elapsed)), ("sellingMs", .milliseconds(selling)),
            ("ordersPerSecond", .number(ordersPerSecond.rounded())),
            (
                "latencyMs",
                .object([
                    ("p50", .milliseconds(latency(0.5))), ("p99", .milliseconds(latency(0.99))),
                    ("max", .milliseconds(latency(1))),
                ])
            ),
            ("checks", .object(checks.map { ($0.name, .bool($0.isKept)) })), ("kept", .bool(isKept)),
        ])
    }

    // MARK: Text

    func text(_ style: Style, _ glyphs: Glyphs) -> String {
        var table = Table("answer", ">buyers")
        table.add([StyledText("accepted", .green), StyledText(Numbers.grouped(counts.accepted))])
        for (code, count) in refused {
            table.add([StyledText(code.name), StyledText(Numbers.grouped(count))])
        }
        for (name, count) in [("outcome unknown", counts.unknown), ("no answer", counts.unanswered)]
        where count > 0 {
            table.add([StyledText(name, .red), StyledText(Numbers.grouped(count))])
        }
        return [
            headline.rendered(style) + "\n", table.rendered(style), Table.fields(figures(glyphs), style),
            promises(style),
        ].joined(separator: "\n")
    }

    private var headline: StyledText {
        let units = "\(Numbers.grouped(UInt64(counts.accepted) * UInt64(plan.quantity))) units"
        let when = "in \(Numbers.time(selling))"
        return sale.available < UInt64(plan.quantity) && counts.accepted > 0
            ? StyledText("Sold out: \(units) \(when).", .bold) : StyledText("Sold \(units) \(when).", .bold)
    }

    private func figures(_ glyphs: Glyphs) -> [(String, StyledText)] {
        var figures: [(String, StyledText)] = [
            (
                "elapsed",
                StyledText(
                    "\(Numbers.time(elapsed)) until the last of \(Numbers.grouped(counts.answered)) answers")
            ),
            (
                "rate",
                StyledText(
                    "\(Numbers.grouped(Int64(ordersPerSecond.rounded()))) accepted orders/s"
                        + (plan.over > .zero ? ", as fast as the buyers came" : ""))
            ),
            (
                "latency",
                StyledText(
                    [("p50", 0.5), ("p99", 0.99), ("max", 1)].map { "\($0) \(Numbers.time(latency($1)))" }
                        .joined(separator: "   "))
            ),
        ]
        if selling > .zero {
            figures.append(
                (
                    "stock",
                    StyledText(glyphs.sparkline(stockOverTime(columns: 48), max: 1), .cyan)
                        + StyledText(" over \(Numbers.time(selling))", .dim)
                ))
        }
        if counts.early > 0 {
            figures.append(
                (
                    "too early",
                    StyledText("\(Numbers.grouped(counts.early)) calls before the opening, made again")
                ))
        }
        if counts.askedAgain > 0 {
            figures.append(
                (
                    "asked again",
                    StyledText(
                        "\(Numbers.grouped(counts.askedAgain)) calls for want of an answer, with the same id")
                ))
        }
        return figures
    }

    /// The share of the stock at the beginning that was left at so many moments, as the buyers saw it.
    func stockOverTime(columns: Int) -> [Double] {
        let stock = Double(max(1, plan.sale.available))
        let times = records.acceptedAtUs.sorted()
        let lastUs = Double(times.last ?? 0)
        var index = 0
        return (1...columns).map { column in
            let untilUs = lastUs * Double(column) / Double(columns)
            while index < times.count, Double(times[index]) <= untilUs { index += 1 }
            return max(0, 1 - Double(index) * Double(plan.quantity) / stock)
        }
    }

    private func promises(_ style: Style) -> String {
        let lines = checks.map { check in
            let mark = check.isKept ? style.paint("kept  ", .green) : style.paint("BROKEN", .red)
            return "  \(mark)  \(check.text)\n"
        }
        return "Asked the server afterwards:\n" + lines.joined()
    }
}
