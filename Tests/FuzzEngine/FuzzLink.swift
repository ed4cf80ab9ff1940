import Fuzzing
import NIOCore
public import NIOEmbedded
import Protocol
import Shard

@testable public import TimesaleClient

/// The connection of a client to shards of this process: no sockets, no threads. What the client sends has to be what a
/// server takes; what the shards answer is handed to the client. One thread.
public final class FuzzLink {
    public let shards: FuzzShards
    private let client: TimesaleClient
    private let connection: ServerConnection
    private let channel: EmbeddedChannel
    /// Entries that the client has sent, the handshake apart.
    public private(set) var entriesSent = 0

    /// - Parameters:
    ///   - client: made for `loop`, which has not run yet: it has not begun to connect.
    ///   - shards: one shard.
    public init(_ client: TimesaleClient, _ loop: EmbeddedEventLoop, _ shards: FuzzShards) {
        self.shards = shards
        self.client = client
        let pool = client.pool
        // No attempt is begun: whatever else the pool wants is under way already.
        pool.scout.isConnecting = true
        for index in pool.links.indices { pool.links[index].isConnecting = true }
        connection = ServerConnection(pool: pool, wantedShard: 0, token: Name())
        channel = EmbeddedChannel(handler: connection, loop: loop)
        channel.connect(to: try! SocketAddress(unixDomainSocketPath: "unused"), promise: nil)
        loop.run()
    }

    /// Hands over what the client has sent, and what is answered to it. Answers whether there was anything.
    public func exchange() -> Bool {
        channel.embeddedEventLoop.run()
        var isAnything = false
        while let buffer = try? channel.readOutbound(as: ByteBuffer.self) {
            isAnything = true
            // As aligned as what the reactor receives.
            let sent = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.readableBytes, alignment: 16)
            defer { sent.deallocate() }
            sent.copyBytes(from: buffer.readableBytesView)
            take(UnsafeRawBufferPointer(sent))
        }
        return isAnything
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            guard case .frame(let lengthBytes) = StreamFraming.examine(base, rest.count) else {
                violated("the client sends \(rest.count) bytes that are no frame")
            }
            let header = FrameHeader(base)
            if let fault = FrameFault.examine(header, base) {
                violated("the client sends a frame that is refused as \(fault.status): \(header)")
            }
            if header.operation == Operation.handshake.rawValue {
                feed(Self.handshakeReply)
            } else {
                entriesSent += header.count
                _ = shards.begin(UnsafeRawBufferPointer(start: base, count: lengthBytes), on: 0, isAdmin: true)
                shards.settle()
                for reply in shards.takeReplies() { feed(frame(reply.header, reply.body)) }
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[lengthBytes...])
        }
    }

    private func frame(_ header: FrameHeader, _ body: [UInt8]) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: Frame.headerSizeBytes) + body
        frame.withUnsafeMutableBytes { bytes in
            FrameHeader.seal(
                bytes.baseAddress!, operation: header.operation, status: header.status, requestId: header.requestId,
                count: header.count, lengthBytes: bytes.count, flags: header.flags, retryAfterMs: header.retryAfterMs)
        }
        return frame
    }

    private func feed(_ bytes: [UInt8]) {
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        expect(channel.isActive, "the client does not take the reply of a server")
        channel.embeddedEventLoop.run()
    }

    /// What a server of one shard answers to a handshake.
    public static let handshakeReply: [UInt8] = {
        var frame = [UInt8](repeating: 0, count: Frame.headerSizeBytes + TopologyResult.sizeBytes)
        frame.withUnsafeMutableBytes { bytes in
            TopologyResult(
                code: .ok, version: 1, shard: 0, shards: 1, frameSizeMaxBytes: UInt32(Frame.sizeMaxBytes),
                batchCountMax: UInt32(Frame.batchCountMax), instance: 7, nowMs: FuzzShards.startMs, retainMs: 1000,
                inFlightMaxBytes: 1 << 20, admin: 1, sequence: 1
            ).store(to: bytes.baseAddress! + Frame.headerSizeBytes)
            FrameHeader.seal(
                bytes.baseAddress!, operation: Operation.handshake.rawValue, requestId: 0, count: 1,
                lengthBytes: bytes.count, flags: Frame.Flags.reply)
        }
        return frame
    }()

    /// Ends the client: calls that still wait for their answer get one that says so.
    public func close() {
        let loop = channel.embeddedEventLoop
        client.queues.closeForNew()
        _ = client.pool.close(deadlineNs: 0, client.queues.all)
        loop.run()
        // A tick of the pool later.
        loop.advanceTime(by: .milliseconds(2 * ConnectionPool.tickMs))
        connection.end(.closed)
        loop.run()
        expect(client.pool.isClosed, "a client does not end")
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}
