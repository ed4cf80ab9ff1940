import CAtomics
import Glibc
import Protocol
import Shard

// From a new socket to a connection of the right shard.
//
// Shard 0 accepts, and reads exactly one handshake. Since nothing may follow it before its answer, no bytes
// are lost when the descriptor then moves to another shard of the same process, which answers it.

/// A connection on its way to its shard.
struct HandOver {
    var socket: Int32
    var grant: AccessList.Grant
    var requestId: UInt64
}

extension Reactor {
    static let greetingSizeBytes = Frame.headerSizeBytes + HandshakeEntry.sizeBytes

    /// Shard 0 accepts for all.
    @inline(never)
    mutating func listen() {
        guard shard == 0, !isStopping else { return }
        isAcceptPaused = false
        for (index, listener) in shared.listeners.enumerated() where !listeners[index] {
            ring.accept(listener, CompletionTag(.accept, UInt64(index)))
            listeners[index] = true
        }
    }

    @inline(never)
    mutating func accepted(_ completion: Ring.Completion, _ nowMs: UInt64) {
        if !completion.hasMore {
            // Out of descriptors, or the like: the next sweep listens again.
            listeners[Int(completion.tag.payload)] = false
            isAcceptPaused = true
        }
        guard completion.result >= 0 else {
            if !isStopping { logger.warning("accept: \(String(cString: strerror(-completion.result)))") }
            return
        }
        let socket = completion.result
        guard !isStopping, shared.connectionOpened() else {
            Glibc.close(socket)
            if !isStopping {
                logger.notice("connection refused: \(shared.connectionCountMax) are open (--connections)")
            }
            return
        }
        // Fails on unix sockets, where it has no meaning.
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        guard let slot = connections.open(socket, state: .greeting) else {
            Glibc.close(socket)
            shared.connectionClosed()
            return
        }
        connections.slots[slot].greetingSinceMs = nowMs
        readGreeting(slot)
    }

    /// Reads the rest of the handshake into the connection's own buffer, one byte more than it may have.
    private mutating func readGreeting(_ slot: Int) {
        let connection = connections.slots + slot
        if connection.pointee.greeting == nil {
            connection.pointee.greeting = malloc(Self.greetingSizeBytes + 1)
        }
        connection.pointee.operations += 1
        ring.receive(
            connection.pointee.socket, into: connection.pointee.greeting! + connection.pointee.greetingBytes,
            Self.greetingSizeBytes + 1 - connection.pointee.greetingBytes,
            CompletionTag(.greet, connections.token(slot)))
    }

    @inline(never)
    mutating func greeted(_ completion: Ring.Completion, _ nowMs: UInt64) {
        let slot = Int(completion.tag.payload & 0xff_ffff)
        let connection = connections.slots + slot
        connection.pointee.operations -= 1
        guard connection.pointee.state == .greeting else { return releaseIfIdle(slot) }
        guard completion.result > 0 else { return close(slot, nil) }
        connection.pointee.greetingBytes += Int(completion.result)
        let bytes = connection.pointee.greeting!
        switch StreamFraming.examine(bytes, connection.pointee.greetingBytes) {
        case .wrongMagic: close(slot, "the first bytes are no frame: wrong magic")
        case .wrongLength(let length): close(slot, "the first frame has \(length) bytes")
        case .incomplete:
            let header = connection.pointee.greetingBytes >= Frame.headerSizeBytes ? FrameHeader(bytes) : nil
            if let header, header.operation != Operation.handshake.rawValue {
                refuseGreeting(slot, .handshakeRequired, header, nowMs)
            } else if let header, header.lengthBytes > Self.greetingSizeBytes {
                // Never read to its end: no handshake is as long.
                refuseGreeting(slot, .badLength, header, nowMs)
            } else {
                readGreeting(slot)
            }
        case .frame(let lengthBytes): examineGreeting(slot, bytes, lengthBytes, nowMs)
        }
    }

    private mutating func examineGreeting(
        _ slot: Int, _ frame: UnsafeMutableRawPointer, _ lengthBytes: Int, _ nowMs: UInt64
    ) {
        let header = FrameHeader(frame)
        if let fault = FrameFault.examine(header, frame) {
            return refuseGreeting(slot, fault.status, header, nowMs)
        }
        guard header.operation == Operation.handshake.rawValue else {
            return refuseGreeting(slot, .handshakeRequired, header, nowMs)
        }
        guard connections.slots[slot].greetingBytes == lengthBytes else {
            return close(slot, "a frame behind the handshake before its answer")
        }
        let entry = HandshakeEntry(frame + Frame.headerSizeBytes)
        guard HandshakeEntry.reservedIsZero(frame + Frame.headerSizeBytes),
            entry.versionMin <= entry.versionMax,
            entry.token.isValid
        else { return refuseGreeting(slot, .invalid, header, nowMs) }
        guard entry.versionMin <= Frame.version, entry.versionMax >= Frame.version else {
            return refuseGreeting(slot, .unsupportedVersion, header, nowMs)
        }
        guard let grant = shared.access.find(entry.token) else {
            return refuseGreeting(slot, .unauthenticated, header, nowMs)
        }
        guard entry.shard == 0xffff || Int(entry.shard) < core.shards else {
            return refuseGreeting(slot, .badShard, header, nowMs)
        }
        let target = entry.shard == 0xffff ? nextShard() : Int(entry.shard)
        let handOver = HandOver(
            socket: connections.slots[slot].socket, grant: grant, requestId: header.requestId)
        // The descriptor lives on: only the slot goes.
        connections.slots[slot].state = .closing
        connections.release(slot)
        core.driver.connections = UInt32(connections.count)
        if target == shard { return open(handOver, nowMs) }
        let pointer = UnsafeMutablePointer<HandOver>.allocate(capacity: 1)
        pointer.initialize(to: handOver)
        let payload = UInt64(UInt(bitPattern: pointer))
        ring.send(
            CompletionTag(.handOver, payload), to: shared.ringDescriptor(target),
            CompletionTag(.handOverSent, payload))
    }

    /// Shards in turn, for clients that do not care.
    private mutating func nextShard() -> Int {
        handedOut = (handedOut + 1) % core.shards
        return handedOut
    }

    /// Answers a first frame that is no good, and closes.
    private mutating func refuseGreeting(
        _ slot: Int, _ status: ResultCode, _ header: FrameHeader, _ nowMs: UInt64
    ) {
        let connection = connections.slots + slot
        withUnsafeTemporaryAllocation(byteCount: Frame.headerSizeBytes, alignment: 8) { memory in
            FrameHeader.seal(
                memory.baseAddress!, operation: header.operation, status: status, requestId: header.requestId,
                count: 0, lengthBytes: Frame.headerSizeBytes, flags: Frame.Flags.reply)
            connection.pointee.filling.append(memory.baseAddress!, Frame.headerSizeBytes)
        }
        logger.notice("connection closed: handshake refused with \(status)")
        connection.pointee.state = .open
        connection.pointee.isDeaf = true
        connection.pointee.hasEnded = true
        shutdown(connection.pointee.socket, Int32(SHUT_RD))
        startSend(slot, nowMs)
    }

    // MARK: On the shard that serves it

    @inline(never)
    mutating func adopted(_ completion: Ring.Completion, _ nowMs: UInt64) {
        guard let pointer = UnsafeMutablePointer<HandOver>(bitPattern: UInt(completion.tag.payload)) else {
            return
        }
        let handOver = pointer.move()
        pointer.deallocate()
        open(handOver, nowMs)
    }

    /// A hand-over that could not be delivered leaves the connection here to be closed.
    @inline(never)
    mutating func handOverSent(_ completion: Ring.Completion) {
        guard completion.result < 0,
            let pointer = UnsafeMutablePointer<HandOver>(bitPattern: UInt(completion.tag.payload))
        else { return }
        logger.warning(
            "connection closed: its shard did not take it: \(String(cString: strerror(-completion.result)))")
        Glibc.close(pointer.move().socket)
        pointer.deallocate()
        shared.connectionClosed()
    }

    private mutating func open(_ handOver: HandOver, _ nowMs: UInt64) {
        // On its way here its token may have been removed, after this shard has looked for such connections.
        guard !isStopping, shared.access.holds(handOver.grant.number),
            let slot = connections.open(handOver.socket, state: .open)
        else {
            Glibc.close(handOver.socket)
            shared.connectionClosed()
            return
        }
        let connection = connections.slots + slot
        connection.pointee.isAdmin = handOver.grant.isAdmin
        connection.pointee.grantNumber = handOver.grant.number
        core.driver.connections = UInt32(connections.count)
        let lengthBytes = Frame.headerSizeBytes + TopologyResult.sizeBytes
        withUnsafeTemporaryAllocation(byteCount: lengthBytes, alignment: 8) { memory in
            core.topology(isAdmin: handOver.grant.isAdmin, nowMs: nowMs).store(
                to: memory.baseAddress! + Frame.headerSizeBytes)
            FrameHeader.seal(
                memory.baseAddress!, operation: Operation.handshake.rawValue, requestId: handOver.requestId,
                count: 1,
                lengthBytes: lengthBytes, flags: Frame.Flags.reply)
            connection.pointee.filling.append(memory.baseAddress!, lengthBytes)
        }
        markDirty(slot)
        startReceive(slot)
    }
}
