import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Stands in each connection between the HTTP decoder and the requests: answers what cannot be decoded with a problem,
/// asks for bodies that wait to be asked for, and ends a connection whose request does not come whole in time.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let bodyTimeout: TimeAmount
    /// Requests whose answer has not left whole.
    private var open = 0
    private var isReading = false
    private var deadline: Scheduled<Void>?

    /// - Parameter bodyTimeout: from the head of a request to its end.
    init(bodyTimeout: TimeAmount) { self.bodyTimeout = bodyTimeout }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            open += 1
            isReading = true
            if let expect = head.headerFields[.expect], expect.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        case .body: break
        case .end:
            isReading = false
            deadline?.cancel()
            deadline = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isReading, deadline == nil {
            // A connection closed by this ends the request's task with an error where it waits for its body.
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            deadline = context.eventLoop.scheduleTask(in: bodyTimeout) { bound.value.close(promise: nil) }
        }
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { open -= 1 }
        context.write(data, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        // Into an answer that is on its way nothing can be written.
        guard open == 0 else { return context.close(promise: nil) }
        let isLong = error == .headerOverflow
        let answer = Answer(
            isLong
                ? Problem(.tooLarge, "the head of the request is too large")
                : Problem(.malformed, "this is no HTTP/1.1 request"))
        var fields = answer.fields
        fields.append(HTTPField(name: .connection, value: "close"))
        guard case .bytes(let bytes) = answer.body else { return context.close(promise: nil) }
        fields.append(HTTPField(name: .contentLength, value: String(bytes.readableBytes)))
        context.write(wrapOutboundOut(.head(HTTPResponse(status: answer.status, headerFields: fields))), promise: nil)
        context.write(wrapOutboundOut(.body(bytes)), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }
}
