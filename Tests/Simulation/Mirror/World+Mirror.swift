import Engine
import Log
import Mirror
import Shard

// The mirror, and a Redis with which everything may happen. Promise 8.

/// What the mirror of this world needs. Its dice are others than those of the world, so that it changes nothing of what
/// happens there.
struct MirrorWorld {
    var dice: Dice
    let redis = SimulatedRedis()
    var history = MirrorHistory()
    /// Bytes of the queue from each shard: small ones overflow.
    let feedSizeBytes: Int
    let stepPerMille: Int
    let faultPerMille: Int
    let troublePerMille: Int
    /// About how many events its stream keeps; nil: there is no stream.
    let eventCountMax: Int?
    var mirror: Mirror?
    var epoch: UInt64 = 0

    /// Nil in half of all seeds.
    init?(seed: UInt64) {
        dice = Dice(seed: seed, part: Dice.mirrorPart)
        guard dice.chance(500) else { return nil }
        feedSizeBytes = dice.pick([1 << 10, 1 << 12, 1 << 16])
        stepPerMille = dice.pick([5, 40, 200])
        faultPerMille = dice.pick([0, 100, 400])
        troublePerMille = dice.pick([0, 5, 30])
        eventCountMax = dice.pick([nil, 20, 100_000])
    }

    mutating func fault() -> SimulatedRedisLink.Fault? {
        dice.chance(faultPerMille) ? dice.pick(SimulatedRedisLink.Fault.allCases) : nil
    }
}

extension World {
    func feeds(shards: Int) -> [CountFeed] {
        guard let mirror else { return [] }
        return (0..<shards).map { _ in CountFeed(memory: memory.source, sizeBytes: mirror.feedSizeBytes) }
    }

    /// A life begins: what is there is durable, and the mirror begins with it.
    func beginMirror(_ state: RecoveredState) {
        guard mirror != nil else { return }
        mirror!.history = MirrorHistory()
        mirror!.history.note(model, sequence: state.lastSequence)
        // Later than that of any life before, also where the clock stands still.
        mirror!.epoch = max(mirror!.epoch + 1, clockMs)
        let link = SimulatedRedisLink(
            mirror!.redis, below: { [unowned self] in self.mirror!.dice.below($0) },
            next: { [unowned self] in self.isCalm ? nil : self.mirror!.fault() })
        var configuration = Mirror.Configuration(epoch: mirror!.epoch)
        configuration.eventCountMax = mirror!.eventCountMax
        if isStreaming { for blocks in machine.recent { blocks.isWanted = true } }
        mirror!.mirror = Mirror(
            configuration, link: link, engines: (0..<machine.shards).map { machine.engine($0) },
            feeds: machine.feeds, board: machine.board, storage: storage,
            recent: isStreaming ? machine.recent : [], sequence: state.lastSequence,
            random: { [unowned self] in Double(self.mirror!.dice.below(1000)) / 1000 },
            note: { [unowned self] in self.trace.note(40, 0, $0) })
    }

    /// A block is sealed, and the model has taken it.
    func noteForMirror(_ command: WriteCommand) {
        guard mirror != nil else { return }
        mirror!.history.note(model, sequence: command.sequence)
    }

    /// Now and then the mirror gets a turn, or Redis comes into trouble.
    func stepMirror() throws(Violation) {
        guard mirror != nil else { return }
        if !isCalm && mirror!.dice.chance(mirror!.troublePerMille) { troubleRedis() }
        if let key = mirror!.redis.broughtBack {
            throw Violation(8, "a stale write has brought \(key) back to what it said before")
        }
        try checkStream()
        guard mirror!.dice.chance(mirror!.stepPerMille) else { return }
        try turnMirror()
    }

    private func turnMirror() throws(Violation) {
        mirror!.redis.changed = []
        let before = mirror!.mirror!.status(nowMs: clockMs)
        mirror!.mirror!.step(nowMs: clockMs)
        let after = mirror!.mirror!.status(nowMs: clockMs)
        coverage[.mirrorWrites] += Int(after.writes - before.writes)
        coverage[.mirrorErrors] += Int(after.errors - before.errors)
        coverage[.mirrorRewrites] += Int(after.rewrites - before.rewrites)
        coverage[.mirrorRepairs] += Int(after.repairs - before.repairs)
        for key in mirror!.redis.changed.sorted() { try checkMirrored(key) }
        try checkStream()
    }

    private func troubleRedis() {
        let redis = mirror!.redis
        let names = redis.keys.keys.sorted()
        switch mirror!.dice.below(7) {
        case 0:
            redis.flushAll()
            trace.note(41, 0, "Redis is flushed")
        case 1: redis.keepOlder()
        case 2:
            redis.failOver()
            coverage[.redisFailovers] += 1
            trace.note(42, 0, "Redis fails over to an older state")
        case 3: if !names.isEmpty { redis.remove(mirror!.dice.pick(names)) }
        case 4: if !names.isEmpty { redis.spoil(mirror!.dice.pick(names)) }
        default:
            guard redis.lateCount > 0 else { return }
            redis.carryOutLate(mirror!.dice.below(redis.lateCount))
            coverage[.lateCommands] += 1
        }
    }

    // MARK: Checks

    /// A key that was written just now says exactly what the log says at its sequence, all of which is durable.
    private func checkMirrored(_ name: String) throws(Violation) {
        guard case .hash(let fields)? = mirror!.redis.keys[name], let epoch = UInt64(fields["epoch"] ?? ""),
            let sequence = UInt64(fields["seq"] ?? "")
        else { throw Violation(8, "\(name) has no epoch and sequence") }
        guard epoch == mirror!.epoch else { return }
        try checkDurable(upTo: sequence, name)
        guard let key = OfferKey(mirrored: name) else { return }
        try compare(fields, key, mirror!.history.counts(key, at: sequence), name, "at sequence \(sequence)")
    }

    /// No power loss undoes anything that a key shows.
    func checkDurable(upTo sequence: UInt64, _ name: String) throws(Violation) {
        for shard in 0..<machine.shards {
            let open = model.tails[shard].first { block in
                block.bytes.withUnsafeBytes { BlockHeader($0.baseAddress!).sequence } <= sequence
            }
            guard open.map(\.isSynced) ?? true else {
                throw Violation(8, "\(name) shows sequence \(sequence), of which a power loss would undo a block")
            }
        }
    }

    private func compare(
        _ fields: [String: String], _ key: OfferKey, _ counts: MirrorHistory.Counts?, _ name: String, _ when: String
    ) throws(Violation) {
        if counts?.isRetired ?? false {
            guard fields["state"] == "retired" else { throw Violation(8, "\(name) has left and is in Redis") }
            return
        }
        let names =
            key.kind == .sale ? ("stock", "available", "sold", "held") : ("quantity", "remaining", "used", "issued")
        func number(_ name: String) -> UInt64? { UInt64(fields[name] ?? "") }
        guard let counts, number(names.0) == counts.stock,
            number(names.1) == counts.stock - counts.held - counts.sold, number(names.2) == counts.sold,
            number(names.3) == (key.kind == .sale ? counts.held : counts.held + counts.sold),
            (fields["state"] == "closed") == counts.isClosed
        else {
            throw Violation(
                8,
                "\(name) says \(fields.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }), the log says "
                    + "\(counts.map { "\($0)" } ?? "nothing") \(when)")
        }
        if key.kind == .sale {
            guard mirror!.redis.keys[name + ":available"] == .text(fields["available"]!) else {
                throw Violation(8, "\(name):available is not what its hash says")
            }
        }
    }

    /// Faults have stopped: the mirror comes to what the log says, key by key, and nothing else is there.
    func compareMirror() throws(Violation) {
        guard mirror != nil else { return }
        while mirror!.redis.lateCount > 0 { mirror!.redis.carryOutLate(0) }
        clockStands = false
        // Within three looks it has found what was done to its keys.
        let untilMs = clockMs + 4_000
        try settle("Redis worked again") {
            self.clockMs >= untilMs && self.machine.isQuiet && self.model.tails.allSatisfy(\.isEmpty)
                && self.mirror!.mirror!.isInStep
        }
        clockStands = true
        // What happens while that is checked is no concern of the mirror's.
        try turnMirror()
        try compareStream()
        let redis = mirror!.redis
        for (index, offer) in model.offers.enumerated() {
            let key = offer.creation.key
            let name = key.mirroredName
            let units = model.totals(index)
            let counts = MirrorHistory.Counts(
                stock: offer.stock, held: UInt64(units.held), sold: UInt64(units.sold), isClosed: offer.closed != nil,
                isRetired: offer.retired != nil)
            guard case .hash(let fields)? = redis.keys[name] else {
                // Of what has left the mark may go as well.
                if counts.isRetired { continue }
                throw Violation(8, "\(key) is not in Redis")
            }
            try compare(fields, key, counts, name, "when all is quiet")
        }
        let others = ["timesale:mirror", Self.streamKey]
        for name in redis.keys.keys where !others.contains(name) && !name.hasSuffix(":available") {
            guard let key = OfferKey(mirrored: name), model.offer(key) != nil else {
                throw Violation(8, "Redis has \(name), which the log does not know")
            }
        }
        coverage[.mirrorsCompared] += 1
    }
}

extension OfferKey {
    var mirroredName: String { kind == .sale ? "timesale:{\(id)}" : "coupon:{\(id)}" }

    init?(mirrored name: String) {
        let isSale = name.hasPrefix("timesale:{")
        guard isSale || name.hasPrefix("coupon:{"), name.hasSuffix("}"),
            let id = UInt64(name.dropFirst(isSale ? 10 : 8).dropLast())
        else { return nil }
        self.init(kind: isSale ? .sale : .policy, id: id)
    }
}
