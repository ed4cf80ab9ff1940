import Foundation

/// A connection of a test: bytes go out as they are given, so that a test can send what no library would.
final class HTTPConnection {
    struct Fault: Error, CustomStringConvertible { let description: String }

    private let descriptor: Int32
    private var received: [UInt8] = []

    /// To a port of this machine. What is not answered within a minute is an error.
    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        if code != 0 {
            throw Fault(description: "no connection to port \(port): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    func send(_ bytes: some Sequence<UInt8>) throws {
        let all = Array(bytes)
        var sent = 0
        while sent < all.count {
            let count = all[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            // A server may answer, and close, before it has read all.
            if count <= 0 { return }
            sent += count
        }
    }

    /// Waits until one of these connections has an answer, for a minute at most; which one it is.
    static func answered(_ connections: [HTTPConnection]) throws -> Int {
        var waiting = connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&waiting, nfds_t(waiting.count), 60_000) > 0,
            let first = waiting.firstIndex(where: { $0.revents != 0 })
        else { throw Fault(description: "no answer in time") }
        return first
    }

    /// Whether the other side has closed it, as far as is known by now.
    func hasEnded() throws -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&waiting, 1, 0) > 0 {
            guard try receive() else { return true }
        }
        return false
    }

    func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Appends what arrives; false at the end of the stream.
    private func receive() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0, errno == EAGAIN { throw Fault(description: "no answer in time") }
        if count <= 0 { return false }
        received += chunk[..<count]
        return true
    }

    /// Everything up to `mark` and with it, taken off what was received. After a minute that is an error, whatever else
    /// has come: a stream goes on for ever.
    func read(until mark: String) throws -> String {
        let wanted = Array(mark.utf8)
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            if let range = received.firstRange(of: wanted) {
                defer { received.removeFirst(range.upperBound) }
                return String(decoding: received[..<range.upperBound], as: UTF8.self)
            }
            guard try receive() else {
                throw Fault(description: "the connection ended before \(mark.debugDescription)")
            }
            guard ContinuousClock.now < deadline else {
                throw Fault(description: "for a minute no \(mark.debugDescription) has come")
            }
        }
    }

    func read(count: Int) throws -> [UInt8] {
        while received.count < count {
            guard try receive() else { throw Fault(description: "the connection ended in a body") }
        }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    /// The next answer, with its body if its head tells the length.
    func answer(hasBody: Bool = true) throws -> HTTPAnswer {
        var head = try read(until: "\r\n\r\n")
        if head.hasPrefix("HTTP/1.1 100") { head = try read(until: "\r\n\r\n") }
        var lines = head.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        let status = Int(lines.removeFirst().split(separator: " ")[1]) ?? 0
        var headers: [String: String] = [:]
        for line in lines {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            let name = line[..<colon].lowercased()
            let value = line[colon...].dropFirst().trimmingCharacters(in: .whitespaces)
            headers[name] = headers[name].map { "\($0), \(value)" } ?? value
        }
        let length = hasBody ? headers["content-length"].flatMap { Int($0) } ?? 0 : 0
        return HTTPAnswer(status: status, headers: headers, body: try read(count: length))
    }
}

/// An answer of the sidecar.
struct HTTPAnswer {
    let status: Int
    /// By their names in lower case.
    let headers: [String: String]
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:] }
    var code: String { json["code"] as? String ?? "none" }

    /// A member, as text: of numbers their digits, of flags true or false.
    subscript(_ name: String) -> String? { json[name].map { value in Self.spelling(value) } }

    static func spelling(_ value: Any) -> String {
        switch value {
        case let text as String: text
        case is NSNull: "null"
        case let number as NSNumber where CFBooleanLike(number): number.boolValue ? "true" : "false"
        case let number as NSNumber: number.stringValue
        default: "\(value)"
        }
    }

    private static func CFBooleanLike(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

    var items: [[String: Any]] { json["items"] as? [[String: Any]] ?? [] }
    var results: [[String: Any]] { json["results"] as? [[String: Any]] ?? [] }
}
