import CLinux
import Foundation
import Generator

/// Somebody else's server in a temporary directory of its own, which goes with it.
final class ServerProgram {
    let directory: URL
    private let process = Process()
    private var log: String { path("server.log") }

    init(_ settings: ContestSettings) throws {
        let parent = settings.directory.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
        directory = parent.appendingPathComponent("timesale-bench-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    /// Starts it on one CPU, which all its processes inherit; -1: on any.
    func launch(_ executable: String, _ arguments: [String], cpu: Int) throws {
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.currentDirectoryURL = directory
        guard FileManager.default.createFile(atPath: log, contents: nil), let output = FileHandle(forWritingAtPath: log)
        else { throw LoadError(description: "cannot write \(log)") }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        if cpu >= 0 { _ = ts_pin_thread(Int32(cpu)) }
        defer { _ = ts_unpin_thread() }
        try process.run()
    }

    /// Asks until the server says yes; throws with what it has said if it ends, or takes a minute.
    func waitUntilReady(_ isReady: () throws -> Bool) throws {
        let endUs = MonotonicClock.nowUs() + 60_000_000
        while (try? isReady()) != true {
            try Interruption.check()
            guard process.isRunning && MonotonicClock.nowUs() < endUs else {
                let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                throw LoadError(description: "\(process.executableURL!.path) did not start:\n\(said)")
            }
            usleep(10_000)
        }
    }

    /// CPU seconds of the process and of its children.
    var cpuSeconds: Double {
        ProcessUsage.family(of: process.processIdentifier).reduce(0) { $0 + $1.cpuSeconds(ofThreads: "") }
    }

    /// Sends a signal that does not end it.
    func signal(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Ends it at once, by this signal: what it knows is thrown away.
    func stop(_ signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
        if process.processIdentifier > 0 { process.waitUntilExit() }
        try? FileManager.default.removeItem(at: directory)
    }

    /// A port that nobody has at this moment.
    static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
            }
        }
        guard isBound else { throw LoadError(description: "there is no free port on 127.0.0.1") }
        return UInt16(bigEndian: name.sin_port)
    }

    /// Runs a program to its end and answers what it has said; throws with that unless its exit code is 0.
    @discardableResult
    static func run(_ executable: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: said, as: UTF8.self)
        guard process.terminationStatus == 0 else { throw LoadError(description: "\(executable) fails:\n\(text)") }
        return text
    }
}

/// Where the servers are that others have made; nil where one is not installed.
public enum Installed {
    public static func redisServer() -> String? { program("redis-server") }

    static func program(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/local/bin"])
            .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The folder with the programs of the newest version, as Debian has them.
    public static func postgreSQLPrograms() -> String? {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
        guard let newest = versions.max() else { return nil }
        let folder = "\(root)/\(newest)/bin"
        return FileManager.default.isExecutableFile(atPath: "\(folder)/postgres") ? folder : nil
    }

    /// What a server says of its version; nothing if it says nothing.
    public static func version(_ executable: String) -> String {
        ((try? ServerProgram.run(executable, ["--version"])) ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
