import Foundation

/// An engine whose wall clock a test can set, as an administrator does: a program of the engine's own tests is loaded
/// into it (`Tests/FaultTests/Programs/wall-clock.c`). Removed with the last reference.
final class SetClock {
    /// Starts the engine with it.
    let engine: String
    private let directory: String

    struct Fault: Error, CustomStringConvertible { let description: String }

    init() throws {
        directory = "/tmp/timesale-clock-\(UInt32.random(in: .min ... .max))"
        engine = directory + "/timesaled"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        try Data(count: 8).write(to: URL(fileURLWithPath: directory + "/clock"))
        var package = URL(fileURLWithPath: #filePath)
        for _ in 0..<6 { package.deleteLastPathComponent() }
        let source = package.appendingPathComponent("Tests/FaultTests/Programs/wall-clock.c").path
        let library = directory + "/wall-clock.so"
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = ["clang", "-O2", "-shared", "-fPIC", "-o", library, source]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw Fault(description: "\(source) cannot be compiled") }
        let program = ProcessInfo.processInfo.environment["TIMESALED"] ?? Executables.engine ?? "timesaled"
        let start = "#!/bin/sh\nLD_PRELOAD=\(library) WALL_CLOCK=\(directory)/clock exec '\(program)' \"$@\"\n"
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
        guard FileManager.default.createFile(atPath: engine, contents: Data(start.utf8), attributes: attributes) else {
            throw Fault(description: "\(engine) cannot be written")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// From now on, at once. In place: the process has the file mapped.
    func set(bySeconds seconds: Int64) throws {
        let file = open(directory + "/clock", O_WRONLY | O_CLOEXEC)
        defer { close(file) }
        var value = seconds.littleEndian
        guard pwrite(file, &value, 8, 0) == 8 else { throw Fault(description: "the clock cannot be set") }
    }
}
