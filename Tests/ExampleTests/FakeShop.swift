import Foundation

/// An HTTP server of a test: it does one step of a script for each request, its last one for all that follow, and
/// remembers the requests.
final class FakeShop: @unchecked Sendable {
    /// What becomes of a request, once it is whole.
    enum Step: Sendable {
        case answer(Int, headers: [String: String] = [:], body: String)
        /// The connection is closed without a byte.
        case drop
        /// An answer that ends in the middle of its body.
        case cut
        /// The connection stays open, and nothing comes.
        case silence

        /// An answer of the sidecar to what it could not do.
        static func problem(
            _ status: Int, _ code: String, isRetryable: Bool, retryAfter: String? = nil
        ) -> Step {
            var headers = ["Content-Type": "application/problem+json"]
            headers["Retry-After"] = retryAfter
            let body = """
                {"type": "/problems/of-a-test", "title": "A test", "status": \(status), "detail": "as \\"told\\"", \
                "code": "\(code)", "retryable": \(isRetryable)}
                """
            return .answer(status, headers: headers, body: body)
        }

        static let created = Step.answer(
            201, headers: ["Content-Type": "application/json"],
            body: #"{"orderId": "0198c0de-0000-8000-8000-000000000001", "state": "held", "quantity": 2}"#)
    }

    struct Request: Sendable {
        let line: String
        /// By lower-case name.
        let headers: [String: String]
        let body: String
        let arrived: ContinuousClock.Instant
    }

    let port: UInt16
    private let listener: Int32
    private let script: [Step]
    private let isOpen: Bool
    private let lock = NSLock()
    private var seen: [Request] = []

    var base: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { lock.withLock { seen } }

    /// - Parameter isOpen: false for a port that is taken, and at which nobody listens.
    init(_ script: [Step], isOpen: Bool = true) {
        self.script = script
        self.isOpen = isOpen
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && (!isOpen || listen(listener, 16) == 0)
                    && getsockname(listener, $0, &size) == 0
            }
        }
        precondition(isBound, "no port for a fake shop: errno \(errno)")
        port = UInt16(bigEndian: address.sin_port)
        guard isOpen else { return }
        Thread.detachNewThread { [weak self] in
            while true {
                let peer = accept(listener, nil, nil)
                guard peer >= 0 else { break }
                Thread.detachNewThread { [weak self] in
                    while let request = FakeShop.read(peer), let step = self?.next(request),
                        FakeShop.serve(step, to: peer)
                    {}
                    // Seen by the client even if another child of this process has got a copy of the descriptor.
                    shutdown(peer, Int32(SHUT_RDWR))
                    close(peer)
                }
            }
            close(listener)
        }
    }

    /// Wakes the thread that accepts. Those of connections end with their clients.
    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        if !isOpen { close(listener) }
    }

    private func next(_ request: Request) -> Step {
        lock.withLock {
            seen.append(request)
            return script[min(seen.count, script.count) - 1]
        }
    }

    /// False if the connection is over.
    private static func serve(_ step: Step, to peer: Int32) -> Bool {
        switch step {
        case .drop: return false
        case .cut:
            write("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", to: peer)
            return false
        case .silence: return true
        case .answer(let status, let headers, let body):
            let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
            write("HTTP/1.1 \(status) X\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)", to: peer)
            return true
        }
    }

    private static func write(_ text: String, to peer: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent <= 0 { return }
            rest = rest.dropFirst(sent)
        }
    }

    /// The next request of a connection; nil at its end.
    private static func read(_ peer: Int32) -> Request? {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        while !bytes.suffix(4).elementsEqual(end) {
            guard let more = take(1, from: peer) else { return nil }
            bytes += more
        }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
        let first = lines.removeFirst()
        var headers: [String: String] = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...]
            headers[line[..<colon].lowercased()] = value.trimmingCharacters(in: .whitespaces)
        }
        guard let body = take(headers["content-length"].flatMap { Int($0) } ?? 0, from: peer) else { return nil }
        return Request(line: first, headers: headers, body: String(decoding: body, as: UTF8.self), arrived: .now)
    }

    private static func take(_ count: Int, from peer: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return count == 0 || recv(peer, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }
}
