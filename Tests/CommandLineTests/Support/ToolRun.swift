import Foundation
import Testing
import TimesaleClient
import TimesaleSpawn
import TimesaleTestKit

/// What a run of `timesale` said, and how it ended.
struct ToolRun {
    var exitCode: Int32
    var output: String
    var errors: String

    var lines: [Substring] { output.split(separator: "\n") }

    /// The lines of the output, each an object.
    var objects: [[String: Any]] {
        lines.map { (try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) ?? [:] }
    }

    /// The output, if it is one JSON object on one line.
    var json: [String: Any] {
        get throws {
            try #require(lines.count == 1, "\(output)\(errors)")
            return objects[0]
        }
    }

    /// The value of a line such as `state  open`.
    func field(_ name: String) -> String? {
        lines.first { $0.hasPrefix(name + "  ") }.map {
            $0.dropFirst(name.count).trimmingCharacters(in: .whitespaces)
        }
    }
}

/// Runs the tool against a server, if one is given. It is patient: a machine that runs tests may be slow.
@discardableResult
func timesale(
    _ arguments: String..., at address: ClientConfiguration.Address? = nil,
    environment: [String: String] = [:]
) async throws -> ToolRun {
    try await timesale(arguments, at: address, environment: environment)
}

func timesale(
    _ arguments: [String], at address: ClientConfiguration.Address? = nil, environment: [String: String] = [:]
) async throws -> ToolRun {
    let run = try StartedTool(arguments, at: address, environment: environment)
    return try await run.end()
}

/// A run that is under way.
final class StartedTool: Sendable {
    let child: Child
    private let directory: URL

    init(
        _ arguments: [String], at address: ClientConfiguration.Address? = nil,
        environment: [String: String] = [:]
    ) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "timesale-tool-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        var environment = environment
        var arguments = arguments
        if let address {
            environment["TIMESALE_SERVER"] = "\(address)"
            if !arguments.contains("--timeout") { arguments += ["--timeout", "30s"] }
        }
        child = Child(
            pid: try spawn(
                executable("timesale"), arguments, environment: environment,
                output: .file(path: directory.path + "/output"), errors: .file(path: directory.path + "/errors")))
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    var output: String { contents("output") }

    func end() async throws -> ToolRun {
        let exitCode = await child.exitCode()
        return ToolRun(exitCode: exitCode, output: output, errors: contents("errors"))
    }

    private func contents(_ name: String) -> String {
        String(
            decoding: FileManager.default.contents(atPath: "\(directory.path)/\(name)") ?? Data(),
            as: UTF8.self)
    }
}
