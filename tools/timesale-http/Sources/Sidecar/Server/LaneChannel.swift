import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// HTTP/1.1 connections, each served on the thread of its own event loop: from the socket to the engine and back no
/// other thread has to be woken. Hummingbird's own channel hands the parts of a request through two asynchronous
/// sequences, which costs more than everything else that an order needs.
struct LaneChannel: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
    }

    let responder: Responder
    let lanes: [Lane]
    let options: SidecarOptions

    /// Of a request's head.
    static let headMax = 16 << 10
    static let fieldMax = 8 << 10
    static let fieldCountMax = 64

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            // Answers are written in one piece: Nagle's algorithm would only hold them back. (A unix socket has none.)
            try? channel.syncOptions?.setOption(.socketOption(.tcp_nodelay), value: 1)
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = Self.fieldMax
            limits.maxHeaderListSize = Self.headMax
            limits.maxHeaderFieldCount = Self.fieldCountMax
            let pipeline = channel.pipeline.syncOperations
            // What is written is ours: values that a caller gave are checked where they are read.
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: true, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
            let lane = lanes.first { $0.loop === channel.eventLoop } ?? lanes[0]
            let origin = ConnectionOrigin(lane: lane, address: channel.remoteAddress?.ipAddress ?? "")
            try pipeline.addHandler(RequestHandler(responder, origin, options))
            return Value(channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            try? await value.channel.closeFuture.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
    }
}
