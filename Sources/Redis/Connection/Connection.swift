import CHiredis
import Glibc

/// One connection to one server, and what is under way on it. After a fault it is closed and of no more use.
final class Connection {
    let endpoint: RedisEndpoint
    /// What the server said of itself when the connection began.
    private(set) var greeting = Greeting()

    /// nil once closed. hiredis opened it; it is read and written here, since hiredis has a time-out for each read
    /// and none for a call, and a write of it raises SIGPIPE.
    private var context: UnsafeMutablePointer<redisContext>?
    private var reader: ReplyReader
    private var output: [UInt8] = []
    private var sentBytes = 0
    private var dueCount = 0
    private var replies: [RedisReply] = []

    var address: String { "\(endpoint)" }

    /// Connects and greets: who we are, our name, the database.
    init(_ address: RedisAddress, clientName: String, until deadline: Deadline) throws(RedisFault) {
        endpoint = address.endpoint
        guard let reader = ReplyReader() else {
            throw .unreachable(address: "\(address.endpoint)", why: "no memory")
        }
        self.reader = reader
        try open(until: deadline)
        do throws(RedisFault) {
            greeting = try Greeting(self, address, clientName: clientName, until: deadline)
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    func close() {
        if let context { redisFree(context) }
        context = nil
    }

    var isOpen: Bool { context != nil }

    /// Whether commands can be sent over it. Finds out that the server has closed a connection that lay idle: nothing
    /// is in doubt then, and the caller opens another one.
    var isUsable: Bool {
        guard let context else { return false }
        var byte: UInt8 = 0
        let count = recv(context.pointee.fd, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
        // Nothing is due on it: what could be read is a farewell or belongs to nobody.
        let isQuiet = count < 0 && (errno == EAGAIN || errno == EINTR)
        if !isQuiet { close() }
        return isQuiet
    }

    // MARK: Opening

    private func open(until deadline: Deadline) throws(RedisFault) {
        let made =
            switch endpoint {
            case .tcp(let host, let port): redisConnectNonBlock(host, Int32(port))
            case .unix(let path): redisConnectUnixNonBlock(path)
            }
        guard let made else { throw .unreachable(address: address, why: "no memory") }
        context = made
        do throws(RedisFault) {
            if made.pointee.err != 0 { throw .unreachable(address: address, why: Text.of(made.pointee.errstr)) }
            let descriptor = made.pointee.fd
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            try waitUntilConnected(descriptor, deadline)
        } catch {
            close()
            throw error
        }
    }

    private func waitUntilConnected(_ descriptor: Int32, _ deadline: Deadline) throws(RedisFault) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while true {
            let ready = poll(&entry, 1, deadline.leftMs)
            if ready > 0 { break }
            if ready == 0 && deadline.hasPassed {
                throw .unreachable(address: address, why: "no connection in time")
            }
        }
        var fault: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &size)
        if fault != 0 { throw .unreachable(address: address, why: String(cString: strerror(fault))) }
    }

    // MARK: A pipeline

    /// Adds a command to the pipeline that the next `exchange` sends.
    func add(_ command: RedisCommand) {
        command.encode(into: &output)
        dueCount += 1
    }

    /// The replies of the last exchange, in the order of the commands.
    func takeReplies() -> [RedisReply] {
        defer { replies = [] }
        return replies
    }

    /// Sends what has been added to each connection, and reads until every reply is there. One fault ends it for all:
    /// connections on which replies are still due are closed.
    static func exchange(_ connections: [Connection], until deadline: Deadline) throws(RedisFault) {
        do throws(RedisFault) {
            try run(connections, deadline)
        } catch {
            for connection in connections {
                if connection.dueCount > 0 { connection.close() }
                connection.replies = []
            }
            throw error
        }
    }

    /// The same for one connection and its commands.
    func exchange(_ commands: [RedisCommand], until deadline: Deadline) throws(RedisFault) -> [RedisReply] {
        for command in commands { add(command) }
        try Connection.exchange([self], until: deadline)
        return takeReplies()
    }

    private static func run(_ connections: [Connection], _ deadline: Deadline) throws(RedisFault) {
        for connection in connections { try connection.write() }
        var entries: [pollfd] = []
        while true {
            let busy = connections.filter { $0.dueCount > 0 }
            guard let first = busy.first else { break }
            entries.removeAll(keepingCapacity: true)
            for connection in busy {
                guard let context = connection.context else {
                    throw .closed(address: connection.address, why: "it was closed")
                }
                let events = connection.sentBytes < connection.output.count ? POLLIN | POLLOUT : POLLIN
                entries.append(pollfd(fd: context.pointee.fd, events: Int16(events), revents: 0))
            }
            let ready = poll(&entries, nfds_t(entries.count), deadline.leftMs)
            // A server that answers without end must not hold the caller either.
            if ready <= 0 || deadline.hasPassed {
                if deadline.hasPassed { throw .timedOut(address: first.address) }
                continue
            }
            for (connection, entry) in zip(busy, entries) where entry.revents != 0 {
                if entry.revents & Int16(POLLOUT) != 0 { try connection.write() }
                if entry.revents & ~Int16(POLLOUT) != 0 { try connection.read() }
            }
        }
    }

    private func write() throws(RedisFault) {
        guard let context else { throw .closed(address: address, why: "it was closed") }
        while sentBytes < output.count {
            let count = output.withUnsafeBytes { bytes in
                Glibc.send(
                    context.pointee.fd, bytes.baseAddress! + sentBytes, bytes.count - sentBytes,
                    Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count >= 0 {
                sentBytes += count
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                throw .closed(address: address, why: String(cString: strerror(errno)))
            }
        }
        output.removeAll(keepingCapacity: output.capacity <= 1 << 20)
        sentBytes = 0
    }

    private func read() throws(RedisFault) {
        guard let context else { throw .closed(address: address, why: "it was closed") }
        let outcome: (count: Int, errno: Int32, fault: ReplyReader.Fault?) = withUnsafeTemporaryAllocation(
            byteCount: 1 << 16, alignment: 16
        ) { buffer in
            let count = recv(context.pointee.fd, buffer.baseAddress!, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return (count, errno, nil) }
            do throws(ReplyReader.Fault) {
                try reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                while let reply = try reader.next() {
                    guard dueCount > 0 else { throw ReplyReader.Fault(why: "it answers more than it was asked") }
                    dueCount -= 1
                    replies.append(reply)
                }
                if dueCount == 0, reader.hasMore || sentBytes < output.count {
                    throw ReplyReader.Fault(why: "it answers more than it was asked")
                }
            } catch {
                // Also where the last reply due has come: the connection must not be used again.
                close()
                return (count, 0, error)
            }
            return (count, 0, nil)
        }
        if let fault = outcome.fault { throw .protocolError(address: address, why: fault.why) }
        if outcome.count == 0 { throw .closed(address: address, why: "the server closed it") }
        if outcome.count < 0, outcome.errno != EAGAIN, outcome.errno != EINTR {
            throw .closed(address: address, why: String(cString: strerror(outcome.errno)))
        }
    }
}
