import Engine
import Log
import Protocol
import SimulatedStorage

// The end of the process at any moment, and its next start.

extension World {
    /// The process dies, or the machine under it, and is started again. `isKill`: it has ended for a fault of the disk,
    /// and the machine goes on.
    func crash(isKill: Bool = false) throws(Violation) {
        let isPowerLoss = lose(isKill: isKill)
        let mayLoseReplies = isPowerLoss && scenario.mode != .always
        mirror?.mirror = nil
        machine = nil
        follower?.end()
        damageSnapshot()
        damageLog()
        setClockBack()
        writes = []
        syncs = []
        for index in clients.indices { disconnect(index) }
        try start(shards: nextShards(), mayLoseReplies: mayLoseReplies)
    }

    /// What the disk keeps. Answers whether power was lost.
    private func lose(isKill: Bool = false) -> Bool {
        let isPowerLoss = !isKill && dice.chance(scenario.powerLossPerMille)
        trace.note(9, isPowerLoss ? 1 : 0, isPowerLoss ? "power loss" : "kill")
        if isPowerLoss {
            coverage[.powerLosses] += 1
            storage.losePower(using: &dice)
        } else {
            coverage[.kills] += 1
            storage.kill(using: &dice)
        }
        return isPowerLoss
    }

    private func nextShards() -> Int {
        guard dice.chance(scenario.reshardPerMille) else { return max(model.shards, 1) }
        return dice.pick(1...scenario.shardsMax)
    }

    /// Starts until a start succeeds: crashes during recovery are among what happens.
    func start(shards wanted: Int, mayLoseReplies: Bool = false) throws(Violation) {
        var mayLoseReplies = mayLoseReplies
        var shards = wanted
        var cuts: [Int]?
        while true {
            memory.reset()
            drawRetention()
            // A manifest of the next generation means that an earlier attempt had replayed everything.
            cuts = try survivingBlocks() ?? cuts
            let isDamaged = damage != nil
            if let state = try recover(shards: shards) {
                return try serve(state, cuts: cuts ?? [], mayLoseReplies: mayLoseReplies)
            }
            // A start that has refused damage goes on when the damage is mended.
            if isDamaged && damage == nil { continue }
            // A sync that fails loses as much as the power does.
            let hasFailed = !storage.isDown
            if (lose(isKill: hasFailed) || hasFailed) && scenario.mode != .always { mayLoseReplies = true }
            shards = nextShards()
        }
    }

    private func recover(shards: Int) throws(Violation) -> RecoveredState? {
        if !isCalm && dice.chance(scenario.recoveryCrashPerMille) {
            storage.fault = (storage.callCount + dice.pick(1...80), .crash)
        }
        planCallFault(within: 80)
        let configuration = recoveryConfiguration(shards: shards)
        let before = damage == nil ? [:] : try directoryImage()
        do {
            let state = try Recovery.recover(
                storage: storage, configuration: configuration, memory: memory.source, nowMs: clockMs
            ) { note in
                switch note {
                case .tornTailCut: coverage[.tornTails] += 1
                case .resharded: coverage[.reshardings] += 1
                case .snapshotDamaged: coverage[.snapshotsDamaged] += 1
                default: break
                }
                trace.note(10, 0, "recovery: \(note)")
            }
            storage.fault = nil
            damageWasHarmless()
            if state.manifest.newestBase.starts.contains(where: { $0.nextLsn > 1 }) {
                coverage[.startsFromSnapshots] += 1
            }
            return state
        } catch {
            if storage.isDown {
                coverage[.recoveryCrashes] += 1
                return nil
            }
            if try isDamageFound(error, before) { return nil }
            if try isPlannedFault(error, of: "a start") {
                coverage[.startsFailed] += 1
                return nil
            }
            if isTooSmall(error, shards: shards) { return nil }
            throw Violation(error.kind == .contradiction ? 1 : 11, "recovery refuses what a crash left: \(error)")
        }
    }

    /// Whether a start is refused since its shards have less room than those had that wrote the logs: more of them
    /// have less each, fewer have less in all. As many of them have room for what they wrote.
    private func isTooSmall(_ error: RecoveryFault, shards: Int) -> Bool {
        guard error.kind == .capacity, let manifest = manifest(), shards != manifest.logs.count else { return false }
        trace.note(10, 0, "a start with \(shards) shards is refused: \(error)")
        return true
    }

    func recoveryConfiguration(shards: Int) -> RecoveryConfiguration {
        RecoveryConfiguration(
            shards: shards, segmentSizeBytes: scenario.segmentSizeBytes,
            capacities: Capacities(
                users: scenario.usersMax, orders: scenario.ordersMax, tombstones: scenario.tombstonesMax,
                transactions: scenario.transactionsMax, checkouts: scenario.checkoutsMax,
                coupons: scenario.couponsMax,
                couponOperations: scenario.couponOperationsMax, offers: scenario.salesMax,
                catalogueOperations: scenario.catalogueOperationsMax),
            retainMs: retainMs, hashSeed: 0x5eed &* UInt64(trace.step + 1))
    }

    /// How many blocks of each tail the disk still has, whole and without a gap before them. Nil if the logs on
    /// the disk are not those that the tails belong to.
    private func survivingBlocks() throws(Violation) -> [Int]? {
        guard model.shards > 0, let manifest = manifest(), manifest.generation == generation else { return nil }
        // The disk, not what is cached of it: a sync that failed has left what no start may rest on.
        let disk = try uncachedCopy()
        var counts: [Int] = []
        for shard in 0..<model.shards {
            var count = 0
            for block in model.tails[shard] {
                guard isOn(disk, block, log: manifest.logs[shard]) else { break }
                count += 1
            }
            counts.append(count)
        }
        return counts
    }

    func manifest() -> Manifest? {
        guard let bytes = storage.contents(LogFiles.manifest), let text = String(validating: bytes, as: UTF8.self)
        else { return nil }
        return try? Manifest(text: text)
    }

    private func isOn(_ disk: SimulatedStorage, _ block: LogModel.Block, log: UInt64) -> Bool {
        let name = LogFiles.segment(log: log, number: block.segment)
        guard disk.fileNames.contains(name) else { return false }
        return withUnsafeTemporaryAllocation(byteCount: block.bytes.count, alignment: 16) { memory in
            let buffer = UnsafeMutableRawBufferPointer(memory)
            guard let count = try? disk.read(name, at: block.offset, into: buffer) else { return false }
            return count == block.bytes.count && buffer.elementsEqual(block.bytes)
        }
    }

    /// A start has succeeded: the state is checked against the log that survived, then the shards serve.
    private func serve(_ state: RecoveredState, cuts: [Int], mayLoseReplies: Bool) throws(Violation) {
        let (undone, retirementsUndone) = (model.checkoutsUndone, model.retirementsUndone)
        for (shard, count) in cuts.enumerated() {
            try checkFollowed(model.tails[shard].dropFirst(count))
            model.cut(shard: shard, keeping: count)
        }
        coverage[.checkoutsCut] += model.checkoutsUndone - undone
        coverage[.retirementsCut] += model.retirementsUndone - retirementsUndone
        awaitedRetirements = []
        let isFirst = generation == 0
        generation = state.manifest.generation
        model.begin(
            shards: state.shards.count, lsns: state.shards.map { $0.position.nextLsn - 1 }, retainMs: retainMs)
        if mayLoseReplies { forgetWhatWasLost() }
        machine = Machine(
            state, scenario: scenario, retainMs: retainMs, instance: dice.next(),
            feeds: feeds(shards: state.shards.count), recent: recentBlocks(shards: state.shards.count),
            memory: memory.source)
        watch = StockWatch(salesMax: scenario.salesMax, shards: machine.shards)
        clockMs = max(clockMs, state.lastTimeMs)
        lastFullSteps = Array(repeating: 0, count: machine.shards)
        lastCrowdedSteps = lastFullSteps
        beginMirror(state)
        trace.note(11, machine.digest(), "\(machine.shards) shards serve")
        if !isFirst {
            coverage[.restarts] += 1
            try compareWithLog()
            try checkFacts()
        }
        if !isCalm && scenario.graceMs > 0 {
            for shard in 0..<machine.shards where machine.engine(shard).pointee.openHolds > 0 {
                coverage[.graces] += 1
                machine.cores[shard].grace(untilMs: clockMs + scenario.graceMs, nowMs: clockMs)
            }
        }
        drawWeights()
        for index in clients.indices { connect(index) }
        try look()
    }
}
