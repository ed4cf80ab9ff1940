import Foundation
import Protocol
import TestSupport
import Testing

/// A frame that a server must not accept, and what the protocol says it gets.
struct BadFrame: CustomTestStringConvertible, Sendable {
    enum Outcome: Sendable {
        /// Nothing is answered.
        case closed
        case refusedAndClosed(ResultCode)
        case refused(ResultCode)
    }

    var name: String
    var bytes: [UInt8]
    var outcome: Outcome

    var testDescription: String { name }

    static let requestId: UInt64 = 0xabcd_ef01_2345_6789

    /// An order that would be accepted, so that a server that overlooks the fault has an effect to show.
    static func order(_ count: Int = 1) -> [UInt8] {
        var mint = IdMint(seed: 8)
        return FrameBytes.request(
            .order, requestId: requestId,
            (0..<count).map { _ in
                let user = mint.user()
                return OrderEntry(
                    orderId: mint.id(user: user), userId: user, saleId: Bystander.saleId, quantity: 1)
            })
    }

    /// That order with a byte changed, and the checksum right for it.
    static func altered(_ offset: Int, _ value: UInt8) -> [UInt8] {
        var frame = order()
        frame[offset] = value
        FrameBytes.reseal(&frame)
        return frame
    }

    static func withLength(_ length: UInt32) -> [UInt8] {
        var frame = order()
        for byte in 0..<4 { frame[8 + byte] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(byte))) }
        FrameBytes.reseal(&frame)
        return frame
    }

    static func withCount(_ operation: UInt8, _ count: Int, entrySizeBytes: Int, entries: Int? = nil)
        -> [UInt8]
    {
        FrameBytes.make(
            operation: operation, requestId: requestId, count: count,
            body: [UInt8](repeating: 0, count: (entries ?? count) * entrySizeBytes))
    }

    static let all: [BadFrame] = framing + integrity + operations + counts + reserved

    /// Where the next frame begins is lost.
    private static let framing: [BadFrame] =
        (0..<4).map { offset in
            BadFrame(name: "magic, byte \(offset)", bytes: altered(offset, 0xff), outcome: .closed)
        }
        + [0, 1, 31, 1 << 20 + 1, 1 << 31, UInt32.max].map { length in
            BadFrame(name: "length \(length)", bytes: withLength(length), outcome: .closed)
        }

    private static let integrity: [BadFrame] =
        [4, 7, 13, 24, 32, 48, 79].map { offset in
            var frame = order()
            frame[offset] ^= 0x10
            return BadFrame(
                name: "bit of byte \(offset)", bytes: frame, outcome: .refusedAndClosed(.badChecksum))
        }
        + [0, 2, 255].map { version in
            BadFrame(
                name: "version \(version)", bytes: altered(12, version),
                outcome: .refusedAndClosed(.unsupportedVersion))
        }

    private static let operations: [BadFrame] = [0, 8, 15, 31, 39, 63, 127, 255].map { operation in
        BadFrame(
            name: "operation \(operation)", bytes: withCount(operation, 1, entrySizeBytes: 48),
            outcome: .refused(.unknownOperation))
    }

    private static let counts: [BadFrame] =
        Operation.allCases.filter { $0 != .handshake }.flatMap { operation in
            let size = operation.entrySizeBytes
            let tooMany = operation.countMax + 1
            return [
                BadFrame(
                    name: "\(operation), count 0",
                    bytes: withCount(operation.rawValue, 0, entrySizeBytes: size),
                    outcome: .refused(.badCount)),
                BadFrame(
                    name: "\(operation), \(tooMany) entries",
                    bytes: withCount(operation.rawValue, tooMany, entrySizeBytes: size),
                    outcome: .refused(.badCount)),
                BadFrame(
                    name: "\(operation), 1 of 2 entries",
                    bytes: withCount(operation.rawValue, 1, entrySizeBytes: size, entries: 2),
                    outcome: .refused(.badLength)),
                BadFrame(
                    name: "\(operation), no body",
                    bytes: withCount(operation.rawValue, 1, entrySizeBytes: size, entries: 0),
                    outcome: .refused(.badLength)),
            ]
        } + [
            BadFrame(
                name: "half an entry more",
                bytes: FrameBytes.make(
                    operation: Operation.order.rawValue, requestId: requestId, count: 1,
                    body: Array(order().dropFirst(32)) + [UInt8](repeating: 0, count: 24)),
                outcome: .refused(.badLength)),
            BadFrame(
                name: "65,535 entries announced",
                bytes: withCount(32, 65_535, entrySizeBytes: 48, entries: 1),
                outcome: .refused(.badCount)),
        ]

    private static let reserved: [BadFrame] =
        [(14, "status"), (15, "status"), (26, "flags"), (27, "flags"), (28, "retry"), (31, "retry")].map {
            BadFrame(name: "\($1), byte \($0)", bytes: altered($0, 1), outcome: .refused(.badFlags))
        } + [
            BadFrame(
                name: "a second handshake",
                bytes: FrameBytes.request(
                    .handshake, requestId: requestId,
                    [HandshakeEntry(versionMin: 1, versionMax: 1, shard: 0xffff, token: Name())]),
                outcome: .refused(.unknownOperation))
        ]
}

extension ServerTests {
    /// A malformed frame is answered with its fault or ends its connection, has no effect, and disturbs nobody.
    @Suite(.serialized) struct BadFrames {
        @Test(arguments: [1, 2]) func everyFault(_ shards: Int) throws {
            let server = try smallServer(["--shards", "\(shards)"])
            var bystander = try Bystander(server)
            for (index, frame) in BadFrame.all.enumerated() {
                let client = try server.client(index.isMultiple(of: 2) ? .tcp : .unix)
                try present(frame, to: client)
                try bystander.order()
            }
            try bystander.expectUndisturbed()
            stop(server)
        }

        private func present(_ frame: BadFrame, to client: TestClient) throws {
            try client.sendRaw(frame.bytes)
            switch frame.outcome {
            case .closed:
                #expect(throws: Never.self, "\(frame.name)") { try client.expectClosed() }
            case .refused(let code):
                try expectRefusal(client, code, frame.name)
                // The connection stays: what follows is understood.
                #expect(try client.ping(nonce: 77).nonce == 77, "\(frame.name)")
            case .refusedAndClosed(let code):
                try expectRefusal(client, code, frame.name)
                #expect(throws: Never.self, "\(frame.name)") { try client.expectClosed() }
            }
        }

        private func expectRefusal(_ client: TestClient, _ code: ResultCode, _ name: String) throws {
            let reply = try client.receiveUnpaired()
            #expect(reply.header.status == code, "\(name)")
            #expect(reply.header.requestId == BadFrame.requestId, "\(name)")
            #expect(reply.header.count == 0 && reply.body.isEmpty, "\(name)")
        }

        /// Frames before a fault are answered; the same frame behind one that ends the connection has no effect.
        @Test(arguments: BadFrame.all.filter { if case .refused = $0.outcome { false } else { true } })
        func nothingBehindALostStreamCounts(_ frame: BadFrame) throws {
            let server = try smallServer()
            var bystander = try Bystander(server)
            let client = try server.client()
            let ping = FrameBytes.request(.ping, requestId: 1, [PingEntry(nonce: 1)])
            try client.sendRaw(ping)
            #expect(try client.receiveUnpaired().header.requestId == 1)
            try client.sendRaw(frame.bytes + BadFrame.order(100))
            // What comes, if anything does, is the refusal.
            while let reply = try? client.receiveUnpaired() {
                #expect(reply.header.status != .ok)
            }
            try bystander.expectUndisturbed()
            stop(server)
        }

        @Test(arguments: Setup.all) func byteByByte(_ setup: Setup) throws {
            let server = try setup.start()
            var bystander = try Bystander(server)
            try bystander.expectUndisturbed()
            let client = try server.connect(setup.transport)
            let handshake = FrameBytes.request(
                .handshake, requestId: 1,
                [HandshakeEntry(versionMin: 1, versionMax: 1, shard: 0xffff, token: Name())])
            for byte in handshake { try client.sendRaw([byte]) }
            #expect(try client.receiveUnpaired().header.status == .ok)
            for byte in BadFrame.order(3) { try client.sendRaw([byte]) }
            let results: [OrderResult] = try client.receiveUnpaired().results()
            #expect(results.map(\.code) == [.ok, .ok, .ok])
            stop(server)
        }

        /// Frames cut and joined anywhere on their way are the same frames.
        @Test(arguments: [1, 2]) func cutAnywhere(_ shards: Int) throws {
            let seed: UInt64 = 9
            var mint = IdMint(seed: seed)
            let server = try smallServer(["--shards", "\(shards)"])
            var bystander = try Bystander(server)
            let client = try server.client(.tcp)
            var bytes: [UInt8] = []
            for requestId in UInt64(0)..<300 {
                switch mint.random() % 3 {
                case 0:
                    bytes += FrameBytes.request(.ping, requestId: requestId, [PingEntry(nonce: requestId)])
                case 1:
                    let entries = [OfferIdEntry](
                        repeating: OfferIdEntry(offerId: 1), count: Int(mint.random() % 255 + 1))
                    bytes += FrameBytes.request(.getSale, requestId: requestId, entries)
                default:
                    let ids = (0..<mint.random() % 4000 + 1).map { OrderIdEntry(orderId: Id128($0)) }
                    bytes += FrameBytes.request(.getOrder, requestId: requestId, ids)
                }
            }
            var seen: Set<UInt64> = []
            var rest = bytes[...]
            while seen.count < 300 {
                let piece = rest.prefix(Int(mint.random() % 100_000 + 1))
                if !piece.isEmpty { rest = rest.dropFirst(try client.sendRawAtOnce(Array(piece))) }
                // A server at its bound reads no further until its replies are taken.
                let patienceMs = rest.isEmpty ? 30_000 : 1
                guard let reply = try? client.receiveUnpaired(until: .now + .milliseconds(patienceMs)) else {
                    if rest.isEmpty { break }
                    continue
                }
                // A full queue between shards may refuse, and says so.
                let isFine = reply.header.status == .ok || shards > 1 && reply.header.status == .busy
                #expect(isFine, "seed \(seed): \(reply.header.status)")
                #expect(seen.insert(reply.header.requestId).inserted, "seed \(seed): answered twice")
            }
            #expect(seen.count == 300, "seed \(seed)")
            try bystander.expectUndisturbed()
            stop(server)
        }

        /// Random streams, and right frames with random damage: hundreds of connections of them.
        @Test(arguments: [UInt64(11), 12, 13]) func garbage(_ seed: UInt64) throws {
            var mint = IdMint(seed: seed)
            let server = try smallServer(["--shards", "2", "--client-timeout", "1s"])
            var bystander = try Bystander(server)
            for _ in 0..<150 {
                let transport = mint.random() % 2 == 0 ? Transport.tcp : .unix
                let isGreeted = mint.random() % 8 != 0
                let client = isGreeted ? try server.client(transport) : try server.connect(transport)
                for _ in 0..<(mint.random() % 4 + 1) {
                    guard (try? client.sendRaw(stream(&mint))) != nil else { break }
                }
                if mint.random() % 2 == 0 { client.shutdownWrite() }
                if mint.random() % 2 == 0 { _ = try? client.receiveUnpaired(until: .now + .milliseconds(2)) }
                try bystander.order()
            }
            try bystander.expectUndisturbed()
            stop(server)
        }

        private func stream(_ mint: inout IdMint) -> [UInt8] {
            var bytes = (0..<mint.random() % 3000).map { _ in UInt8(truncatingIfNeeded: mint.random()) }
            switch mint.random() % 4 {
            case 0: return bytes
            case 1:
                // Random bytes that look like a frame.
                bytes = Array(bytes.prefix(1000))
                return FrameBytes.make(
                    operation: UInt8(truncatingIfNeeded: mint.random()), requestId: mint.random(),
                    count: Int(mint.random() % 3), body: bytes)
            case 2:
                // A right frame of each operation with random entries, which no sale and no id fits.
                let operation = Operation.allCases.randomElement(using: &mint)!
                let count = Int(mint.random() % 5 + 1)
                let size = operation.entrySizeBytes
                return FrameBytes.make(
                    operation: operation.rawValue, requestId: mint.random(), count: count,
                    body: (0..<count * size).map { _ in UInt8(truncatingIfNeeded: mint.random()) & 0x3f })
            default:
                // An order that would be accepted, but for damage that the checksum must see.
                var frame = BadFrame.order(Int(mint.random() % 20 + 1))
                for _ in 0...mint.random() % 3 {
                    let place = Int(mint.random() % UInt64(frame.count))
                    frame[place] = frame[place] ^ UInt8(1 << (mint.random() % 8))
                }
                let cut = mint.random() % 3 == 0 ? Int(mint.random() % UInt64(frame.count)) : frame.count
                return Array(frame.prefix(cut))
            }
        }
    }
}
