import TimesaleClient

/// The copy in Redis, as the dashboard shows it.
struct LiveMirror {
    let stats: MirrorStats
    /// Counts of sales and policies written; nil where a rate cannot be told.
    let writesPerSecond: Double?

    static let shape = ObjectShape(
        "LiveMirror", "The copy in Redis; counters since the start of the engine.", open: true,
        [
            .init(
                "state", .choice(MirrorStats.State.running.map(\.rawValue) + [MirrorStats.State.unknown.rawValue]),
                "closed: Redis answers; open: it does not, or refuses; halfOpen: one look decides; superseded: an "
                    + "engine that was started later writes to it."),
            .init("sequence", .integer, "Redis has at least the state at this block of the log; 0: not known."),
            .init(
                "eventSequence", .integer,
                "The stream of events has everything up to this block; 0: not known, or there is none."),
            .init("lagEvents", .integer, "Durable events whose counts Redis does not have yet."),
            .init("lagBytes", .integer, "Bytes of log that it does not have yet."),
            .init("lagMs", .integer, "How long ago it had everything."),
            .init("writesPerSecond", .number, "Over the last one; null: not known.", nullable: true),
        ] + counters.map { .init("\($0.name)", .integer, $0.about) })

    private struct Counter: Sendable {
        let name: StaticString
        let about: String
        let value: @Sendable (MirrorStats) -> UInt64

        init(_ name: StaticString, _ about: String, _ value: @escaping @Sendable (MirrorStats) -> UInt64) {
            self.name = name
            self.about = about
            self.value = value
        }
    }

    private static let counters: [Counter] = [
        Counter("writes", "Counts of sales and policies written.") { $0.writes },
        Counter("flushes", "Rounds in which any was written.") { $0.flushes },
        Counter("errors", "Refusals and failed calls.") { $0.errors },
        Counter("rewrites", "Times that everything was written anew, because Redis had lost something.") {
            $0.rewrites
        },
        Counter("repairs", "Keys that were found other than they had been written.") { $0.repairs },
        Counter("eventsWritten", "Entries appended to the stream of events.") { $0.eventsWritten },
        Counter("eventGaps", "Of them those that say that events were lost.") { $0.eventGaps },
    ]

    func write(to json: inout JSONWriter) {
        json.begin()
        json.key("state")
        json.text(stats.state.rawValue)
        let numbers: [(StaticString, UInt64)] = [
            ("sequence", stats.sequence), ("eventSequence", stats.eventSequence), ("lagEvents", stats.lagEvents),
            ("lagBytes", stats.lagBytes), ("lagMs", stats.lagMs),
        ]
        for (name, value) in numbers {
            json.key(name)
            json.number(value)
        }
        json.key("writesPerSecond")
        json.decimal(writesPerSecond)
        for counter in Self.counters {
            json.key(counter.name)
            json.number(counter.value(stats))
        }
        json.end()
    }
}
