import Foundation
import TestSupport
import Testing

extension ToolRun {
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

func walReplay(_ arguments: String...) throws -> ToolRun { try walReplay(arguments) }

func walReplay(_ arguments: [String]) throws -> ToolRun { try ToolRun("wal-replay", arguments) }

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
