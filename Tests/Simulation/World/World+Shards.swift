import Engine
import Log
import Protocol
import Shard

// Turns of shards, cut into the parts between which other shards can do something on a real machine.

extension World {
    /// One part of the shard's turn; parts with nothing to do are passed over in the same step.
    func stepShard(_ shard: Int) throws(Violation) {
        if machine.seats[shard].isTaking { return try stepTake(shard) }
        if machine.seats[shard].mustResume {
            machine.seats[shard].mustResume = false
            return try follow(shard, machine.cores[shard].resume(nowMs: machine.seats[shard].nowMs))
        }
        for _ in 0..<Seat.Part.allCases.count { if try stepPart(shard) { return } }
    }

    /// Answers whether there was something to do.
    private func stepPart(_ shard: Int) throws(Violation) -> Bool {
        if hasAllUsers(shard) { lastCrowdedSteps[shard] = trace.step }
        switch machine.seats[shard].part {
        case .completions: return try takeCompletions(shard)
        case .advance:
            machine.cores[shard].advance(nowMs: machine.seats[shard].nowMs)
            machine.seats[shard].part = .mesh
            return machine.seats[shard].hadCompletions
        case .mesh: return try pollMesh(shard)
        case .frames: return try beginFrame(shard)
        case .expiry:
            machine.seats[shard].part = .seal
            if skips() { return false }
            let before = machine.engine(shard).pointee.statistics.expiries
            _ = machine.cores[shard].expireHolds(nowMs: machine.seats[shard].nowMs)
            _ = machine.cores[shard].retire(
                isBusy: machine.seats[shard].framesBegun > 0, nowMs: machine.seats[shard].nowMs)
            return machine.engine(shard).pointee.statistics.expiries != before
        case .seal: return try seal(shard)
        case .replies: return try sendReply(shard)
        }
    }

    private func skips() -> Bool { !isCalm && dice.chance(scenario.skipPerMille) }

    // MARK: Parts

    private func takeCompletions(_ shard: Int) throws(Violation) -> Bool {
        if machine.seats[shard].nowMs == 0 || !skips() { machine.seats[shard].nowMs = clockMs }
        admit(shard)
        machine.cores[shard].beginTurn(entriesMax: scenario.turnEntriesMax)
        machine.seats[shard].framesBegun = 0
        machine.seats[shard].entriesBegun = 0
        machine.seats[shard].hasPaused = false
        for completion in machine.seats[shard].completions {
            switch completion {
            case .write(let ticket):
                machine.cores[shard].writer.writeCompleted(ticket: ticket)
            case .sync:
                machine.cores[shard].writer.syncCompleted()
            }
        }
        machine.seats[shard].hadCompletions = !machine.seats[shard].completions.isEmpty
        machine.seats[shard].completions = []
        let believed = machine.cores[shard].writer.durableLsn
        guard believed <= model.syncedLsns[shard] else {
            throw Violation(
                3,
                "shard \(shard) takes LSN \(believed) for durable, the disk has synced \(model.syncedLsns[shard])"
            )
        }
        machine.seats[shard].part = .advance
        return machine.seats[shard].hadCompletions
    }

    private func pollMesh(_ shard: Int) throws(Violation) -> Bool {
        machine.seats[shard].part = .frames
        if machine.cores[shard].isWorking {
            machine.seats[shard].entriesBegun = machine.seats[shard].entriesInHand
            try follow(shard, machine.cores[shard].resume(nowMs: machine.seats[shard].nowMs))
            return true
        }
        guard machine.cores[shard].meshHasMessages(), !skips() else { return false }
        // How many entries other shards have sent is not looked at: as many as the turn allows, perhaps.
        machine.seats[shard].entriesBegun = scenario.turnEntriesMax
        machine.seats[shard].entriesInHand = scenario.turnEntriesMax
        try follow(shard, machine.cores[shard].pollMesh(nowMs: machine.seats[shard].nowMs))
        return true
    }

    private func beginFrame(_ shard: Int) throws(Violation) -> Bool {
        let isOver =
            machine.cores[shard].isWorking || machine.seats[shard].hasPaused
            || machine.seats[shard].inbox.isEmpty
            || !machine.cores[shard].hasAllowance || machine.seats[shard].framesBegun >= 4
        if isOver || skips() {
            machine.seats[shard].part = .expiry
            return false
        }
        let inbound = machine.seats[shard].inbox[0]
        let header = inbound.bytes.withUnsafeBytes { FrameHeader($0.baseAddress!) }
        // What its connection has sent behind it may have been received together with it.
        let together = machine.seats[shard].inbox.prefix(1 + dice.below(8))
            .prefix { $0.connection == inbound.connection }
        let stream = together.flatMap(\.bytes)
        let frame = UnsafeMutableRawPointer.allocate(byteCount: stream.count, alignment: 16)
        stream.withUnsafeBytes { frame.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        machine.seats[shard].release()
        machine.seats[shard].hand = frame
        machine.seats[shard].framesBegun += 1
        guard FrameFault.examine(header, frame) == nil else {
            throw Violation(0, "a client of the simulation sent a malformed frame")
        }
        trace.note(
            1, UInt64(shard) << 32 | header.requestId, "shard \(shard) begins request \(header.requestId)")
        let frames = machine.cores[shard].runLength(frame, header, availableBytes: stream.count)
        if frames > 1 { coverage[.runs] += 1 }
        let progress = machine.cores[shard].begin(
            frame, header, frames: frames, connection: inbound.connection, isAdmin: true,
            nowMs: machine.seats[shard].nowMs)
        if progress == .blocked {
            machine.seats[shard].part = .expiry
            return false
        }
        machine.seats[shard].inbox.removeFirst(frames)
        machine.seats[shard].entriesBegun += header.count * frames
        machine.seats[shard].entriesInHand = header.count * frames
        // The turn had room for all of its entries, so that its results were put together where the reply waits;
        // and it has paused all the same.
        if progress == .paused && machine.seats[shard].entriesBegun <= scenario.turnEntriesMax {
            coverage[.pausesInPlace] += 1
        }
        try follow(shard, progress)
        return true
    }

    private func follow(_ shard: Int, _ progress: WorkProgress) throws(Violation) {
        switch progress {
        case .finished: if !machine.cores[shard].isWorking { machine.seats[shard].release() }
        case .blocked: throw Violation(0, "shard \(shard) blocks in the middle of its work")
        case .paused:
            coverage[.pauses] += 1
            machine.seats[shard].hasPaused = true
            machine.seats[shard].part = .expiry
        case .takesUnits:
            guard let take = machine.cores[shard].takeInProgress else {
                throw Violation(0, "shard \(shard) wants units, but takes none")
            }
            let parts = (0..<take.count).map { index in
                let (sale, quantity) = take.wanted(index)
                return StockWatch.Take.Part(sale: sale, wanted: Int(quantity))
            }
            if parts.count > 1 { coverage[.jointTakes] += 1 }
            machine.seats[shard].isTaking = true
            // What was taken or put since the last look belongs to the moments before this take.
            try look()
            watch.begin(shard: shard, parts, step: trace.step)
            let words = parts.map { "\($0.wanted) of sale slot \($0.sale)" }.joined(separator: ", ")
            trace.note(2, UInt64(shard), "shard \(shard) takes \(words)")
        }
    }

    private func stepTake(_ shard: Int) throws(Violation) {
        guard let take = watch.take(of: shard), let failed = machine.cores[shard].takeInProgress?.failed else {
            throw Violation(0, "a take that nobody watches")
        }
        let counters = machine.counters
        let before = take.parts.map { Int(counters.totals($0.sale).available) }
        let answer = machine.cores[shard].stepTake(nowMs: machine.seats[shard].nowMs)
        let changes = zip(take.parts, before).map { Int(counters.totals($0.sale).available) - $1 }
        let change = changes.reduce(0, +)
        try watch.step(shard: shard, answer: answer, changes: changes, failed: failed)
        trace.note(
            3, UInt64(shard) << 8 | UInt64(answer.rawValue), "shard \(shard) take: \(answer), \(change) units"
        )
        if !isCalm && dice.chance(scenario.stallPerMille) {
            // The worst moment to lose the core: units in hand, others at the counter.
            machine.seats[shard].stalledUntil = trace.step + dice.below(300)
        }
        switch answer {
        case .again where take.parts.count > 1: if change > 0 { coverage[.jointTakesPutBack] += 1 }
        case .again:
            if change < 0 { coverage[.gathers] += 1 } else if change > 0 { coverage[.gathersRolledBack] += 1 }
        case .wait: coverage[.takesWaited] += 1
        case .taken, .soldOut:
            machine.seats[shard].isTaking = false
            machine.seats[shard].mustResume = true
        }
    }

    private func seal(_ shard: Int) throws(Violation) -> Bool {
        machine.seats[shard].part = .replies
        if skips() { return false }
        let nowMs = machine.seats[shard].nowMs
        let underWay = writes.count + syncs.count
        if let command = machine.cores[shard].seal(nowMs: nowMs) {
            try submit(command, shard)
        } else if isCalm || dice.chance(200), let command = machine.cores[shard].writer.sealMark(nowMs: nowMs)
        {
            coverage[.marks] += 1
            try submit(command, shard)
        }
        if let command = machine.cores[shard].sync(nowMs: nowMs) {
            let tickets = model.tails[shard].filter(\.isWritten).map(\.ticket)
            syncs.append(PendingSync(shard: shard, command: command, tickets: tickets))
            coverage[.syncs] += 1
            trace.note(5, UInt64(shard), "shard \(shard) syncs segments \(command.segments)")
        }
        if machine.seats[shard].preparing == nil, let segment = machine.cores[shard].writer.segmentToPrepare {
            machine.seats[shard].preparing = segment
        }
        return writes.count + syncs.count != underWay
    }

    private func submit(_ command: WriteCommand, _ shard: Int) throws(Violation) {
        let log = machine.identity(shard).logId
        trace.note(4, UInt64(shard) << 48 | command.ticket, "shard \(shard) writes block \(command.ticket)")
        trace.note(UnsafeRawBufferPointer(start: command.memory, count: command.lengthBytes))
        if command.segment != machine.seats[shard].lastSegment {
            machine.seats[shard].lastSegment = command.segment
            coverage[.segmentSwitches] += 1
        }
        try model.seal(command, shard: shard)
        noteForMirror(command)
        history.add(command, shard: shard)
        try checkAwaited(shard)
        countForgotten(model.tails[shard].last!)
        storage.begin(command, log: log)
        writes.append(PendingWrite(shard: shard, command: command, segment: command.segment))
        try model.weighCrashPoints()
        coverage[.crashPointsChecked] += 1
    }

    private func sendReply(_ shard: Int) throws(Violation) -> Bool {
        guard !skips(), let (connection, reply, lengthBytes, frames) = machine.cores[shard].nextReply()
        else {
            machine.seats[shard].part = .completions
            return false
        }
        let bytes = Array(UnsafeRawBufferPointer(start: reply, count: lengthBytes))
        if machine.cores[shard].isWorking && Operation(rawValue: FrameHeader(reply).operation)?.isCatalogue == true {
            coverage[.repliesMeanwhile] += 1
        }
        machine.cores[shard].removeReply()
        var start = 0
        bytes.withUnsafeBytes { trace.note($0) }
        for _ in 0..<frames {
            let length = bytes.withUnsafeBytes { FrameHeader($0.baseAddress! + start).lengthBytes }
            try receive(Array(bytes[start..<(start + length)]), connection: connection)
            start += length
        }
        return true
    }

    // MARK: Disk

    /// The disk gets something done, in whatever order it likes.
    func stepDisk() throws(Violation) {
        if !isCalm && !dice.chance(scenario.diskPerMille) { return }
        let preparing = machine.seats.indices.filter { machine.seats[$0].preparing != nil }
        let count = writes.count + syncs.count + preparing.count
        if count == 0 { return }
        var choice = dice.below(count)
        let fails = !isCalm && faultDice.below(10_000) < scenario.diskFaultPer10k
        if choice < writes.count { return fails ? try failWrite(choice) : try completeWrite(choice) }
        choice -= writes.count
        if choice < syncs.count { return fails ? try failSync(choice) : completeSync(choice) }
        try prepareSegment(preparing[choice - syncs.count])
    }

    private func completeWrite(_ index: Int) throws(Violation) {
        let write = writes.remove(at: index)
        if writes[..<index].contains(where: { $0.shard == write.shard }) {
            coverage[.outOfOrderCompletions] += 1
        }
        let block = model.tails[write.shard].first { $0.ticket == write.command.ticket }!
        let isUnchanged = block.bytes.withUnsafeBytes {
            $0.elementsEqual(
                UnsafeRawBufferPointer(start: write.command.memory, count: write.command.lengthBytes))
        }
        guard isUnchanged else {
            throw Violation(3, "the memory of a block changed while it was being written")
        }
        let isDurable = write.command.isDurable
        storage.complete(
            log: machine.identity(write.shard).logId, ticket: write.command.ticket, isDurable: isDurable)
        model.isWritten(shard: write.shard, ticket: write.command.ticket)
        if isDurable { model.areSynced(shard: write.shard, tickets: [write.command.ticket]) }
        machine.seats[write.shard].completions.append(.write(ticket: write.command.ticket))
        trace.note(
            6, UInt64(write.shard) << 48 | write.command.ticket,
            "disk: block \(write.command.ticket) of shard \(write.shard) is written")
    }

    private func completeSync(_ index: Int) {
        let sync = syncs.remove(at: index)
        storage.carryOut(sync.command, log: machine.identity(sync.shard).logId)
        let covered = model.tails[sync.shard].filter {
            sync.tickets.contains($0.ticket) && sync.command.segments.contains($0.segment)
        }
        model.areSynced(shard: sync.shard, tickets: covered.map(\.ticket))
        machine.seats[sync.shard].completions.append(.sync)
        trace.note(7, UInt64(sync.shard), "disk: shard \(sync.shard) is synced")
    }

    private func prepareSegment(_ shard: Int) throws(Violation) {
        let segment = machine.seats[shard].preparing!
        let identity = machine.identity(shard)
        if !isCalm && dice.chance(30) { storage.fault = (storage.callCount + dice.pick(1...6), .crash) }
        planCallFault(within: 6)
        do {
            try Recovery.prepareSegment(
                storage: storage, log: identity.logId, number: segment, sizeBytes: identity.segmentSizeBytes)
        } catch {
            if storage.isDown {
                coverage[.prepareCrashes] += 1
                return try crash()
            }
            // Its keeper tries again.
            coverage[.prepareFailures] += 1
            storage.fault = nil
            return
        }
        storage.fault = nil
        machine.seats[shard].preparing = nil
        machine.cores[shard].writer.segmentIsPrepared(segment)
        trace.note(8, UInt64(shard), "disk: shard \(shard) has segment \(segment)")
    }
}
