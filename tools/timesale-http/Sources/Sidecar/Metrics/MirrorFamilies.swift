import TimesaleClient

/// How the copy in Redis stands. Without a mirror the families are absent, as Prometheus has it for what is not there:
/// a lag of 0 would say that a copy is in step.
enum MirrorFamilies {
    static let all: [ReadFamily<EngineScrape>] = [
        ReadFamily(
            MetricFamily("timesale_mirror_state", .gauge, "1 for the state that the mirror is in.", labels: ["state"])
        ) { scrape in
            guard let mirror = scrape.mirror else { return [] }
            return MirrorStats.State.running.map { Sample([$0.rawValue], UInt64(mirror.state == $0 ? 1 : 0)) }
        },
        family("lag_events", .gauge, "Durable events whose counts Redis does not have yet.") { .count($0.lagEvents) },
        family("lag_bytes", .gauge, "Bytes of log that Redis does not have yet.") { .count($0.lagBytes) },
        family("lag_seconds", .gauge, "How long ago Redis had everything.") { .number(Double($0.lagMs) / 1000) },
        family("sequence", .gauge, "Redis has at least the state at this position of the log.") {
            $0.sequence > 0 ? .count($0.sequence) : nil
        },
        family("event_sequence", .gauge, "The stream of events has everything up to this position of the log.") {
            $0.eventSequence > 0 ? .count($0.eventSequence) : nil
        },
        family("writes_total", .counter, "Counts of sales and policies written.") { .count($0.writes) },
        family("flushes_total", .counter, "Rounds in which any was written.") { .count($0.flushes) },
        family("errors_total", .counter, "Refusals of Redis and failed calls.") { .count($0.errors) },
        family("rewrites_total", .counter, "Times that everything was written anew: Redis had lost something.") {
            .count($0.rewrites)
        },
        family("repairs_total", .counter, "Keys that were found other than they had been written.") {
            .count($0.repairs)
        },
        family("events_written_total", .counter, "Entries appended to the stream of events.") {
            .count($0.eventsWritten)
        },
        family("event_gaps_total", .counter, "Entries that say that events were lost.") { .count($0.eventGaps) },
    ]

    /// One sample, unless there is no mirror or the value is not known.
    private static func family(
        _ name: String, _ kind: MetricFamily.Kind, _ help: String,
        _ value: @escaping @Sendable (MirrorStats) -> Sample.Value?
    ) -> ReadFamily<EngineScrape> {
        ReadFamily(MetricFamily("timesale_mirror_\(name)", kind, help)) { scrape in
            scrape.mirror.flatMap(value).map { [Sample([], $0)] } ?? []
        }
    }
}

extension MirrorStats.State {
    /// Those of a mirror that there is.
    static let running: [Self] = [.closed, .open, .halfOpen, .superseded]
}
