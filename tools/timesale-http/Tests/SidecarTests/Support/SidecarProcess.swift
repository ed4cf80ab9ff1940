import Foundation

/// A sidecar as a process, on a free port.
final class SidecarProcess: @unchecked Sendable {
    // The process and the pipes are used by one test at a time.
    let port: Int
    private let process = Process()
    private let errors = Pipe()

    struct Fault: Error, CustomStringConvertible { let description: String }

    init(_ arguments: [String]) throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: Executables.sidecar)
        process.arguments = ["--listen", "127.0.0.1:0", "--log-level", "error"] + arguments
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("TIMESALE_") }
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        var text = ""
        while !text.contains("ready\n") {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                throw Fault(
                    description: "no start: "
                        + String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
            }
            text += String(decoding: more, as: UTF8.self)
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("listening on ") } ?? ""
        guard let port = line.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw Fault(description: "no port in \(text)")
        }
        self.port = port
    }

    var processId: Int32 { process.processIdentifier }

    func terminate() { process.terminate() }

    /// Has it read its tokens again.
    func hangUp() { _ = Foundation.kill(process.processIdentifier, SIGHUP) }

    /// What it has written to stderr, up to these words and what came with them. Waits for them.
    func errors(until words: String) throws -> String {
        var text = ""
        while !text.contains(words) {
            let more = errors.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Fault(description: "it ended before it said \(words): \(text)") }
            text += String(decoding: more, as: UTF8.self)
        }
        return text
    }

    func waitForEnd() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// A run, of the sidecar unless another program is named, that is expected to end by itself.
    static func run(
        _ arguments: [String], of program: String = Executables.sidecar, environment: [String: String] = [:]
    ) throws -> (code: Int32, text: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = environment
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
