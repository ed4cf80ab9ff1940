import Foundation
import Redis
import Synchronization

/// Stands before a Redis on a port of its own: passes on what it gets at once, and the answers late; cuts connections
/// in the middle of them.
public final class DelayingProxy: Sendable {
    public let port: UInt16
    public var url: String { "redis://127.0.0.1:\(port)" }
    private let listener: Int32
    private let state = Mutex(State())

    private struct State: Sendable {
        var delayMs: UInt32 = 0
        /// Both ends of each connection.
        var open: Set<Int32> = []
        var cutAfter: Int?
    }

    /// How late each piece of an answer is passed on, from the next one on.
    public var delayMs: UInt32 {
        get { state.withLock { $0.delayMs } }
        set { state.withLock { $0.delayMs = newValue } }
    }

    public init(before redis: RedisProcess) throws {
        port = try RedisProcess.freePort()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard Self.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            close(listener)
            throw RedisProcess.Fault.notStarted("no port for the proxy: \(errno)")
        }
        self.listener = listener
        let target = redis.port
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { return }
                let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                guard let self, Self.withAddress(target, { connect(server, $0, $1) }) == 0 else {
                    close(client)
                    close(server)
                    continue
                }
                self.join(client, server)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        cut()
    }

    /// Ends all connections.
    public func cut() { state.withLock { $0.open.forEach { shutdown($0, Int32(SHUT_RDWR)) } } }

    /// Ends the connection which brings the next answer, after so many bytes of it.
    public func cutNextAnswer(afterBytes count: Int) { state.withLock { $0.cutAfter = count } }

    private func join(_ client: Int32, _ server: Int32) {
        state.withLock { $0.open.formUnion([client, server]) }
        let ended = DispatchGroup()
        for (from, to, isAnswer) in [(client, server, false), (server, client, true)] {
            ended.enter()
            Thread.detachNewThread { [weak self] in
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    var count = recv(from, &bytes, bytes.count, 0)
                    if count <= 0 { break }
                    var isCut = false
                    if isAnswer, let self {
                        usleep(self.delayMs * 1_000)
                        let limit = self.state.withLock { $0.cutAfter.take() }
                        if let limit { (count, isCut) = (min(count, limit), true) }
                    }
                    if !Self.pass(bytes[..<count], to) || isCut { break }
                }
                shutdown(client, Int32(SHUT_RDWR))
                shutdown(server, Int32(SHUT_RDWR))
                ended.leave()
            }
        }
        ended.notify(queue: .global()) { [weak self] in
            // Out of the set before the numbers can be those of others.
            self?.state.withLock { $0.open.subtract([client, server]) }
            close(client)
            close(server)
        }
    }

    private static func pass(_ bytes: ArraySlice<UInt8>, _ to: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent <= 0 { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    private static func withAddress(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
