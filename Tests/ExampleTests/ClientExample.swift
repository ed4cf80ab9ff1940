import Foundation
import TestSupport
import Testing

/// One of the clients in docs/examples/clients, made ready to be run.
struct ClientExample: Sendable, CustomTestStringConvertible {
    let file: String
    /// How it is started, without its arguments.
    private let command: [String]

    var testDescription: String { file }

    static let all = ["timesale.py", "timesale.mjs", "Timesale.java", "timesale.go"]

    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../docs/examples/clients").standardized

    /// Those whose language this machine has.
    static let runnable: [ClientExample] = all.compactMap { ClientExample($0) }

    /// What the compilers made; it lives as long as the tests do.
    private static let built = TemporaryDirectory()

    private init?(_ file: String) {
        self.file = file
        let source = Self.directory.appendingPathComponent(file).path
        let built = Self.built.path
        switch file.split(separator: ".").last {
        case "py":
            guard let python = Self.find("python3") else { return nil }
            command = [python, "-B", source]
        case "mjs":
            guard let node = Self.find("node") else { return nil }
            command = [node, source]
        case "java":
            guard let compiler = Self.find("javac"), let java = Self.find("java") else { return nil }
            Self.build(compiler, ["-Xlint:all,-serial", "-Werror", "-d", built, source])
            command = [java, "-XX:TieredStopAtLevel=1", "-cp", built, "Timesale"]
        default:
            guard let go = Self.find("go") else { return nil }
            Self.build(go, ["build", "-o", built + "/go-client", source])
            command = [built + "/go-client"]
        }
    }

    private static func find(_ program: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(program)" }
            .first(where: FileManager.default.isExecutableFile(atPath:))
    }

    /// What does not build fails in every test that runs it, with the compiler's words in the log.
    private static func build(_ compiler: String, _ arguments: [String]) {
        guard let run = try? ToolRun(path: compiler, arguments) else { return }
        if run.status != 0 { print(run.output + run.errors) }
    }

    /// Orders two units of sale 1001, to the end of the client.
    func order(
        from base: String, user: String = "42", key: String = "basket-7", tries: Int, patience: Int = 60
    ) throws -> ToolRun {
        try ToolRun(
            path: command[0],
            command.dropFirst() + [base, "1001", user, "2", key, "\(tries)", "\(patience)"])
    }
}
