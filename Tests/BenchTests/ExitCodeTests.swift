import Foundation
import Testing

/// Shows that a wrong command line ends at once with 64 and a sentence, by running `bench`.
@Suite struct ExitCodeTests {
    /// The executable that was built beside these tests.
    private static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("bench")

    private func bench(_ arguments: [String]) throws -> (exitCode: Int32, errors: String) {
        let process = Process()
        process.executableURL = Self.executable
        process.arguments = arguments
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let data = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    @Test(arguments: [
        "speed --server /bin/true --runs 0", "speed --server /bin/true --cases depth-2",
        "speed --server /bin/true --fsync sometimes", "speed --server no-such-file",
        "latency --server /bin/true --rate 1000", "latency --server /bin/true --rounds 0",
        "memory --server /bin/true --batch 8191", "memory --server /bin/true --orders 0",
        "growth --server /bin/true --groups colours", "micro --cpu -1 --batch 0",
        "micro --runs 0", "micro --cases order-twice", "micro --threads 65", "micro --counted 0",
        "compare --server /bin/true --rounds 0", "compare --server /bin/true --cases batch-1024",
        "compare --server /bin/true --against mysql",
        "compare --server /bin/true --fsync no",
        "load --server /bin/true --connections 10001", "no-such-command",
        "timesale --server no-such-file", "timesale --server /bin/true --threshold p98<5ms",
        "timesale --server /bin/true --threshold p99<5", "timesale --server /bin/true --skew -1",
        "timesale --server /bin/true --rate 0", "timesale --server /bin/true --rate -5",
        "timesale --server /bin/true --data somewhere", "timesale --target nowhere",
        "coupon --server /bin/true --stock 0", "coupon --server /bin/true --buyers 0",
        "point --server /bin/true --users 0", "point --server /bin/true --batch 8191",
        "full --server /bin/true --shards 65", "full --server /bin/true --operations 0",
        "all --server /bin/true --seconds 0", "all --server /bin/true --fsync sometimes",
        "all --server /bin/true --sales 0", "all --server /bin/true --depth 0",
    ])
    func refuses(_ line: String) throws {
        let run = try bench(line.split(separator: " ").map(String.init))
        #expect(run.exitCode == 64)
        #expect(run.errors.hasPrefix("Error: "))
    }

    /// A server that ends at once is an error of the run, not of the command line.
    @Test func saysThatTheServerDidNotStart() throws {
        let run = try bench(["load", "--server", "/bin/true", "--seconds", "0.1"])
        #expect(run.exitCode == 1)
        #expect(run.errors.contains("did not start"))
    }

    @Test func helps() throws { #expect(try bench(["--help"]).exitCode == 0) }
}
