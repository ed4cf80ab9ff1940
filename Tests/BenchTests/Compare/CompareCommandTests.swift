import Foundation
import TestSupport
import Testing

/// Shows `bench compare` as a whole, with real servers: what it prints, what it writes, and what it leaves behind.
@Suite(.serialized) struct CompareCommandTests {
    private static let programs = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    private let directory = TemporaryDirectory()

    private func process(_ arguments: [String], seconds: String = "0.1") -> (process: Process, said: Pipe) {
        let process = Process()
        process.executableURL = Self.programs.appendingPathComponent("bench")
        process.arguments =
            [
                "compare", "--server", Self.programs.appendingPathComponent("timesaled").path, "--directory",
                directory.path, "--server-cpu", "-1", "--generator-cpu", "-1", "--users", "1000", "--seconds", seconds,
            ] + arguments
        let said = Pipe()
        process.standardOutput = said
        process.standardError = said
        return (process, said)
    }

    private func compare(_ arguments: [String], seconds: String = "0.1") throws -> (exitCode: Int32, text: String) {
        chmod(directory.path, 0o755)
        let (process, said) = process(arguments, seconds: seconds)
        try process.run()
        let data = said.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    private var leftovers: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).filter { !$0.hasSuffix(".json") }
    }

    @Test func measuresAllOfThemUnderTheSameLoad() throws {
        let file = "\(directory.path)/compare.json"
        // Long enough for a transaction of 128 orders, and for a busy disk.
        let run = try compare(
            [
                "--rounds", "2", "--cases", "depth-1,batch-128", "--against", "redis-always,redis-none,postgresql",
                "--json", file,
            ], seconds: "1")
        try #require(run.exitCode == 0, "\(run.text)")
        let words = ["timesale", "redis-always", "redis-none", "postgresql", "at least 3, p99 no higher", "at least 30"]
        for word in words {
            #expect(run.text.contains(word))
        }
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any])
        let results = try #require(json["results"] as? [[String: Any]])
        #expect(results.count == 8)
        for result in results {
            let rates = try #require(result["ops_per_s"] as? [String: Double])
            #expect(rates["min"]! > 0 && rates["min"]! <= rates["median"]! && rates["median"]! <= rates["max"]!)
            #expect((result["rounds"] as? [Any])?.count == 2)
        }
        #expect((json["ratios"] as? [Any])?.count == 6)
        #expect((json["versions"] as? [String: String])?["redis"]?.contains("7.") == true)
        #expect(leftovers.isEmpty)
    }

    @Test func whoIsNotInstalledIsLeftOutUnlessAskedFor() throws {
        let away = ["--rounds", "1", "--cases", "depth-1", "--redis-server", "/none", "--postgresql", "/none"]
        let run = try compare(away)
        #expect(run.exitCode == 0)
        #expect(run.text.contains("redis-always is not installed: the package is redis-server"))
        #expect(run.text.contains("postgresql is not installed: the package is postgresql"))
        for name in ["redis-everysec", "postgresql"] {
            let asked = try compare(away + ["--against", name])
            #expect(asked.exitCode == 1 && asked.text.contains("\(name) is not installed"))
        }
    }

    @Test(arguments: [("redis-always", SIGHUP), ("postgresql", SIGINT)])
    func interruptedItLeavesNothing(_ opponent: String, _ number: Int32) throws {
        // Tests that run under nohup would have it inherited.
        signal(SIGHUP, SIG_DFL)
        chmod(directory.path, 0o755)
        let (process, said) = process(["--rounds", "100", "--cases", "depth-1", "--against", opponent])
        try process.run()
        // Its opponent's files are there: its server is starting, or runs.
        let mark = opponent == "postgresql" ? "data" : "redis.conf"
        let end = Date(timeIntervalSinceNow: 60)
        let isMarked = { (name: String) in FileManager.default.fileExists(atPath: "\(directory.path)/\(name)/\(mark)") }
        while !leftovers.contains(where: isMarked) {
            try #require(process.isRunning && Date() < end)
        }
        kill(process.processIdentifier, number)
        let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1 && text.contains("interrupted"))
        #expect(leftovers.isEmpty)
        for other in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int32(other) != nil {
            let command = (try? String(contentsOfFile: "/proc/\(other)/cmdline", encoding: .utf8)) ?? ""
            #expect(!command.contains(directory.path), "\(command) still runs")
        }
    }
}
