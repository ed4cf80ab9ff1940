import Glibc
import Protocol

/// A plain, blocking client for tests: one connection, one thread. It checks every reply against the
/// protocol, and offers the raw bytes to tests of what the server makes of bad ones.
public final class TestClient {
    /// How long any call waits that is given no deadline of its own.
    public var timeoutMs: Int

    private let connection: Connection
    private var input: [UInt8] = []
    private var consumed = 0
    private var nextRequestId: UInt64 = 1
    private var waiting: [UInt64: (operation: Operation, count: Int)] = [:]
    private var early: [UInt64: Reply] = [:]

    /// A reply whose magic, length, version, checksum and flags are right.
    public struct Reply: Equatable, Sendable {
        public var header: FrameHeader
        public var body: [UInt8]

        /// Whether more follows behind the last result of a list.
        public var more: Bool { header.flags & Frame.Flags.more != 0 }

        /// The results; throws `refused` if the frame as a whole was.
        public func results<Result: WireStruct>(as type: Result.Type = Result.self) throws(ClientFault)
            -> [Result]
        {
            guard header.status == .ok else {
                throw .refused(header.status, retryAfterMs: header.retryAfterMs)
            }
            guard let results = Result.unpack(body), results.count == header.count else {
                throw .protocolFault("\(header.count) results in \(body.count) bytes")
            }
            return results
        }
    }

    /// Connects to a numeric address. A small receive buffer makes a client that is slow to read.
    public init(
        host: String = "127.0.0.1", port: UInt16, timeoutMs: Int = 10_000, receiveBufferBytes: Int? = nil
    ) throws(ClientFault) {
        self.timeoutMs = timeoutMs
        connection = try Connection(
            host: host, port: port, receiveBufferBytes: receiveBufferBytes,
            until: .now + .milliseconds(timeoutMs))
    }

    /// Connects to a unix socket.
    public init(
        unixPath: String, timeoutMs: Int = 10_000, receiveBufferBytes: Int? = nil
    ) throws(ClientFault) {
        self.timeoutMs = timeoutMs
        connection = try Connection(
            unixPath: unixPath, receiveBufferBytes: receiveBufferBytes, until: .now + .milliseconds(timeoutMs)
        )
    }

    public func close() { connection.close() }

    /// Ends the client's direction of the stream; replies still arrive.
    public func shutdownWrite() { connection.shutdownWrite() }

    private func limit(_ deadline: Deadline?) -> Deadline { deadline ?? .now + .milliseconds(timeoutMs) }
}

// MARK: Frames

extension TestClient {
    /// Sends one request and waits for its reply, which is returned whatever its status.
    public func call(
        _ operation: Operation, _ entries: [UInt8], until deadline: Deadline? = nil
    ) throws(ClientFault) -> Reply {
        let deadline = limit(deadline)
        return try receive(try send(operation, entries, until: deadline), until: deadline)
    }

    /// Sends one request and waits for its results; throws `refused` if the frame as a whole was.
    public func call<Entry: WireStruct, Result: WireStruct>(
        _ operation: Operation, _ entries: [Entry], as type: Result.Type = Result.self
    ) throws(ClientFault) -> [Result] {
        try call(operation, Entry.pack(entries)).results()
    }

    /// Sends a request without waiting for its reply, and returns its request id.
    @discardableResult
    public func send(
        _ operation: Operation, _ entries: [UInt8], until deadline: Deadline? = nil
    ) throws(ClientFault) -> UInt64 {
        let made = make(operation, [entries])
        try send(made: made.bytes, until: deadline)
        return made.ids[0]
    }

    /// Makes requests of the same operation, and sends none: their ids, and the bytes of all for `send(made:)`.
    public func make(_ operation: Operation, _ requests: [[UInt8]]) -> (ids: [UInt64], bytes: [UInt8]) {
        var made: (ids: [UInt64], bytes: [UInt8]) = ([], [])
        for entries in requests {
            precondition(entries.count.isMultiple(of: operation.entrySizeBytes))
            let count = entries.count / operation.entrySizeBytes
            waiting[nextRequestId] = (operation, count)
            made.ids.append(nextRequestId)
            made.bytes += FrameBytes.make(
                operation: operation.rawValue, requestId: nextRequestId, count: count, body: entries)
            nextRequestId += 1
        }
        return made
    }

    /// Sends what was made, as fast as the server takes it.
    public func send(made bytes: [UInt8], until deadline: Deadline? = nil) throws(ClientFault) {
        try sendWhileReceiving(bytes, until: limit(deadline))
    }

    @discardableResult
    public func send<Entry: WireStruct>(
        _ operation: Operation, _ entries: [Entry], until deadline: Deadline? = nil
    ) throws(ClientFault) -> UInt64 {
        try send(operation, Entry.pack(entries), until: deadline)
    }

    /// The reply to one request; replies to others that come first are kept for their own call.
    public func receive(_ requestId: UInt64, until deadline: Deadline? = nil) throws(ClientFault) -> Reply {
        let deadline = limit(deadline)
        while true {
            if let reply = early.removeValue(forKey: requestId) { return reply }
            let reply = try receiveFrame(until: deadline)
            if reply.header.requestId == requestId { return reply }
            early[reply.header.requestId] = reply
        }
    }

    /// The next reply in the order of arrival, to whichever request.
    public func receive(until deadline: Deadline? = nil) throws(ClientFault) -> Reply {
        if let requestId = early.keys.first { return early.removeValue(forKey: requestId)! }
        return try receiveFrame(until: limit(deadline))
    }

    private func receiveFrame(until deadline: Deadline) throws(ClientFault) -> Reply {
        let reply = try receiveUnpaired(until: deadline)
        let header = reply.header
        guard let request = waiting.removeValue(forKey: header.requestId) else {
            throw .protocolFault("a reply to request \(header.requestId), which waits for none")
        }
        guard header.operation == request.operation.rawValue else {
            throw .protocolFault("a reply of operation \(header.operation) to one of \(request.operation)")
        }
        let countIsRight =
            header.status != .ok
            ? header.count == 0 : request.operation.answersList || header.count == request.count
        guard countIsRight, reply.body.count == header.count * request.operation.resultSizeBytes else {
            throw .protocolFault("\(header.status) with \(header.count) results in \(reply.body.count) bytes")
        }
        return reply
    }

    // A server at its bound for one connection reads no further until its replies are taken: a client that
    // only sends would wait for ever.
    private func sendWhileReceiving(_ bytes: [UInt8], until deadline: Deadline) throws(ClientFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = try connection.sendSome(rest)
            rest = rest.dropFirst(sent)
            if sent == 0, try connection.wait(POLLIN | POLLOUT, until: deadline) & POLLIN != 0 {
                _ = try connection.receiveSome(into: &input)
            }
        }
    }
}

// MARK: Raw bytes

extension TestClient {
    /// Sends bytes as they are, and reads nothing meanwhile.
    public func sendRaw(_ bytes: [UInt8], until deadline: Deadline? = nil) throws(ClientFault) {
        let deadline = limit(deadline)
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = try connection.sendSome(rest)
            rest = rest.dropFirst(sent)
            if sent == 0 { _ = try connection.wait(POLLOUT, until: deadline) }
        }
    }

    /// Sends what the connection takes without waiting, and returns how many bytes that was.
    public func sendRawAtOnce(_ bytes: [UInt8]) throws(ClientFault) -> Int {
        try connection.sendSome(bytes[...])
    }

    /// Exactly `count` bytes.
    public func receiveRaw(_ count: Int, until deadline: Deadline? = nil) throws(ClientFault) -> [UInt8] {
        let bytes = try peek(count, until: limit(deadline))
        consumed += count
        return bytes
    }

    /// The next frame, whether or not its request was sent by `send`.
    public func receiveUnpaired(until deadline: Deadline? = nil) throws(ClientFault) -> Reply {
        let deadline = limit(deadline)
        let headerBytes = try peek(Frame.headerSizeBytes, until: deadline)
        guard headerBytes.withUnsafeBytes({ FrameHeader.hasMagic($0.baseAddress!) }) else {
            throw .protocolFault("no magic in \(headerBytes)")
        }
        let header = headerBytes.withUnsafeBytes { FrameHeader($0.baseAddress!) }
        guard (Frame.headerSizeBytes...Frame.sizeMaxBytes).contains(header.lengthBytes) else {
            throw .protocolFault("a length of \(header.lengthBytes)")
        }
        let frame = try receiveRaw(header.lengthBytes, until: deadline)
        guard frame.withUnsafeBytes({ header.checksumMatches($0.baseAddress!) }) else {
            throw .protocolFault("a bad checksum")
        }
        guard header.version == Frame.version else { throw .protocolFault("version \(header.version)") }
        guard header.flags & Frame.Flags.reply != 0,
            header.flags & ~(Frame.Flags.reply | Frame.Flags.more) == 0
        else {
            throw .protocolFault("flags \(header.flags)")
        }
        return Reply(header: header, body: Array(frame.dropFirst(Frame.headerSizeBytes)))
    }

    /// Waits until the server closes the connection. Throws `protocolFault` if bytes come instead, or were
    /// left unread, and `timedOut` if neither happens.
    public func expectClosed(until deadline: Deadline? = nil) throws(ClientFault) {
        do throws(ClientFault) {
            let bytes = try peek(1, until: limit(deadline))
            throw .protocolFault("\(bytes) instead of the end")
        } catch {
            guard error == .closed else { throw error }
        }
    }

    private func peek(_ count: Int, until deadline: Deadline) throws(ClientFault) -> [UInt8] {
        while input.count - consumed < count {
            if consumed > 0 {
                input.removeFirst(consumed)
                consumed = 0
            }
            if try !connection.receiveSome(into: &input) { _ = try connection.wait(POLLIN, until: deadline) }
        }
        return Array(input[consumed..<(consumed + count)])
    }
}
