import Foundation
import FuzzTargets
import Fuzzing

/// Writes the inputs to begin with into a folder for each target.
private func writeSeeds(_ directory: String) throws {
    for (target, name, bytes) in Seeds.all() {
        let folder = URL(fileURLWithPath: "\(directory)/\(target)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: folder.appendingPathComponent(name))
    }
}

let arguments = CommandLine.arguments
if arguments.count == 3, arguments[1] == "seeds" {
    try writeSeeds(arguments[2])
} else {
    exit(FuzzProgram.main(FuzzTargets.all, arguments))
}
