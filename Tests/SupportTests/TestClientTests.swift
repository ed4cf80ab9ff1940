import Foundation
import Protocol
import TestSupport
import Testing

/// Shows that the client which other tests believe pairs replies, ends every wait, and takes no wrong frame
/// for a right one.
@Suite struct TestClientTests {
    private static let ping = FakeServer.Peer.pong(requestId: 1, nonce: 5)

    @Test func pairsRepliesInAnyOrder() throws {
        let server = FakeServer { peer in
            let requests = (0..<3).map { _ in peer.readFrame() }
            for request in requests.reversed() { peer.answer(request) }
        }
        let client = try TestClient(unixPath: server.path)
        let ids = try (0..<3).map { try client.send(.ping, [PingEntry(nonce: 100 + $0)]) }
        for (index, id) in ids.enumerated() {
            let results = try client.receive(id).results(as: PingResult.self)
            #expect(results.map(\.nonce) == [100 + UInt64(index)])
        }
    }

    @Test func receivesInTheOrderOfArrival() throws {
        let server = FakeServer { peer in
            let requests = (0..<2).map { _ in peer.readFrame() }
            for request in requests.reversed() { peer.answer(request) }
        }
        let client = try TestClient(unixPath: server.path)
        let ids = try (0..<2).map { _ in try client.send(.ping, [PingEntry(nonce: 0)]) }
        #expect(try client.receive().header.requestId == ids[1])
        #expect(try client.receive().header.requestId == ids[0])
    }

    /// The peer reads nothing more until its replies are taken, as the real server does at its bound.
    @Test func sendingTakesRepliesWhenThePeerStandsStill() throws {
        let count = 60_000
        let server = FakeServer { peer in
            for _ in 0..<count { peer.answer(peer.readFrame()) }
        }
        let client = try TestClient(unixPath: server.path)
        for _ in 0..<count { try client.send(.ping, [PingEntry(nonce: 0)]) }
        var seen: Set<UInt64> = []
        for _ in 0..<count { seen.insert(try client.receive().header.requestId) }
        #expect(seen.count == count)
    }

    @Test func waitsEndAtTheirDeadline() throws {
        let server = FakeServer { $0.waitForEnd() }
        let client = try TestClient(unixPath: server.path, timeoutMs: 50)
        #expect(throws: ClientFault.timedOut) { try client.ping() }
        #expect(throws: ClientFault.timedOut) { try client.receiveRaw(1, until: .now) }
        #expect(throws: ClientFault.timedOut) { try client.expectClosed() }
        #expect(throws: ClientFault.timedOut) { try client.sendRaw([UInt8](repeating: 0, count: 1 << 24)) }
        client.close()
        #expect(throws: ClientFault.closed) { try client.ping() }
    }

    @Test func seesTheEndOfTheStream() throws {
        let server = FakeServer { peer in
            _ = peer.readFrame()
            peer.write(Array(TestClientTests.ping.dropLast()))
        }
        let client = try TestClient(unixPath: server.path)
        #expect(throws: ClientFault.closed) { try client.ping() }
        let other = FakeServer { peer in _ = peer.readFrame() }
        let second = try TestClient(unixPath: other.path)
        try second.send(.ping, [PingEntry(nonce: 0)])
        try second.expectClosed()
    }

    @Test func bytesAreNoEnd() throws {
        let server = FakeServer { $0.write([1]) }
        let client = try TestClient(unixPath: server.path)
        #expect(throws: ClientFault.protocolFault("[1] instead of the end")) { try client.expectClosed() }
    }

    @Test func sendsAndReceivesRawBytes() throws {
        let server = FakeServer { peer in
            let bytes = peer.read(3)
            peer.write(bytes.reversed())
        }
        let client = try TestClient(unixPath: server.path)
        try client.sendRaw([1, 2])
        #expect(try client.sendRawAtOnce([3]) == 1)
        #expect(try client.receiveRaw(2) == [3, 2])
        #expect(try client.receiveRaw(1) == [1])
        try client.expectClosed()
    }

    @Test func refusalsOfFramesAreThrown() throws {
        let server = FakeServer { peer in
            let request = peer.readFrame()
            peer.write(
                FrameBytes.make(
                    operation: request.header.operation, status: .busy, requestId: request.header.requestId,
                    count: 0, flags: Frame.Flags.reply, retryAfterMs: 20, body: []))
        }
        let client = try TestClient(unixPath: server.path)
        #expect(throws: ClientFault.refused(.busy, retryAfterMs: 20)) { try client.ping() }
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var reply: [UInt8]
        var fault: String
    }

    static let wrong: [Wrong] = {
        func changed(_ name: String, _ fault: String, at offset: Int, to value: UInt8, sealed: Bool = true)
            -> Wrong
        {
            var reply = ping
            reply[offset] = value
            if sealed { FrameBytes.reseal(&reply) }
            return Wrong(testDescription: name, reply: reply, fault: fault)
        }
        return [
            changed("magic", "no magic", at: 0, to: 0, sealed: false),
            changed("checksum", "a bad checksum", at: 40, to: 9, sealed: false),
            changed("length too short", "a length of 31", at: 8, to: 31),
            changed("length too long", "a length of", at: 11, to: 1),
            changed("version", "version 2", at: 12, to: 2),
            changed("operation", "a reply of operation 3", at: 13, to: 3),
            changed("request id", "a reply to request 2", at: 16, to: 2),
            changed("count", "OK with 2 results", at: 24, to: 2),
            changed("a status with results", "BUSY with 1 results", at: 14, to: 96),
            changed("no reply flag", "flags 0", at: 26, to: 0),
            changed("unknown flag", "flags 5", at: 26, to: 5),
        ]
    }()

    @Test(arguments: wrong)
    func wrongRepliesAreFaults(_ wrong: Wrong) throws {
        let server = FakeServer { peer in
            _ = peer.readFrame()
            peer.write(wrong.reply)
        }
        let client = try TestClient(unixPath: server.path)
        let error = #expect(throws: ClientFault.self) { try client.ping() }
        guard case .protocolFault(let text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(text.hasPrefix(wrong.fault))
    }

    @Test func unreachableAddressesAreToldApart() {
        let path = TemporaryDirectory().path + "/nobody"
        #expect(throws: ClientFault.unreachable(errno: ENOENT)) { try TestClient(unixPath: path) }
        #expect(throws: ClientFault.unreachable(errno: ENAMETOOLONG)) {
            try TestClient(unixPath: String(repeating: "x", count: 200))
        }
        #expect(throws: ClientFault.unreachable(errno: EADDRNOTAVAIL)) {
            try TestClient(host: "not a number", port: 1)
        }
        #expect(throws: ClientFault.unreachable(errno: ECONNREFUSED)) { try TestClient(port: 1) }
    }
}
