import ArgumentParser
import CommandLineTool
import Engine
import Foundation
import Log

/// What a log holds, in numbers and as a picture.
struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Counts events by kind, by sale and by second; rates, silences, bytes per event; a plot.",
        discussion: """
            Counts the log since the oldest snapshot that the directory still has, not the records of that. \
            Seconds are those of the blocks. A checkout counts as what its orders do.
            """)

    @OptionGroup var argument: DirectoryArgument

    @Flag(help: "Print one JSON object, every second in it.")
    var json = false

    @Option(help: ArgumentHelp("Columns of the plot.", valueName: "count"))
    var columns = 72

    @Flag(help: "Say on stderr how far it is, also where that is no terminal.")
    var progress = false

    func validate() throws {
        if !(10...1000).contains(columns) { throw ValidationError("--columns is a whole number from 10 to 1000") }
    }

    func run() throws {
        let storage = Progress(try argument.open(), isWanted: progress)
        storage.begin("reading")
        var statistics: LogStatistics
        var faults: [RecoveryFault] = []
        do {
            var order = try EventOrder(storage)
            statistics = LogStatistics(removed: order.manifest.removed)
            try order.forEachBlock { block, shard in
                statistics.add(block, shard: shard)
                return true
            }
            faults = order.faults
        } catch {
            throw Refusal("\(error)")
        }
        storage.end()
        var output = Output()
        if json {
            output.line(statistics.json)
        } else {
            let glyphs = Glyphs.chosen(ProcessInfo.processInfo.environment)
            for line in statistics.lines(columns: columns, glyphs) { output.line(line) }
        }
        output.flush()
        if let first = faults.first { throw Refusal("the log is damaged, what is behind is not counted: \(first)") }
    }
}

extension LogStatistics {
    private var durationMs: UInt64 { times.map { $0.upperBound - $0.lowerBound } ?? 0 }

    /// Over the whole time.
    private var eventsPerSecond: Double {
        durationMs == 0 ? Double(eventCount) : Double(eventCount) * 1000 / Double(durationMs)
    }

    private var peak: (second: UInt64, events: Int, orders: Int)? {
        seconds.max { ($0.value.events, $1.key) < ($1.value.events, $0.key) }
            .map { ($0.key, $0.value.events, $0.value.orders) }
    }

    private var bytesPerEvent: Double { eventCount == 0 ? 0 : Double(blockBytes) / Double(eventCount) }

    func lines(columns: Int, _ glyphs: Glyphs) -> [String] {
        guard let times, let sequences else { return ["the log is empty"] }
        var lines = [
            "from       \(timeText(times.lowerBound))  sequence \(sequences.lowerBound)",
            "to         \(timeText(times.upperBound))  sequence \(sequences.upperBound)",
            "events     \(Numbers.grouped(eventCount)), \(Numbers.fixed(eventsPerSecond, digits: 1)) a second",
        ]
        if let peak {
            lines.append(
                "peak       \(Numbers.grouped(peak.events)) events, \(Numbers.grouped(peak.orders)) "
                    + "orders in the second of "
                    + timeText(peak.second * 1000))
        }
        lines.append(
            "blocks     \(Numbers.grouped(blockCount)), \(Numbers.grouped(markCount)) of them marks; "
                + "\(Numbers.bytes(UInt64(blockBytes)))")
        lines.append(
            "per event  \(Numbers.fixed(bytesPerEvent, digits: 1)) bytes on disk, "
                + "\(Numbers.fixed(eventCount == 0 ? 0 : Double(eventBytes) / Double(eventCount), digits: 1)) without "
                + "headers and padding")
        if sequencesUnused > 0 {
            lines.append("unused     \(sequencesUnused) sequences: of writes that a crash cut short")
        }
        if sequencesRemoved > 0 { lines.append("removed    \(sequencesRemoved) sequences: by a repair") }
        lines += ["", "KIND                         EVENTS       BYTES"]
        for (kind, counted) in kinds.sorted(by: {
            ($1.value.count, $0.key.rawValue) < ($0.value.count, $1.key.rawValue)
        }) {
            lines.append(
                "\(padded("\(kind)", 20))  \(right(Numbers.grouped(counted.count), 12))  "
                    + right(Numbers.bytes(UInt64(counted.sizeBytes)), 10))
        }
        if !sales.isEmpty {
            lines += ["", "SALE                      ORDERS     UNITS  CONFIRMED  CANCELLED    EXPIRED"]
        }
        for (id, sale) in sales.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "\(padded("\(id)", 20))  "
                    + "\(right(Numbers.grouped(sale.orders), 10))\(right(Numbers.grouped(sale.units), 10))"
                    + right(Numbers.grouped(sale.confirmed), 11) + right(Numbers.grouped(sale.cancelled), 11)
                    + right(Numbers.grouped(sale.expired), 11))
        }
        if !policies.isEmpty { lines += ["", "POLICY                    ISSUED      USED   RESTORED"] }
        for (id, policy) in policies.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "\(padded("\(id)", 20))  \(right(Numbers.grouped(policy.issued), 10))"
                    + right(Numbers.grouped(policy.used), 10) + right(Numbers.grouped(policy.restored), 11))
        }
        if !silences.isEmpty {
            lines += ["", "LONGEST SILENCES"]
            for silence in silences {
                lines.append(
                    "\(right(Numbers.time(.milliseconds(silence.ms)), 12))  from \(timeText(silence.fromMs)), behind "
                        + "sequence \(silence.afterSequence)")
            }
        }
        lines.append("")
        return lines + Plot(self, columns: columns, glyphs).lines
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    var json: String {
        var line = JsonLine()
        line.add("events", eventCount)
        line.add("eventBytes", eventBytes)
        line.add("blocks", blockCount)
        line.add("marks", markCount)
        line.add("blockBytes", blockBytes)
        line.raw("bytesPerEvent", "\((bytesPerEvent * 1000).rounded() / 1000)")
        line.raw("eventsPerSecond", "\((eventsPerSecond * 1000).rounded() / 1000)")
        if let times, let sequences {
            line.add("firstSequence", sequences.lowerBound)
            line.add("lastSequence", sequences.upperBound)
            line.add("firstTimeMs", times.lowerBound)
            line.add("lastTimeMs", times.upperBound)
        }
        line.add("sequencesUnused", sequencesUnused)
        line.add("sequencesRemoved", sequencesRemoved)
        var byKind = JsonLine()
        for (kind, counted) in kinds.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            byKind.add("\(kind)", counted.count)
        }
        line.raw("kinds", byKind.closed)
        line.raw(
            "sales",
            JsonLine.array(
                sales.sorted { $0.key < $1.key }.map { id, sale in
                    var line = JsonLine()
                    line.add("sale", String(id))
                    line.add("orders", sale.orders)
                    line.add("units", sale.units)
                    line.add("confirmed", sale.confirmed)
                    line.add("cancelled", sale.cancelled)
                    line.add("expired", sale.expired)
                    return line.closed
                }))
        line.raw(
            "policies",
            JsonLine.array(
                policies.sorted { $0.key < $1.key }.map { id, policy in
                    var line = JsonLine()
                    line.add("policy", String(id))
                    line.add("issued", policy.issued)
                    line.add("used", policy.used)
                    line.add("restored", policy.restored)
                    return line.closed
                }))
        line.raw(
            "seconds",
            JsonLine.array(
                seconds.sorted { $0.key < $1.key }.map { second, counted in
                    var line = JsonLine()
                    line.add("timeMs", second * 1000)
                    line.add("events", counted.events)
                    line.add("orders", counted.orders)
                    return line.closed
                }))
        line.raw(
            "silences",
            JsonLine.array(
                silences.map { silence in
                    var line = JsonLine()
                    line.add("fromMs", silence.fromMs)
                    line.add("ms", silence.ms)
                    line.add("afterSequence", silence.afterSequence)
                    return line.closed
                }))
        return line.closed
    }
}

/// Events over time, as columns of text.
struct Plot {
    let lines: [String]

    private static let rows = 8

    init(_ statistics: LogStatistics, columns: Int, _ glyphs: Glyphs) {
        guard let first = statistics.seconds.keys.min(), let last = statistics.seconds.keys.max() else {
            lines = []
            return
        }
        // A column is a whole number of seconds, so that all of them are alike.
        let width = (last - first) / UInt64(columns) + 1
        var sums = [Int](repeating: 0, count: Int((last - first) / width) + 1)
        for (second, counted) in statistics.seconds { sums[Int((second - first) / width)] += counted.events }
        let highest = sums.max() ?? 0
        let steps = glyphs.heights
        let label = Numbers.grouped(Int((Double(highest) / Double(width)).rounded(.up)))
        var lines = ["events a second, a column is \(width) s"]
        for row in (0..<Self.rows).reversed() {
            let text = sums.map { sum -> Character in
                let height = highest == 0 ? 0 : (sum * Self.rows * steps.count + highest - 1) / highest
                let within = height - row * steps.count
                return within <= 0 ? " " : steps[min(steps.count, within) - 1]
            }
            let margin = row == Self.rows - 1 ? label : ""
            lines.append(
                String(repeating: " ", count: max(0, label.count - margin.count)) + margin + " │" + String(text))
        }
        lines.append(String(repeating: " ", count: label.count) + " └" + String(repeating: "─", count: sums.count))
        lines.append(
            String(repeating: " ", count: label.count + 2) + timeText(first * 1000) + " to "
                + timeText((last + 1) * 1000))
        self.lines = lines
    }
}
