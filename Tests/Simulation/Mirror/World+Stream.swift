import Engine
import Log
import Protocol

// The stream of events in Redis: every event that a shop hangs on, once and in order, as long as Redis does not lose
// the stream; and none that a crash could undo. Promise 8.

extension World {
    static let streamKey = "timesale:events"

    var isStreaming: Bool { mirror?.eventCountMax != nil }

    /// Those that docs/redis.md names.
    private static let streamed: Set<EventKind> = [
        .orderPlaced, .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended, .pointsEarned, .pointsUsed,
        .transactionCancelled, .transactionReasoned, .couponIssued, .couponUsed, .couponRestored, .checkoutPlaced,
        .checkoutConfirmed, .checkoutCancelled, .checkoutExpired,
    ]

    /// The next event behind a place that belongs into the stream.
    private func nextStreamed(behind place: LogPlace) -> LogPlace? {
        history.events[history.index(behind: place)...].first { event in
            let kind = event.bytes.withUnsafeBytes { EventKind(rawValue: $0[EventField.kind]) }
            return kind.map(Self.streamed.contains) ?? false
        }?.place
    }

    private func place(_ id: String) throws(Violation) -> LogPlace {
        if id.isEmpty { return LogPlace(sequence: 0) }
        let parts = id.split(separator: "-")
        guard parts.count == 2, let sequence = UInt64(parts[0]), let index = UInt32(parts[1]) else {
            throw Violation(8, "the stream has an entry with the id \(id)")
        }
        return LogPlace(sequence: sequence, index: index)
    }

    /// What was appended just now goes on exactly where the stream had ended.
    func checkStream() throws(Violation) {
        let appended = mirror!.redis.appended
        mirror!.redis.appended = []
        for (before, entries) in appended {
            var last = try place(before)
            for entry in entries {
                let next = try place(entry.id)
                if entry.type == "gap" {
                    guard let manifest = manifest(), next.sequence <= manifest.bases[0].sequence, last < next else {
                        throw Violation(8, "the stream has a gap up to \(entry.id), where the log has everything")
                    }
                    coverage[.streamGaps] += 1
                } else {
                    guard nextStreamed(behind: last) == next else {
                        let wanted = nextStreamed(behind: last).map { "\($0)" } ?? "nothing"
                        throw Violation(
                            8, "the stream goes on with \(entry.id) behind \(last), where the log has \(wanted)")
                    }
                    coverage[.eventsStreamed] += 1
                }
                try checkDurable(upTo: next.sequence, Self.streamKey)
                last = next
            }
        }
    }

    /// Blocks are undone by a crash: the stream has none of them.
    func checkStreamed(_ undone: Set<UInt64>) throws(Violation) {
        guard case .stream(let stream)? = mirror?.redis.keys[Self.streamKey] else { return }
        for entry in stream.entries where undone.contains(try place(entry.id).sequence) {
            throw Violation(8, "the stream has \(entry.id), which a crash undid")
        }
    }

    /// All is quiet: the stream ends with the last event of the log.
    func compareStream() throws(Violation) {
        guard isStreaming else { return }
        var last = LogPlace(sequence: 0)
        if case .stream(let stream)? = mirror!.redis.keys[Self.streamKey] { last = try place(stream.lastId) }
        if let missing = nextStreamed(behind: last) {
            throw Violation(8, "the stream ends at \(last), and lacks \(missing)")
        }
        coverage[.streamsCompared] += 1
    }
}
