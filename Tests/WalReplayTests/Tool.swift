import Foundation
import TestSupport
import Testing

/// What the tool printed.
struct ToolResult {
    var output: String
    var errors: String
    var status: Int32

    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// The one object that was printed.
    var object: [String: Any] {
        get throws {
            try #require(
                JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any], "\(output) \(errors)")
        }
    }

    /// An object for each line.
    var objects: [[String: Any]] {
        get throws {
            try lines.map { try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
        }
    }
}

/// Runs `wal-replay` to its end, with nobody at its standard input.
func walReplay(_ arguments: String...) throws -> ToolResult { try walReplay(arguments) }

func walReplay(_ arguments: [String]) throws -> ToolResult {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try ServerProcess.executablePath("wal-replay"))
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    let directory = TemporaryDirectory()
    // Files, not pipes: nobody has to read while the tool writes.
    var handles: [FileHandle] = []
    for name in ["out", "err"] {
        #expect(FileManager.default.createFile(atPath: "\(directory.path)/\(name)", contents: nil))
        handles.append(try #require(FileHandle(forWritingAtPath: "\(directory.path)/\(name)")))
    }
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    try process.run()
    process.waitUntilExit()
    return ToolResult(
        output: try String(contentsOfFile: "\(directory.path)/out", encoding: .utf8),
        errors: try String(contentsOfFile: "\(directory.path)/err", encoding: .utf8),
        status: process.terminationStatus)
}

func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// A copy of a data directory, also of one in use, in the place where a server would have its data.
func copyData(_ path: String) throws -> TemporaryDirectory {
    let copy = TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: copy.path + "/data", withIntermediateDirectories: false)
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
        do {
            try FileManager.default.copyItem(atPath: "\(path)/\(name)", toPath: "\(copy.path)/data/\(name)")
        } catch {
            // A server may be making segments ahead of need: under other names until they are whole.
            guard name.hasPrefix("spare-") || name.hasSuffix(".new") else { throw error }
        }
    }
    return copy
}

/// The bytes of all files of a directory.
func contents(_ path: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
        files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))
    }
    return files
}
