import Glibc

/// A point in time by which a blocking call must have ended.
public typealias Deadline = ContinuousClock.Instant

/// A stream socket with deadlines: bytes only, no frames. Closed on deinit, and never inherited by a child.
final class Connection {
    private(set) var descriptor: Int32

    /// Connects to a numeric IPv4 or IPv6 address.
    convenience init(
        host: String, port: UInt16, receiveBufferBytes: Int?, until deadline: Deadline
    ) throws(ClientFault) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let found else {
            throw .unreachable(errno: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(found) }
        try self.init(
            family: found.pointee.ai_family, address: found.pointee.ai_addr,
            sizeBytes: found.pointee.ai_addrlen,
            receiveBufferBytes: receiveBufferBytes, until: deadline)
        // Requests are answered one by one: Nagle's algorithm would wait for the reply before the rest leaves.
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Connects to a unix socket.
    convenience init(
        unixPath: String, receiveBufferBytes: Int?, until deadline: Deadline
    ) throws(ClientFault) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array(unixPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .unreachable(errno: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        var fault: ClientFault?
        var made: Int32 = -1
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                do throws(ClientFault) {
                    made = try Connection.open(
                        family: AF_UNIX, address: address,
                        sizeBytes: socklen_t(MemoryLayout<sockaddr_un>.size),
                        receiveBufferBytes: receiveBufferBytes, until: deadline)
                } catch { fault = error }
            }
        }
        if let fault { throw fault }
        self.init(descriptor: made)
    }

    private convenience init(
        family: Int32, address: UnsafePointer<sockaddr>, sizeBytes: socklen_t, receiveBufferBytes: Int?,
        until deadline: Deadline
    ) throws(ClientFault) {
        self.init(
            descriptor: try Connection.open(
                family: family, address: address, sizeBytes: sizeBytes,
                receiveBufferBytes: receiveBufferBytes,
                until: deadline))
    }

    /// Takes over a connected socket.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Ends the client's direction; replies still arrive.
    func shutdownWrite() { shutdown(descriptor, Int32(SHUT_WR)) }

    private static func open(
        family: Int32, address: UnsafePointer<sockaddr>, sizeBytes: socklen_t, receiveBufferBytes: Int?,
        until deadline: Deadline
    ) throws(ClientFault) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", errno: errno) }
        do throws(ClientFault) {
            // Before connect: the window of a TCP connection is agreed on then.
            if var wanted = receiveBufferBytes.map(Int32.init) {
                setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &wanted, socklen_t(MemoryLayout<Int32>.size))
            }
            if Glibc.connect(descriptor, address, sizeBytes) != 0 {
                guard errno == EINPROGRESS else { throw .unreachable(errno: errno) }
                _ = try wait(descriptor, POLLOUT, until: deadline)
                var outcome: Int32 = 0
                var outcomeSize = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &outcome, &outcomeSize)
                guard outcome == 0 else { throw .unreachable(errno: outcome) }
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Sends what the socket takes at once: 0 if it is full.
    func sendSome(_ bytes: ArraySlice<UInt8>) throws(ClientFault) -> Int {
        guard descriptor >= 0 else { throw .closed }
        let sent = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if sent >= 0 { return sent }
        switch errno {
        case EAGAIN, EINTR: return 0
        case EPIPE, ECONNRESET: throw .closed
        default: throw .system(call: "send", errno: errno)
        }
    }

    /// Appends what has arrived to `input`: false if nothing has. Throws `closed` at the end of the stream.
    func receiveSome(into input: inout [UInt8]) throws(ClientFault) -> Bool {
        guard descriptor >= 0 else { throw .closed }
        let sizeMaxBytes = 1 << 18
        var received = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: sizeMaxBytes) { buffer, count in
            received = recv(descriptor, buffer.baseAddress, sizeMaxBytes, 0)
            count = max(0, received)
        }
        input += chunk
        if received > 0 { return true }
        if received == 0 { throw .closed }
        switch errno {
        case EAGAIN, EINTR: return false
        case ECONNRESET: throw .closed
        default: throw .system(call: "recv", errno: errno)
        }
    }

    /// Waits until one of `events` (POLLIN, POLLOUT) is there, and returns those that are.
    func wait(_ events: Int32, until deadline: Deadline) throws(ClientFault) -> Int32 {
        guard descriptor >= 0 else { throw .closed }
        return try Connection.wait(descriptor, events, until: deadline)
    }

    private static func wait(
        _ descriptor: Int32, _ events: Int32, until deadline: Deadline
    ) throws(ClientFault) -> Int32 {
        while true {
            let leftMs = max(0, (deadline - .now) / .milliseconds(1))
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let found = poll(&entry, 1, Int32(min(leftMs.rounded(.up), 1e9)))
            if found > 0 { return Int32(entry.revents) }
            if found == 0 { throw .timedOut }
            guard errno == EINTR else { throw .system(call: "poll", errno: errno) }
        }
    }
}
