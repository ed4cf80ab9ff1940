import Foundation
import TestSupport

/// Something that listens where a Redis should be, and does with each connection what a script says, on a thread of
/// its own.
public final class ScriptedRedis: Sendable {
    private let directory = TemporaryDirectory()
    private let listener: Int32
    public var path: String { directory.path + "/redis.sock" }

    /// The server's side of a connection.
    public struct Peer: Sendable {
        let descriptor: Int32

        /// What has come, at least a byte; nothing at the end of the stream.
        public func readSome() -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            return Array(bytes.prefix(max(0, recv(descriptor, &bytes, bytes.count, 0))))
        }

        /// Whether all of it was taken.
        @discardableResult
        public func write(_ bytes: [UInt8]) -> Bool {
            var rest = bytes[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                if sent <= 0 { return false }
                rest = rest.dropFirst(sent)
            }
            return true
        }

        /// Reads until the client has closed.
        public func waitForEnd() { while !readSome().isEmpty {} }
    }

    public init(_ script: @escaping @Sendable (Peer) -> Void) {
        let path = directory.path + "/redis.sock"
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(bound == 0 && listen(listener, 16) == 0, "no socket to listen on: \(errno)")
        self.listener = listener
        Thread.detachNewThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                if descriptor < 0 { return }
                Thread.detachNewThread {
                    script(Peer(descriptor: descriptor))
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        // Ends the accept.
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}
