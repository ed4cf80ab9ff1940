import Foundation
import Synchronization
import TimesaleClient

/// Stands between the tool and a server, passes frames on, and swallows every answer once a request of a certain
/// operation has passed: what was asked is done, and nobody is told.
final class Relay: Sendable {
    let address: ClientConfiguration.Address
    private let listener: Int32
    private let server: sockaddr_in
    private let operation: UInt8
    private let swallows = Atomic<Bool>(false)

    /// The numbers of the operations on the wire (docs/protocol.md).
    enum Operation: UInt8 {
        case createSale = 16
        case getSale = 17
        case order = 32
        case earnPoints = 64
        case usePoints = 65
        case useCoupon = 86
        case placeCheckout = 96
        case confirmCheckout = 97
    }

    init(to server: ClientConfiguration.Address, swallowing operation: Operation) {
        guard case .tcp(_, let port) = server else { preconditionFailure("a TCP address is needed") }
        self.server = Self.loopback(port: UInt16(port))
        self.operation = operation.rawValue
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var own = Self.loopback(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, $0, &size) == 0
            }
        }
        precondition(isListening, "no port: \(String(cString: strerror(errno)))")
        address = .tcp(host: "127.0.0.1", port: Int(UInt16(bigEndian: own.sin_port)))
        Thread { self.accept() }.start()
    }

    /// Whether the request has passed.
    var hasSwallowed: Bool { swallows.load(ordering: .relaxed) }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { break }
            let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var server = server
            let isConnected = withUnsafePointer(to: &server) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(upstream, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isConnected else { continue }
            Thread { self.passRequests(from: client, to: upstream) }.start()
            Thread { self.passAnswers(from: upstream, to: client) }.start()
        }
        close(listener)
    }

    /// A frame tells its length at offset 8 and its operation at offset 13.
    private func passRequests(from client: Int32, to upstream: Int32) {
        var bytes: [UInt8] = []
        while let more = Self.receive(client) {
            bytes += more
            while bytes.count >= 32 {
                let length = (0..<4).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
                guard bytes.count >= length else { break }
                if bytes[13] == operation { swallows.store(true, ordering: .relaxed) }
                Self.send(Array(bytes[..<length]), upstream)
                bytes.removeFirst(length)
            }
        }
        shutdown(upstream, Int32(SHUT_RDWR))
    }

    private func passAnswers(from upstream: Int32, to client: Int32) {
        while let more = Self.receive(upstream) {
            if !hasSwallowed { Self.send(more, client) }
        }
        shutdown(client, Int32(SHUT_RDWR))
    }

    private static func receive(_ socket: Int32) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &chunk, chunk.count, 0)
        return count > 0 ? Array(chunk[..<count]) : nil
    }

    private static func send(_ bytes: [UInt8], _ socket: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
