internal import NIOCore
internal import Protocol

/// One connection: its handshake, then frames out and replies back, paired by request id. Belongs to the client's
/// event loop.
final class ServerConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A frame under way.
    private struct SentFrame {
        var source: (any FrameSource)?
        var slots: [Int32] = []
        var generation: UInt32 = 0
    }

    enum Phase {
        case handshake
        case live
        /// The server is about to stop: replies still come, nothing new is sent.
        case draining
        case closed
    }

    /// The shard whose queues this connection serves first; nil until the handshake has told.
    var shard: Int?
    private(set) var phase = Phase.handshake
    private(set) var instance: UInt64 = 0
    private(set) var fault = ConnectionFault.noHandshake
    /// Whether a frame was ever answered: until then the back-off goes on.
    private(set) var hasAnswered = false

    private unowned let pool: ConnectionPool
    private let wantedShard: UInt16
    private let token: Name
    private var channel: (any Channel)?
    private var unread = ByteBuffer()
    private var needsFlush = false
    private var sent: [SentFrame] = []
    private var freeIds: [Int] = []
    private var framesInFlight = 0
    private var lastProgressNs: UInt64 = 0
    private var handshakeEnded: (() -> Void)?

    init(pool: ConnectionPool, wantedShard: UInt16, token: Name) {
        self.pool = pool
        self.wantedShard = wantedShard
        self.token = token
    }

    // MARK: Sending

    /// Sends a frame of the source's calls; false if it has none, or enough under way.
    func send(from source: any FrameSource) -> Bool {
        guard phase == .live, let channel else { return false }
        if freeIds.isEmpty {
            sent.append(SentFrame())
            freeIds.append(sent.count - 1)
        }
        let id = freeIds[freeIds.count - 1]
        let requestId = UInt64(sent[id].generation) << 32 | UInt64(id)
        var buffer = ByteBuffer()
        guard let slots = source.takeFrame(requestId: requestId, into: &buffer) else { return false }
        freeIds.removeLast()
        sent[id].source = source
        sent[id].slots = slots
        if framesInFlight == 0 { lastProgressNs = NIODeadline.now().uptimeNanoseconds }
        framesInFlight += 1
        pool.counters.framesSent.add(1, ordering: .relaxed)
        pool.counters.entriesSent.add(UInt64(slots.count), ordering: .relaxed)
        channel.write(buffer, promise: nil)
        needsFlush = true
        return true
    }

    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        channel?.flush()
    }

    private func sendHandshake(_ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 256)
        buffer.writeWithUnsafeMutableBytes(
            minimumWritableBytes: Frame.headerSizeBytes + HandshakeEntry.sizeBytes
        ) { bytes in
            guard let frame = bytes.baseAddress else { return 0 }
            HandshakeEntry(
                versionMin: UInt16(Frame.version), versionMax: UInt16(Frame.version), shard: wantedShard,
                token: token
            ).store(to: frame + Frame.headerSizeBytes)
            let lengthBytes = Frame.headerSizeBytes + HandshakeEntry.sizeBytes
            FrameHeader.seal(
                frame, operation: Operation.handshake.rawValue, requestId: 0, count: 1,
                lengthBytes: lengthBytes)
            return lengthBytes
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: Receiving

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        sendHandshake(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if unread.readableBytes > 0 {
            unread.writeBuffer(&incoming)
            swap(&unread, &incoming)
        }
        while phase != .closed, let lengthBytes = frameLength(incoming) {
            incoming.withUnsafeReadableBytes { bytes in
                guard let frame = bytes.baseAddress else { return }
                handle(frame)
            }
            incoming.moveReaderIndex(forwardBy: lengthBytes)
        }
        incoming.discardReadBytes()
        unread = incoming
    }

    func channelReadComplete(context: ChannelHandlerContext) { pool.flush() }

    func channelInactive(context: ChannelHandlerContext) { end(.closed) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.closed) }

    /// The length of the first frame if it is there as a whole. What cannot be a frame ends the connection.
    private func frameLength(_ buffer: ByteBuffer) -> Int? {
        guard buffer.readableBytes >= Frame.headerSizeBytes else { return nil }
        let (hasMagic, lengthBytes) = buffer.withUnsafeReadableBytes { bytes in
            bytes.baseAddress.map { (FrameHeader.hasMagic($0), FrameHeader($0).lengthBytes) } ?? (false, 0)
        }
        guard hasMagic, (Frame.headerSizeBytes...Frame.sizeMaxBytes).contains(lengthBytes) else {
            end(.noHandshake)
            return nil
        }
        return buffer.readableBytes >= lengthBytes ? lengthBytes : nil
    }

    private func handle(_ frame: UnsafeRawPointer) {
        let header = FrameHeader(frame)
        guard header.checksumMatches(frame), header.version == Frame.version,
            header.flags & Frame.Flags.reply != 0
        else { return end(.noHandshake) }
        let reply = Reply(header: header, body: frame + Frame.headerSizeBytes)
        if phase == .handshake { handleHandshake(reply) } else { handleReply(reply) }
    }

    private func handleHandshake(_ reply: Reply) {
        guard reply.header.status == .ok else { return end(.refused(RefusalCode(reply.header.status))) }
        guard reply.header.operation == Operation.handshake.rawValue, reply.header.count == 1,
            reply.header.lengthBytes == Frame.headerSizeBytes + TopologyResult.sizeBytes
        else { return end(.noHandshake) }
        let topology = TopologyResult(reply.body)
        guard (1...64).contains(topology.shards), topology.shard < topology.shards else {
            return end(.noHandshake)
        }
        phase = .live
        fault = .closed
        instance = topology.instance
        pool.connected(self, topology)
        tellHandshakeEnded()
    }

    /// Calls `body` once, when the handshake was answered or the connection ended, and at once if that was so.
    func whenHandshakeEnds(_ body: @escaping () -> Void) {
        handshakeEnded = body
        if phase != .handshake { tellHandshakeEnded() }
    }

    private func tellHandshakeEnded() {
        handshakeEnded?()
        handshakeEnded = nil
    }

    private func handleReply(_ reply: Reply) {
        let id = Int(truncatingIfNeeded: reply.header.requestId & 0xffff_ffff)
        guard id < sent.count,
            sent[id].generation == UInt32(truncatingIfNeeded: reply.header.requestId >> 32),
            let source = sent[id].source, reply.answers(source.operation, count: sent[id].slots.count)
        else { return end(.noHandshake) }
        // The frame was damaged on its way out: nothing of it was done, and the server closes.
        guard reply.header.status != .badChecksum else { return end(.closed) }
        let slots = sent[id].slots
        forget(id)
        let nowNs = NIODeadline.now().uptimeNanoseconds
        lastProgressNs = nowNs
        hasAnswered = true
        if reply.header.status == .shuttingDown { phase = .draining }
        if let retry = source.settle(slots, reply, instance: instance, nowNs: nowNs) {
            pool.retryLater(source, retry)
        }
        pool.send(from: source)
        if phase == .draining, framesInFlight == 0 { end(.closed) }
    }

    private func forget(_ id: Int) {
        sent[id].source = nil
        sent[id].slots = []
        sent[id].generation &+= 1
        freeIds.append(id)
        framesInFlight -= 1
    }

    // MARK: Ending

    /// Whether something is under way and nothing has come for longer than `silenceMaxNs`.
    func isSilent(nowNs: UInt64, silenceMaxNs: UInt64) -> Bool {
        framesInFlight > 0 && nowNs > lastProgressNs && nowNs - lastProgressNs > silenceMaxNs
    }

    /// Closes, and gives back what was under way. Does nothing a second time.
    func end(_ reason: ConnectionFault) {
        guard phase != .closed else { return }
        if phase == .handshake { fault = reason }
        phase = .closed
        channel?.close(promise: nil)
        for frame in sent {
            guard let source = frame.source else { continue }
            source.lose(frame.slots, instance: instance)
        }
        sent = []
        freeIds = []
        framesInFlight = 0
        pool.ended(self)
        channel = nil
        tellHandshakeEnded()
    }
}

extension Reply {
    /// Whether this can be the answer to a frame of `count` entries of `operation`.
    func answers(_ operation: Operation, count: Int) -> Bool {
        guard header.operation == operation.rawValue else { return header.status == .badChecksum }
        guard header.status == .ok else { return header.count == 0 }
        return (operation.answersList || header.count == count)
            && header.lengthBytes == Frame.headerSizeBytes + header.count * operation.resultSizeBytes
    }
}
