import Glibc
import Protocol

/// A blocking connection that allocates nothing per frame: frames are gathered, sent at once, and their replies
/// read one after the other.
final class LoadConnection {
    private let socket: Int32
    private let output: UnsafeMutableRawPointer
    private var outputBytes = 0
    private let input: UnsafeMutableRawPointer
    private var inputBytes = 0
    private var framesInFlight = 0

    /// Enough for what a connection has in flight here.
    private static let capacity = 1 << 18

    init(unixPath: String, shard: Int) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        output = .allocate(byteCount: Self.capacity, alignment: 16)
        input = .allocate(byteCount: Self.capacity, alignment: 16)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: unixPath.utf8.prefix(107)) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw HotPathFault("cannot connect: \(String(cString: strerror(errno)))") }
        // A server that no longer answers is a failure, not a suite that hangs.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        add(.handshake, count: 1) {
            HandshakeEntry(versionMin: 1, versionMax: 1, shard: UInt16(shard), token: Name("")!).store(to: $0)
        }
        try send()
        try receive()
    }

    deinit {
        close(socket)
        output.deallocate()
        input.deallocate()
    }

    /// Puts one more frame behind those to be sent; `fill` writes its entries.
    func add(_ operation: Operation, count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) {
        let lengthBytes = Frame.headerSizeBytes + count * operation.entrySizeBytes
        precondition(outputBytes + lengthBytes <= Self.capacity)
        let frame = output + outputBytes
        fill(frame + Frame.headerSizeBytes)
        FrameHeader.seal(
            frame, operation: operation.rawValue, requestId: UInt64(framesInFlight), count: count,
            lengthBytes: lengthBytes)
        outputBytes += lengthBytes
        framesInFlight += 1
    }

    /// Sends what was added; or the first `prefixBytes` of it, and the rest with the next call.
    func send(prefixBytes: Int? = nil) throws {
        let count = prefixBytes ?? outputBytes
        var sent = 0
        while sent < count {
            let some = Glibc.send(socket, output + sent, count - sent, Int32(MSG_NOSIGNAL))
            guard some > 0 else { throw HotPathFault("cannot send: \(String(cString: strerror(errno)))") }
            sent += some
        }
        memmove(output, output + sent, outputBytes - sent)
        outputBytes -= sent
    }

    /// Reads the replies to all frames in flight; every one of their results has to be `expected`.
    func receive(_ expected: ResultCode = .ok) throws {
        var start = 0
        while framesInFlight > 0 {
            if let lengthBytes = try check(start, expected) {
                start += lengthBytes
                framesInFlight -= 1
                continue
            }
            memmove(input, input + start, inputBytes - start)
            inputBytes -= start
            start = 0
            let some = recv(socket, input + inputBytes, Self.capacity - inputBytes, 0)
            guard some > 0 else { throw HotPathFault("no reply: \(String(cString: strerror(errno)))") }
            inputBytes += some
        }
        precondition(start == inputBytes, "bytes that no request asked for")
        inputBytes = 0
    }

    /// The length of the frame at `start`, whose results are as expected; nil if it is not whole.
    private func check(_ start: Int, _ expected: ResultCode) throws -> Int? {
        guard inputBytes - start >= Frame.headerSizeBytes else { return nil }
        let frame = UnsafeRawPointer(input + start)
        let header = FrameHeader(frame)
        guard inputBytes - start >= header.lengthBytes else { return nil }
        guard header.status == .ok, let operation = Operation(rawValue: header.operation) else {
            throw HotPathFault("a frame refused with \(header.status)")
        }
        for index in 0..<header.count {
            let code = ResultCode(
                rawValue: frame.loadLE(Frame.headerSizeBytes + index * operation.resultSizeBytes))
            guard code == expected else { throw HotPathFault("\(operation) answered with \(code)") }
        }
        return header.lengthBytes
    }
}
