import Testing

/// Shows that the tree keeps the rules of the house, and that each rule can fail: a rule that never does
/// guards nothing.
@Suite struct TidyTests {
    @Test(arguments: Rules.all.indices)
    func theTreeKeepsTheRule(_ index: Int) {
        let (name, rule) = Rules.all[index]
        let breaches = Repository.files.flatMap(rule)
        if !breaches.isEmpty { Issue.record("\(name):\n\(breaches.joined(separator: "\n"))") }
    }

    /// A wrong root would make every rule pass over nothing.
    @Test func theTreeIsSeen() {
        let paths = Set(Repository.files.map(\.path))
        let known = [
            "Package.swift", "README.md", "Makefile", "tools/timesaled/main.swift",
            "Tests/TidyTests/Rules.swift",
        ]
        let unseen = known.filter { !paths.contains($0) }
        #expect(unseen.isEmpty)
        for module in Rules.imports.keys {
            #expect(
                Repository.files.contains { $0.module == module },
                "the rules name \(module), which has no file")
        }
    }

    struct Breach: Sendable {
        let rule: Rules.Rule
        let path: String
        let bad: String
        let good: String

        init(_ rule: @escaping Rules.Rule, _ path: String, bad: String, good: String) {
            (self.rule, self.path, self.bad, self.good) = (rule, path, bad, good)
        }
    }

    static let breaches: [Breach] = [
        Breach(
            Rules.importsRunOneWay, "Sources/Protocol/A.swift", bad: "import Foundation",
            good: "import CAtomics"),
        Breach(
            Rules.importsRunOneWay, "Sources/Engine/A.swift", bad: "import Glibc",
            good: "public import Protocol"),
        Breach(
            Rules.importsRunOneWay, "Sources/Engine/Stock/A.swift",
            bad: "@preconcurrency import struct Log.Block",
            good: "import struct Protocol.Frame"),
        Breach(
            Rules.importsRunOneWay, "Sources/Log/A.swift", bad: "@testable import Shard",
            good: "// import Shard"),
        Breach(
            Rules.importsRunOneWay, "Sources/Shard/A.swift", bad: "internal import Server", good: "import Log"
        ),
        Breach(Rules.ringStaysInServer, "Sources/Shard/A.swift", bad: "import CUring", good: "let ring = 1"),
        Breach(
            Rules.ringStaysInServer, "Sources/Log/A.swift", bad: "io_uring_submit(&r)",
            good: "writer.submit()"),
        Breach(
            Rules.promotionStaysAbove, "Sources/Server/A.swift", bad: "let CouponId = 1", good: "let id = 1"),
        Breach(
            Rules.filesAreShort, "Sources/Log/A.swift", bad: String(repeating: "//\n", count: 601),
            good: String(repeating: "//\n", count: 600)),
        Breach(
            Rules.linesAreShort, "Tests/A/A.swift", bad: String(repeating: "é", count: 121),
            good: String(repeating: "é", count: 120)),
        Breach(Rules.nothingLeftForLater, "docs/a.md", bad: "// TO" + "DO: later", good: "METHOD"),
        Breach(Rules.errorsAreHandled, "Sources/Log/A.swift", bad: "tr" + "y! read()", good: "try read()"),
        Breach(Rules.errorsAreHandled, "tools/a/A.swift", bad: "fatal" + "Error(\"x\")", good: "throw fault"),
        Breach(Rules.noPathOfAMachine, "Makefile", bad: "cd /home" + "/me/timesale", good: "cd Tests/home/"),
        Breach(Rules.noPathOfAMachine, "docs/a.md", bad: "/work" + "/main", good: "./work/main"),
        Breach(
            Rules.everyFileSaysWhatItIs, "Sources/Log/A.swift", bad: "\nstruct A {}",
            good: "// A.\nstruct A {}"),
        Breach(
            Rules.everyFileSaysWhatItIs, "Sources/Log/A.swift", bad: "struct A {}",
            good: "import B\n\n  /// A.\nstruct A {}"),
        Breach(
            Rules.secretsAreComparedInOneWay, "Sources/Server/A.swift", bad: "if entry.token == given { return }",
            good: "guard token != nil, entry.token.isSame(as: given) else { return }"),
        Breach(
            Rules.secretsAreComparedInOneWay, "tools/timesale-http/Sources/A.swift",
            bad: "tokens.contains { $0.bytes == given }", good: "tokens.contains { $0.isSame(as: given) }"),
        Breach(
            Rules.whatDocumentsNameIsThere, "docs/a.md",
            bad: "| claim | shown by |\n|---|---|\n| it is | `TidyTests.neverWritten` |",
            good: "| claim | shown by |\n|---|---|\n| it is | `TidyTests.theTreeIsSeen`, `tools/setup.sh` |"),
        Breach(
            Rules.whatDocumentsNameIsThere, "docs/a.md", bad: "| claim | shown by |\n|---|---|\n| it is | |",
            good: "| claim | so |\n|---|---|\n| it is | |"),
    ]

    @Test(arguments: breaches.indices)
    func theRuleCanFail(_ index: Int) {
        let breach = Self.breaches[index]
        #expect(
            !breach.rule(SourceFile(path: breach.path, text: breach.bad)).isEmpty, "accepts: \(breach.bad)")
        #expect(
            breach.rule(SourceFile(path: breach.path, text: breach.good)).isEmpty, "refuses: \(breach.good)")
    }

    /// Pinned versions and build products must not be committed by a careless `git add`.
    @Test(arguments: ["Package.resolved", ".build/", "bin/", "/data/"])
    func gitIgnores(_ pattern: String) throws {
        let ignored = try #require(Repository.read(".gitignore"))
        #expect(ignored.lines.contains(pattern))
    }
}
