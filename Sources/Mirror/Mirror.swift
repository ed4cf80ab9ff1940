import Engine
import Log
import Protocol
import Redis
import Shard

/// Copies the counts of all sales and policies to Redis, and never anything that a crash could undo.
///
/// A step takes what the shards have told up to a cut, a sequence up to which every log is durable, and writes each
/// offer that changed, once, with absolute values: a thousand orders of a sale between two steps are one write. Every
/// write compares and sets (epoch, seq), so the order in which Redis comes to them does not matter. The position goes
/// last: Redis has at least the state that it names.
///
/// After a fault nothing is known of the writes under way, which are made again. What Redis has is looked at before:
/// when the position is not the one that was written last, Redis has lost something (`FLUSHALL`, a failover to a
/// replica that was behind, a start from an old file), and everything is written. Keys that change by themselves, one
/// by one (evicted, deleted by hand, a node of a cluster emptied), are found by looking at some in each second.
///
/// One thread, which it may keep as long as a call of Redis takes: shards never wait for it.
public final class Mirror {
    public struct Configuration: Sendable {
        /// Before every key.
        public var prefix = ""
        /// Of this start of the server, above all before it on the same data, about ms since 1970: later starts win.
        public var epoch: UInt64
        /// About how many entries the stream of events keeps; nil: there is no stream.
        public var eventCountMax: Int?
        /// How long Redis may take for the commands of one call.
        public var timeoutMs: UInt64 = 1_000

        public init(epoch: UInt64) { self.epoch = epoch }
    }

    /// Writes of one call.
    static let batchMax = 500
    /// Between two looks at the position, at what the clock has changed, and at keys that should be there.
    static let lookEveryMs: UInt64 = 1_000
    /// Keys that are looked at each time.
    static let auditMax = 200

    /// What Redis was given.
    struct Position: Equatable {
        var epoch: UInt64
        var sequence: UInt64
    }

    private let configuration: Configuration
    private let keys: MirrorKeys
    private let link: any RedisLink
    private let board: DurableBoard
    private let random: () -> Double
    private let note: (String) -> Void

    private var table: CountTable
    private var breaker = Breaker()
    private var isSuperseded = false
    /// Slots to write, each once, and what was written of each.
    private var dirty: [UInt32] = []
    private var isDirty: [Bool]
    private var written: [WrittenRow?]
    /// The one that Redis is known to have, and one that it may have.
    private var position: Position?
    private var attempted: Position?
    /// Whether Redis has to be looked at before the next write.
    private var mustLook = true
    private var nextLookMs: UInt64 = 0
    /// When the clock and some keys are looked at. Apart from the look at the position, which each write of it puts
    /// off.
    private var nextRoundMs: UInt64 = 0
    private var nextAudited: UInt32 = 1
    private var lag: LagMeter
    private var stream: EventStream?
    private var hasMoreEvents = false
    /// What is counted, and the sequence that Redis has; the rest of a status is that of the moment it is asked for.
    private var counted = MirrorStatus()

    /// What a key was written with.
    private struct WrittenRow {
        var state: UInt8
        var position: Position
    }

    /// `engines` as recovery has left them, whose state is that at `sequence`; `random` gives numbers in 0 ..< 1,
    /// `note` gets a line when something begins or ends.
    public init(
        _ configuration: Configuration, link: any RedisLink, engines: [UnsafeMutablePointer<Engine>],
        feeds: [CountFeed], board: DurableBoard, storage: any LogStorage, recent: [RecentBlocks], sequence: UInt64,
        random: @escaping () -> Double, note: @escaping (String) -> Void
    ) {
        self.configuration = configuration
        keys = MirrorKeys(prefix: configuration.prefix)
        self.link = link
        self.board = board
        self.random = random
        self.note = note
        table = CountTable(engines: engines, feeds: feeds, sequence: sequence)
        isDirty = Array(repeating: false, count: table.rows.count)
        written = Array(repeating: nil, count: table.rows.count)
        lag = LagMeter(board)
        stream = configuration.eventCountMax.map {
            EventStream(key: keys.events, countMax: $0, storage: storage, recent: recent, endAtStart: sequence)
        }
        for slot in table.slots { mark(slot) }
    }

    /// Takes over what the shards have told, and writes what has changed. Answers whether anything had.
    @discardableResult
    public func step(nowMs: UInt64) -> Bool {
        let before = dirty.count
        lag.isRead(at: nowMs)
        // The cut before what the shards say: all up to it is then there.
        let cut = board.cut()
        table.advance(to: cut) { mark($0) }
        let hasChanged = dirty.count > before || hasMoreEvents
        guard breaker.admits(nowMs: nowMs) else { return hasChanged }
        do throws(MirrorFault) {
            if mustLook || isSuperseded {
                guard !isSuperseded || nowMs >= nextLookMs else { return hasChanged }
                try look(nowMs)
            }
            guard !isSuperseded, table.isWhole else { return hasChanged }
            let isRound = nowMs >= nextRoundMs
            if isRound { noteTime(nowMs) }
            try flush(nowMs)
            if isRound {
                nextRoundMs = nowMs + Self.lookEveryMs
                try audit(nowMs)
                // Lost while nothing happens, it would else be missed by who waits for what was not read yet.
                try stream?.look { command throws(MirrorFault) in try send([command])[0] }
            }
            breaker.succeeded()
            if !isSuperseded { hasMoreEvents = try !writeEvents() }
        } catch {
            fail(error, nowMs)
        }
        return hasChanged
    }

    /// Ends the connection.
    public func close() { link.close() }

    /// Everything that is durable is in Redis.
    public var isInStep: Bool {
        dirty.isEmpty && position?.sequence == table.sequence && table.isWhole && !mustLook && !hasMoreEvents
    }

    private func mark(_ slot: UInt32) {
        while isDirty.count <= Int(slot) {
            isDirty.append(false)
            written.append(nil)
        }
        if isDirty[Int(slot)] { return }
        isDirty[Int(slot)] = true
        dirty.append(slot)
    }

    // MARK: What Redis has

    /// Compares the position in Redis with the one that was written last.
    private func look(_ nowMs: UInt64) throws(MirrorFault) {
        nextLookMs = nowMs + Self.lookEveryMs
        let key = keys.position
        let reply = try send([RedisCommand(["HMGET", key, "epoch", "seq"], key: key)])[0]
        // A key of another type, which the scripts remove, is no position.
        if case .error(let text) = reply, !text.hasPrefix("WRONGTYPE") { throw .refused(text) }
        let found = Position(reply)
        if let found, found.epoch > configuration.epoch { return supersede() }
        if isSuperseded { note("the mirror goes on: Redis has nothing of a later start any more") }
        isSuperseded = false
        mustLook = false
        // A write that was in doubt may have been done.
        if found == nil || found != position && found != attempted { isLost(found: found) }
        position = found
    }

    /// Redis does not have what it was given: everything is written again.
    private func isLost(found: Position?) {
        if position != nil {
            counted.rewrites += 1
            note("the mirror writes everything again: Redis does not have what it was given")
        }
        position = found
        for slot in table.slots { mark(slot) }
    }

    private func supersede() {
        if !isSuperseded { note("the mirror rests: a server that was started later writes to this Redis") }
        isSuperseded = true
        mustLook = true
    }

    /// Looks at some keys, in turn, whether they are as they were written.
    private func audit(_ nowMs: UInt64) throws(MirrorFault) {
        var slots: [UInt32] = []
        var commands: [RedisCommand] = []
        for _ in 0..<min(Self.auditMax, table.rows.count - 1) {
            if nextAudited >= table.rows.count { nextAudited = 1 }
            let slot = nextAudited
            nextAudited += 1
            guard !isDirty[Int(slot)], written[Int(slot)] != nil, let facts = table.rows[Int(slot)].facts else {
                continue
            }
            let key = keys.counts(facts.terms.kind, facts.terms.id)
            slots.append(slot)
            commands.append(RedisCommand(["HMGET", key, "epoch", "seq"], key: key))
            if !facts.isRetired, let plain = keys.available(facts.terms.kind, facts.terms.id) {
                commands.append(RedisCommand(["GET", plain], key: key))
            }
        }
        guard !commands.isEmpty else { return }
        var replies = try send(commands)[...]
        // A key of another type is one that was overwritten; any other error says nothing of the key.
        for case .error(let text) in replies where !text.hasPrefix("WRONGTYPE") { throw .refused(text) }
        for slot in slots {
            let row = table.rows[Int(slot)]
            let found = Position(replies.removeFirst())
            let facts = row.facts!
            // The mark of what has left may go, and nothing come in its place.
            var isRight = found == written[Int(slot)]?.position || facts.isRetired && found == nil
            if !facts.isRetired && facts.terms.kind == .sale {
                isRight = replies.removeFirst() == .bytes(Array("\(row.available)".utf8)) && isRight
            }
            if isRight { continue }
            if let found, found.epoch > configuration.epoch { return supersede() }
            counted.repairs += 1
            mark(slot)
        }
    }

    // MARK: Writing

    /// States that change with the clock alone.
    private func noteTime(_ nowMs: UInt64) {
        for slot in table.slots {
            guard let facts = table.rows[Int(slot)].facts, !facts.isRetired, let known = written[Int(slot)],
                known.state != table.rows[Int(slot)].state(facts, nowMs: nowMs).rawValue
            else { continue }
            mark(slot)
        }
    }

    private func flush(_ nowMs: UInt64) throws(MirrorFault) {
        let now = Position(epoch: configuration.epoch, sequence: table.sequence)
        if !dirty.isEmpty { counted.flushes += 1 }
        while !dirty.isEmpty {
            let slots = Array(dirty.suffix(Self.batchMax))
            let replies = try send(slots.map { command($0, now, nowMs) })
            dirty.removeLast(slots.count)
            var refusal: String?
            var isStale = false
            for (slot, reply) in zip(slots, replies) {
                guard reply != .integer(1) else {
                    isWritten(slot, now, nowMs)
                    continue
                }
                dirty.append(slot)
                if reply == .integer(0) { isStale = true } else { refusal = refusal ?? reply.refusal }
            }
            if isStale { return supersede() }
            if let refusal { throw .refused(refusal) }
        }
        if position != now || nowMs >= nextLookMs { try write(now, nowMs) }
    }

    private func isWritten(_ slot: UInt32, _ now: Position, _ nowMs: UInt64) {
        isDirty[Int(slot)] = false
        counted.writes += 1
        let row = table.rows[Int(slot)]
        guard let facts = row.facts else { preconditionFailure("what was written is known") }
        written[Int(slot)] = WrittenRow(state: row.state(facts, nowMs: nowMs).rawValue, position: now)
    }

    private func command(_ slot: UInt32, _ now: Position, _ nowMs: UInt64) -> RedisCommand {
        guard let facts = table.rows[Int(slot)].facts else {
            preconditionFailure("in a whole state the catalogue knows every offer")
        }
        let key = keys.counts(facts.terms.kind, facts.terms.id)
        let plain = keys.available(facts.terms.kind, facts.terms.id)
        let names = [key] + (plain.map { [$0] } ?? [])
        let place = ["\(now.epoch)", "\(now.sequence)"]
        if facts.isRetired {
            return RedisCommand(["EVAL", MirrorScripts.remove, "\(names.count)"] + names + place, key: key)
        }
        let row = table.rows[Int(slot)]
        let script = PlantedBug.staleMirrorWins.isPlanted ? MirrorScripts.writeAlways : MirrorScripts.write
        return RedisCommand(
            ["EVAL", script, "\(names.count)"] + names + place + ["\(row.available)"]
                + row.fields(facts, nowMs: nowMs).flatMap { [$0.0, $0.1] },
            key: key)
    }

    /// Writes the position, behind all that it stands for, if the one that is there is the one before.
    private func write(_ now: Position, _ nowMs: UInt64) throws(MirrorFault) {
        let key = keys.position
        let before = position.map { ["\($0.epoch)", "\($0.sequence)"] } ?? ["", ""]
        attempted = now
        let reply = try send([
            RedisCommand(
                ["EVAL", MirrorScripts.position, "1", key, "\(now.epoch)", "\(now.sequence)"] + before
                    + ["time", "\(nowMs)"],
                key: key)
        ])[0]
        guard case .array(let parts) = reply, parts.count == 3 else { throw .refused(reply.refusal) }
        nextLookMs = nowMs + Self.lookEveryMs
        switch parts[0] {
        case .integer(1):
            position = now
            lag.isWritten()
            counted.sequence = now.sequence
        case .integer(2): isLost(found: Position(.array(Array(parts[1...]))))
        default: supersede()
        }
    }

    /// Answers whether the stream has all events up to the cut, if there is one.
    private func writeEvents() throws(MirrorFault) -> Bool {
        guard let stream else { return true }
        let progress = try stream.step(upTo: table.sequence) { command throws(MirrorFault) in
            try send([command])[0]
        }
        if progress == .uncertain { mustLook = true }
        return progress == .whole
    }

    // MARK: Faults

    private func send(_ commands: [RedisCommand]) throws(MirrorFault) -> [RedisReply] {
        do throws(RedisFault) {
            return try link.send(commands, timeoutMs: configuration.timeoutMs)
        } catch {
            throw .link(error)
        }
    }

    private func fail(_ fault: MirrorFault, _ nowMs: UInt64) {
        counted.errors += 1
        stream?.forget()
        // Where it belongs may be another node by now.
        if case .refused = fault { link.close() }
        if breaker.state == .closed { note("Redis cannot be written, orders go on without it: \(fault)") }
        mustLook = true
        breaker.failed(nowMs: nowMs, jitter: random())
    }

    /// How it stands at this moment. Between two steps, on their thread.
    public func status(nowMs: UInt64) -> MirrorStatus {
        var status = counted
        status.state = isSuperseded ? .superseded : breaker.state.shown
        lag.store(to: &status, nowMs: nowMs)
        guard let stream else { return status }
        status.eventsWritten = stream.written
        status.eventGaps = stream.gaps
        if let place = stream.place { status.eventSequence = place.sequence }
        return status
    }
}

extension Mirror.Position {
    /// Of the two fields as a hash answers them; nil if they are not both numbers.
    fileprivate init?(_ reply: RedisReply) {
        guard case .array(let parts) = reply, parts.count == 2, let epoch = parts[0].number,
            let sequence = parts[1].number
        else { return nil }
        self.init(epoch: epoch, sequence: sequence)
    }
}

/// Why a step ended early.
enum MirrorFault: Error, CustomStringConvertible {
    /// What has become of the commands is not known.
    case link(RedisFault)
    /// Redis did not do what it was asked for.
    case refused(String)
    /// The log cannot be read.
    case log(TailFault)

    var description: String {
        switch self {
        case .link(let fault): "\(fault)"
        case .refused(let text): "it answered: \(text)"
        case .log(let fault): "the log cannot be followed: \(fault)"
        }
    }
}

extension RedisReply {
    var refusal: String {
        if case .error(let text) = self { return text }
        return "something else than was asked for"
    }

    fileprivate var number: UInt64? {
        if case .bytes(let bytes) = self { return UInt64(String(decoding: bytes, as: UTF8.self)) }
        return nil
    }
}
