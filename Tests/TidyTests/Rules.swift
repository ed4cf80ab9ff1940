/// The rules of the house. Each looks at one file and returns its breaches as `path:line: what to do
/// instead`.
///
/// Forbidden words are put together from pieces, so that this file does not break its own rules.
enum Rules {
    typealias Rule = @Sendable (SourceFile) -> [String]

    static let all: [(name: String, rule: Rule)] = [
        ("imports run one way", importsRunOneWay),
        ("io_uring stays in the server", ringStaysInServer),
        ("nothing below the reactor names a promotion", promotionStaysAbove),
        ("files are short", filesAreShort),
        ("lines are short", linesAreShort),
        ("nothing is left for later", nothingLeftForLater),
        ("errors are handled", errorsAreHandled),
        ("no path of a machine", noPathOfAMachine),
        ("every file says what it is", everyFileSaysWhatItIs),
        ("secrets are compared in one way", secretsAreComparedInOneWay),
        ("what documents name is there", whatDocumentsNameIsThere),
    ]

    /// What a module may import. A module that is not here may import what its target in Package.swift
    /// depends on.
    static let imports: [String: Set<String>] = [
        "Protocol": ["CAtomics"],
        "Engine": ["Protocol", "CAtomics", "Synchronization"],
        "Log": ["Engine", "Protocol", "CAtomics"],
        "Shard": ["Log", "Engine", "Protocol", "CAtomics"],
        "Redis": ["CHiredis", "Glibc"],
        "Mirror": ["Redis", "Shard", "Log", "Engine", "Protocol", "CAtomics"],
        "Settings": ["CAtomics", "Configuration", "Foundation"],
        "ServerOptions": ["Redis", "Settings", "ArgumentParser", "Configuration", "Foundation"],
        "Client": ["Protocol", "NIOCore", "NIOPosix", "Synchronization", "Glibc", "Musl", "Darwin"],
    ]

    /// Protocol <- Engine <- Log <- Shard <- Server: the engine stays free of clocks, disks and sockets, or a
    /// simulator could not run it.
    static func importsRunOneWay(_ file: SourceFile) -> [String] {
        guard let module = file.module, let allowed = imports[module] else { return [] }
        return breaches(file) { line in
            guard let name = importedModule(line), !allowed.contains(name) else { return nil }
            return "\(module) may import \(allowed.sorted().joined(separator: ", ")), not \(name)"
        }
    }

    /// The kernel interface can be replaced in one place, and the simulator's disk and clock see no ring.
    static func ringStaysInServer(_ file: SourceFile) -> [String] {
        guard let module = file.module, !["Server", "CUring"].contains(module) else { return [] }
        return breaches(file) { line in
            let names =
                importedModule(line) == "CUring" || line.contains("io_uring") || line.contains("IORING_")
            return names ? "io_uring belongs to Sources/Server" : nil
        }
    }

    /// The reactor moves frames; what a frame sells is decided above it.
    static func promotionStaysAbove(_ file: SourceFile) -> [String] {
        guard file.module == "Server" else { return [] }
        return breaches(file) {
            $0.lowercased().contains("coupon") ? "coupons are nothing that the reactor knows" : nil
        }
    }

    static let fileLinesMax = 600
    static let lineCharactersMax = 120

    static func filesAreShort(_ file: SourceFile) -> [String] {
        guard file.module != nil, file.lines.count > fileLinesMax else { return [] }
        return [
            "\(file.path):\(fileLinesMax + 1): a file holds one idea, in at most \(fileLinesMax) lines; split it"
        ]
    }

    static func linesAreShort(_ file: SourceFile) -> [String] {
        guard file.isSwift || file.module != nil else { return [] }
        return breaches(file) {
            $0.count > lineCharactersMax ? "break the line before \(lineCharactersMax)" : nil
        }
    }

    static func nothingLeftForLater(_ file: SourceFile) -> [String] {
        let marks = ["TO" + "DO", "FIX" + "ME"]
        return breaches(file) { line in
            marks.contains { hasWord(line, $0) } ? "do it now, or open an issue" : nil
        }
    }

    /// A server that meets bad input answers or stops with a sentence; it does not trap. (`precondition`
    /// states what the code itself must uphold.)
    static func errorsAreHandled(_ file: SourceFile) -> [String] {
        guard file.isSwift, file.module != nil || file.path.hasPrefix("tools/") else { return [] }
        return breaches(file) { line in
            let traps = ["tr" + "y!", "fatal" + "Error("].filter(line.contains)
            return traps.isEmpty ? nil : "handle the error instead of \(traps.joined(separator: " and "))"
        }
    }

    /// A path of somebody's machine works nowhere else.
    static func noPathOfAMachine(_ file: SourceFile) -> [String] {
        let homes = ["/work" + "/", "/home" + "/", "/Users" + "/", "/root" + "/", "/opt/swift" + "-packages"]
        return breaches(file) { line in
            let found = homes.filter { home in
                line.ranges(of: home).contains { range in
                    // `Tests/work/` lies below the checkout; only a path that starts here is of a machine.
                    range.lowerBound == line.startIndex
                        || !isPathCharacter(line[line.index(before: range.lowerBound)])
                }
            }
            return found.isEmpty ? nil : "name no path below \(found[0])"
        }
    }

    static func everyFileSaysWhatItIs(_ file: SourceFile) -> [String] {
        guard file.isSwift, file.module != nil else { return [] }
        let first = file.lines.first { !$0.allSatisfy(\.isWhitespace) } ?? ""
        let says =
            first.hasPrefix("//") || file.lines.contains { $0.drop(while: \.isWhitespace).hasPrefix("///") }
        return says ? [] : ["\(file.path):1: say in a sentence what this file is for"]
    }

    /// `==` ends at the first difference, and its time tells how far a guess was right: tokens are compared with
    /// `ts_is_same_secret` (`Token.isSame`, `AccessToken.isSame`) alone.
    static func secretsAreComparedInOneWay(_ file: SourceFile) -> [String] {
        let isOurs = file.module != nil || file.path.hasPrefix("tools/") && !file.path.contains("/Tests/")
        guard file.isSwift, isOurs else { return [] }
        return breaches(file) { line in
            let words = line.split { !($0.isLetter || $0.isNumber || "._$!=".contains($0)) }.map(String.init)
            for (index, word) in words.enumerated() where word == "==" || word == "!=" {
                let sides = [index > 0 ? words[index - 1] : "", index + 1 < words.count ? words[index + 1] : ""]
                if sides.contains("nil") { continue }
                let ends = ["token", "secret", "token.bytes", "token.name", "secret.bytes", "$0.bytes"]
                if sides.contains(where: { side in ends.contains { side == $0 || side.hasSuffix("." + $0) } }) {
                    return "compare secrets with isSame(as:)"
                }
            }
            return nil
        }
    }

    /// In a table that says by what its claims are shown: each row names at least one test or script, and those are
    /// there. A test is `File.function`, a script its path.
    static func whatDocumentsNameIsThere(_ file: SourceFile) -> [String] {
        guard file.path.hasPrefix("docs/"), file.path.hasSuffix(".md") else { return [] }
        var found: [String] = []
        var column: Int?
        for (index, line) in file.lines.enumerated() {
            let cells = line.hasPrefix("|") ? line.split(separator: "|").map { $0.trimmed } : []
            if cells.isEmpty {
                column = nil
            } else if let shown = cells.firstIndex(of: "shown by") {
                column = shown
            } else if let column, !cells.allSatisfy({ $0.allSatisfy { "-: ".contains($0) } }) {
                let names = column < cells.count ? spans(cells[column]) : []
                let missing = names.filter { !isThere($0) }
                if names.isEmpty { found.append("\(file.path):\(index + 1): name the test that shows it") }
                for name in missing { found.append("\(file.path):\(index + 1): there is no \(name)") }
            }
        }
        return found
    }

    /// What stands between backticks.
    private static func spans(_ text: String) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated().compactMap { index, part in
            index % 2 == 1 ? String(part) : nil
        }
    }

    private static func isThere(_ name: String) -> Bool {
        if name.contains("/") { return Repository.files.contains { $0.path == name } }
        let parts = name.split(separator: ".")
        guard parts.count == 2 else { return false }
        return Repository.files.contains { file in
            file.path.contains("Tests/") && file.path.hasSuffix("/\(parts[0]).swift")
                && file.lines.contains { $0.contains("func \(parts[1])(") }
        }
    }

    /// The module of an import line, whatever stands around the word: `@testable internal import struct A.B`
    /// gives `A`.
    static func importedModule(_ line: String) -> String? {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count else { return nil }
        let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        guard words[..<place].allSatisfy({ $0.hasPrefix("@") || modifiers.contains($0) }) else { return nil }
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
        ]
        let name =
            kinds.contains(words[place + 1]) && place + 2 < words.count ? words[place + 2] : words[place + 1]
        return name.split(separator: ".").first.map(String.init)
    }

    private static func breaches(_ file: SourceFile, _ check: (String) -> String?) -> [String] {
        file.lines.enumerated().compactMap { index, line in
            check(line).map { "\(file.path):\(index + 1): \($0)" }
        }
    }

    private static func hasWord(_ line: String, _ word: String) -> Bool {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.contains { $0 == word }
    }

    private static func isPathCharacter(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "._-/*".contains(character)
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
