import Foundation
import Synchronization
import TestSupport
import Testing

/// Real processes and what a machine, a network and an enemy do to them: a disk that fails, a clock that is set, a link
/// that is cut, clients that mean no good, secrets that somebody looks for. One test at a time: each starts processes.
@Suite(.serialized) enum FaultTests {}

/// A server with small files and tables, so that it starts fast and changes its log files often.
func faultServer(
    _ arguments: [String] = [], in directory: TemporaryDirectory, environment: [String: String] = [:]
) throws(ServerProcess.Fault) -> ServerProcess {
    try ServerProcess(
        [
            "--segment-size", "2MiB", "--log-ahead", "0KiB", "--users", "100000", "--orders", "200000", "--grace",
            "0ms",
        ] + arguments, in: directory, environment: environment)
}

/// Stops a server that should stop in good order.
func stop(_ server: ServerProcess) {
    server.kill(SIGTERM)
    #expect(server.wait() == .exited(0), "\(server.stderr)")
}

/// How a start ends that must not succeed, and its last line.
func refusal(
    in directory: TemporaryDirectory, environment: [String: String] = [:]
) -> (status: ServerProcess.ExitStatus?, line: String) {
    do throws(ServerProcess.Fault) {
        let server = try faultServer(in: directory, environment: environment)
        return (nil, "it started: \(server.stderr)")
    } catch .exited(let status, let stderr) {
        return (status, stderr.split(separator: "\n").last.map(String.init) ?? "")
    } catch {
        return (nil, "\(error)")
    }
}

/// What the program exits with when going on would break a promise.
let fatalExitCode: Int32 = 70

/// A program in C of this suite, compiled with the compiler of the Swift toolchain.
struct CProgram {
    let path: String
    private let directory = TemporaryDirectory()

    private static let sources = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("Programs")

    /// Where the tree begins, for headers.
    static let root = sources.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Compiles `Programs/NAME.c`; nil, and the compiler has said why, if that does not go.
    init?(_ name: String, _ arguments: [String]) throws {
        path = directory.path + "/" + name
        let source = Self.sources.appendingPathComponent(name + ".c").path
        let run = try ToolRun(path: "/usr/bin/env", ["clang", "-Wall", "-Werror", "-o", path, source] + arguments)
        if run.status != 0 { print("not compiled: \(name)\n\(run.errors)") }
        guard run.status == 0 else { return nil }
        removeAtExit(directory.path)
    }
}

private let removedAtExit = Mutex<[String]>([])

/// Those that are kept for the whole run, in a static property, are never given up by anybody.
private func removeAtExit(_ path: String) {
    removedAtExit.withLock { paths in
        if paths.isEmpty {
            atexit { removedAtExit.withLock { for path in $0 { try? FileManager.default.removeItem(atPath: path) } } }
        }
        paths.append(path)
    }
}
