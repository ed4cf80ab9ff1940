import Engine
import Log
import Protocol

/// What happened to one order, checkout, coupon or transaction up to a state, and what it is then.
struct History {
    /// Each event, or what a snapshot kept in place of those before it.
    private var events: [(json: String, text: String)] = []
    /// The records that are about it then; none if it has left memory, or never was.
    private var records: [(json: String, text: String)] = []

    init(_ storage: any LogStorage, _ state: StateAt, id: Id128) throws {
        var subject = EventSubject(.id(id))
        do {
            var order = try EventOrder(storage, untilSequence: state.sequence)
            try order.forEach { event in
                if subject.concerns(event.kind, event.bytes) { events.append((event.json, event.text)) }
                return true
            }
            if let fault = order.faults.first { remark("\(fault)") }
        } catch {
            throw Refusal("\(error)")
        }
        var found: [(json: String, text: String)] = []
        var final = EventSubject(.id(id))
        let take = { (kind: EventKind, record: UnsafeRawBufferPointer) in
            guard let bytes = record.baseAddress, final.concerns(kind, bytes) else { return }
            var json = JsonLine()
            json.add("kind", "\(kind)")
            json.add("timeMs", bytes.loadLE(EventField.timeMs, as: UInt64.self))
            describe(kind, bytes, &json)
            var text = TextLine()
            describe(kind, bytes, &text)
            found.append((json.closed, "\(kind)  \(text.text)"))
        }
        state.replay.engines[0].keepCatalogue(take)
        state.replay.engines[0].keepPartitions(take)
        records = found
    }

    var lines: [String] {
        var lines = events.map(\.text)
        if lines.isEmpty { lines.append("nothing happened to it, as far back as the log here goes") }
        lines.append(records.isEmpty ? "then: not in memory" : "then:")
        return lines + records.map { "  \($0.text)" }
    }

    var json: String {
        var line = JsonLine()
        line.raw("events", JsonLine.array(events.map(\.json)))
        line.raw("then", JsonLine.array(records.map(\.json)))
        return line.closed
    }
}
