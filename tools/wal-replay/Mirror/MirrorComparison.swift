import Engine
import Log
import Mirror
import Protocol
import Redis

/// A log and the keys of its mirror, number by number.
///
/// Each key says the sequence of which it is the state, so it is compared with exactly that, whatever either side goes
/// on to do. And the position says a sequence that all keys have reached: a key that is older has not changed since,
/// so it is the state there too. Redis is read first: all that it may have is then in the log.
struct MirrorComparison {
    /// Of the log, behind its last block.
    let sequence: UInt64
    /// The first sequence at which the log can be compared.
    let oldest: UInt64
    let position: RedisCopy.Mark?
    let streamEnd: LogPlace?
    /// Sales and policies that the log has, and hashes that stand in Redis.
    let offerCount: Int
    let keyCount: Int
    /// The worst first.
    private(set) var findings: [MirrorFinding] = []

    /// Those that are differences.
    var differenceCount: Int { findings.count { $0.kind != .untold } }

    private let names: MirrorKeys
    private let history: CountHistory
    private let manifest: Manifest
    private let nowMs: UInt64

    /// - Throws: `Refusal`, `RedisFault`.
    init(
        _ storage: any LogStorage, at place: RedisSettings.Place, prefix: String, timeoutMs: UInt64, nowMs: UInt64
    ) throws {
        names = MirrorKeys(prefix: prefix)
        self.nowMs = nowMs
        let copy = try RedisCopy(at: place, prefix: prefix, timeoutMs: timeoutMs)
        var position: RedisCopy.Mark?
        if case .value(let fields) = copy.position { position = RedisCopy.Mark(fields) }
        self.position = position
        var streamEnd: RedisCopy.StreamEnd?
        if case .value(let end) = copy.streamEnd { streamEnd = end }
        self.streamEnd = streamEnd?.place
        let marks = copy.keys.compactMapValues { RedisCopy.Mark($0.fields) }
        let history = CountHistory(
            marks.mapValues { [$0.sequence] }, everywhere: position.map { [$0.sequence] } ?? [],
            event: streamEnd?.place)
        // The base that tells most: what is older than the oldest one is not known anyway.
        let oldestKept = try Self.oldestSequence(storage)
        let asked = marks.values.map(\.sequence) + (position.map { [$0.sequence] } ?? [])
        self.history = history
        let state = try StateAt.load(
            storage, until: nil, since: asked.filter { $0 >= oldestKept }.min() ?? .max, observer: history)
        defer { state.free() }
        sequence = state.sequence
        oldest = history.oldest
        manifest = state.replay.manifest
        offerCount = history.names.count { history.counts(of: $0, at: .max)?.facts.isRetired == false }
        keyCount = copy.keys.values.count { $0.hash != .nothing }
        comparePosition(copy.position)
        compareStream(copy.streamEnd)
        for key in copy.keys.values { compare(key) }
        for name in history.names where copy.keys[name] == nil { noteMissing(name) }
        findings.sort { ($0.kind, $0.key, $0.field ?? "") < ($1.kind, $1.key, $1.field ?? "") }
    }

    private static func oldestSequence(_ storage: any LogStorage) throws -> UInt64 {
        do {
            return try LogDirectory(storage: storage).knownManifest().bases[0].sequence
        } catch {
            throw Refusal("\(error)")
        }
    }

    // MARK: Position and stream

    private mutating func comparePosition(_ found: RedisCopy.Found<[String: String]>) {
        let key = names.position
        switch found {
        case .nothing: add(.missing, key, why: "there is no position: no mirror has written here, or it is lost")
        case .otherType: add(.type, key, why: "holds another type than a hash")
        case .value:
            guard let position else { return add(.differs, key, why: "holds no epoch and seq") }
            if position.sequence > sequence { noteAhead(key, "\(position.sequence)") }
        }
    }

    private mutating func compareStream(_ found: RedisCopy.Found<RedisCopy.StreamEnd?>) {
        let key = names.events
        switch found {
        case .nothing: return
        case .otherType: add(.type, key, why: "holds another type than a stream")
        case .value(nil): add(.differs, key, why: "its last entry has an id that is no place of a log")
        case .value(let end?):
            let id = StreamEntry.id(end.place)
            if end.place.sequence > sequence { return noteAhead(key, id) }
            if end.type == StreamEntry.gapType { return }
            if end.place.sequence <= oldest {
                return add(.untold, key, why: "its last entry is \(id), and the log here goes back to \(oldest)")
            }
            let event = history.eventFound.map { "\($0)" }
            if event != end.type {
                add(
                    .differs, key, field: "entry \(id)", log: event ?? "no event", redis: end.type,
                    at: end.place.sequence)
            }
        }
    }

    // MARK: Keys

    private mutating func compare(_ key: RedisCopy.Key) {
        let text = names.counts(key.name.kind, key.name.id)
        if key.hash == .otherType { return add(.type, text, why: "holds another type than a hash") }
        guard let last = history.known(key.name) else {
            // Perhaps only the number that stands beside the hash.
            let plain = key.hash == .nothing ? names.available(key.name.kind, key.name.id) : nil
            return add(.stranger, plain ?? text, why: "the log knows no such \(key.name.kind)")
        }
        if key.hash == .nothing {
            if !last.isRetired { noteMissing(key.name) }
            return
        }
        guard let mark = RedisCopy.Mark(key.fields) else { return add(.differs, text, why: "holds no epoch and seq") }
        if mark.sequence > sequence { return noteAhead(text, "\(mark.sequence)") }
        if key.isMoving {
            return add(.untold, text, why: "it changed each time it was read, so its two keys may be of two moments")
        }
        if let position, mark.epoch < position.epoch {
            add(.stale, text, field: "epoch", log: "\(position.epoch)", redis: "\(mark.epoch)", at: position.sequence)
        }
        let before = findings.count
        if mark.sequence >= oldest { compare(key, text, at: mark.sequence, .differs) }
        if findings.count > before { return }
        // The key has not changed up to the position.
        if let position, position.sequence > mark.sequence, position.sequence <= sequence, position.sequence >= oldest {
            compare(key, text, at: position.sequence, mark.sequence >= oldest ? .stale : .differs)
        } else if mark.sequence < oldest {
            add(.untold, text, why: "it is of sequence \(mark.sequence), and the log here goes back to \(oldest)")
        }
    }

    private mutating func compare(
        _ key: RedisCopy.Key, _ text: String, at sequence: UInt64, _ kind: MirrorFinding.Kind
    ) {
        let found = key.fields
        let plainKey = names.available(key.name.kind, key.name.id)
        guard let counts = history.counts(of: key.name, at: sequence) else {
            return add(kind, text, why: "at sequence \(sequence) the log has no such \(key.name.kind) yet")
        }
        if counts.facts.isRetired {
            if found["state"] != "retired" {
                add(kind, text, field: "state", log: "retired", redis: found["state"], at: sequence)
            }
            return
        }
        var note: String?
        if let removed = manifest.removal(of: sequence) {
            note = "a repair has removed sequences \(removed.from) to \(removed.until)"
        }
        for (field, value) in counts.fields where found[field] != value {
            add(kind, text, field: field, log: value, redis: found[field], at: sequence, why: note)
        }
        let states = counts.states(untilMs: nowMs)
        if !states.contains(found["state"] ?? "") {
            add(kind, text, field: "state", log: states.joined(separator: " or "), redis: found["state"], at: sequence)
        }
        guard let plainKey, let plain = key.plain else { return }
        switch plain {
        case .nothing: add(.missing, plainKey, why: "it should hold \(counts.available)")
        case .otherType: add(.type, plainKey, why: "holds another type than a string")
        case .value(let number):
            if number != "\(counts.available)" {
                add(
                    kind, plainKey, field: "value", log: "\(counts.available)", redis: number, at: sequence, why: note)
            }
        }
    }

    /// No hash is there, although one has to be: of what the position has reached, or where there is none of the end.
    private mutating func noteMissing(_ name: OfferName) {
        var reached = UInt64.max
        if let position, position.sequence <= sequence { reached = position.sequence }
        let key = names.counts(name.kind, name.id)
        if reached < oldest {
            return add(
                .untold, key,
                why: "it is not there; the position is \(reached), and the log here goes back to \(oldest)")
        }
        guard let counts = history.counts(of: name, at: reached), !counts.facts.isRetired else { return }
        let numbers = counts.fields.filter { ["available", "remaining"].contains($0.0) }
        add(.missing, key, why: numbers.map { "the log has \($0.1) \($0.0)" }.joined())
    }

    private mutating func noteAhead(_ key: String, _ place: String) {
        add(
            .ahead, key,
            why: "is at \(place), but the log ends with sequence \(sequence): Redis shows what this log does not have")
    }

    private mutating func add(
        _ kind: MirrorFinding.Kind, _ key: String, field: String? = nil, log: String? = nil, redis: String? = nil,
        at sequence: UInt64? = nil, why: String? = nil
    ) {
        findings.append(
            MirrorFinding(kind: kind, key: key, field: field, log: log, redis: redis, sequence: sequence, why: why))
    }
}

extension CountHistory {
    /// What an offer is at the end of the log; nil if there never was such a one.
    fileprivate func known(_ name: OfferName) -> OfferFacts? { counts(of: name, at: .max)?.facts }
}

extension CountHistory.Counts {
    /// The fields of its hash that follow from the log alone, as `docs/redis.md` names them.
    fileprivate var fields: [(String, String)] {
        let terms = facts.terms
        switch terms.kind {
        case .sale:
            return [
                ("name", facts.name.text), ("stock", "\(facts.stock)"), ("available", "\(available)"),
                ("held", "\(held)"), ("sold", "\(sold)"), ("starts_at", "\(terms.startsAtMs)"),
                ("ends_at", "\(terms.endsAtMs)"),
            ]
        case .policy:
            return [
                ("name", facts.name.text), ("quantity", "\(facts.stock)"), ("remaining", "\(available)"),
                ("issued", "\(held &+ sold)"), ("used", "\(sold)"), ("valid_from", "\(terms.startsAtMs)"),
                ("valid_until", "\(terms.endsAtMs)"),
            ]
        }
    }

    /// The states that it may have been written with: the log does not say when that was, but not before it changed.
    fileprivate func states(untilMs: UInt64) -> [String] {
        if facts.closedAtMs != 0 { return ["closed"] }
        let (starts, ends) = (facts.terms.startsAtMs, facts.terms.endsAtMs)
        var states: [String] = []
        for ms in [changedAtMs, starts, ends, untilMs] where ms >= changedAtMs && ms <= max(untilMs, changedAtMs) {
            let state: String
            if ends != 0 && ms >= ends {
                state = "ended"
            } else if ms < starts {
                state = "scheduled"
            } else if available == 0 {
                state = facts.terms.kind == .sale ? "soldOut" : "exhausted"
            } else {
                state = "open"
            }
            if !states.contains(state) { states.append(state) }
        }
        return states
    }
}
