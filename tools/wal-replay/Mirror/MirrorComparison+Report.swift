import Protocol
import Mirror
import Redis

extension MirrorComparison {
    func report(with place: RedisSettings.Place, json: Bool) {
        var output = Output()
        defer { output.flush() }
        if json { return output.line(self.json) }
        let whose = position.map { "whose position is \($0.sequence)" } ?? "which has no position"
        output.line("compared   the log at sequence \(sequence) with \(place), \(whose)")
        let stream = streamEnd.map { "; the last event of the stream is \(StreamEntry.id($0))" } ?? ""
        output.line("           \(offerCount) sales and policies in the log, \(keyCount) in Redis\(stream)")
        for finding in findings { output.line(finding.text) }
        let untold = findings.count - differenceCount
        if findings.isEmpty { return output.line("ok") }
        if differenceCount > 0 { output.line("\(differenceCount) differ") }
        if untold > 0 { output.line("\(untold) cannot be told") }
    }

    private var json: String {
        var line = JsonLine()
        line.add("same", findings.isEmpty)
        line.add("sequence", sequence)
        line.add("oldestSequence", oldest)
        if let position {
            line.add("positionEpoch", position.epoch)
            line.add("positionSequence", position.sequence)
        }
        if let streamEnd { line.add("streamEnd", StreamEntry.id(streamEnd)) }
        line.add("offers", offerCount)
        line.add("keys", keyCount)
        line.raw("differences", JsonLine.array(findings.filter { $0.kind != .untold }.map(\.json)))
        line.raw("untold", JsonLine.array(findings.filter { $0.kind == .untold }.map(\.json)))
        return line.closed
    }
}
