import Foundation
import TestSupport

/// A program with the counter preloaded.
final class CountedProcess {
    let server: ServerProcess
    private let file: CounterFile
    private let executable: String
    private var rounds: UInt32 = 0
    private var openClient: TestClient?

    /// A client beside the load. It stays open: the memory of a connection that closes is freed a little later,
    /// which would show in the next count.
    var client: TestClient {
        get throws {
            if let openClient { return openClient }
            let client = try server.client()
            openClient = client
            return client
        }
    }

    init(_ executable: String, counter: String, _ arguments: [String] = []) throws {
        let directory = TemporaryDirectory()
        file = try CounterFile(path: directory.path + "/allocations")
        self.executable = executable
        // A name without spaces and colons, which separate names in LD_PRELOAD.
        let library = directory.path + "/counter.so"
        try FileManager.default.createSymbolicLink(atPath: library, withDestinationPath: counter)
        server = try ServerProcess(
            arguments, in: directory, executable: executable,
            environment: ["LD_PRELOAD": library, CounterFile.variable: file.path])
    }

    /// The threads that have a name with this beginning, by name.
    func threads(_ prefix: String) throws -> [String: CounterFile.Thread] {
        var found: [String: CounterFile.Thread] = [:]
        for thread in try file.threads(of: server.pid) {
            guard let name = name(thread.id), name.hasPrefix(prefix) else { continue }
            guard found.updateValue(thread, forKey: name) == nil else {
                throw HotPathFault("two threads are named \(name)")
            }
        }
        return found
    }

    /// The name of a thread that still runs.
    private func name(_ thread: UInt32) -> String? {
        (try? String(contentsOfFile: "/proc/\(server.pid)/task/\(thread)/comm", encoding: .utf8))
            .map { $0.trimmingCharacters(in: .newlines) }
    }

    /// What the threads with this beginning of their name call while `body` runs, by name and in the order of
    /// `CounterFile.functions`; `expected` threads have to be there.
    func calls(of prefix: String, threads expected: Int, during body: () throws -> Void) throws -> [String:
        [UInt64]]
    {
        let before = try threads(prefix)
        guard before.count == expected else {
            throw HotPathFault(
                "\(expected) threads \"\(prefix)...\" were expected, there are \(before.keys.sorted())")
        }
        rounds += 1
        file.round = rounds
        defer { file.round = 0 }
        try body()
        let after = try threads(prefix)
        return try before.reduce(into: [:]) { calls, entry in
            guard let now = after[entry.key], now.id == entry.value.id else {
                throw HotPathFault("the thread \(entry.key) ended")
            }
            calls[entry.key] = zip(now.counts, entry.value.counts).map { $0 - $1 }
        }
    }

    /// The last backtrace that a thread printed, with names where binutils can find them.
    func backtrace(ofThread name: String) throws -> [String] {
        guard let thread = try threads(name)[name] else { return [] }
        let lines = server.stderr.split(separator: "\n").map(String.init)
        let first = "allocation counter: thread \(thread.id) calls"
        let last = "allocation counter: end of thread \(thread.id)"
        guard let start = lines.lastIndex(where: { $0.hasPrefix(first) }),
            let end = lines[start...].firstIndex(of: last)
        else { return [] }
        return [lines[start]] + named(lines[(start + 1)..<end])
    }

    /// `path(+0x1234) [0x...]` is a place in a function that the dynamic linker does not know by name.
    private func named(_ frames: ArraySlice<String>) -> [String] {
        frames.map { frame in
            guard frame.hasPrefix(executable + "(+0x"), let end = frame.firstIndex(of: ")") else {
                return "  " + frame
            }
            let offset = frame[..<end].dropFirst(executable.count + 2)
            let name = try? output("addr2line", ["-f", "-e", executable, String(offset)]).split(
                separator: "\n"
            ).first
            let plain = name.flatMap { try? output("swift", ["demangle", "--compact", String($0)]) }
            return "  \(offset) \(plain?.trimmingCharacters(in: .newlines) ?? "")"
        }
    }

    private func output(_ tool: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
