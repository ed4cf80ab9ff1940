import Foundation
import Generator
@testable import Harness
import TestSupport
import Testing

/// `bench mirror` as a whole, with real servers, and what its figures are made of.
@Suite(.serialized) struct MirrorCommandTests {
    private let directory = TemporaryDirectory()

    private func mirror(_ arguments: [String]) throws -> ToolRun {
        try ToolRun(
            "bench",
            [
                "mirror", "--server", try ServerProcess.executablePath("timesaled"), "--directory", directory.path,
                "--server-cpu", "-1", "--generator-cpu", "-1", "--users", "1000", "--growing",
            ] + arguments)
    }

    @Test func measuresTheSameLoadThreeTimes() throws {
        let file = "\(directory.path)/mirror.json"
        let run = try mirror([
            "--rounds", "1", "--seconds", "1", "--sales", "3", "--batch", "8", "--events", "--json", file,
        ])
        try #require(run.status == 0, "\(run.output) \(run.errors)")
        #expect(run.output.contains("so in all 2 runs") && run.output.contains("over 3 sales, with events"))
        let report = try JSONDecoder().decode(MirrorReport.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        let round = report.rounds[0]
        #expect(round.map(\.mode) == [.off, .on, .paused])
        #expect(round.allSatisfy { $0.load.refused == 0 && $0.shardCPUUsPerOrder > 0 })
        #expect(round[0].countWrites == 0 && round[0].flushes == 0)
        // All three sales are there, since the tool has compared them; so each was written.
        for trial in round[1...] { #expect(trial.countWrites >= 3 && trial.flushes >= 1) }
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(left == ["mirror.json"])
    }

    @Test(arguments: [["--sales", "0"], ["--rounds", "0"], ["--batch", "0"], ["--rate", "0"], ["--seconds", "0.5"]])
    func whatMakesNoSenseIsRefused(_ arguments: [String]) throws {
        #expect(try mirror(arguments).status == 64)
    }

    @Test func costsAreHeldAgainstThoseOfTheRound() throws {
        func trial(_ mode: MirrorMode, cpu: Double, rate: Double) -> MirrorTrial {
            MirrorTrial(
                mode: mode,
                load: TrialResult(
                    ordersPerSecond: rate, refused: 0, latency: Latencies(), lateness: Latencies(), unsentFrames: 0,
                    shardCPU: cpu, serverCPU: cpu, generatorCPU: 0, othersCPU: 0, stolenCPU: 0, logBlocksPerSecond: 0,
                    logWriteMeanUs: 0),
                flushes: 10, countWrites: mode == .paused ? 31 : 30, sales: 3)
        }
        let rounds = [1.0, 2.0].map { slow in
            [
                trial(.off, cpu: 0.5 * slow, rate: 1e5), trial(.on, cpu: 0.54 * slow, rate: 1e5),
                trial(.paused, cpu: 0.5 * slow, rate: 5e4),
            ]
        }
        let report = MirrorReport(
            command: "mirror", machine: Machine.current(), connections: 1, batch: 8, rate: 1e5, sales: 3,
            events: false, rounds: rounds)
        #expect(abs(rounds[0][0].shardCPUUsPerOrder - 5) < 1e-9)
        #expect(abs(report.ratio(.on).median - 1.08) < 1e-9 && abs(report.ratio(.paused).high - 2) < 1e-9)
        #expect(rounds[0][1].isCoalesced && !rounds[0][2].isCoalesced)
        #expect(report.text.contains("BROKEN") && report.text.contains("met") && report.text.contains("missed"))
    }
}
