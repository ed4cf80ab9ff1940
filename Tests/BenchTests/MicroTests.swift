import Foundation
import Generator
import Harness
import TestSupport
import Testing

/// Shows that `bench micro` measures what it says, by running it with little to do, and that more work shows in its
/// figures. No figure in nanoseconds is looked at: a machine may be as slow as it likes.
@Suite struct MicroTests {
    private static let small = ["--cpu", "-1", "--operations", "2048", "--batch", "256", "--users", "500"]

    private func run(_ arguments: [String]) throws -> ToolRun { try ToolRun("bench", ["micro"] + arguments) }

    // MARK: The whole

    /// Each case checks by itself that its operations have happened: every entry accepted, no unit lost.
    @Test func measuresEveryCase() throws {
        let directory = TemporaryDirectory()
        let file = "\(directory.path)/report.json"
        let run = try run(
            Self.small + ["--runs", "2", "--threads", "3", "--directory", directory.path, "--json", file])
        try #require(run.status == 0, "\(run.errors)")
        let report = try MicroReport.read(file)
        #expect(report.cases.map(\.name) == MicroCase.all(batch: 256, threads: 3).map(\.name))
        #expect(report.cases.contains { $0.name == "one-stripe-3" && $0.threads == 3 })
        for test in report.cases {
            #expect(test.nanoseconds.count == 2 && test.nanoseconds.allSatisfy { $0 > 0 }, "\(test.name)")
            #expect(test.instructions.isEmpty)
            #expect(run.lines.contains { $0.hasPrefix("\(test.name) ") && $0.hasSuffix(test.operation) })
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["report.json"])
    }

    @Test func comparesWithAnEarlierReport() throws {
        let directory = TemporaryDirectory()
        let file = "\(directory.path)/report.json"
        let arguments = Self.small + ["--runs", "1", "--cases", "seal-4k", "--json", file]
        #expect(try run(arguments).status == 0)
        var before = try MicroReport.read(file)
        before.cases[0].nanoseconds = [1e-9]
        try JSONFile.write(before, to: file)
        let second = try run(Self.small + ["--runs", "1", "--cases", "seal-4k,seal-1", "--since", file])
        #expect(second.status == 0)
        let row = try #require(second.lines.first { $0.hasPrefix("seal-4k ") })
        #expect(row.contains(" +") && row.contains(" % "))
        let other = try #require(second.lines.first { $0.hasPrefix("seal-1 ") })
        #expect(other.contains(" -  "), "what the earlier report does not have")
    }

    @Test func aMissingReportIsAnErrorOfTheRun() throws {
        #expect(try run(Self.small + ["--since", "/nowhere/report.json"]).status == 1)
    }

    // MARK: Instructions

    private static let hasValgrind = FileManager.default.isExecutableFile(atPath: "/usr/bin/valgrind")
    private static let missing: Comment = "needs valgrind: apt-get install valgrind"

    private func callgrind() throws -> Callgrind { try Callgrind(program: try ServerProcess.executablePath("bench")) }

    private func micro(_ name: String) throws -> MicroCase {
        try #require(MicroCase.all(batch: 64, threads: 1).first { $0.name == name })
    }

    @Test(.enabled(if: hasValgrind, missing))
    func countsInstructions() throws {
        let directory = TemporaryDirectory()
        let file = "\(directory.path)/report.json"
        let run = try run(
            [
                "--cpu", "-1", "--operations", "256", "--batch", "64", "--users", "50", "--runs", "1",
                "--instructions", "--counted", "256", "--cases", "order,write-1,one-sale-1", "--json", file,
            ])
        try #require(run.status == 0, "\(run.errors)")
        for test in try MicroReport.read(file).cases {
            // Writes to a disk are not counted.
            #expect(test.instructions.count == (test.name == "write-1" ? 0 : 2), "\(test.name)")
            guard !test.instructions.isEmpty else { continue }
            let count = Spread(test.instructions)
            #expect(count.min > 5, "\(test.name)")
            #expect(count.max - count.min < 0.01 * count.min, "\(test.name): \(test.instructions)")
        }
    }

    /// A regression on purpose: a child that does each operation twice.
    @Test(.enabled(if: hasValgrind, missing))
    func workThatIsDoneTwiceShows() throws {
        let (callgrind, micro) = (try callgrind(), try micro("order"))
        let counts = Callgrind.counts(of: micro, wanted: 256)
        func count(times: Int) throws -> Double {
            let totals = try [counts.few, counts.many].map { operations in
                try callgrind.total(
                    Callgrind.arguments(
                        of: micro, operations: times * operations, room: 2 * counts.many, users: 100))
            }
            return try Callgrind.perOperation(few: (counts.few, totals[0]), many: (counts.many, totals[1]))
        }
        let (once, twice) = (try count(times: 1), try count(times: 2))
        #expect(once > 0)
        #expect((1.9...2.1).contains(twice / once), "\(once) and \(twice) instructions")
    }

    @Test(.enabled(if: hasValgrind, missing))
    func aChildThatFailsIsSaid() throws {
        let callgrind = try callgrind()
        #expect(throws: LoadError.self) { try callgrind.total(["micro", "--runs", "0"]) }
    }

    @Test func saysWhichPackageIsMissing() throws {
        let error = #expect(throws: LoadError.self) { _ = try Callgrind(path: "/nowhere") }
        #expect(error?.description.contains("apt-get install valgrind") == true)
    }

    // MARK: Arithmetic

    @Test func theDifferenceIsOfTheOperationsAlone() throws {
        let count = try Callgrind.perOperation(few: (1000, 5_070_000), many: (3000, 5_210_000))
        #expect(count == 70)
        #expect(try Callgrind.perOperation(few: (10, 7), many: (30, 7)) == 0)
        #expect(throws: LoadError.self) { try Callgrind.perOperation(few: (10, 8), many: (30, 7)) }
    }

    @Test func countsAreMultiplesOfABatch() throws {
        let counts = Callgrind.counts(of: try micro("order"), wanted: 100)
        #expect(counts.few == 128 && counts.many == 384)
    }

    @Test func readsTheTotalsOfCallgrind() {
        let text = """
            # callgrind format
            version: 1
            creator: callgrind-3.19.0
            events: Ir
            summary: 111152179

            fn=(1) main
            16 4000
            totals: 111152179

            """
        #expect(Callgrind.total(in: text) == 111_152_179)
        let columns = text.replacing("events: Ir", with: "events: Dr Ir Dw")
            .replacing("totals: 111152179", with: "totals: 5 18446744073709551615 6")
        #expect(Callgrind.total(in: columns) == .max)
        #expect(Callgrind.total(in: text.replacing("events: Ir", with: "events: Dr")) == nil)
        #expect(Callgrind.total(in: text.replacing("totals: 111152179", with: "")) == nil)
        #expect(Callgrind.total(in: text.replacing("totals: 111152179", with: "totals: many")) == nil)
        #expect(Callgrind.total(in: "") == nil)
    }

    // MARK: The table

    private func report(_ ns: [Double], _ instructions: [Double]) -> MicroReport {
        MicroReport(
            machine: .current(), operations: 10, users: 1,
            cases: [
                MicroReport.Case(
                    name: "a", operation: "an a", threads: 2, nanoseconds: ns, instructions: instructions)
            ])
    }

    @Test func theTableHasTheMedianAndTheRateOfAllThreads() {
        let rows = report([30, 20, 50], [100, 101]).table().split(separator: "\n").map(String.init)
        #expect(rows[0].split(separator: " ").prefix(2) == ["case", "ns:"])
        #expect(
            rows[1].split(separator: " ").prefix(8)
                == ["a", "30.0", "20.0", "50.0", "66,666,667", "101.0", "0.99", "%"])
    }

    @Test func theTableHasTheChanges() {
        let rows = report([30], [150]).table(since: report([40], [100])).split(separator: "\n").map(String.init)
        #expect(rows[0].contains("ns since") && rows[0].contains("instructions since"))
        #expect(rows[1].contains("-25.0 %") && rows[1].contains("+50.0 %"))
        #expect(!report([30], []).table().contains("instructions"))
    }
}
