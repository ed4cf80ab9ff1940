import Foundation

/// A Redis of a test: Debian's `redis-server` as a child process, on a unix socket in a directory of its own, with
/// nothing on disk. Killed and removed with the last reference.
final class RedisServer {
    private let directory: URL
    private let process = Process()

    struct Fault: Error, CustomStringConvertible { let description: String }

    /// What `--redis` takes.
    var address: String { "unix:\(socket)" }

    private var socket: String { directory.path + "/redis.sock" }

    /// Waits until it listens.
    init() throws {
        directory = URL(fileURLWithPath: "/tmp/timesale-redis-\(UInt32.random(in: .min ... .max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", directory.path,
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let deadline = ContinuousClock.now + .seconds(60)
        while !FileManager.default.fileExists(atPath: socket) {
            guard process.isRunning, ContinuousClock.now < deadline else {
                throw Fault(description: "redis-server did not get ready")
            }
            usleep(10_000)
        }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }
}
