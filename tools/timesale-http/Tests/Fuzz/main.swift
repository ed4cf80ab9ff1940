import Foundation
import Fuzzing

/// Writes the inputs to begin with into a folder for the target.
private func writeSeeds(_ directory: String) throws {
    let folder = URL(fileURLWithPath: "\(directory)/\(HTTPTarget.target.name)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (name, bytes) in HTTPSeeds.all() { try Data(bytes).write(to: folder.appendingPathComponent(name)) }
}

let arguments = CommandLine.arguments
if arguments.count == 3, arguments[1] == "seeds" {
    try writeSeeds(arguments[2])
} else {
    exit(FuzzProgram.main([HTTPTarget.target], arguments))
}
