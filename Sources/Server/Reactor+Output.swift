import CAtomics
import Glibc
import Shard

extension Reactor {
    /// The most bytes of one send, so that a slow reader shows progress.
    private static let sendMaxBytes = 256 << 10

    /// A few connections keep the memory of their largest frames; many would keep too much of it together.
    var keepsLargeBuffers: Bool { connections.count <= 64 }

    mutating func markDirty(_ slot: Int) {
        guard !connections.slots[slot].isDirty else { return }
        connections.slots[slot].isDirty = true
        dirty.append(slot)
    }

    /// Sends what has gathered, if no send is under way: one system call for all replies of a turn.
    mutating func startSend(_ slot: Int, _ nowMs: UInt64) {
        let connection = connections.slots + slot
        guard connection.pointee.state == .open, !connection.pointee.isSending else { return }
        if connection.pointee.sending.isEmpty {
            guard !connection.pointee.filling.isEmpty else { return }
            swap(&connection.pointee.sending, &connection.pointee.filling)
        }
        connection.pointee.isSending = true
        connection.pointee.operations += 1
        connection.pointee.unreadSinceMs = nowMs
        ring.send(
            connection.pointee.socket, connection.pointee.sending.bytes,
            min(connection.pointee.sending.count, Self.sendMaxBytes),
            CompletionTag(.send, connections.token(slot)))
    }

    mutating func sent(_ completion: Ring.Completion, _ nowMs: UInt64) {
        let slot = Int(completion.tag.payload & 0xff_ffff)
        let connection = connections.slots + slot
        connection.pointee.isSending = false
        connection.pointee.operations -= 1
        guard connection.pointee.state == .open else { return releaseIfIdle(slot) }
        guard completion.result > 0 else { return close(slot, nil) }
        core.driver.bytesSent &+= UInt64(completion.result)
        connection.pointee.sending.removeFirst(Int(completion.result))
        connection.pointee.unreadSinceMs = 0
        if connection.pointee.sending.isEmpty && !keepsLargeBuffers { connection.pointee.sending.freeIfLarge() }
        unparkIfRead(slot)
        startSend(slot, nowMs)
        closeIfAnswered(slot)
    }

    // MARK: Closing

    /// After the peer's end: closes when everything it asked for has been answered and sent.
    mutating func closeIfAnswered(_ slot: Int) {
        let connection = connections.slots + slot
        let isDone =
            connection.pointee.hasEnded && connection.pointee.unanswered == 0 && unreadBytes(slot) == 0
            && !connection.pointee.isSending && connection.pointee.queuedPieces == 0
        if isDone { close(slot, nil) }
    }

    /// Ends a connection; `reason` is logged. Its slot is free when its operations have completed.
    @inline(never)
    mutating func close(_ slot: Int, _ reason: String?) {
        let connection = connections.slots + slot
        guard connection.pointee.state != .closing && connection.pointee.state != .free else { return }
        if let reason { logger.notice("connection closed: \(reason)") }
        connection.pointee.state = .closing
        shutdown(connection.pointee.socket, Int32(SHUT_RDWR))
        releaseIfIdle(slot)
    }

    mutating func operationEnded(_ tag: CompletionTag) {
        let slot = Int(tag.payload & 0xff_ffff)
        connections.slots[slot].operations -= 1
        if connections.slots[slot].state == .closing {
            releaseIfIdle(slot)
        } else {
            unparkIfRead(slot)
        }
    }

    @inline(never)
    mutating func releaseIfIdle(_ slot: Int) {
        let connection = connections.slots + slot
        guard connection.pointee.state == .closing, connection.pointee.operations == 0, frameInHandSlot != slot
        else { return }
        Glibc.close(connection.pointee.socket)
        inboxBytes -= connection.pointee.inbox.count
        connections.release(slot)
        shared.connectionClosed()
        core.driver.connections = UInt32(connections.count)
    }

    // MARK: Tokens

    /// Closes the connections of tokens that let nobody in any more. What they had under way is asked again, by whoever
    /// has a token, with the same ids.
    @inline(never)
    mutating func dismissTheRemoved() {
        accessChanges = shared.access.changeCount
        for slot in connections.slotRange where connections.slots[slot].state == .open {
            // A greeting that was refused is open too, until its answer has left; it has no token, and ends by itself.
            guard !connections.slots[slot].isDeaf else { continue }
            if !shared.access.holds(connections.slots[slot].grantNumber) { close(slot, "its token was removed") }
        }
    }

    // MARK: Deadlines

    /// Once a second: cuts off whoever keeps the server waiting.
    mutating func sweep(_ nowMs: UInt64) {
        if nowMs >= lastSweepMs + 1000 { sweepNow(nowMs) }
    }

    @inline(never)
    private mutating func sweepNow(_ nowMs: UInt64) {
        lastSweepMs = nowMs
        let cpuUs = Clock.threadCpuUs()
        core.driver.cpuUs = max(core.driver.cpuUs, cpuUs - min(cpuUs, busyPoll.lookedInAllUs))
        core.driver.roomBytes = ts_load_relaxed(roomBytes)
        core.driver.wallClockOffsetMs = Int32(clamping: clock.wallOffsetMs())
        core.publishStatistics()
        let limitMs = shared.clientTimeoutMs
        for slot in connections.slotRange {
            let connection = connections.slots + slot
            func isOver(_ sinceMs: UInt64) -> Bool { sinceMs != 0 && nowMs > sinceMs + limitMs }
            switch connection.pointee.state {
            case .free, .closing: continue
            case .greeting:
                if isOver(connection.pointee.greetingSinceMs) { close(slot, "no handshake within \(limitMs) ms") }
            case .open:
                if isOver(connection.pointee.unreadSinceMs) {
                    close(slot, "replies unread for \(limitMs) ms")
                } else if isOver(connection.pointee.frameSinceMs) {
                    close(slot, "a frame not completed within \(limitMs) ms")
                }
            }
        }
        if isAcceptPaused { listen() }
    }
}
