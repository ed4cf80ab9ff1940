import Foundation
import Generator
import Testing

@testable import Harness

/// Shows what reports say and which keys their JSON has, from measurements that are made up.
@Suite struct ReportTests {
    private let machine = Machine(kernel: "6.1.0", cpuModel: "Some CPU", cpus: 2, memoryBytes: 8 << 30)

    private func latencies(p99Us: UInt64) -> Latencies {
        var result = Latencies()
        (result.p50Us, result.p99Us, result.p999Us) = (p99Us / 2, p99Us, 2 * p99Us)
        return result
    }

    private func result(rate: Double, p99Us: UInt64 = 600) -> TrialResult {
        TrialResult(
            ordersPerSecond: rate, refused: 0, latency: latencies(p99Us: p99Us), lateness: Latencies(),
            unsentFrames: 0, shardCPU: 0.98, serverCPU: 1.1, generatorCPU: 0.5, othersCPU: 0.1, stolenCPU: 0.05,
            logBlocksPerSecond: 4000, logWriteMeanUs: 300)
    }

    private func object(_ report: some Encodable) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: JSONFile.data(report)) as? [String: Any])
    }

    @Test func speedTakesLatenciesFromTheMedianRun() throws {
        let load = LoadCase(name: "depth-16", connections: 64, depth: 16, batch: 1)
        let measured = [
            result(rate: 3e6, p99Us: 1), result(rate: 1e6, p99Us: 2), result(rate: 2e6, p99Us: 3),
        ]
        let test = SpeedReport.Case(load: load, runs: measured)
        #expect(test.medianRun.latency.p99Us == 3)
        #expect(SpeedReport.table([test]).contains("2,000,000  1,000,000  3,000,000"))

        let calibration = Calibration(engineNsPerOrder: 110, disk: latencies(p99Us: 400))
        let report = SpeedReport(
            command: "speed", machine: machine, fsync: "always", transport: "tcp", secondsPerRun: 4,
            before: calibration, after: calibration, cases: [test])
        let json = try object(report)
        #expect(
            Set(json.keys) == [
                "command", "machine", "fsync", "transport", "secondsPerRun", "before", "after", "cases",
            ])
        let cases = json["cases"] as? [[String: Any]]
        let runs = cases?.first?["runs"] as? [[String: Any]]
        let run = try #require(runs?.first)
        #expect(run["ordersPerSecond"] as? Double == 3e6)
        #expect(run["shardCPU"] as? Double == 0.98)
        #expect((run["latency"] as? [String: Any])?["p99Us"] as? Int == 1)
        let before = json["before"] as? [String: Any]
        #expect(before.map { Set($0.keys) } == ["engineNsPerOrder", "disk"])
    }

    @Test func latencyJudgesTheMedianRatio() throws {
        func test(_ p99s: [UInt64], tenths: [UInt64] = []) -> LatencyReport.Case {
            var disk = DiskProbe.Result(writes: latencies(p99Us: 100), arrivals: latencies(p99Us: 200))
            disk.writes.tenthsP99Us = [100, 120, 900]
            return LatencyReport.Case(
                load: LoadCase(name: "singles", connections: 64, depth: 1, batch: 1), maximum: 120_000, rate: 60_000,
                rounds: p99s.map {
                    var server = result(rate: 6e4, p99Us: $0)
                    server.latency.tenthsP99Us = tenths
                    return LatencyReport.Round(disk: disk, server: server)
                })
        }
        #expect(test([300, 600, 2000]).text.contains("median 3.00, 1.50 .. 10.00; goal at most 3: met"))
        #expect(test([300, 620, 2000]).text.contains("goal at most 3: missed"))
        let missed = test([300, 610, 2000]).text
        #expect(missed.contains("disk's writes: median 6.10, 3.00 .. 20.00; goal at most 3: missed"))
        #expect(test([300]).text.contains("too short for a tenth"))
        let met = test([300, 400], tenths: [340, 360, 9000]).text
        #expect(met.contains("orders 360 us, the disk's writes 120 us: 3.00 times; goal at most 3: met"))
        #expect(test([300], tenths: [365]).text.contains("3.04 times; goal at most 3: missed"))
        let report = LatencyReport(command: "latency", machine: machine, cases: [test([600])])
        #expect(Set(try object(report).keys) == ["command", "machine", "cases"])
    }

    /// A stall is one of the disk's writes, and each of those who arrive in it.
    @Test func tenthsOfASecondStandForThemselves() {
        var recorder = LatencyRecorder()
        for tick in 0..<5 {
            for order in 0..<200 {
                // In the third tenth half of the orders wait for a stall, in the others the last one does.
                let isSlow = order >= (tick == 2 ? 100 : 199)
                recorder.record(us: isSlow ? 50_000 : 100, nowUs: UInt64(1_000_000 + tick * 100_000 + order))
            }
        }
        let latencies = recorder.latencies()
        #expect(latencies.p50Us == 100 && latencies.p99Us >= 49_900)
        #expect(latencies.tenthsP99Us.map { $0 >= 49_000 } == [false, false, true, false])
        #expect(latencies.tenthsP99Us.count { $0 == 100 } == 3)
    }

    /// Equal times are gathered before they are counted in: none is lost, and none counts in another tenth.
    @Test func equalTimesCountEachByItself() {
        var recorder = LatencyRecorder()
        for order in 0..<1000 { recorder.record(us: 40, nowUs: UInt64(1_000_000 + order)) }
        for order in 0..<10 { recorder.record(us: 40, nowUs: UInt64(1_100_000 + order)) }
        for order in 0..<90 { recorder.record(us: 1000, nowUs: UInt64(1_100_010 + order)) }
        recorder.record(us: 80, nowUs: 1_200_000)
        let latencies = recorder.latencies()
        #expect(abs(latencies.meanUs - (1010 * 40 + 90 * 1000 + 80) / 1101) < 0.1)
        #expect(latencies.maxUs == 1000 && latencies.p90Us == 40 && latencies.p95Us == 1000)
        #expect(latencies.tenthsP99Us.map { $0 >= 1000 } == [false, true])
        #expect(recorder.latencies() == latencies)
    }

    @Test func memoryJudgesEachGoal() throws {
        var report = MemoryReport(
            command: "memory", machine: machine, orders: 1_000_000, users: 400_000, ordersPerSecond: 5e6,
            emptyResidentBytes: 10 << 20, residentBytes: 128_000_000, logBytes: 72_000_000,
            recoveredOrders: 1_000_000, recoveredEvents: 1_000_001, recoveryMs: 400, recoveryCPUSeconds: 0.25,
            snapshot: MemoryReport.Snapshot(
                records: 1_000_001, bytes: 64 << 20, durationMs: 900, recoveredOrders: 1_000_000, recoveryMs: 300,
                recoveryCPUSeconds: 0.2))
        #expect(!report.text.contains("missed") && report.text.contains("4,000,004 events/s"))
        #expect(try object(report)["residentBytes"] as? Int == 128_000_000)
        report.residentBytes += 1
        report.logBytes += 1
        report.recoveryCPUSeconds = 0.34
        report.recoveredOrders -= 1
        #expect(report.text.components(separatedBy: "missed").count == 4)
        #expect(report.text.components(separatedBy: "NOT ALL").count == 2)
        report.snapshot.recoveredOrders = 0
        #expect(report.text.components(separatedBy: "NOT ALL").count == 3)
    }

    /// A goal for ten million orders says nothing of fewer.
    @Test func aStartFromASnapshotIsJudgedForTenMillion() throws {
        let snapshot = MemoryReport.Snapshot(
            records: 10_000_000, bytes: 640 << 20, durationMs: 9000, recoveredOrders: 10_000_000, recoveryMs: 2000,
            recoveryCPUSeconds: 1.9)
        var report = MemoryReport(
            command: "memory", machine: machine, orders: 9_999_999, users: 400_000, ordersPerSecond: 5e6,
            emptyResidentBytes: 10 << 20, residentBytes: 128_000_000, logBytes: 72_000_000,
            recoveredOrders: 9_999_999, recoveredEvents: 10_000_000, recoveryMs: 400, recoveryCPUSeconds: 0.25,
            snapshot: snapshot)
        #expect(!report.text.contains("goal less than 2,000"))
        report.orders = 10_000_000
        #expect(report.text.contains("goal less than 2,000: missed"))
        report.snapshot.recoveryMs = 1999
        #expect(report.text.contains("goal less than 2,000: met"))
    }

    @Test func snapshotsCompareWithinARound() throws {
        var with = result(rate: 1e5)
        with.latency.p99Us = 150
        var without = with
        without.latency.p99Us = 100
        let made = [SnapshotReport.Made(records: 10, durationMs: 2000)]
        var report = SnapshotReport(
            command: "snapshots", machine: machine, orders: 10, rate: 1e5,
            rounds: [SnapshotReport.Round(without: without, with: with, snapshots: made)])
        #expect(report.text.contains("median 1.50, 1.50 .. 1.50; goal at most 1.5: met"))
        report.rounds[0].with.latency.p99Us = 151
        #expect(report.text.contains("missed"))
        #expect(try object(report)["rate"] as? Double == 1e5)
    }

    /// A slow minute that hits a whole run leaves its ratios as they are.
    @Test func growthComparesWithinARun() {
        var one = GrowthReport.Row("users", "1,000", batch: 128, users: 1000)
        var two = GrowthReport.Row("users", "10,000", batch: 128, users: 10_000)
        one.runs = [result(rate: 4e6), result(rate: 1e6), result(rate: 4e6)]
        two.runs = [result(rate: 2e6), result(rate: 5e5), result(rate: 2e6)]
        let lines = GrowthReport.table("users", [one, two]).split(separator: "\n")
        #expect(lines.count == 3 && lines[2].contains(" 0.50 "))
    }

    /// The share is that of the run, not of the medians.
    @Test func modulesCompareWithOrdersOfTheSameRun() throws {
        let load = LoadCase(name: "depth-16", connections: 64, depth: 16, batch: 1)
        var orders = ModulesReport.Row(load, .order)
        var coupons = ModulesReport.Row(load, .issueCoupon)
        var uses = ModulesReport.Row(load, .usePoints)
        orders.runs = [result(rate: 4e6), result(rate: 1e6), result(rate: 2e6)]
        coupons.runs = [result(rate: 2e6), result(rate: 9e5), result(rate: 1e6)]
        uses.runs = [result(rate: 1.9e6), result(rate: 4e5), result(rate: 1.8e6)]
        let lines = ModulesReport.table([orders, coupons, uses]).split(separator: "\n")
        #expect(lines.count == 4 && lines[2].contains("0.50  0.50  0.90") && lines[2].contains("0.5 met"))
        #expect(lines[3].contains("0.5 missed") && !lines[1].contains("met"))
        let report = ModulesReport(command: "modules", machine: machine, secondsPerRun: 1, rows: [orders, coupons])
        #expect(Set(try object(report).keys) == ["command", "machine", "secondsPerRun", "rows"])
    }

    @Test func growthCoversEveryGroup() {
        for (group, count) in [("connections", 5), ("users", 5), ("sales", 6), ("shards", 3), ("shards-batches", 3)] {
            #expect(GrowthReport.allRows.count { $0.group == group } == count)
        }
        let connections = GrowthReport.allRows.filter { $0.group == "connections" }.map(\.load)
        #expect(connections.dropLast().allSatisfy { (1000...1024).contains($0.connections * $0.depth) })
    }

    @Test func numbersAndTables() {
        #expect(grouped(0) == "0" && grouped(999.6) == "1,000" && grouped(12_345_678) == "12,345,678")
        #expect(grouped(-1234.0) == "-1,234")
        var table = TextTable(["case", "rate"])
        table.add(["a", "1,000"])
        #expect(table.text == "case   rate\na     1,000")
        #expect(Spread([5, 1, 3]) == Spread([3, 5, 1]))
        #expect(Spread([5, 1, 3]).median == 3)
    }
}
