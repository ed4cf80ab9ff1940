import Foundation

/// Inputs that are kept: seeds, and what once was a crash. One file each, below `Tests/Corpus/TARGET/`.
enum Corpus {
    /// In the order of their names, so that the same seed of the mutations does the same.
    static func read(_ folder: String) throws -> [(name: String, bytes: [UInt8])] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted().map {
            ($0, Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)"))))
        }
    }
}
