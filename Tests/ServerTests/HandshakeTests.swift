import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// The first frame: any but a right handshake gets its fault and ends the connection.
    @Suite(.serialized) struct Handshakes {
        private static func entry(
            versions: ClosedRange<UInt16> = 1...1, shard: UInt16 = 0xffff, token: String = ""
        ) -> HandshakeEntry {
            HandshakeEntry(
                versionMin: versions.lowerBound, versionMax: versions.upperBound, shard: shard,
                token: Name(token)!)
        }

        private static func frame(_ entry: HandshakeEntry = entry()) -> [UInt8] {
            FrameBytes.request(.handshake, requestId: BadFrame.requestId, [entry])
        }

        /// A handshake with bytes replaced, its checksum right.
        private static func altered(_ changes: [Int: UInt8]) -> [UInt8] {
            var bytes = frame()
            for (offset, value) in changes { bytes[offset] = value }
            FrameBytes.reseal(&bytes)
            return bytes
        }

        private static var damaged: [UInt8] {
            var bytes = frame()
            bytes[60] ^= 1
            return bytes
        }

        /// Each with the codes that fit; nil is a close without an answer.
        private static let faults: [(name: String, bytes: [UInt8], codes: [ResultCode?])] = [
            ("order", BadFrame.order(), [.handshakeRequired]),
            ("a large order", BadFrame.order(1000), [.handshakeRequired]),
            (
                "ping", FrameBytes.request(.ping, requestId: BadFrame.requestId, [PingEntry(nonce: 1)]),
                [.handshakeRequired]
            ),
            (
                "an unknown operation", BadFrame.withCount(127, 1, entrySizeBytes: 8),
                [.handshakeRequired, .unknownOperation]
            ),
            ("no entries", BadFrame.withCount(1, 0, entrySizeBytes: 88), [.badCount]),
            ("two entries", BadFrame.withCount(1, 2, entrySizeBytes: 88), [.badCount, .badLength]),
            ("half an entry", BadFrame.withCount(1, 1, entrySizeBytes: 44), [.badLength]),
            ("too long", BadFrame.withCount(1, 1, entrySizeBytes: 89), [.badLength]),
            ("far too long", BadFrame.withCount(1, 1, entrySizeBytes: 100_000), [.badLength]),
            ("damaged", damaged, [.badChecksum]),
            ("version byte", altered([12: 2]), [.unsupportedVersion]),
            ("later versions", frame(entry(versions: 2...9)), [.unsupportedVersion]),
            ("version 0", frame(entry(versions: 0...0)), [.unsupportedVersion]),
            ("versions upside down", altered([32: 2, 34: 1]), [.invalid]),
            ("reserved bytes", altered([38: 1]), [.invalid]),
            ("a token of 79 bytes", altered([40: 79]), [.invalid]),
            ("a token of 65,535 bytes", altered([40: 255, 41: 255]), [.invalid]),
            ("bytes behind the token", altered([119: 1]), [.invalid]),
            ("a token that is no text", altered([40: 1, 42: 0xff]), [.invalid]),
            ("a control character", altered([40: 1, 42: 10]), [.invalid]),
            ("flags", altered([26: 1]), [.badFlags]),
            ("a status", altered([14: 1]), [.badFlags]),
            ("shard 2 of 2", frame(entry(shard: 2)), [.badShard]),
            ("shard 65,534", frame(entry(shard: 0xfffe)), [.badShard]),
            ("magic", altered([0: 0]), [nil]),
            ("length 31", altered([8: 31]), [nil]),
            ("another protocol", Array("GET / HTTP/1.1\r\nHost: shop\r\n\r\n".utf8), [nil]),
            ("a line", Array("PING\r\n".utf8), [nil]),
        ]

        @Test(arguments: Transport.allCases) func everyFault(_ transport: Transport) throws {
            let server = try smallServer(["--shards", "2"])
            var bystander = try Bystander(server)
            for (name, bytes, codes) in Self.faults {
                let client = try server.connect(transport)
                try client.sendRaw(bytes)
                let reply = try answer(client)
                if let reply {
                    #expect(reply.header.requestId == BadFrame.requestId, "\(name)")
                    #expect(reply.header.count == 0, "\(name)")
                    #expect(throws: Never.self, "\(name)") { try client.expectClosed() }
                }
                let code = reply?.header.status
                #expect(codes.contains(code), "\(name): \(String(describing: code))")
                try bystander.order()
            }
            try bystander.expectUndisturbed()
            stop(server)
        }

        /// Nil if the connection ends without one.
        private func answer(_ client: TestClient) throws(ClientFault) -> TestClient.Reply? {
            do throws(ClientFault) {
                return try client.receiveUnpaired()
            } catch {
                guard error == .closed else { throw error }
                return nil
            }
        }

        /// The end of a client before its handshake is whole is nothing to the server.
        @Test func cutShort() throws {
            let server = try smallServer(["--shards", "2"])
            var bystander = try Bystander(server)
            for count in 0..<Self.frame().count {
                let client = try server.connect(count.isMultiple(of: 2) ? .tcp : .unix)
                try client.sendRaw(Array(Self.frame().prefix(count)))
                if count.isMultiple(of: 3) {
                    client.shutdownWrite()
                    try client.expectClosed()
                }
            }
            try bystander.expectUndisturbed()
            stop(server)
        }

        /// A frame right behind the handshake may end the connection, or be answered; it is not half done.
        @Test(arguments: [1, 2]) func orderBehindTheHandshake(_ shards: Int) throws {
            let server = try smallServer(["--shards", "\(shards)"])
            var mint = IdMint(seed: 10)
            let bystander = try Bystander(server)
            var sold: UInt64 = 0
            for _ in 0..<20 {
                let user = mint.user()
                let order = OrderEntry(
                    orderId: mint.id(user: user), userId: user, saleId: Bystander.saleId, quantity: 1)
                let client = try server.connect()
                try client.sendRaw(Self.frame() + FrameBytes.request(.order, requestId: 2, [order]))
                var accepted = false
                while let reply = try? client.receiveUnpaired(until: .now + .milliseconds(500)) {
                    if reply.header.requestId == 2 { accepted = true }
                    if accepted { break }
                }
                let found = try bystander.client.getOrder(order.orderId)
                #expect(found.code == (accepted ? .ok : .notFound))
                if accepted { sold += 1 }
            }
            #expect(try bystander.client.getSale(Bystander.saleId).sold == sold)
            stop(server)
        }
    }
}
