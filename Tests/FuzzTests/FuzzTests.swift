import Foundation
import TestSupport
import Testing

/// Runs every fuzz target on its corpus and on a fixed number of inputs made of it, the same each time. `make fuzz`
/// runs them for longer and lets libFuzzer look for inputs that run other code.
@Suite struct FuzzTests {
    /// What a debug build does in a few seconds.
    static let inputs: KeyValuePairs = [
        "frames": 250, "replies": 2000, "log": 400, "snapshot": 800, "manifest": 40_000, "settings": 600,
    ]

    private static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Corpus").path

    /// The program ends by a trap when a target breaks, and has said how to run the input again.
    @Test(arguments: inputs.map(\.key)) func everyInputIsAnswered(_ target: String) throws {
        let count = Self.inputs.first { $0.key == target }?.value ?? 0
        let run = try ToolRun(
            "fuzz", ["run", target, "--corpus", "\(Self.corpus)/\(target)", "--iterations", "\(count)"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.hasPrefix("\(target): \(count) inputs"), "\(run.output)\(run.errors)")
    }

    @Test func noTargetIsLeftOut() throws {
        let listed = try ToolRun("fuzz", ["list"]).lines
        #expect(listed == Self.inputs.map(\.key))
    }

    /// What `fuzz seeds` writes is what the corpus has: seeds of another format would be refused at their first byte.
    @Test func theSeedsAreThoseOfThisFormat() throws {
        let directory = TemporaryDirectory()
        #expect(try ToolRun("fuzz", ["seeds", directory.path]).status == 0)
        let files = FileManager.default.enumerator(atPath: directory.path)?.compactMap { $0 as? String } ?? []
        var seen = 0
        for file in files.sorted() {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(directory.path)/\(file)", isDirectory: &isFolder)
            if isFolder.boolValue { continue }
            let kept = FileManager.default.contents(atPath: "\(Self.corpus)/\(file)")
            #expect(kept == FileManager.default.contents(atPath: "\(directory.path)/\(file)"), "\(file)")
            seen += 1
        }
        #expect(seen > 20)
    }
}
