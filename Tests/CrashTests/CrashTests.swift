import Foundation
import TestSupport
import Testing

/// Real server processes that are killed, and the clients that hold them to their word. One test at a time:
/// each starts many processes.
@Suite(.serialized) enum CrashTests {}

/// A server whose log files are so small that it changes them often.
func crashServer(
    _ shards: Int, in directory: TemporaryDirectory, readyWithinMs: Int = 30_000
) throws(ServerProcess.Fault) -> ServerProcess {
    try ServerProcess(
        [
            "--shards", "\(shards)", "--segment-size", "2MiB", "--log-ahead", "4MiB",
            "--users", "100000", "--orders", "200000",
            "--grace",
            "0ms",
        ], in: directory, readyWithinMs: readyWithinMs)
}

/// Kills a server as a power switch would kill its process.
func killAtOnce(_ server: ServerProcess) {
    server.kill(SIGKILL)
    #expect(server.wait() == .killed(signal: SIGKILL), "it had ended before: \(server.stderr)")
}
