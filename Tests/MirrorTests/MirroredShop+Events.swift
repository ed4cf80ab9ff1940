import Protocol
import Testing

/// The stream of events beside the log.
extension MirroredShop {
    /// The stream comes to have each event of the log, once, in order.
    func compareEvents() throws {
        let log = try loggedEvents()
        try waitForEvents()
        let stream = try streamedEvents()
        let first = zip(stream, log).first { $0 != $1 }
        let place = first.map { "\($0)" } ?? "the end"
        #expect(stream == log, "\(stream.count) and \(log.count) events differ at \(place)")
    }

    /// `id type` of each entry.
    func streamedEvents() throws -> [String] {
        let key = prefix + "timesale:events"
        var found: [String] = []
        var start = "-"
        // In parts: what one reply may hold is bounded, and what a fast machine sells in a test is not.
        while case .array(let entries) = try holder(key).mustRun("XRANGE", key, start, "+", "COUNT", "10000"),
            !entries.isEmpty
        {
            for entry in entries {
                guard case .array(let parts) = entry, case .array(let fields) = parts[1] else { return found + ["?"] }
                let texts = fields.map { $0.text ?? "" }
                let type = texts.firstIndex(of: "type").map { texts[$0 + 1] } ?? "?"
                let id = parts[0].text ?? "?"
                found.append("\(id) \(type)")
                start = "(" + id
            }
        }
        return found
    }

    /// The same from the log, as far as it is there.
    func loggedEvents() throws -> [String] {
        var place = LogPlace(sequence: 0)
        var found: [String] = []
        while true {
            let results = try client.call(
                .tail, [TailEntry(after: place, waitMs: 0, limit: 4096)], as: TailResult.self)
            if results[0].code == .trimmed {
                // From the oldest place that is there.
                place = results[0].place
                continue
            }
            for result in results.dropLast() {
                let others: [EventKind] = [.saleCreated, .holdsGraced]
                guard let kind = result.event.kind, !others.contains(kind) else { continue }
                found.append("\(result.sequence)-\(result.index) \(kind)")
            }
            place = results[results.count - 1].place
            if results.count == 1 { return found }
        }
    }
}
