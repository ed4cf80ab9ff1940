import ArgumentParser
import Foundation
import Testing
import TimesaleSpawn

@testable import CommandLineTool

extension CommandLineTests {
    /// Shows that the help, the guide and the completions know every command and every exit code.
    @Suite struct HelpTests {
        static let commands = Timesale.configuration.groupedSubcommands.flatMap(\.subcommands).map(name)

        /// The commands below a command, as they are typed: `coupon policy create`.
        static let nested = Timesale.configuration.groupedSubcommands.flatMap(\.subcommands).flatMap { below($0) }

        private static func below(_ command: any ParsableCommand.Type, _ path: [String] = []) -> [[String]] {
            let path = path + [name(command)]
            return command.configuration.subcommands.flatMap { [path + [name($0)]] + below($0, path) }
        }

        private static func name(_ command: any ParsableCommand.Type) -> String {
            if let name = command.configuration.commandName { return name }
            // As the argument parser derives it: `EarnBatch` is `earn-batch`.
            return "\(command)".reduce(into: "") { name, letter in
                if letter.isUppercase, !name.isEmpty { name += "-" }
                name += letter.lowercased()
            }
        }

        private var guide: String {
            get throws {
                let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                    .deletingLastPathComponent()
                    .deletingLastPathComponent().deletingLastPathComponent()
                return try String(
                    contentsOf: root.appendingPathComponent("docs/command-line.md"), encoding: .utf8)
            }
        }

        @Test func everyCommandIsNamed() async throws {
            #expect(Self.commands.count == 20)
            let help = try await timesale("--help")
            #expect(help.exitCode == 0 && help.errors.isEmpty)
            for command in Self.commands {
                #expect(help.output.contains("\n  \(command) "), "\(command)")
                #expect(try guide.contains("`\(command)"), "\(command)")
                let own = try await timesale(command, "--help")
                #expect(own.exitCode == 0 && own.output.contains("USAGE: timesale \(command)"))
            }
        }

        @Test func everyCommandOfAModuleIsNamed() async throws {
            #expect(Self.nested.count == 22)
            for path in Self.nested {
                let text = path.joined(separator: " ")
                let parent = try await timesale(path.dropLast() + ["--help"])
                #expect(parent.output.contains("\n  \(path.last ?? "") "), "\(text)")
                #expect(try guide.contains("`\(text) ") || guide.contains("`\(text)`"), "\(text)")
                let own = try await timesale(path + ["--help"])
                #expect(own.exitCode == 0 && own.output.contains("USAGE: timesale \(text)"), "\(text)")
            }
        }

        @Test func everyExitCodeIsNamed() async throws {
            let help = try await timesale("--help").output
            for status in CommandLineTool.ExitStatus.allCases {
                #expect(help.contains(" \(status.rawValue)  "), "\(status)")
                #expect(try guide.contains("| \(status.rawValue) |"), "\(status)")
            }
        }

        /// What the tool says of itself and what the server says are one version.
        @Test func theVersion() async throws {
            try await withDirectory { directory in
                let server = Child(
                    pid: try spawn(
                        executable("timesaled"), ["--version"], output: .file(path: directory + "/output"),
                        errors: .file(path: directory + "/errors")))
                #expect(await server.exitCode() == 0)
                let version = try String(contentsOfFile: directory + "/output", encoding: .utf8)
                #expect(try await timesale("--version").output == version)
            }
        }

        @Test(arguments: ["bash", "zsh", "fish"])
        func completionsNameEveryCommand(_ shell: String) async throws {
            let script = try await timesale("--generate-completion-script", shell)
            #expect(script.exitCode == 0)
            for command in Self.commands + Self.nested.compactMap(\.last) {
                #expect(script.output.contains(command), "\(command)")
            }
            let options = [
                "until-sold-out", "token-file", "per-user-limit", "min-purchase", "expires-at", "earn-points",
            ]
            for option in options {
                #expect(script.output.contains(option))
            }
        }

        @Test func bashTakesItsCompletions() async throws {
            try await withDirectory { directory in
                let script = try await timesale("--generate-completion-script", "bash").output
                try write(script, to: directory + "/timesale.bash")
                let bash = Child(
                    pid: try spawn(
                        "/bin/bash", ["-n", directory + "/timesale.bash"], output: .file(path: directory + "/output"),
                        errors: .file(path: directory + "/errors")))
                #expect(await bash.exitCode() == 0)
                #expect(try String(contentsOfFile: directory + "/errors", encoding: .utf8).isEmpty)
            }
        }
    }
}
