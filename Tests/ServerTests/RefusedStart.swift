import Foundation
import TestSupport
import Testing

/// How a start ended that should not have succeeded.
struct RefusedStart {
    /// The exit status; nil if the server started, or died of a signal.
    var status: Int32?
    var stderr: String

    var firstLine: String { stderr.split(separator: "\n").first.map(String.init) ?? "" }
    var lastLine: String { stderr.split(separator: "\n").last.map(String.init) ?? "" }
}

/// Starts a server that should refuse. Its arguments come after those that `smallServer` gives, and win.
func startRefused(
    _ arguments: [String], in directory: TemporaryDirectory = TemporaryDirectory(), executable: String? = nil
) -> RefusedStart {
    do throws(ServerProcess.Fault) {
        let server = try ServerProcess(
            ["--segment-size", "2MiB", "--log-ahead", "0KiB", "--users", "100000", "--orders", "200000"] + arguments,
            in: directory,
            executable: executable)
        return RefusedStart(status: nil, stderr: "it started:\n" + server.stderr)
    } catch .exited(.exited(let status), let stderr) {
        return RefusedStart(status: status, stderr: stderr)
    } catch {
        return RefusedStart(status: nil, stderr: "\(error)")
    }
}
