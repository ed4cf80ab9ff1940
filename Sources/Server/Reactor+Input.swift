import Engine
import Glibc
import Log
import Protocol
import Shard

/// Received bytes in the order of their arrival, over all connections: a ring in raw memory, which grows
/// while receives are small and many.
struct InputQueue: ~Copyable {
    struct Piece {
        var token: UInt64
        /// The receive buffer, or -1 for the connection's inbox.
        var bufferId: Int32
        var count: Int32
        var bytes: UnsafeMutableRawPointer?
    }

    private var pieces: UnsafeMutablePointer<Piece>
    private var capacity = 4096
    private var head = 0
    private var tail = 0

    init() { pieces = .allocate(capacity: capacity) }

    deinit { pieces.deallocate() }

    @inline(__always)
    var isEmpty: Bool { head == tail }

    /// The oldest piece; only when not empty.
    @inline(__always)
    var front: UnsafeMutablePointer<Piece> { pieces + (head & (capacity - 1)) }

    /// Pieces are numbered from the first that ever was: those from `first` to before `end` are there.
    @inline(__always)
    var first: Int { head }
    @inline(__always)
    var end: Int { tail }

    @inline(__always)
    subscript(_ number: Int) -> UnsafeMutablePointer<Piece> { pieces + (number & (capacity - 1)) }

    @inline(__always)
    mutating func append(_ piece: Piece) {
        if tail - head == capacity { grow() }
        (pieces + (tail & (capacity - 1))).initialize(to: piece)
        tail += 1
    }

    @inline(__always)
    mutating func removeFront() { head += 1 }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<Piece>.allocate(capacity: capacity * 2)
        let mask = capacity * 2 - 1
        for number in head..<tail { (larger + (number & mask)).initialize(to: pieces[number & (capacity - 1)]) }
        pieces.deallocate()
        pieces = larger
        capacity *= 2
    }
}

extension Reactor {
    // MARK: Receiving

    mutating func startReceive(_ slot: Int) {
        let connection = connections.slots + slot
        connection.pointee.isReceiving = true
        connection.pointee.operations += 1
        ring.receiveMultishot(
            connection.pointee.socket, group: ReceiveBuffers.group,
            CompletionTag(.receive, connections.token(slot)))
    }

    mutating func received(_ completion: Ring.Completion, _ nowMs: UInt64) {
        let token = completion.tag.payload
        let slot = Int(token & 0xff_ffff)
        let connection = connections.slots + slot
        if completion.result > 0, let id = completion.bufferId {
            let bytes = buffers.take(id, count: Int(completion.result), hasMore: completion.bufferHasMore)
            core.driver.bytesReceived &+= UInt64(completion.result)
            enqueue(slot, .init(token: token, bufferId: Int32(id), count: completion.result, bytes: bytes))
        }
        if completion.hasMore { return }
        connection.pointee.isReceiving = false
        connection.pointee.operations -= 1
        guard connection.pointee.state == .open else { return releaseIfIdle(slot) }
        switch completion.result {
        case -ENOBUFS:
            if !connection.pointee.isStarved { starved.append(slot) }
            connection.pointee.isStarved = true
            unparkIfRead(slot)
        case 0:
            connection.pointee.hasEnded = true
            closeIfAnswered(slot)
        case -ECANCELED where connection.pointee.isParked:
            // Its replies may have been read before the cancel was through.
            unparkIfRead(slot)
        case let code where code < 0:
            close(slot, nil)
        default:
            // The kernel ended a multishot receive after data (its own fairness rule): go on.
            if connection.pointee.isParked { unparkIfRead(slot) } else { startReceive(slot) }
        }
    }

    // MARK: Frames

    /// Works on received frames until the turn's allowance is used up or the core cannot go on.
    mutating func process(_ nowMs: UInt64) {
        while true {
            if core.isWorking {
                guard settle(core.resume(nowMs: nowMs), nowMs) == .finished else { break }
                if frameInHandBytes > 0 { frameIsFinished(nowMs) }
            }
            if !isMeshPolled {
                // Between two frames, so that a shard with large batches of its own still serves the others.
                isMeshPolled = true
                _ = settle(core.pollMesh(nowMs: nowMs), nowMs)
                continue
            }
            guard core.hasAllowance || load.isShedding, !input.isEmpty else { break }
            if !processFront(nowMs) { break }
        }
        feedStarved()
    }

    /// Works on the oldest piece. Answers false if nothing more can be done in this turn.
    private mutating func processFront(_ nowMs: UInt64) -> Bool {
        let piece = input.front.pointee
        guard let slot = connections.slot(piece.token) else {
            dropFront()
            return true
        }
        let connection = connections.slots + slot
        if connection.pointee.isDeaf {
            dropFront()
            closeIfAnswered(slot)
            return true
        }
        if unreadBytes(slot) > unreadMaxBytes {
            moveFrontToInbox(slot)
            dropFront()
            park(slot)
            return true
        }
        if piece.bufferId >= 0 && !connection.pointee.inbox.isEmpty { completeInbox(slot) }
        let isInbox = !connection.pointee.inbox.isEmpty
        if input.front.pointee.bufferId < 0 && !isInbox {
            dropFront()
            return true
        }
        let bytes = isInbox ? connection.pointee.inbox.bytes : input.front.pointee.bytes!
        let count = isInbox ? connection.pointee.inbox.count : Int(input.front.pointee.count)
        switch StreamFraming.examine(bytes, count) {
        case .incomplete:
            moveFrontToInbox(slot)
            if connection.pointee.frameSinceMs == 0 { connection.pointee.frameSinceMs = nowMs }
            if inboxBytes > Self.inboxMaxBytes && connection.pointee.inbox.count > 4096 { closeBegun(slot) }
            dropFront()
            closeIfAnswered(slot)
            return true
        case .wrongMagic, .wrongLength:
            closeUnframed(slot, bytes)
        case .frame(let lengthBytes):
            return beginFrame(slot, bytes, lengthBytes, availableBytes: count, isInbox: isInbox, nowMs)
        }
        dropFront()
        return true
    }

    private mutating func beginFrame(
        _ slot: Int, _ frame: UnsafeMutableRawPointer, _ lengthBytes: Int, availableBytes: Int, isInbox: Bool,
        _ nowMs: UInt64
    ) -> Bool {
        let connection = connections.slots + slot
        frameInHandIsInbox = isInbox
        let token = connections.token(slot)
        let header = FrameHeader(frame)
        if let fault = FrameFault.examine(header, frame) {
            guard refuse(slot, header, fault.status, nowMs) else { return false }
            if fault.closes { closeAfterAnswer(slot, fault.status) }
            return true
        }
        if isStopping {
            // Nothing has happened: the client may send it again to the next server.
            return refuse(slot, header, .shuttingDown, nowMs, retryAfterMs: 1000)
        }
        if load.isShedding && !core.hasAllowance, let canGoOn = shed(slot, header, nowMs) { return canGoOn }
        let frames = core.runLength(frame, header, availableBytes: availableBytes)
        // In a batch, and in a long run, which becomes one, the engine looks ahead by itself.
        if header.count * frames <= LookAheadStep.group {
            indexScout.advance(input, core, frame: frame, count: header.count * frames)
            recordScout.advance(input, core, frame: frame, count: header.count * frames)
        }
        let progress = settle(
            core.begin(
                frame, header, frames: frames, connection: token, isAdmin: connection.pointee.isAdmin, nowMs: nowMs),
            nowMs)
        if progress == .blocked { return false }
        connection.pointee.unanswered += frames
        if let request = core.takeAside() { handOut(request) }
        frameInHandSlot = slot
        frameInHandBytes = lengthBytes * frames
        guard progress == .finished else { return false }
        frameIsFinished(nowMs)
        return true
    }

    /// A request that another thread answers.
    @inline(never)
    private func handOut(_ request: AsideRequest) { shared.desk.request(request, shard: shard) }

    /// Ends a connection whose stream cannot be told apart into frames any more.
    @inline(never)
    private mutating func closeUnframed(_ slot: Int, _ bytes: UnsafeRawPointer) {
        guard FrameHeader.hasMagic(bytes) else { return close(slot, "the bytes are no frame: wrong magic") }
        let length: UInt32 = bytes.loadLE(8)
        close(
            slot, "a frame of \(length) bytes, allowed are \(Frame.headerSizeBytes) to \(Frame.sizeMaxBytes)")
    }

    /// Ends a connection whose begun frame is one too many.
    @inline(never)
    private mutating func closeBegun(_ slot: Int) {
        close(slot, "the begun frames of all connections take more than \(Self.inboxMaxBytes >> 20) MiB")
    }

    /// Reads no more of a stream that cannot be trusted; what was answered is still sent.
    @inline(never)
    private mutating func closeAfterAnswer(_ slot: Int, _ status: ResultCode) {
        logger.notice("connection closed: frame with \(status)")
        connections.slots[slot].isDeaf = true
        connections.slots[slot].hasEnded = true
        shutdown(connections.slots[slot].socket, Int32(SHUT_RD))
    }

    /// Answers the frame at the front of the queue without looking at its entries.
    private mutating func refuse(
        _ slot: Int, _ header: FrameHeader, _ status: ResultCode, _ nowMs: UInt64, retryAfterMs: UInt32 = 0
    ) -> Bool {
        let token = connections.token(slot)
        guard core.refuseFrame(status, header, token, retryAfterMs: retryAfterMs) == .finished else {
            return false
        }
        refused(slot, header, nowMs)
        return true
    }

    /// The frame at the front of the queue has its answer, and nothing was done.
    mutating func refused(_ slot: Int, _ header: FrameHeader, _ nowMs: UInt64) {
        connections.slots[slot].unanswered += 1
        frameInHandSlot = slot
        frameInHandBytes = header.lengthBytes
        frameIsFinished(nowMs)
    }

    /// The frame at the front of the queue has been answered: its bytes are done with.
    private mutating func frameIsFinished(_ nowMs: UInt64) {
        let slot = frameInHandSlot
        let length = frameInHandBytes
        load.workedBytes &+= length
        frameInHandSlot = -1
        frameInHandBytes = 0
        let connection = connections.slots + slot
        connection.pointee.frameSinceMs = 0
        if !frameInHandIsInbox {
            input.front.pointee.bytes = input.front.pointee.bytes! + length
            input.front.pointee.count -= Int32(length)
            if input.front.pointee.count == 0 { dropFront() }
        } else {
            connection.pointee.inbox.removeFirst(length)
            inboxBytes -= length
            if connection.pointee.inbox.isEmpty {
                if !keepsLargeBuffers { connection.pointee.inbox.freeIfLarge() }
                if input.front.pointee.bufferId < 0 { dropFront() }
            }
        }
        if connection.pointee.state == .closing { releaseIfIdle(slot) }
    }

    private mutating func enqueue(_ slot: Int, _ piece: InputQueue.Piece) {
        connections.slots[slot].queuedPieces += 1
        input.append(piece)
    }

    /// Copies from the front piece what the frame that the inbox begins with still lacks, and no more: what
    /// follows is worked on where it lies.
    private mutating func completeInbox(_ slot: Int) {
        let connection = connections.slots + slot
        while true {
            let missing = StreamFraming.missingBytes(connection.pointee.inbox.bytes, connection.pointee.inbox.count)
            guard missing > 0 else { return }
            let piece = input.front.pointee
            guard missing < Int(piece.count) else { return moveFrontToInbox(slot) }
            connection.pointee.inbox.append(piece.bytes!, missing)
            inboxBytes += missing
            input.front.pointee.bytes = piece.bytes! + missing
            input.front.pointee.count -= Int32(missing)
        }
    }

    /// Copies what is left of the front piece behind the connection's inbox, and frees its buffer.
    private mutating func moveFrontToInbox(_ slot: Int) {
        let piece = input.front.pointee
        guard piece.bufferId >= 0 else { return }
        connections.slots[slot].inbox.append(piece.bytes!, Int(piece.count))
        inboxBytes += Int(piece.count)
        buffers.giveBack(Int(piece.bufferId))
        input.front.pointee = .init(token: piece.token, bufferId: -1, count: 0, bytes: nil)
    }

    private mutating func dropFront() {
        let piece = input.front.pointee
        if piece.bufferId >= 0 { buffers.giveBack(Int(piece.bufferId)) }
        if let slot = connections.slot(piece.token) { connections.slots[slot].queuedPieces -= 1 }
        input.removeFront()
    }

    /// Buffers are back: connections that ran out of them receive again. Refilled first, armed then, since
    /// the other way round every completion would find the pool empty again.
    private mutating func feedStarved() {
        while !starved.isEmpty && buffers.available > ReceiveBuffers.count / 8 {
            let slot = starved.removeLast()
            let connection = connections.slots + slot
            guard connection.pointee.isStarved else { continue }
            connection.pointee.isStarved = false
            if connection.pointee.state == .open && !connection.pointee.isReceiving
                && !connection.pointee.isParked
            {
                startReceive(slot)
            }
        }
    }

    // MARK: Parking

    /// Reads no further requests of a connection that leaves its replies unread.
    private mutating func park(_ slot: Int) {
        let connection = connections.slots + slot
        guard !connection.pointee.isParked else { return }
        connection.pointee.isParked = true
        // While nothing is read, what has not come is not the client's fault.
        connection.pointee.frameSinceMs = 0
        guard connection.pointee.isReceiving else { return }
        connection.pointee.operations += 1
        let token = connections.token(slot)
        ring.cancel(CompletionTag(.receive, token), CompletionTag(.cancel, token))
    }

    /// Goes on with a connection that was parked, if its replies have been read: with what came meanwhile,
    /// and with receiving.
    mutating func unparkIfRead(_ slot: Int) {
        let connection = connections.slots + slot
        guard connection.pointee.isParked, connection.pointee.state == .open else { return }
        guard unreadBytes(slot) < Self.unreadMaxBytes / 32 else { return }
        // The cancelled receive has to end first: its completion tells which bytes it still brought.
        guard !connection.pointee.isReceiving else { return }
        connection.pointee.isParked = false
        if !connection.pointee.inbox.isEmpty {
            enqueue(slot, .init(token: connections.token(slot), bufferId: -1, count: 0, bytes: nil))
        }
        if !connection.pointee.hasEnded { startReceive(slot) }
    }

    func unreadBytes(_ slot: Int) -> Int {
        connections.slots[slot].filling.count + connections.slots[slot].sending.count
    }

    /// With very many connections each gets less, so that all of them together stay within bounds.
    private var unreadMaxBytes: Int {
        connections.count > 256 ? Self.unreadMaxBytes / 16 : Self.unreadMaxBytes
    }
}
