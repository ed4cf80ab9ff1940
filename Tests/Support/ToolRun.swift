import Foundation

/// What a tool printed, and how it ended.
public struct ToolRun: Sendable {
    public let output: String
    public let errors: String
    public let status: Int32

    public var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Runs one of our executables to its end, with nobody at its standard input. A directory that an argument
    /// names must outlive the call.
    public init(_ name: String, _ arguments: [String]) throws {
        try self.init(path: try ServerProcess.executablePath(name), arguments)
    }

    /// The same for any program; it gets the variables of this process.
    public init(path: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        // Files, not pipes: nobody has to read while the tool writes.
        let directory = TemporaryDirectory()
        let files = ["out", "err"].map { URL(fileURLWithPath: "\(directory.path)/\($0)") }
        for file in files { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        try process.run()
        process.waitUntilExit()
        output = try String(contentsOf: files[0], encoding: .utf8)
        errors = try String(contentsOf: files[1], encoding: .utf8)
        status = process.terminationStatus
    }
}
