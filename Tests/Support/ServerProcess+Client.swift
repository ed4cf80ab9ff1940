import Foundation
import Protocol

/// How a client reaches a server.
public enum Transport: Sendable, CaseIterable {
    case tcp
    case unix
}

extension ServerProcess {
    /// A connection without its handshake. A small receive buffer makes a client that is slow to read.
    public func connect(
        _ transport: Transport = .unix, timeoutMs: Int = 30_000, receiveBufferBytes: Int? = nil
    ) throws(ClientFault) -> TestClient {
        switch transport {
        case .tcp: try TestClient(port: port, timeoutMs: timeoutMs, receiveBufferBytes: receiveBufferBytes)
        case .unix:
            try TestClient(unixPath: unixPath, timeoutMs: timeoutMs, receiveBufferBytes: receiveBufferBytes)
        }
    }

    /// A connection that has done its handshake.
    public func client(
        _ transport: Transport = .unix, token: String = "", shard: UInt16 = TestClient.anyShard,
        timeoutMs: Int = 30_000
    ) throws(ClientFault) -> TestClient {
        let client = try connect(transport, timeoutMs: timeoutMs)
        try client.handshake(token: token, shard: shard)
        return client
    }

    /// The memory of the process that is in use, from /proc/PID/statm.
    public var residentBytes: Int {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)) ?? ""
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }

    /// What the process has open, from /proc/PID/fd: files, sockets, rings.
    public var descriptorCount: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd"))?.count ?? 0
    }
}

extension CreateSaleEntry {
    /// A sale that is open at once and for ever, unless told otherwise.
    public static func open(
        _ saleId: UInt64, stock: UInt64, holdMs: UInt32 = 0, perUserLimit: UInt32 = 0, startsAtMs: UInt64 = 0,
        endsAtMs: UInt64 = 0, operationId: Id128
    ) -> CreateSaleEntry {
        CreateSaleEntry(
            operationId: operationId, saleId: saleId, stock: stock, startsAtMs: startsAtMs,
            endsAtMs: endsAtMs,
            perUserLimit: perUserLimit, holdMs: holdMs, unitPrice: 100, name: Name("Sale \(saleId)")!)
    }
}

/// Asks until the answer is what is waited for; nil after 30 s. Each question is a request or the like, so
/// that it takes its own time.
public func eventually<Answer>(
    withinMs: Int = 30_000, _ question: () throws -> Answer, until isRight: (Answer) -> Bool
) rethrows -> Answer? {
    let deadline = Deadline.now + .milliseconds(withinMs)
    while true {
        let answer = try question()
        if isRight(answer) { return answer }
        if Deadline.now >= deadline { return nil }
        sched_yield()
    }
}
