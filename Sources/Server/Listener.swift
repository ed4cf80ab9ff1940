import Glibc

/// Where a server accepts connections.
public enum ListenAddress: Equatable, Sendable {
    /// `host` is an address in numbers; port 0 picks a free one.
    case tcp(host: String, port: UInt16)
    case unix(path: String)
}

/// Why an address cannot be listened on, in a sentence.
struct ListenError: Error {
    var sentence: String
}

/// A listening socket. No SO_REUSEPORT: a second server on the same port has to fail loudly.
struct Listener {
    let socket: Int32
    /// As it is announced: with the port that was picked.
    let address: String
    private let unixPath: String?

    init(_ wanted: ListenAddress) throws(ListenError) {
        switch wanted {
        case .tcp(let host, let port): (socket, address) = try Self.tcp(host, port)
        case .unix(let path): (socket, address) = try Self.unix(path)
        }
        if case .unix(let path) = wanted { unixPath = path } else { unixPath = nil }
        guard Glibc.listen(socket, 4096) == 0 else {
            throw ListenError(sentence: "cannot listen on \(address): \(Self.reason())")
        }
    }

    func close() {
        Glibc.close(socket)
        if let unixPath { unlink(unixPath) }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }

    private static func tcp(_ host: String, _ port: UInt16) throws(ListenError) -> (Int32, String) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let literal = host == "localhost" ? "127.0.0.1" : host
        guard getaddrinfo(literal, String(port), &hints, &found) == 0, let found else {
            throw ListenError(sentence: "\(host) is no IP address")
        }
        defer { freeaddrinfo(found) }
        let shown = literal.contains(":") ? "[\(literal)]" : literal
        let socket = Glibc.socket(
            found.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw ListenError(sentence: "cannot make a socket: \(reason())") }
        var on: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bind(socket, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            let why = errno == EADDRINUSE ? "another program listens there" : reason()
            throw ListenError(sentence: "cannot listen on \(shown):\(port): \(why)")
        }
        var bound = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let actual = withUnsafeMutablePointer(to: &bound) { pointer -> UInt16 in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(socket, $0, &length) }
            // The port lies at the same place in both families.
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
        return (socket, "\(shown):\(actual)")
    }

    private static func unix(_ path: String) throws(ListenError) -> (Int32, String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw ListenError(sentence: "the path of unix:\(path) is longer than 107 bytes")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        // A socket that a killed server left behind answers nobody; one that answers is another server.
        let probe = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let answered = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(probe, $0, length) } == 0
        }
        Glibc.close(probe)
        if answered {
            throw ListenError(sentence: "cannot listen on unix:\(path): another program listens there")
        }
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw ListenError(
                    sentence: "cannot listen on unix:\(path): a file that is no socket is in the way")
            }
            unlink(path)
        }
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw ListenError(sentence: "cannot make a socket: \(reason())") }
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) } == 0
        }
        guard isBound else { throw ListenError(sentence: "cannot listen on unix:\(path): \(reason())") }
        chmod(path, 0o600)
        return (socket, "unix:\(path)")
    }
}
