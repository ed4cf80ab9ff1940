import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// Clients that keep the server waiting cost bounded memory and are cut off, while others are served.
    @Suite(.serialized) struct SlowClients {
        private static let mebibyte = 1 << 20

        /// Clients that send requests with large replies and read none of them: each is read no further, and
        /// then cut off. A second wave of them finds the memory of the first.
        @Test(arguments: [Setup(shards: 1, transport: .unix), Setup(shards: 2, transport: .tcp)])
        func stopReading(_ setup: Setup) throws {
            let server = try setup.start(["--client-timeout", "1s"])
            var bystander = try Bystander(server)
            let before = server.residentBytes
            let first = try floodWithoutReading(server, setup.transport, &bystander)
            // Receive buffers and queues of replies, which a shard has for all of its connections, in use for
            // the first time; and the little that each connection may have unread.
            #expect(
                first - before < 128 * Self.mebibyte, "grew by \((first - before) / Self.mebibyte) MiB")
            let second = try floodWithoutReading(server, setup.transport, &bystander)
            #expect(second - first < 16 * Self.mebibyte, "grew by \((second - first) / Self.mebibyte) MiB")
            #expect(server.stderr.contains("replies unread"), "\(server.stderr)")
            try bystander.expectUndisturbed()
            stop(server)
        }

        /// Until all are cut off; returns the most memory that the server had.
        private func floodWithoutReading(
            _ server: ServerProcess, _ transport: Transport, _ bystander: inout Bystander
        ) throws -> Int {
            let frame = FrameBytes.request(
                .getOrder, requestId: 1,
                (0..<Frame.batchCountMax).map { OrderIdEntry(orderId: Id128(UInt64($0))) })
            var flooding = try (0..<6).map { _ in
                let client = try server.connect(transport, receiveBufferBytes: 4096)
                try client.handshake()
                return (client: client, rest: frame[...])
            }
            var largest = 0
            let ended = try eventually {
                for index in flooding.indices.reversed() {
                    let rest = flooding[index].rest
                    if let sent = try? flooding[index].client.sendRawAtOnce(Array(rest)) {
                        flooding[index].rest = sent == rest.count ? frame[...] : rest.dropFirst(sent)
                    } else {
                        flooding.remove(at: index)
                    }
                }
                try bystander.order()
                largest = max(largest, server.residentBytes)
                return flooding.isEmpty
            } until: {
                $0
            }
            #expect(ended != nil, "\(flooding.count) are not cut off")
            return largest
        }

        /// Half a handshake, no handshake, half a frame: each is closed by its time; a silent connection stays.
        @Test(arguments: Setup.all) func neverFinishes(_ setup: Setup) throws {
            let server = try setup.start(["--client-timeout", "1s"])
            var bystander = try Bystander(server)
            let silent = try server.client(setup.transport)
            #expect(try silent.ping(nonce: 1).nonce == 1)
            let handshake = FrameBytes.request(
                .handshake, requestId: 1,
                [HandshakeEntry(versionMin: 1, versionMax: 1, shard: 0xffff, token: Name())])
            var stuck: [TestClient] = []
            for count in [0, 1, 4, 12, 32, 119] {
                stuck.append(try server.connect(setup.transport))
                try stuck.last!.sendRaw(Array(handshake.prefix(count)))
            }
            let order = BadFrame.order(100)
            for count in [1, 4, 12, 32, 33, 1000, order.count - 1] {
                stuck.append(try server.client(setup.transport))
                try stuck.last!.sendRaw(Array(order.prefix(count)))
            }
            // A byte now and then does not make a frame: its time runs from the first one.
            let trickling = try server.client(setup.transport)
            var sent = 0
            let cutOff = try eventually {
                try bystander.order()
                let isGone = (try? trickling.sendRaw([order[sent % order.count]])) == nil
                sent = min(sent + 1, 40)
                return isGone
            } until: {
                $0
            }
            #expect(cutOff != nil)
            for client in stuck { try client.expectClosed() }
            #expect(try silent.ping(nonce: 2).nonce == 2)
            #expect(server.stderr.contains("no handshake within 1000 ms"))
            #expect(server.stderr.contains("a frame not completed within 1000 ms"))
            try bystander.expectUndisturbed()
            stop(server)
        }

        /// A half frame holds as much memory as has come of it, no longer than its time.
        @Test func manyHalfFrames() throws {
            let server = try smallServer(["--client-timeout", "1s"])
            var bystander = try Bystander(server)
            let half = Array(BadFrame.order(Frame.batchCountMax).dropLast())
            func present() throws {
                let clients = try (0..<20).map { _ in try server.client() }
                for client in clients { try client.sendRaw(half) }
                try bystander.order()
                for client in clients { try client.expectClosed() }
            }
            try present()
            let before = server.residentBytes
            for _ in 0..<2 { try present() }
            let grown = server.residentBytes - before
            #expect(grown < 16 * Self.mebibyte, "grew by \(grown / Self.mebibyte) MiB")
            try bystander.expectUndisturbed()
            stop(server)
        }

        /// Thousands of connections that come and go, in every way of going.
        @Test(arguments: [1, 2]) func churn(_ shards: Int) throws {
            let server = try smallServer(["--shards", "\(shards)", "--client-timeout", "2s"])
            var bystander = try Bystander(server)
            let frame = BadFrame.order(50)
            let pings = (0..<50).flatMap { FrameBytes.request(.ping, requestId: $0, [PingEntry(nonce: $0)]) }
            func churn(_ count: Int) throws {
                for index in 0..<count {
                    let transport = index % 7 < 3 ? Transport.tcp : .unix
                    switch index % 6 {
                    case 0: _ = try server.connect(transport)
                    case 1: try server.connect(transport).sendRaw(Array(frame.prefix(60)))
                    case 2: _ = try server.client(transport)
                    case 3: #expect(try server.client(transport).ping(nonce: 4).nonce == 4)
                    // Goes with its frame half sent, or with its replies unread.
                    case 4: try server.client(transport).sendRaw(Array(frame.prefix(frame.count / 2)))
                    default: try server.client(transport).sendRaw(pings)
                    }
                    if index % 50 == 0 { try bystander.order() }
                }
            }
            for shard in 0..<shards { try fillQueues(server, UInt16(shard)) }
            try churn(600)
            let before = server.residentBytes
            let alone = try eventually {
                try bystander.client.stats().reduce(0) { $0 + $1.connections }
            } until: {
                $0 == 1
            }
            #expect(alone != nil, "connections remain")
            let descriptorsBefore = server.descriptorCount
            try churn(3000)
            let left = try eventually {
                try bystander.client.stats().reduce(0) { $0 + $1.connections }
            } until: {
                $0 == 1
            }
            #expect(left != nil, "connections remain")
            // A connection counts as gone once its descriptor is closed.
            #expect(server.descriptorCount <= descriptorsBefore, "descriptors remain")
            let grown = server.residentBytes - before
            #expect(grown < 2 * Self.mebibyte, "grew by \(grown / 1024) KiB")
            try bystander.expectUndisturbed()
            stop(server)
        }

        /// Receive buffers and queues of replies are memory that a shard has from its start, but that only
        /// counts once it was used: sends more through them than they hold.
        private func fillQueues(_ server: ServerProcess, _ shard: UInt16) throws {
            let client = try server.client(shard: shard)
            let ids = (0..<Frame.batchCountMax).map { OrderIdEntry(orderId: Id128(UInt64($0))) }
            let request = OrderIdEntry.pack(ids)
            for _ in 0..<160 {
                #expect(try client.call(.getOrder, request).header.status == .ok)
            }
        }

        /// One more than --connections is closed at once; with one gone, the next is served.
        @Test(arguments: Setup.all) func tooMany(_ setup: Setup) throws {
            let server = try setup.start(["--connections", "20"])
            var clients = try (0..<20).map { _ in try server.client(setup.transport) }
            for _ in 0..<5 {
                let extra = try server.connect(setup.transport)
                try extra.expectClosed()
            }
            #expect(server.stderr.contains("--connections"))
            for client in clients { #expect(try client.ping(nonce: 6).nonce == 6) }
            clients.removeLast().close()
            let next = eventually {
                try? server.client(setup.transport)
            } until: {
                $0 != nil
            }
            #expect(try next??.ping(nonce: 7).nonce == 7)
            stop(server)
        }
    }
}
