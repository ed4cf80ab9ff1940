import Foundation
import Testing

@testable import Harness

/// Shows that the parts that `bench micro` measures do what they are counted for; how fast is nobody's promise.
@Suite struct MicroTests {
    private var size: MicroPart.Size {
        var size = MicroPart.Size()
        (size.batch, size.orders, size.users, size.operations) = (64, 1000, 200, 4000)
        return size
    }

    /// Each ends the process if something it counts was not done.
    @Test(arguments: MicroPart.allCases) func everyPartDoesItsWork(_ part: MicroPart) {
        #expect(part.nanoseconds(size) > 0)
    }

    @Test(arguments: BareCounter.Stock.allCases, [2, 3]) func threadsTakeEveryUnitOnce(
        _ stock: BareCounter.Stock, _ threads: Int
    ) {
        #expect(BareCounter(stock, threads: threads, takes: 3000).nanosecondsPerTake(3000) > 0)
    }

    @Test func wholeBatchesAndBlocksAreCounted() {
        #expect(MicroPart.engineBatch.operations(size) == 960)
        #expect(MicroPart.engineSingle.operations(size) == 1000)
        #expect(MicroPart.log.operations(size) == 3072)
        #expect(MicroPart.logSmall.operations(size) == 4000)
    }

    @Test func findsWhatCallgrindHasCounted() {
        let text = """
            ==12== Events    : Ir
            ==12== Collected : 59227015
            ==12==
            """
        #expect(InstructionCount.collected(in: text) == 59_227_015)
        #expect(InstructionCount.collected(in: "==12== Events    : Ir") == nil)
    }

    @Test func theTableHasInstructionsIfTheyWereCounted() throws {
        let machine = Machine(kernel: "6.1.0", cpuModel: "Some CPU", cpus: 2, memoryBytes: 8 << 30)
        let rows = [
            MicroReport.Row(.log, "log", threads: 1, [20, 10, 30], instructions: 123.4),
            MicroReport.Row(.counter, "counter", threads: 2, [50]),
        ]
        let all = MicroReport(machine: machine, size: size, rows: rows)
        #expect(all.text.contains("instructions") && all.text.contains("123.4"))
        #expect(all.text.contains("20.0  10.0  30.0") && all.text.contains("40,000,000"))
        let some = MicroReport(machine: machine, size: size, rows: [rows[1]])
        #expect(!some.text.contains("instructions"))
        let json = try #require(try JSONSerialization.jsonObject(with: JSONFile.data(all)) as? [String: Any])
        let first = try #require((json["rows"] as? [[String: Any]])?.first)
        #expect(Set(first.keys) == ["part", "text", "threads", "nanoseconds", "instructions"])
    }

    /// Under callgrind, by running `bench`: a number that is the same each time.
    @Test func instructionsAreCountedByBenchItself() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("bench")
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("timesale-micro-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        process.arguments = [
            "micro", "--cpu", "-1", "--parts", "counter", "--threads", "1", "--operations", "2000", "--runs", "1",
            "--instructions", "--json", file.path,
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
        let row = try #require((json?["rows"] as? [[String: Any]])?.first)
        let instructions = try #require(row["instructions"] as? Double)
        #expect(instructions >= 10 && instructions < 10_000)
    }
}
