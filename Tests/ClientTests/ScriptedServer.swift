import Foundation
import Protocol
import Synchronization
import TestSupport
import TimesaleClient

/// A server on a unix socket that does its handshakes by itself and whose answers are a function of the test: so that
/// it can stall, lie, hang up and be busy exactly when a test wants it.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        /// Counts accepted connections, from 0.
        let connection: Int
        /// Counts frames behind the handshakes, over all connections, from 0.
        let number: Int
        let header: FrameHeader
        let body: [UInt8]

        var entries: [[UInt8]] {
            let size = Operation(rawValue: header.operation)?.entrySizeBytes ?? 1
            return stride(from: 0, to: body.count, by: size).map { Array(body[$0..<($0 + size)]) }
        }
    }

    enum Action: Sendable {
        case reply([UInt8])
        /// No answer; the connection stays.
        case ignore
        case hangUp
    }

    private struct State {
        var connections = 0
        var requests: [Request] = []
        var descriptors: Set<Int32> = []
        var isStopped = false
    }

    let directory = TemporaryDirectory()
    private let listener: Int32
    private let state = Mutex(State())
    private let topology: @Sendable (_ connection: Int) -> TopologyResult
    private let answer: @Sendable (Request) -> Action

    var address: ClientConfiguration.Address { .unix(path: directory.path + "/socket") }
    var connections: Int { state.withLock { $0.connections } }
    var requests: [Request] { state.withLock { $0.requests } }

    /// - Parameter instance: of the server, for each connection.
    init(
        instance: @escaping @Sendable (_ connection: Int) -> UInt64 = { _ in 1 },
        _ answer: @escaping @Sendable (Request) -> Action
    ) {
        topology = { connection in
            TopologyResult(
                code: .ok, version: 1, shard: 0, shards: 1, frameSizeMaxBytes: 1 << 20, batchCountMax: 8190,
                instance: instance(connection), nowMs: 1, retainMs: 1, inFlightMaxBytes: 1 << 22, admin: 1,
                sequence: 0)
        }
        self.answer = answer
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: Array((directory.path + "/socket").utf8))
        }
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        precondition(isBound && listen(listener, 64) == 0, "the socket cannot be bound: errno \(errno)")
        Thread.detachNewThread { [self] in accept() }
    }

    /// Ends all connections and threads. Without it they keep the server.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            for descriptor in state.descriptors { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func accept() {
        while true {
            let descriptor = Foundation.accept(listener, nil, nil)
            guard descriptor >= 0 else { break }
            let number = state.withLock { state in
                guard !state.isStopped else { return -1 }
                state.descriptors.insert(descriptor)
                state.connections += 1
                return state.connections - 1
            }
            guard number >= 0 else {
                close(descriptor)
                break
            }
            Thread.detachNewThread { [self] in
                serve(descriptor, number)
                state.withLock { _ = $0.descriptors.remove(descriptor) }
                close(descriptor)
            }
        }
        close(listener)
    }

    private func serve(_ descriptor: Int32, _ connection: Int) {
        guard let (hello, _) = readFrame(descriptor) else { return }
        write(
            descriptor,
            FrameBytes.make(
                operation: hello.operation, requestId: hello.requestId, count: 1, flags: Frame.Flags.reply,
                body: TopologyResult.pack([topology(connection)])))
        while let (header, body) = readFrame(descriptor) {
            let request = state.withLock { state in
                let request = Request(
                    connection: connection, number: state.requests.count, header: header, body: body)
                state.requests.append(request)
                return request
            }
            switch answer(request) {
            case .reply(let bytes): write(descriptor, bytes)
            case .ignore: break
            case .hangUp: return
            }
        }
    }

    private func readFrame(_ descriptor: Int32) -> (FrameHeader, [UInt8])? {
        guard let head = read(descriptor, Frame.headerSizeBytes) else { return nil }
        let header = head.withUnsafeBytes { FrameHeader($0.baseAddress!) }
        return read(descriptor, header.lengthBytes - Frame.headerSizeBytes).map { (header, $0) }
    }

    private func read(_ descriptor: Int32, _ count: Int) -> [UInt8]? {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(descriptor, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }

    private func write(_ descriptor: Int32, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if sent <= 0 { return }
            rest = rest.dropFirst(sent)
        }
    }
}

extension ScriptedServer {
    /// A client of this server. It is patient: a machine that runs tests may be slow.
    func client(_ configure: (inout ClientConfiguration) -> Void = { _ in }) -> TimesaleClient {
        var configuration = ClientConfiguration(address)
        configuration.timeoutMs = 60_000
        configure(&configuration)
        return TimesaleClient(configuration)
    }
}

extension ScriptedServer.Request {
    /// Every order of the frame is accepted.
    var accepted: ScriptedServer.Action { orders { _ in .ok } }

    /// Each order of the frame gets a code of its own.
    func orders(retryMs: UInt32 = 0, _ code: (Int) -> ResultCode) -> ScriptedServer.Action {
        results(retryMs: retryMs) {
            OrderResult(code: code($0), state: 1, flags: 0, quantity: 1, createdAtMs: 1, expiresAtMs: 0)
        }
    }

    /// Each entry of the frame gets a result of its own.
    func results<Result: WireStruct>(retryMs: UInt32 = 0, _ result: (Int) -> Result) -> ScriptedServer.Action {
        .reply(
            FrameBytes.make(
                operation: header.operation, requestId: header.requestId, count: header.count,
                flags: Frame.Flags.reply, retryAfterMs: retryMs,
                body: Result.pack((0..<header.count).map(result))))
    }

    /// The frame is refused as a whole.
    func refused(_ status: ResultCode, retryMs: UInt32 = 0) -> ScriptedServer.Action {
        .reply(
            FrameBytes.make(
                operation: header.operation, status: status, requestId: header.requestId, count: 0,
                flags: Frame.Flags.reply, retryAfterMs: retryMs, body: []))
    }
}
