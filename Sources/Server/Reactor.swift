import CAtomics
import Engine
import Glibc
import Log
import Logging
import Protocol
import Shard

/// One shard on its thread: the event loop around a `ShardCore`.
///
/// The order of the phases of a turn is the argument why an acknowledged operation is durable:
///
///     wait       submit what the last turn prepared; sleep until something completes
///     reap       completions: received bytes queue up, log writes advance what is durable
///     advance    durable units return to the stripes, durable changes to the catalogue    (promise 6)
///     admit      whether the disk has room for more than the ends of what is open, and how long requests wait
///     process    requests of other shards, then frames, until an allowance of entries is used up:
///                decisions, events, results                                               (bounded turn)
///     expire     holds whose time is over
///     seal       the events of this turn become one block, and its write begins           (group commit)
///     reply      results whose events are durable are copied out and sent                 (promises 3, 5)
///     wake       shards that something was published to
///
/// A reply of this turn's events is held in the core until a later turn's `reap` finds their block written.
struct Reactor: ~Copyable {
    let shard: Int
    let ring: Ring
    var core: ShardCore
    let shared: ServerState
    let clock: Clock
    var logger: Logger

    var buffers: ReceiveBuffers
    var connections: ConnectionTable
    var input = InputQueue()
    var indexScout = Scout(.indexes)
    var recordScout = Scout(.records)
    /// Connections with something to send, in this turn.
    var dirty: SlotList
    /// Connections whose receive ended for lack of buffers.
    var starved: SlotList
    /// The connection whose frame the core has in hand, and the frame's length; 0: none.
    var frameInHandSlot = -1
    var frameInHandBytes = 0
    /// Whether it lies in the inbox of its connection, and not in the front piece.
    var frameInHandIsInbox = false

    var load: LoadGuard
    var busyPoll = BusyPoll()
    var log: LogFilesOpen
    /// Bytes in all inboxes.
    var inboxBytes = 0
    var lastMs: UInt64 = 0
    var lastSweepMs: UInt64 = 0
    var lastEventMs: UInt64 = 0
    var isStopping = false
    /// How many lists of tokens this shard has held its connections against.
    var accessChanges: UInt64 = 0
    /// A pass over what is remembered is under way.
    var isRetiring = false
    var isMeshPolled = false
    /// The log is to go on by a block, though nothing happens.
    var isBlockWanted = false
    /// Shard 0 only: which listeners are armed, whether one has to be armed again, and whose turn it is.
    var listeners: [Bool]
    var isAcceptPaused = false
    var handedOut = -1
    /// How far each growing table has been made resident.
    let grownBytes: UnsafeMutablePointer<Int>
    let doorbellValue: UnsafeMutablePointer<UInt64>
    /// What the disk has room for beside the segments of this shard: `DiskRoom` writes it.
    let roomBytes: UnsafeMutablePointer<UInt64>
    let inPlace = InPlace()

    /// Unread replies beyond this stop the reading of further requests of a connection.
    static let unreadMaxBytes = 1 << 20
    /// Unanswered request bytes and replies in flight of one connection, as the handshake states it.
    static let inFlightMaxBytes: UInt32 = 1 << 20
    /// Bytes of begun frames over all connections; beyond this the one that adds to them is closed.
    static let inboxMaxBytes = 256 << 20
    /// How long a shard is idle before it seals what it knows to be durable.
    static let markAfterMs: UInt64 = 20

    /// The event loop. Returns when the server has stopped and everything is flushed.
    ///
    /// A symbol of its own: the check of the hot path's machine code begins here (`Tests/HotSymbols`).
    @inline(never)
    mutating func run() {
        listen()
        armDoorbell()
        core.beginTurn()
        grace()
        while true {
            wait()
            let nowMs = readClock()
            core.beginTurn()
            isMeshPolled = core.shards == 1
            reap(nowMs)
            core.advance(nowMs: nowMs)
            admit()
            watchLoad(nowMs)
            process(nowMs)
            expire(nowMs)
            retire(nowMs)
            seal(nowMs)
            reply(nowMs)
            wake()
            growMemory()
            sweep(nowMs)
            if isStopping && stopIfDone(nowMs) { return }
        }
    }

    // MARK: Phases

    /// Waits only with nothing left to do, and sleeps only after a last look at the mesh: see `Mesh.setSleeping`.
    private mutating func wait() {
        let hasWork =
            core.isWorking || !input.isEmpty || !dirty.isEmpty || isRetiring || (isStopping && core.isQuiet)
        if hasWork && !core.isStalled {
            ring.submitAndWait(timeoutMs: isStopping ? 1 : 0)
            return
        }
        busyPoll.note(nowUs: Clock.monotonicUs())
        guard busyPoll.isBusy else { return sleep() }
        // What is prepared is work, and no part of the wait.
        ring.submit()
        let beganUs = Clock.monotonicUs()
        var isFound = false
        if busyPoll.isWorthIt {
            isFound = findsWork(sinceUs: beganUs)
            busyPoll.looked(us: Clock.monotonicUs() &- beganUs)
        }
        if isFound { ring.submitAndWait(timeoutMs: 0) } else { sleep() }
        busyPoll.waited(us: Clock.monotonicUs() &- beganUs)
    }

    private mutating func sleep() {
        shared.mesh.setSleeping(shard, true)
        let timeoutMs = core.meshHasMessages() ? 0 : timeoutMs()
        ring.submitAndWait(timeoutMs: timeoutMs)
        shared.mesh.setSleeping(shard, false)
    }

    /// What is stalled goes on when the disk has done something, which is a completion.
    private func timeoutMs() -> UInt64 {
        var next = lastSweepMs + 1000
        if let expiryMs = core.engine.pointee.nextExpiryMs() { next = min(next, expiryMs) }
        if core.writer.needsMark { next = min(next, lastEventMs + Self.markAfterMs) }
        if isStopping { next = min(next, lastMs + 5) }
        return next > lastMs ? min(next - lastMs, 1000) : 1
    }

    /// The time of this turn: one reading for all of it, never backwards.
    private mutating func readClock() -> UInt64 {
        lastMs = max(lastMs, clock.nowMs())
        return lastMs
    }

    private mutating func reap(_ nowMs: UInt64) {
        while let completion = ring.nextCompletion() {
            switch completion.tag.kind {
            case .receive: received(completion, nowMs)
            case .send: sent(completion, nowMs)
            case .logWrite: logWritten(completion)
            case .logSync: logSynced(completion)
            case .accept: accepted(completion, nowMs)
            case .greet: greeted(completion, nowMs)
            case .handOver: adopted(completion, nowMs)
            case .handOverSent: handOverSent(completion)
            case .doorbell: doorbellRang(nowMs)
            case .cancel: operationEnded(completion.tag)
            case .wake, .ignored: break
            }
        }
    }


    private mutating func admit() {
        if core.admit(roomBytes: Int(ts_load_relaxed(roomBytes))) { spaceHasChanged() }
    }

    @inline(never)
    private mutating func spaceHasChanged() { shared.room.refuses(shard, !core.hasLogSpace) }

    private mutating func expire(_ nowMs: UInt64) {
        _ = core.expireHolds(nowMs: nowMs)
    }

    /// A little in each turn, more when there is nothing else to do; nothing when stopping.
    private mutating func retire(_ nowMs: UInt64) {
        let mayRetire = !isStopping && core.hasLogSpace
        isRetiring = mayRetire && core.retire(isBusy: core.isWorking || !input.isEmpty, nowMs: nowMs)
    }

    private mutating func reply(_ nowMs: UInt64) {
        while let reply = core.nextReply() {
            if let slot = connections.slot(reply.connection) {
                let connection = connections.slots + slot
                connection.pointee.filling.append(reply.reply, reply.lengthBytes)
                connection.pointee.unanswered -= reply.frames
                markDirty(slot)
            }
            core.removeReply()
        }
        while !dirty.isEmpty {
            let slot = dirty.removeLast()
            connections.slots[slot].isDirty = false
            startSend(slot, nowMs)
        }
    }

    private mutating func wake() {
        var wakes = core.wakes & ~(1 << UInt64(shard))
        while wakes != 0 {
            let target = wakes.trailingZeroBitCount
            wakes &= wakes - 1
            if shared.mesh.takeWake(target) {
                ring.send(CompletionTag(.wake), to: shared.ringDescriptor(target), CompletionTag(.ignored))
            }
        }
    }

    @inline(never)
    private mutating func grace() {
        let nowMs = readClock()
        core.grace(untilMs: nowMs + shared.graceMs, nowMs: nowMs)
    }

    /// Drives takes to their answers: other shards settle theirs without waiting for us.
    mutating func settle(_ progress: WorkProgress, _ nowMs: UInt64) -> WorkProgress {
        var progress = progress
        while progress == .takesUnits {
            var spins = 0
            while true {
                let answer = core.stepTake(nowMs: nowMs)
                if answer == .taken || answer == .soldOut { break }
                if answer == .wait {
                    spins += 1
                    // The other shard may have lost its core in the middle of its gather.
                    if spins & 127 == 0 { sched_yield() } else { ts_pause() }
                }
            }
            progress = core.resume(nowMs: nowMs)
        }
        return progress
    }

    // MARK: Doorbell

    func armDoorbell() {
        ring.read(shared.doorbells[shard], into: UnsafeMutableRawPointer(doorbellValue), 8, CompletionTag(.doorbell))
    }

    /// Another thread has something for us: a prepared segment, other tokens, or the wish to stop.
    @inline(never)
    private mutating func doorbellRang(_ nowMs: UInt64) {
        armDoorbell()
        takePreparedSegment()
        takeAnswers()
        if shared.takeAskForBlock(shard) { isBlockWanted = true }
        if shared.access.changeCount != accessChanges { dismissTheRemoved() }
        if shared.isStopping && !isStopping {
            isStopping = true
            shared.stopStartedMs = nowMs
        }
    }

    /// Replies that were made on other threads.
    private mutating func takeAnswers() {
        for answer in shared.desk.takeAnswers(shard: shard) {
            let isTaken = answer.results.withUnsafeBytes {
                core.answerAside(answer.request, status: answer.status, count: answer.count, results: $0)
            }
            if isTaken { continue }
            shared.desk.putBack(answer, shard: shard)
            shared.ring(shard)
        }
    }

    // MARK: Stopping

    /// After SIGTERM: no new frames; what is in hand is finished, made durable and answered. True when
    /// every shard is done, or the time for it is over.
    @inline(never)
    private mutating func stopIfDone(_ nowMs: UInt64) -> Bool {
        let isFlushed = connections.slotRange.allSatisfy {
            connections.slots[$0].state != .open
                || (connections.slots[$0].filling.isEmpty && connections.slots[$0].sending.isEmpty)
        }
        // In the modes that sync later, what has been written is synced before the end.
        let isSynced = core.writer.durableLsn == core.writer.writtenLsn && !core.writer.needsMark
        shared.setQuiet(shard, core.isQuiet && !core.meshHasMessages() && isFlushed && isSynced)
        if core.isQuiet && core.writer.needsMark { sealMark(nowMs) }
        if shared.allQuiet { return true }
        if nowMs > shared.stopStartedMs + ServerState.stopMaxMs {
            logger.warning("stopped with connections that do not read their replies")
            return true
        }
        return false
    }
}
