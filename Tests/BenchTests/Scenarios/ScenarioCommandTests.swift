import Foundation
import TestSupport
import Testing

/// Shows that each scenario runs, is verified and judged, with real processes: `bench`, and servers that it starts or
/// finds. Few operations; no times are asserted.
@Suite(.serialized) struct ScenarioCommandTests {
    private let directory = TemporaryDirectory()

    /// A small load; nothing is pinned, and a slow machine is no reason to fail.
    private static let small = [
        "--users", "200", "--stock", "100", "--buyers", "20", "--connections", "4", "--depth", "2",
        "--operations", "300",
        "--threshold", "rate>=0", "--threshold", "mean<=60s", "--threshold", "p95<=60s", "--threshold", "errors<=0%",
        "--server-cpu", "-1", "--generator-cpu", "-1",
    ]

    private func bench(_ arguments: [String]) throws -> (run: ToolRun, json: [String: Any]?) {
        let json = "\(directory.path)/report.json"
        let run = try ToolRun("bench", arguments + ["--json", json])
        let data = FileManager.default.contents(atPath: json)
        try? FileManager.default.removeItem(atPath: json)
        return (run, try data.map { try #require(try JSONSerialization.jsonObject(with: $0) as? [String: Any]) })
    }

    private func fresh(_ command: String, _ more: [String] = []) throws -> (run: ToolRun, json: [String: Any]?) {
        let server = try ServerProcess.executablePath("timesaled")
        return try bench([command, "--server", server, "--directory", directory.path] + Self.small + more)
    }

    private func phases(_ json: [String: Any]?, _ scenario: Int = 0) throws -> [String: [String: Any]] {
        let results = try #require(json?["results"] as? [[String: Any]])
        let phases = try #require(results[scenario]["phases"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: phases.map { ($0["name"] as? String ?? "", $0) })
    }

    private func counts(_ json: [String: Any]?) throws -> [String: [String: Any]] {
        let results = try #require(json?["results"] as? [[String: Any]])
        let verification = try #require(results[0]["verification"] as? [String: Any])
        let counts = try #require(verification["counts"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: counts.map { ($0["what"] as? String ?? "", $0) })
    }

    @Test func aTimeSaleSellsOut() throws {
        let (run, json) = try fresh("timesale")
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(run.output.contains("replies, server and log agree"))
        let phases = try phases(json)
        #expect(phases["sold-out"]?["accepted"] as? Int == 100 && phases["orders"]?["accepted"] as? Int == 300)
        let orders = try #require(try counts(json)["orders"])
        for side in ["replies", "server", "log"] { #expect(orders[side] as? Int == 400, "\(side)") }
    }

    @Test func skewedOverSalesAndShards() throws {
        let (run, json) = try fresh(
            "timesale", ["--sales", "10", "--skew", "1", "--shards", "2", "--users", "1000", "--fsync", "no", "--unix"])
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(try phases(json)["orders"]?["accepted"] as? Int == 300)
    }

    /// A unix socket takes a part of such a frame, and nothing comes back before all of it has gone.
    @Test func framesThatASocketTakesInParts() throws {
        let (run, json) = try fresh(
            "timesale", ["--unix", "--connections", "1", "--depth", "1", "--batch", "8190", "--operations", "16380"])
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(try phases(json)["orders"]?["accepted"] as? Int == 16380)
    }

    @Test func couponsFirstComeFirstServed() throws {
        let (run, json) = try fresh("coupon")
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        let phases = try phases(json)
        #expect(phases["first-come"]?["accepted"] as? Int == 100 && phases["issue"]?["accepted"] as? Int == 300)
        #expect(phases["list"]?["accepted"] as? Int == 300)
    }

    @Test func pointsAddUp() throws {
        let (run, json) = try fresh("point", ["--batch", "10"])
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        let counts = try counts(json)
        // 200 users are credited before they use.
        #expect(counts["earnings"]?["log"] as? Int == 500 && counts["uses of points"]?["log"] as? Int == 300)
    }

    @Test func aJourneyByRequestsAndAsACheckout() throws {
        let (run, json) = try fresh("full")
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        let counts = try counts(json)
        for (what, count) in [
            ("orders", 600), ("checkouts", 300), ("coupons", 600), ("uses of coupons", 600), ("earnings", 900),
            ("uses of points", 600),
        ] {
            #expect(counts[what]?["replies"] as? Int == count && counts[what]?["log"] as? Int == count, "\(what)")
        }
    }

    @Test func allInTurnWithAPage() throws {
        let page = "\(directory.path)/page"
        let (run, json) = try fresh("all", ["--operations", "50", "--report", page])
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect((json?["results"] as? [Any])?.count == 4)
        let html = try String(contentsOfFile: "\(page)/index.html", encoding: .utf8)
        #expect(html.contains("<svg") && html.hasSuffix("</html>\n"))
        #expect(FileManager.default.fileExists(atPath: "\(page)/report.json"))
    }

    @Test func aScheduleIsKept() throws {
        let (run, json) = try fresh("timesale", ["--rate", "1000", "--operations", "100"])
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(try phases(json)["orders"]?["lateness"] != nil && run.output.contains("lateness"))
    }

    @Test func aMissedThresholdExitsWithTwo() throws {
        let (run, json) = try fresh("timesale", ["--threshold", "max<1us"])
        #expect(run.status == 2, "\(run.output)\(run.errors)")
        #expect(run.output.contains("max < 1 us MISSED with") && run.output.contains("verified"))
        #expect(json != nil)
    }

    @Test func tooLittleDiskIsRefused() throws {
        let (run, _) = try fresh("timesale", ["--operations", "1000000000"])
        #expect(run.status == 1)
        #expect(run.errors.contains(" free, and this needs ") && run.errors.contains("--directory"), "\(run.errors)")
    }

    @Test func nobodyAtTheTarget() throws {
        let (run, _) = try bench(["timesale", "--target", "unix:\(directory.path)/nobody"] + Self.small)
        #expect(run.status == 1 && run.errors.contains("cannot connect to unix:"), "\(run.errors)")
    }

    // MARK: A server that runs

    /// Twice on the same server: the second run tells its own sales, users and events from the first one's.
    @Test func aServerThatRuns() throws {
        let server = try ServerProcess(["--shards", "2", "--snapshot-after", "0KiB", "--orders", "10000"])
        for _ in 0..<2 {
            let (run, json) = try bench(
                ["full", "--target", "unix:\(server.unixPath)", "--data", server.dataPath] + Self.small)
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try counts(json)["orders"]?["log"] as? Int == 600)
        }
        let (run, json) = try bench(["point", "--target", "127.0.0.1:\(server.port)"] + Self.small)
        #expect(run.status == 0 && run.output.contains("the log was not read"), "\(run.output)\(run.errors)")
        #expect(try counts(json)["earnings"]?["log"] == nil)
    }

    /// Replies that are lost leave a range, and what the server counts lies in it.
    @Test func aLostConnectionMakesARange() throws {
        let server = try ServerProcess(["--snapshot-after", "0KiB", "--orders", "10000"])
        let relay = try Relay(to: server.unixPath, at: "\(directory.path)/relay", breakAfter: 2000)
        defer { relay.stop() }
        let (run, json) = try bench(
            ["timesale", "--target", "unix:\(relay.path)", "--data", server.dataPath] + Self.small
                + ["--users", "10", "--buyers", "4", "--threshold", "errors<50%"])
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        let phases = try phases(json)
        let lost = phases.values.reduce(0) { $0 + ($1["connectionsLost"] as? Int ?? 0) }
        #expect(lost == 1 && run.output.contains("without a reply"))
        let orders = try #require(try counts(json)["orders"])
        #expect((orders["unknown"] as? Int ?? 0) > 0)
    }
}
