import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// HTTP/1.1 connections whose requests are served on the thread of their own event loop: from the socket to the engine
/// and back no other thread has to be woken.
struct LaneChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let lanes: [Lane]

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            // Answers are written in one piece: Nagle's algorithm would only hold them back.
            try channel.syncOptions?.setOption(.socketOption(.tcp_nodelay), value: 1)
        }.flatMapError { _ in channel.eventLoop.makeSucceededVoidFuture() }
            .flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async {
        let loop = value.channel.eventLoop
        let lane = lanes.first { $0.loop === loop } ?? lanes[0]
        let origin = ConnectionOrigin(lane: lane, address: value.channel.remoteAddress?.ipAddress ?? "")
        await withTaskExecutorPreference(lane.client.taskExecutor) {
            await ConnectionOrigin.$current.withValue(origin) { await base.handle(value: value, logger: logger) }
        }
    }
}
