internal import Protocol

/// The calls of one queue, each in a slot from its admission until its frame is done with it. A value that lives
/// behind the queue's lock.
///
///     free -> reserved -> queued -> sent -> free
///                 |          |  ^     |
///                 |          |  +-----+   the connection was lost, or the server busy (delayed, then queued)
///                 |          +-> dropped -> free       the caller is gone; freed when the queue comes to it
///                 +-> revoked -> free                  cancelled before it was queued
///                                   sent -> abandoned -> free   the caller is gone; freed with the frame
struct CallSlots<Call: WireCall> {
    enum Sink {
        case nobody
        case caller(UnsafeContinuation<Result<Call.Answer, TimesaleError>, Never>)
        case batch(CallBatch<Call.Answer>, Int)

        func resume(_ outcome: Result<Call.Answer, TimesaleError>) {
            switch self {
            case .nobody: break
            case .caller(let continuation): continuation.resume(returning: outcome)
            case .batch(let batch, let index): batch.settle(index, outcome)
            }
        }
    }

    enum Phase: UInt8 {
        case free, reserved, revoked, queued, dropped, sent, abandoned, delayed
    }

    struct Slot {
        var entry: Call.Entry
        var sink: Sink
        var deadlineNs: UInt64
        /// The run of the server on which an attempt was lost, if one was and may have been carried out.
        var lostInstance: UInt64?
        var next: Int32
        var generation: UInt32
        var phase: Phase
        var attempts: UInt8
    }

    /// Names a call for its canceller; stale once the slot was freed.
    struct Ticket: Sendable {
        let index: Int32
        let generation: UInt32
    }

    private(set) var slots: ContiguousArray<Slot> = []
    private var freeHead: Int32 = -1
    private var head: Int32 = -1
    private var tail: Int32 = -1
    /// In the queue, dropped ones included.
    private(set) var queuedCount = 0
    private(set) var droppedCount = 0
    /// Admitted and not yet freed.
    private(set) var outstanding = 0
    /// No call ends before this; a bound, not the exact minimum.
    var nextDeadlineNs = UInt64.max

    // MARK: Slots

    mutating func admit(_ count: Int, max: Int) -> Bool {
        guard outstanding + count <= max else { return false }
        outstanding += count
        return true
    }

    /// Gives back what `admit` took, if no slot was taken for it.
    mutating func discharge(_ count: Int) { outstanding -= count }

    /// Takes a slot for an admitted call.
    mutating func take(_ entry: Call.Entry, _ sink: Sink, deadlineNs: UInt64, _ phase: Phase) -> Int32 {
        nextDeadlineNs = min(nextDeadlineNs, deadlineNs)
        guard freeHead >= 0 else {
            slots.append(
                Slot(
                    entry: entry, sink: sink, deadlineNs: deadlineNs, lostInstance: nil, next: -1,
                    generation: 0,
                    phase: phase, attempts: 0))
            return Int32(slots.count - 1)
        }
        let index = freeHead
        freeHead = slots[Int(index)].next
        slots[Int(index)].entry = entry
        slots[Int(index)].sink = sink
        slots[Int(index)].deadlineNs = deadlineNs
        slots[Int(index)].lostInstance = nil
        slots[Int(index)].phase = phase
        slots[Int(index)].attempts = 0
        return index
    }

    mutating func free(_ index: Int32) {
        precondition(slots[Int(index)].phase != .free, "a slot is freed once")
        slots[Int(index)].sink = .nobody
        slots[Int(index)].phase = .free
        slots[Int(index)].generation &+= 1
        slots[Int(index)].next = freeHead
        freeHead = index
        outstanding -= 1
    }

    subscript(_ index: Int32) -> Slot {
        get { slots[Int(index)] }
        _modify { yield &slots[Int(index)] }
    }

    func ticket(_ index: Int32) -> Ticket { Ticket(index: index, generation: slots[Int(index)].generation) }

    func isCurrent(_ ticket: Ticket) -> Bool { slots[Int(ticket.index)].generation == ticket.generation }

    // MARK: The queue

    mutating func append(_ index: Int32) {
        slots[Int(index)].phase = .queued
        slots[Int(index)].next = -1
        if tail >= 0 { slots[Int(tail)].next = index } else { head = index }
        tail = index
        queuedCount += 1
    }

    mutating func prepend(_ index: Int32) {
        slots[Int(index)].phase = .queued
        slots[Int(index)].next = head
        head = index
        if tail < 0 { tail = index }
        queuedCount += 1
    }

    /// The first call whose caller still waits; frees the others before it.
    mutating func pop() -> Int32? {
        while head >= 0 {
            let index = head
            head = slots[Int(index)].next
            if head < 0 { tail = -1 }
            queuedCount -= 1
            if slots[Int(index)].phase == .queued { return index }
            droppedCount -= 1
            free(index)
        }
        return nil
    }

    /// Ends the waiting of a call in whatever phase it is, and returns who waited.
    mutating func giveUp(_ index: Int32) -> Sink {
        let sink = slots[Int(index)].sink
        slots[Int(index)].sink = .nobody
        switch slots[Int(index)].phase {
        case .queued:
            slots[Int(index)].phase = .dropped
            droppedCount += 1
        case .sent, .delayed: slots[Int(index)].phase = .abandoned
        case .reserved: slots[Int(index)].phase = .revoked
        case .free, .revoked, .dropped, .abandoned: break
        }
        return sink
    }

    /// Frees what was dropped.
    mutating func compact() {
        guard droppedCount > 0 else { return }
        var kept: [Int32] = []
        kept.reserveCapacity(queuedCount)
        while let index = pop() { kept.append(index) }
        for index in kept { append(index) }
    }
}

extension CallSlots.Slot {
    /// How a call ends that is given up: an unknown outcome if it may have been carried out, else `error`.
    func end(_ error: TimesaleError, _ cause: UnknownOutcome.Cause) -> TimesaleError {
        let mayBeDone = lostInstance != nil || phase == .sent
        return Call.changes && mayBeDone ? .outcomeUnknown(Call.unknown(entry, cause)) : error
    }
}
