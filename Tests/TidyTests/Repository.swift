import Foundation

/// One text file of the checkout, as the rules see it.
struct SourceFile: Sendable, CustomStringConvertible {
    /// Relative to the root, such as `Sources/Engine/Engine.swift`.
    let path: String
    let lines: [String]

    init(path: String, text: String) {
        self.path = path
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
    }

    var description: String { path }
    var isSwift: Bool { path.hasSuffix(".swift") }

    /// The folder below `Sources/`, nil for a file elsewhere.
    var module: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }
}

/// The checkout that this file lies in.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What is written by hand: build products and data are not.
    static let folders = ["Sources", "Tests", "tools", "bench", "deploy", "docs", ".ci"]

    static let files: [SourceFile] = {
        var paths = topLevel
        for folder in folders {
            let walk = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
            while let below = walk?.nextObject() as? String {
                let parts = below.split(separator: "/")
                if parts.contains(where: { $0.hasPrefix(".") || $0 == "__pycache__" }) {
                    walk?.skipDescendants()
                    continue
                }
                paths.append("\(folder)/\(below)")
            }
        }
        return paths.sorted().compactMap(read)
    }()

    /// The text of one file; nil for folders, and for bytes that are no text.
    static func read(_ path: String) -> SourceFile? {
        (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8))
            .map { SourceFile(path: path, text: $0) }
    }

    private static var topLevel: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []).filter { name in
            // In a worktree, .git is a file that names the path of the repository.
            ![".git", "Package.resolved"].contains(name) && !folders.contains(name)
        }
    }
}
