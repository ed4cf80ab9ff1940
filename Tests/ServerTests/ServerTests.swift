import Foundation
import Protocol
import TestSupport
import Testing

/// Real server processes, reached over real sockets. One test at a time: each starts processes.
@Suite(.serialized) enum ServerTests {}

/// A server as it can be set up and reached.
struct Setup: CustomTestStringConvertible, Sendable {
    var shards: Int
    var transport: Transport

    var testDescription: String { "\(shards) shards over \(transport)" }

    static let all = [1, 2].flatMap { shards in
        Transport.allCases.map { Setup(shards: shards, transport: $0) }
    }

    func start(_ arguments: [String] = [], in directory: TemporaryDirectory = TemporaryDirectory()) throws
        -> ServerProcess
    {
        try smallServer(["--shards", "\(shards)"] + arguments, in: directory)
    }
}

/// A server with small files and tables, so that it starts fast.
func smallServer(
    _ arguments: [String] = [], in directory: TemporaryDirectory = TemporaryDirectory()
) throws(ServerProcess.Fault) -> ServerProcess {
    try ServerProcess(
        [
            "--segment-size", "2MiB", "--log-ahead", "0KiB", "--users", "100000", "--orders", "200000",
            "--grace", "0ms",
        ] + arguments,
        in: directory)
}

/// Stops a server that should stop in good order.
func stop(_ server: ServerProcess, _ signal: Int32 = SIGTERM) {
    server.kill(signal)
    #expect(server.wait() == .exited(0))
}
