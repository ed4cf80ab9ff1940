import CLinux
import Glibc
import Protocol

/// One connection of a generator: a socket that never blocks, its unsent and unread bytes.
struct GeneratorConnection {
    let socket: Int32
    var out: UnsafeMutableRawPointer
    var outCapacity: Int
    var outStart = 0
    var outEnd = 0
    /// Whether the socket took no more, so that its events are to tell when it does again.
    var awaitsRoom = false
    let inBytes: UnsafeMutableRawPointer
    let inCapacity: Int
    var inEnd = 0
    /// Frames whose replies are to come.
    var framesInFlight = 0
    /// Whether it broke while everything is accounted for.
    var isLost = false
    /// Of a wire whose replies come in the order of their requests.
    var requestsSent = 0

    /// Ten thousand connections are not to cost gigabytes, so each has room for what its plan makes it read: a
    /// reply to a batch, and to a page of the calls before the load.
    private static func inCapacity(_ plan: LoadPlan, replyBytes: Int) -> Int {
        let reply = Frame.headerSizeBytes + max(replyBytes, plan.batch * plan.workload.operation.resultSizeBytes)
        return max(64 << 10, 2 * max(reply, plan.wire?.replyBytesMax(orders: plan.batch) ?? 0))
    }

    /// Connects and shakes hands, blocking. `replyBytes` of results are the most that a call will answer.
    init(_ plan: LoadPlan, shard: UInt16, replyBytes: Int = 0) throws(LoadError) {
        socket = try Self.connect(plan.address)
        outCapacity = 4096
        out = .allocate(byteCount: outCapacity, alignment: 16)
        inCapacity = Self.inCapacity(plan, replyBytes: replyBytes)
        inBytes = .allocate(byteCount: inCapacity, alignment: 16)
        if let wire = plan.wire { try wire.greet(BlockingSocket(socket)) } else { try greet(plan.token, shard) }
    }

    static func connect(_ address: LoadPlan.Address) throws(LoadError) -> Int32 {
        let socket: Int32
        let code: Int32
        switch address {
        case .remote(let host, let port): return try connect(host: host, port: port)
        case .tcp(let port):
            socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            code = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            var on: Int32 = 1
            setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        case .unix(let path):
            socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
            code = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        guard code == 0 else {
            let reason = String(cString: strerror(errno))
            Glibc.close(socket)
            throw LoadError(description: "cannot connect to \(address): \(reason)")
        }
        return socket
    }

    /// Tries the addresses of a host one after the other.
    private static func connect(host: String, port: UInt16) throws(LoadError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0 else {
            throw LoadError(description: "cannot find \(host): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(found) }
        var reason = "it has no address"
        var next = found
        while let place = next?.pointee {
            next = place.ai_next
            let socket = Glibc.socket(
                place.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), place.ai_protocol)
            if Glibc.connect(socket, place.ai_addr, place.ai_addrlen) == 0 {
                var on: Int32 = 1
                setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                return socket
            }
            reason = String(cString: strerror(errno))
            Glibc.close(socket)
        }
        throw LoadError(description: "cannot connect to \(host):\(port): \(reason)")
    }

    private mutating func greet(_ token: String, _ shard: UInt16) throws(LoadError) {
        guard let name = Name(token) else { throw LoadError(description: "the token is longer than 78 bytes") }
        let length = Frame.headerSizeBytes + HandshakeEntry.sizeBytes
        HandshakeEntry(versionMin: 1, versionMax: 1, shard: shard, token: name).store(to: out + Frame.headerSizeBytes)
        FrameHeader.seal(out, operation: Operation.handshake.rawValue, requestId: 0, count: 1, lengthBytes: length)
        _ = try call(length)
        let result = TopologyResult(UnsafeRawPointer(inBytes + Frame.headerSizeBytes))
        guard result.code == .ok else { throw LoadError(description: "handshake refused: \(result.code)") }
    }

    /// Sends the frame of `length` bytes at the start of `out` and reads one reply into `inBytes`, blocking;
    /// only before `makeNonBlocking`.
    mutating func call(_ length: Int) throws(LoadError) -> FrameHeader {
        let header = try exchange(length)
        guard header.status == .ok else { throw LoadError(description: "refused: \(header.status)") }
        return header
    }

    /// The same, whatever the status of the reply is.
    mutating func exchange(_ length: Int) throws(LoadError) -> FrameHeader {
        var sent = 0
        while sent < length {
            let some = Glibc.send(socket, out + sent, length - sent, Int32(MSG_NOSIGNAL))
            guard some > 0 else { throw LoadError(description: "the server went away") }
            sent += some
        }
        var count = 0
        while true {
            let got = recv(socket, inBytes + count, inCapacity - count, 0)
            guard got > 0 else { throw LoadError(description: "the server closed the connection") }
            count += got
            guard count >= Frame.headerSizeBytes else { continue }
            let header = FrameHeader(UnsafeRawPointer(inBytes))
            if count < header.lengthBytes { continue }
            return header
        }
    }

    func makeNonBlocking() { _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK) }

    /// Room for a frame behind what is unsent.
    mutating func reserve(_ length: Int) -> UnsafeMutableRawPointer {
        if outEnd + length > outCapacity {
            let live = outEnd - outStart
            if live + length > outCapacity {
                outCapacity = max(2 * outCapacity, live + length)
                let fresh = UnsafeMutableRawPointer.allocate(byteCount: outCapacity, alignment: 16)
                fresh.copyMemory(from: out + outStart, byteCount: live)
                out.deallocate()
                out = fresh
            } else {
                memmove(out, out + outStart, live)
            }
            outStart = 0
            outEnd = live
        }
        return out + outEnd
    }

    /// Sends as much as the socket takes. Answers false if the server is gone.
    mutating func flush() -> Bool {
        while outStart < outEnd {
            let sent = Glibc.send(socket, out + outStart, outEnd - outStart, Int32(MSG_NOSIGNAL))
            if sent < 0 { return errno == EAGAIN }
            outStart += sent
        }
        outStart = 0
        outEnd = 0
        return true
    }

    func close() {
        Glibc.close(socket)
        out.deallocate()
        inBytes.deallocate()
    }
}
