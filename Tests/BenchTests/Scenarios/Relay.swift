import Foundation
import Synchronization

/// Stands between clients and a server, unix socket to unix socket, and breaks one connection: the first one on which
/// more bytes of replies than a client's questions need have passed.
final class Relay: Sendable {
    let path: String
    private let listener: Int32
    private let serverPath: String
    private let breakAfter: Int
    private let broken = Mutex(false)

    init(to serverPath: String, at path: String, breakAfter: Int) throws {
        (self.path, self.serverPath, self.breakAfter) = (path, serverPath, breakAfter)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.withAddress(path, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw POSIXError(.EADDRNOTAVAIL)
        }
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                join(client)
            }
        }
    }

    /// No more connections are taken; those that are open go on until their client ends them.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func join(_ client: Int32) {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.withAddress(serverPath, { connect(server, $0, $1) }) == 0 else { return _ = close(client) }
        Thread.detachNewThread { [self] in copy(from: client, to: server, breakAfter: nil) }
        Thread.detachNewThread { [self] in copy(from: server, to: client, breakAfter: breakAfter) }
    }

    private func copy(from: Int32, to: Int32, breakAfter: Int?) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var passed = 0
        while true {
            let got = recv(from, &buffer, buffer.count, 0)
            guard got > 0 else { break }
            passed += got
            let breaks = broken.withLock { broken in
                guard let breakAfter, passed > breakAfter, !broken else { return false }
                broken = true
                return true
            }
            if breaks { break }
            guard send(to, buffer, got, Int32(MSG_NOSIGNAL)) == got else { break }
        }
        // The other direction sees it, and ends too. The descriptors live as long as the test.
        shutdown(from, Int32(SHUT_RDWR))
        shutdown(to, Int32(SHUT_RDWR))
    }

    private static func withAddress(_ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        return withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
