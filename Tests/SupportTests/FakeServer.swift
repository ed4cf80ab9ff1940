import Foundation
import Protocol
import TestSupport

/// One accepted connection on a unix socket, served by a script of steps on a thread of its own.
final class FakeServer: Sendable {
    private let directory = TemporaryDirectory()
    var path: String { directory.path + "/socket" }

    /// The server's side of the connection, blocking.
    struct Peer {
        let descriptor: Int32

        /// Exactly `count` bytes, or fewer at the end of the stream.
        func read(_ count: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            let got = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
            return Array(bytes.prefix(max(0, got)))
        }

        /// The next frame.
        func readFrame() -> (header: FrameHeader, body: [UInt8]) {
            let header = read(Frame.headerSizeBytes).withUnsafeBytes { FrameHeader($0.baseAddress!) }
            return (header, read(header.lengthBytes - Frame.headerSizeBytes))
        }

        func write(_ bytes: [UInt8]) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if sent <= 0 { return }
                rest = rest.dropFirst(sent)
            }
        }

        /// Reads nothing until the client has closed.
        func waitForEnd() {
            var entry = pollfd(fd: descriptor, events: 0, revents: 0)
            poll(&entry, 1, -1)
        }

        /// Answers a ping with its nonce.
        func answer(_ ping: (header: FrameHeader, body: [UInt8])) {
            let nonce = ping.body.withUnsafeBytes { PingEntry($0.baseAddress!).nonce }
            write(Peer.pong(requestId: ping.header.requestId, nonce: nonce))
        }

        static func pong(requestId: UInt64, nonce: UInt64) -> [UInt8] {
            FrameBytes.make(
                operation: Operation.ping.rawValue, requestId: requestId, count: 1, flags: Frame.Flags.reply,
                body: PingResult.pack([PingResult(code: .ok, nonce: nonce, nowMs: 1)]))
        }
    }

    init(_ script: @escaping @Sendable (Peer) -> Void) {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: Array((directory.path + "/socket").utf8))
        }
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        precondition(isBound && listen(listener, 1) == 0, "the socket cannot be bound: errno \(errno)")
        Thread.detachNewThread {
            let peer = Peer(descriptor: accept(listener, nil, nil))
            close(listener)
            script(peer)
            close(peer.descriptor)
        }
    }
}
