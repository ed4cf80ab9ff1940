import Foundation
import Testing

/// Runs the sidecar's fuzz target on its corpus and on a fixed number of inputs made of it, the same each time. `make
/// fuzz` runs it for longer and lets libFuzzer look for inputs that run other code.
@Suite struct FuzzTests {
    /// What a debug build does in a few seconds.
    private static let inputs = 1500

    private static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Corpus").path

    /// The program ends by a trap when a rule is broken, and has said how to run the input again.
    @Test func everyInputIsAnswered() throws {
        let run = try SidecarProcess.run(
            ["run", "http", "--corpus", "\(Self.corpus)/http", "--iterations", "\(Self.inputs)"], of: Executables.fuzz)
        #expect(run.code == 0, "\(run.text)")
        #expect(run.text.contains("http: \(Self.inputs) inputs"), "\(run.text)")
    }

    /// What `fuzz-http seeds` writes is what the corpus has: seeds of another table would say something else.
    @Test func theSeedsAreThoseOfThisTable() throws {
        let directory = "\(FileManager.default.temporaryDirectory.path)/fuzz-http-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let run = try SidecarProcess.run(["seeds", directory], of: Executables.fuzz)
        #expect(run.code == 0, "\(run.text)")
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/http").sorted()
        for name in names {
            let kept = FileManager.default.contents(atPath: "\(Self.corpus)/http/\(name)")
            #expect(kept == FileManager.default.contents(atPath: "\(directory)/http/\(name)"), "\(name)")
        }
        #expect(names.count > 20)
    }
}
