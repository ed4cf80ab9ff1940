import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// A stream of frames means the same however it comes apart: into bytes, into pieces that end in the middle
    /// of a header or of an entry, into pieces of many frames; read at once or after a long pause.
    @Suite(.serialized) struct Streams {
        /// An exchange takes a second or two: one that takes longer than this has come to a standstill.
        private static let patience = Duration.seconds(20)

        /// Several connections at once, each with a writer that cuts its stream at random and a reader.
        @Test(arguments: Setup.all, [UInt64(1)]) func cutAnywhere(_ setup: Setup, _ seed: UInt64) throws {
            // Each entry of a batch is of a user of its own.
            let server = try setup.start(["--users", "300000"])
            let market = try StreamMarket(server, shards: setup.shards)
            let streams = try (0..<4).map { index in
                let shard = UInt16(index % setup.shards)
                return FrameStream(
                    market, frames: 700, seed: seed * 100 + UInt64(index),
                    client: try server.client(setup.transport, shard: shard), pinger: try server.client(shard: shard))
            }
            exchange(streams)
            for stream in streams { try #require(stream.fault == nil, "seed \(seed)") }
            try market.expectSold(streams)
            stop(server)
        }

        /// A client that leaves its replies unread until the server reads no further from it, and then reads:
        /// what it had sent meanwhile is answered like everything else. Others are served all the while.
        @Test(arguments: Setup.all) func readAfterAPause(_ setup: Setup) throws {
            let server = try setup.start(["--client-timeout", "10m"])
            let market = try StreamMarket(server, shards: setup.shards)
            let stream = try slowStream(server, market, setup.transport, seed: 77)
            let busy = FrameStream(
                market, frames: 200, seed: 78, client: try server.client(setup.transport),
                pinger: try server.client())
            try expectParked(stream)
            exchange([busy])
            exchange([stream])
            for stream in [stream, busy] { try #require(stream.fault == nil) }
            try market.expectSold([stream, busy])
            stop(server)
        }

        /// The end of the stream comes while the replies are unread and requests wait behind them.
        @Test(arguments: Setup.all) func endedWhileUnread(_ setup: Setup) throws {
            let server = try setup.start(["--client-timeout", "10m"])
            let market = try StreamMarket(server, shards: setup.shards)
            let stream = try slowStream(server, market, setup.transport, seed: 79)
            try expectParked(stream)
            stream.client.shutdownWrite()
            stream.forgetUnsent()
            stream.readAll(until: .now + Self.patience)
            try #require(stream.fault == nil)
            expectClosed(stream)
            try market.expectSold([stream])
            stop(server)
        }

        /// Whole frames, a part of one, and the end: the whole ones are answered, the part has no effect.
        @Test(arguments: [1, 2]) func endsInTheMiddleOfAFrame(_ shards: Int) throws {
            let server = try smallServer(["--shards", "\(shards)"])
            let market = try StreamMarket(server, shards: shards)
            var mint = IdMint(seed: 5)
            let last = market.orders(3000, requestId: 1_000_000, &mint)
            guard case .orders(let entries, _) = last.expected else { return }
            var streams: [FrameStream] = []
            for part in [0, 1, 3, 4, 11, 12, 31, 32, 33, 79, 80, 70_000, last.bytes.count - 1] {
                let stream = FrameStream(
                    market, frames: 20, seed: UInt64(part), client: try server.client(), pinger: try server.client())
                streams.append(stream)
                stream.end(with: last.bytes.prefix(part))
                exchange([stream])
                try #require(stream.fault == nil, "\(part) bytes of the last frame")
                stream.client.shutdownWrite()
                expectClosed(stream, "\(part) bytes of the last frame")
            }
            try market.expectSold(streams)
            let views = try market.client.getOrder(entries.map(\.orderId))
            #expect(views.allSatisfy { $0.code == .notFound }, "a part of a frame had an effect")
            stop(server)
        }

        /// A client with little room for replies, and a stream whose replies are more than the server keeps for
        /// one connection and the kernel between them.
        private func slowStream(
            _ server: ServerProcess, _ market: StreamMarket, _ transport: Transport, seed: UInt64
        ) throws -> FrameStream {
            let client = try server.connect(transport, receiveBufferBytes: 4096)
            try client.handshake(shard: 0)
            return FrameStream(
                market, frames: 700, readsMore: true, seed: seed, client: client, pinger: try server.client(shard: 0))
        }

        /// Sends as much as goes out while nothing is read, until the server does no more of it.
        private func expectParked(_ stream: FrameStream) throws {
            let before = try framesDone(stream)
            var questions: UInt64 = 0
            var done: UInt64 = 0
            var rounds = 0
            let isParked = try eventually {
                let sent = stream.writeAtOnce()
                questions += 1
                let now = try framesDone(stream) - before - questions
                rounds = sent > 0 || now > done ? 0 : rounds + 1
                done = now
                return rounds
            } until: {
                $0 == 300
            }
            #expect(isParked != nil, "the server goes on and on")
            #expect(done < stream.sentCount, "the server has done all that was sent")
        }

        /// What the first shard says that it has done.
        private func framesDone(_ stream: FrameStream) throws -> UInt64 {
            try #require(try? stream.pinger.stats().first?.frames, "the shard answers nobody")
        }

        private func expectClosed(_ stream: FrameStream, _ context: String = "all was sent") {
            #expect(throws: Never.self, "the connection does not end: \(context)") {
                try stream.client.expectClosed(until: .now + Self.patience)
            }
        }

        /// Writers and readers side by side: a server at its bound reads no further until it is read from.
        private func exchange(_ streams: [FrameStream]) {
            let deadline = Deadline.now + Self.patience
            let group = DispatchGroup()
            for stream in streams {
                let sides: [@Sendable () -> Void] = [
                    { stream.write(until: deadline) }, { stream.readAll(until: deadline) },
                ]
                for work in sides {
                    group.enter()
                    Thread.detachNewThread {
                        work()
                        group.leave()
                    }
                }
            }
            group.wait()
        }
    }
}
