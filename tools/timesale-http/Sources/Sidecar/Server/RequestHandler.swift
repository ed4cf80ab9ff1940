import NIOCore
import NIOHTTP1

/// The end of a connection's pipeline: puts requests together, has each answered by a task on the thread of its event
/// loop, and writes the answer. NIO's handler in front of it lets in one request at a time.
///
/// It also answers what cannot be decoded with a problem, asks for bodies that wait to be asked for, and ends a
/// connection whose request does not come whole in time, or on which nothing happens.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let responder: Responder
    private let origin: ConnectionOrigin
    private let clientTimeout: TimeAmount
    private let idleTimeout: TimeAmount

    private var head: RequestHead?
    private var body: ByteBuffer?
    /// Why the body is not read.
    private var fault: Problem?
    private var bodyMax = Route.ordinaryBodyMax
    /// Bytes that are counted for the body.
    private var reserved = 0
    /// A request has begun, and its answer has not left whole.
    private var isOpen = false
    private var answering: Task<Void, Never>?
    private var isReadOnly = false
    /// The caller sends nothing more; it may still read.
    private var isInputClosed = false
    private var activeAt = NIODeadline.now()
    private var bodyDeadline: Scheduled<Void>?
    private var idleCheck: Scheduled<Void>?

    init(_ responder: Responder, _ origin: ConnectionOrigin, _ options: SidecarOptions) {
        self.responder = responder
        self.origin = origin
        clientTimeout = .milliseconds(Int64(options.clientTimeoutMs))
        idleTimeout = .milliseconds(Int64(options.idleTimeoutMs))
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(RequestHead(head), context)
        case .body(let part): add(part)
        case .end:
            bodyDeadline?.cancel()
            bodyDeadline = nil
            if let head { answer(head, context) }
        }
    }

    private func begin(_ head: RequestHead, _ context: ChannelHandlerContext) {
        self.head = head
        body = nil
        fault = nil
        isOpen = true
        if head.isChunked || (head.contentLength ?? 0) > Route.ordinaryBodyMax { reserve(head) }
        if head.expectsContinue, fault == nil {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        }
    }

    /// Small bodies are bounded by the number of connections; those that may be larger are counted.
    private func reserve(_ head: RequestHead) {
        bodyMax = responder.bodyMax(head)
        let wanted = head.contentLength ?? bodyMax
        guard wanted <= bodyMax else {
            fault = .tooLarge(bodyMax)
            return
        }
        do throws(Problem) {
            try responder.services.work.take(wanted)
            reserved = wanted
        } catch {
            fault = error
        }
    }

    private func giveBack() {
        responder.services.work.give(reserved)
        reserved = 0
        bodyMax = Route.ordinaryBodyMax
    }

    private func add(_ part: ByteBuffer) {
        guard fault == nil else { return }
        guard (body?.readableBytes ?? 0) + part.readableBytes <= bodyMax else {
            fault = .tooLarge(bodyMax)
            body = nil
            return
        }
        if body == nil { body = part } else { body?.writeImmutableBuffer(part) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // The answer to a body that is not read does not wait for its end.
        if fault != nil, let head { answer(head, context) }
        if head != nil, bodyDeadline == nil {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            bodyDeadline = context.eventLoop.scheduleTask(in: clientTimeout) { bound.value.close(promise: nil) }
        }
        context.fireChannelReadComplete()
    }

    // MARK: Answering

    private func answer(_ head: RequestHead, _ context: ChannelHandlerContext) {
        let request = IncomingRequest(head: head, body: body ?? ByteBuffer(), fault: fault)
        self.head = nil
        body = nil
        isReadOnly = head.method == .get
        // An answer to a request that was not read whole is the last one.
        let closes = fault != nil || !head.isKeptAlive
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let (responder, origin) = (responder, origin)
        answering = Task(executorPreference: origin.lane.client.taskExecutor) {
            let answer = await responder.answer(to: request, origin: origin)
            // The executor runs on the thread of this loop.
            bound.value.handler.write(answer, head, closes: closes, bound)
        }
    }

    private typealias Bound = NIOLoopBound<(handler: RequestHandler, context: ChannelHandlerContext)>

    private func write(_ answer: Answer, _ head: RequestHead, closes: Bool, _ bound: Bound) {
        let context = bound.value.context
        guard context.channel.isActive else { return }
        context.write(wrapOutboundOut(.head(answer.head(closes: closes))), promise: nil)
        switch answer.body {
        case .bytes(let bytes):
            if !head.isHead, bytes.readableBytes > 0 {
                context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
            }
            end(closes: closes, context)
        case .stream(let stream):
            guard !head.isHead else { return end(closes: closes, context) }
            context.flush()
            answering = Task(executorPreference: origin.lane.client.taskExecutor) {
                let writer = StreamWriter(bound.value.context.channel)
                try? await stream(writer)
                bound.value.handler.end(closes: closes, bound.value.context)
            }
        }
    }

    private func end(closes: Bool, _ context: ChannelHandlerContext) {
        answering = nil
        isOpen = false
        giveBack()
        activeAt = .now()
        let closes = closes || isInputClosed
        guard context.channel.isActive else { return }
        guard closes else { return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
        // What the caller still sends would turn the end into a reset, which may overtake the answer: so our side ends
        // first, and the rest is thrown away until the caller ends its own, or the deadline comes.
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            bound.value.close(mode: .output, promise: nil)
        }
        bodyDeadline?.cancel()
        bodyDeadline = context.eventLoop.scheduleTask(in: clientTimeout) { bound.value.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The decoder closes the connection at once when this returns; into an answer that is on its way nothing can be
        // written.
        guard let error = error as? HTTPParserError, !isOpen else { return context.close(promise: nil) }
        let answer = Answer(
            error == .headerOverflow
                ? Problem(.tooLarge, "the head of the request is too large")
                : Problem(.malformed, "this is no HTTP/1.1 request"))
        context.write(wrapOutboundOut(.head(answer.head(closes: true))), promise: nil)
        if case .bytes(let bytes) = answer.body {
            context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        responder.services.connections.add(1)
        checkIdle(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { responder.services.connections.add(-1) }

    func channelInactive(context: ChannelHandlerContext) {
        bodyDeadline?.cancel()
        idleCheck?.cancel()
        giveBack()
        // Nobody waits for the answer: what only reads is given up, what changes something goes its way.
        if isReadOnly { answering?.cancel() }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            isInputClosed = true
            if !isOpen { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func checkIdle(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let deadline = isOpen ? .now() + idleTimeout : activeAt + idleTimeout
        idleCheck = context.eventLoop.scheduleTask(deadline: deadline) {
            let (handler, context) = bound.value
            if !handler.isOpen, handler.activeAt + handler.idleTimeout <= .now() {
                context.close(promise: nil)
            } else {
                handler.checkIdle(context)
            }
        }
    }
}

/// A request that has come whole, or whose body is not read.
struct IncomingRequest: Sendable {
    let head: RequestHead
    let body: ByteBuffer
    /// Why the body is not read.
    let fault: Problem?
}

/// Where a stream writes its bytes.
struct StreamWriter: Sendable {
    private let channel: any Channel

    init(_ channel: any Channel) { self.channel = channel }

    /// Returns when they have been handed to the kernel, so that a slow reader slows the stream.
    func write(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(bytes)))
    }
}
