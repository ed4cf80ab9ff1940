internal import NIOCore
internal import Protocol
import Synchronization

/// The calls of one operation to one shard: from any thread in, as frames out, and their outcomes back.
///
/// Calls gather while `framesInFlightMax` frames are under way, and leave together as soon as one of them is
/// answered; when fewer are under way, the first call wakes the event loop, and whatever has gathered until it
/// comes goes with it. So batches grow with the load, and a lone call waits for nobody.
///
/// The hot methods are specialised by hand: a method of a generic class that is reached through a protocol is not by
/// itself, and looks up metadata at every step.
final class CallQueue<Call: WireCall>: FrameSource, @unchecked Sendable {
    typealias Outcome = Result<Call.Answer, TimesaleError>
    typealias Slots = CallSlots<Call>

    struct State {
        var slots = Slots()
        var framesInFlight = 0
        /// The event loop has been told, and has not looked yet.
        var isWakePending = false
        var parked = ParkedCallers()
        var isClosed = false
    }

    let shard: Int
    let limits: QueueLimits
    private let wake: @Sendable (any FrameSource) -> Void
    let state = Mutex(State())
    let counters: ClientCounters

    // Scratch of `settle`; the event loop's.
    private var done: ContiguousArray<(slot: Slots.Slot, index: Int)> = []

    init(
        shard: Int, limits: QueueLimits, counters: ClientCounters,
        wake: @escaping @Sendable (any FrameSource) -> Void
    ) {
        self.shard = shard
        self.limits = limits.capped(to: Call.operation)
        self.counters = counters
        self.wake = wake
    }

    var operation: Operation { Call.operation }
    var outstanding: Int { state.withLock { $0.slots.outstanding } }
    var suspended: Int { state.withLock { $0.parked.count } }

    // MARK: Calling, from any thread

    /// One call, until its outcome is known or given up.
    @_specialize(where Call == PlaceOrder)
    @_specialize(where Call == ConfirmOrder)
    @_specialize(where Call == CancelOrder)
    @_specialize(where Call == GetOrder)
    nonisolated(nonsending) func call(_ entry: Call.Entry, timeoutNs: UInt64) async -> Outcome {
        guard !Task.isCancelled else { return .failure(.cancelled) }
        let deadlineNs = NIODeadline.now().uptimeNanoseconds &+ timeoutNs
        let ticket: Slots.Ticket
        switch reserve(entry, deadlineNs) {
        case .reserved(let reserved): ticket = reserved
        case .closed: return .failure(.shutDown)
        case .full:
            if let error = await admission(of: 1, deadlineNs) { return .failure(error) }
            ticket = state.withLock {
                $0.slots.ticket($0.slots.take(entry, .nobody, deadlineNs: deadlineNs, .reserved))
            }
        }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { submit(ticket, $0) }
        } onCancel: {
            cancel(ticket)
        }
    }

    /// Puts entries of a batch into the queue, waiting for room before each frame's worth. Those that find none in
    /// time are settled as failed.
    @_specialize(where Call == PlaceOrder)
    @_specialize(where Call == ConfirmOrder)
    @_specialize(where Call == CancelOrder)
    @_specialize(where Call == GetOrder)
    nonisolated(nonsending) func enqueue(
        _ entries: [(entry: Call.Entry, index: Int)], of batch: CallBatch<Call.Answer>, timeoutNs: UInt64
    ) async {
        let deadlineNs = NIODeadline.now().uptimeNanoseconds &+ timeoutNs
        var from = 0
        while from < entries.count {
            let chunk = entries[from..<min(from + limits.batchCountMax, entries.count)]
            let error: TimesaleError? =
                if batch.isCancelled || Task.isCancelled { .cancelled } else {
                    await admission(of: chunk.count, deadlineNs)
                }
            if let error {
                batch.settle(entries[from...].map(\.index), error)
                return
            }
            let (isQueued, wakes) = state.withLock { state in
                if state.isClosed {
                    state.slots.discharge(chunk.count)
                    return (false, false)
                }
                for (entry, index) in chunk {
                    let slot = state.slots.take(
                        entry, .batch(batch, index), deadlineNs: deadlineNs, .reserved)
                    state.slots.append(slot)
                }
                return (true, state.noteQueued(limits))
            }
            if wakes { wake(self) }
            guard isQueued else {
                batch.settle(entries[from...].map(\.index), .shutDown)
                return
            }
            from += chunk.count
        }
        // A cancel that came before the last entries were queued has not seen them.
        if batch.isCancelled { cancel(batch) }
    }

    private enum Reservation {
        case reserved(Slots.Ticket)
        case full
        case closed
    }

    @_specialize(where Call == PlaceOrder)
    @_specialize(where Call == ConfirmOrder)
    @_specialize(where Call == CancelOrder)
    @_specialize(where Call == GetOrder)
    private func reserve(_ entry: Call.Entry, _ deadlineNs: UInt64) -> Reservation {
        state.withLock { state in
            if state.isClosed { return .closed }
            guard state.parked.isEmpty, state.slots.admit(1, max: limits.callsMax) else { return .full }
            let index = state.slots.take(entry, .nobody, deadlineNs: deadlineNs, .reserved)
            return .reserved(state.slots.ticket(index))
        }
    }

    @_specialize(where Call == PlaceOrder)
    @_specialize(where Call == ConfirmOrder)
    @_specialize(where Call == CancelOrder)
    @_specialize(where Call == GetOrder)
    private func submit(_ ticket: Slots.Ticket, _ continuation: UnsafeContinuation<Outcome, Never>) {
        let (error, wakes): (TimesaleError?, Bool) = state.withLock { state in
            let isRevoked = state.slots[ticket.index].phase == .revoked
            if isRevoked || state.isClosed {
                state.slots.free(ticket.index)
                return (isRevoked ? .cancelled : .shutDown, false)
            }
            state.slots[ticket.index].sink = .caller(continuation)
            state.slots.append(ticket.index)
            return (nil, state.noteQueued(limits))
        }
        if wakes { wake(self) }
        if let error { continuation.resume(returning: .failure(error)) }
    }

    private func cancel(_ ticket: Slots.Ticket) {
        let (sink, error) = state.withLock { state in
            guard state.slots.isCurrent(ticket) else { return (Slots.Sink.nobody, TimesaleError.cancelled) }
            let error = state.slots[ticket.index].end(.cancelled, .cancelled)
            return (state.slots.giveUp(ticket.index), error)
        }
        sink.resume(.failure(error))
    }

    /// Gives up what is left of a batch.
    func cancel(_ batch: CallBatch<Call.Answer>) {
        endAll { slot in
            guard case .batch(let own, _) = slot.sink, own === batch else { return nil }
            return slot.end(.cancelled, .cancelled)
        }
    }

    /// Nil when `count` calls have been admitted.
    nonisolated(nonsending) private func admission(
        of count: Int, _ deadlineNs: UInt64
    ) async -> TimesaleError? {
        let id = counters.nextParkedId()
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<TimesaleError?, Never>) in
                let answer: TimesaleError?? = state.withLock { state in
                    if state.isClosed { return .some(.shutDown) }
                    if state.parked.isEmpty, state.slots.admit(count, max: limits.callsMax) {
                        return .some(nil)
                    }
                    if limits.refusesWhenFull { return .some(.overloaded) }
                    if Task.isCancelled { return .some(.cancelled) }
                    state.parked.append(
                        .init(id: id, count: count, deadlineNs: deadlineNs, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let parked = state.withLock { $0.parked.remove(id: id) }
            parked?.continuation.resume(returning: .cancelled)
        }
    }

    // MARK: Frames, on the event loop

    @_specialize(where Call == PlaceOrder)
    @_specialize(where Call == ConfirmOrder)
    @_specialize(where Call == CancelOrder)
    @_specialize(where Call == GetOrder)
    func takeFrame(requestId: UInt64, into buffer: inout ByteBuffer) -> [Int32]? {
        state.withLock { state in
            state.isWakePending = false
            guard state.framesInFlight < limits.framesInFlightMax, var slot = state.slots.pop() else {
                return nil
            }
            let entrySizeBytes = Call.operation.entrySizeBytes
            let countMax = min(limits.batchCountMax, state.slots.queuedCount + 1)
            var taken: [Int32] = []
            taken.reserveCapacity(countMax)
            buffer.writeWithUnsafeMutableBytes(
                minimumWritableBytes: Frame.headerSizeBytes + countMax * entrySizeBytes
            ) { bytes in
                guard let frame = bytes.baseAddress else { return 0 }
                var end = Frame.headerSizeBytes
                while true {
                    state.slots[slot].entry.store(to: frame + end)
                    end += entrySizeBytes
                    state.slots[slot].phase = .sent
                    taken.append(slot)
                    guard taken.count < countMax, let next = state.slots.pop() else { break }
                    slot = next
                }
                FrameHeader.seal(
                    frame, operation: Call.operation.rawValue, requestId: requestId, count: taken.count,
                    lengthBytes: end)
                return end
            }
            state.framesInFlight += 1
            return taken
        }
    }

    @_specialize(where Call == PlaceOrder)
    @_specialize(where Call == ConfirmOrder)
    @_specialize(where Call == CancelOrder)
    @_specialize(where Call == GetOrder)
    func settle(_ slots: [Int32], _ reply: Reply, instance: UInt64, nowNs: UInt64) -> Retry? {
        var again: [Int32] = []
        let hintMs = reply.header.retryAfterMs
        var delayMs: UInt32 = 0
        let admitted = state.withLock { state in
            state.framesInFlight -= 1
            for (index, slot) in slots.enumerated() {
                if state.slots[slot].phase == .sent, reply.code(index, of: Call.operation).isRetriedByClient {
                    if again.isEmpty { delayMs = limits.retryDelayMs(state.slots[slot].attempts, hintMs) }
                    if nowNs &+ UInt64(delayMs) * 1_000_000 < state.slots[slot].deadlineNs {
                        state.slots[slot].phase = .delayed
                        state.slots[slot].attempts &+= 1
                        again.append(slot)
                        continue
                    }
                }
                if state.slots[slot].phase == .sent { done.append((state.slots[slot], index)) }
                state.slots.free(slot)
            }
            return state.admitParked(limits)
        }
        for (slot, index) in done { slot.sink.resume(outcome(slot, reply, index, instance)) }
        done.removeAll(keepingCapacity: true)
        for caller in admitted { caller.resume(returning: nil) }
        return again.isEmpty ? nil : Retry(slots: again, delayMs: delayMs)
    }

    /// The verdict of one answered call.
    private func outcome(_ slot: Slots.Slot, _ reply: Reply, _ index: Int, _ instance: UInt64) -> Outcome {
        let code = reply.code(index, of: Call.operation)
        if code == .ok {
            if let answer = Call.answer(slot.entry, reply, index) { return .success(answer) }
            return .failure(slot.end(.protocolViolation, .protocolViolation))
        }
        let refusal = RefusalCode(code)
        if Call.changes, let lost = slot.lostInstance, reply.leavesOpen(code, isSameRun: lost == instance) {
            return .failure(.outcomeUnknown(Call.unknown(slot.entry, .refusedAfterLoss(refusal))))
        }
        if reply.header.status == .ok, let part = Call.failedPart(reply, index) {
            return .failure(.partRefused(part, refusal))
        }
        return .failure(.refused(refusal, retryAfterMs: reply.header.retryAfterMs))
    }

    @_specialize(where Call == PlaceOrder)
    @_specialize(where Call == ConfirmOrder)
    @_specialize(where Call == CancelOrder)
    @_specialize(where Call == GetOrder)
    func lose(_ slots: [Int32], instance: UInt64) {
        let admitted = state.withLock { state in
            state.framesInFlight -= 1
            // From the last to the first, each to the front: they keep their order.
            for slot in slots.reversed() {
                if state.slots[slot].phase == .sent {
                    if Call.changes { state.slots[slot].lostInstance = instance }
                    state.slots.prepend(slot)
                } else {
                    state.slots.free(slot)
                }
            }
            return state.admitParked(limits)
        }
        counters.retries.add(UInt64(slots.count), ordering: .relaxed)
        for caller in admitted { caller.resume(returning: nil) }
    }

    func requeue(_ retry: Retry) {
        let admitted = state.withLock { state in
            for slot in retry.slots {
                if state.slots[slot].phase == .delayed {
                    state.slots.append(slot)
                } else {
                    state.slots.free(slot)
                }
            }
            return state.admitParked(limits)
        }
        counters.retries.add(UInt64(retry.slots.count), ordering: .relaxed)
        for caller in admitted { caller.resume(returning: nil) }
    }

    // MARK: Giving up, on the event loop

    func sweep(nowNs: UInt64, fault: ConnectionFault?) {
        let unsent = fault.map(TimesaleError.unavailable) ?? .timedOut
        let isDue = state.withLock { $0.slots.nextDeadlineNs <= nowNs }
        if isDue {
            endAll { slot in
                guard slot.deadlineNs <= nowNs else { return nil }
                return slot.end(slot.phase == .sent ? .timedOut : unsent, .timedOut)
            }
        }
        let (late, admitted) = state.withLock { state in
            state.slots.compact()
            return (state.parked.removeAll { $0.deadlineNs <= nowNs }, state.admitParked(limits))
        }
        for caller in late { caller.continuation.resume(returning: unsent) }
        for caller in admitted { caller.resume(returning: nil) }
    }

    /// A wake that found no connection has not been followed by `takeFrame`. It is over with the calls that it was
    /// for: left pending, it would keep the next call from telling the event loop, which would never look again.
    func retire() -> Bool {
        state.withLock { state in
            guard state.slots.outstanding == 0, state.parked.isEmpty else { return false }
            state.isWakePending = false
            return true
        }
    }

    func failUnsent(_ error: TimesaleError) {
        endAll { slot in
            slot.phase == .queued && slot.lostInstance == nil ? error : nil
        }
    }

    func abandon() {
        // Closed first: a call that reserved its slot and is not queued yet finds it so.
        let parked = state.withLock { state in
            state.isClosed = true
            return state.parked.removeAll { _ in true }
        }
        endAll { $0.end(.shutDown, .shutDown) }
        for caller in parked { caller.continuation.resume(returning: .shutDown) }
    }

    /// Ends every call with somebody waiting for which `verdict` has an error.
    private func endAll(_ verdict: (Slots.Slot) -> TimesaleError?) {
        let ended = state.withLock { state in
            var ended: [(Slots.Sink, TimesaleError)] = []
            var nextDeadlineNs = UInt64.max
            for index in state.slots.slots.indices {
                let index = Int32(index)
                switch state.slots[index].phase {
                case .queued, .sent, .delayed:
                    if let error = verdict(state.slots[index]) {
                        ended.append((state.slots.giveUp(index), error))
                    } else {
                        nextDeadlineNs = min(nextDeadlineNs, state.slots[index].deadlineNs)
                    }
                case .reserved: nextDeadlineNs = min(nextDeadlineNs, state.slots[index].deadlineNs)
                case .free, .revoked, .dropped, .abandoned: break
                }
            }
            state.slots.nextDeadlineNs = nextDeadlineNs
            return ended
        }
        for (sink, error) in ended { sink.resume(.failure(error)) }
    }
}

extension CallQueue.State {
    /// Whether the event loop has to be told of what was queued.
    mutating func noteQueued(_ limits: QueueLimits) -> Bool {
        guard !isWakePending, framesInFlight < limits.framesInFlightMax else { return false }
        isWakePending = true
        return true
    }

    /// Admits suspended callers, in order, as far as there is room.
    mutating func admitParked(_ limits: QueueLimits) -> [UnsafeContinuation<TimesaleError?, Never>] {
        guard !parked.isEmpty else { return [] }
        var admitted: [UnsafeContinuation<TimesaleError?, Never>] = []
        while let first = parked.first, slots.admit(first.count, max: limits.callsMax) {
            admitted.append(first.continuation)
            parked.removeFirst()
        }
        return admitted
    }
}

extension Reply {
    /// Whether a refusal leaves open what became of an earlier attempt whose connection was lost. A server that
    /// looks at an entry looks for its id first, and would have answered with the earlier decision; but one that
    /// was too busy did not look, and in the same run of the server the earlier attempt may be decided after this.
    func leavesOpen(_ code: ResultCode, isSameRun: Bool) -> Bool {
        header.status != .ok || code.isRetryable || (isSameRun && code.speaksOfTheMoment)
    }

    /// The code of one entry: the frame's, if it refuses the frame as a whole.
    func code(_ index: Int, of operation: Operation) -> ResultCode {
        if header.status != .ok || operation.answersList { return header.status }
        return ResultCode(rawValue: body.loadLE(index * operation.resultSizeBytes))
    }
}
