import Engine
import Foundation
import Protocol
import SimulatedStorage
import TestSupport
import Testing

@testable import Log

/// The tool as a person calls it, over directories of every condition. It changes none of them.
@Suite struct WalReplayTests {
    private func run(_ arguments: String...) throws -> ToolRun { try ToolRun("wal-replay", arguments) }

    /// The simulated directory as a real one.
    private func place(_ storage: SimulatedStorage) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        for name in storage.fileNames {
            try Data(storage.contents(name)!).write(to: URL(fileURLWithPath: "\(directory.path)/\(name)"))
        }
        return directory
    }

    private func contents(_ directory: TemporaryDirectory) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/\(name)"))
        }
        return files
    }

    @Test func aTornTailIsNoDamage() throws {
        let base = try CrashPointTests.Base(shards: 2)
        let directory = try place(base.storage)
        let before = try contents(directory)
        let result = try run("verify", directory.path)
        #expect(result.status == 0 && result.errors.isEmpty)
        #expect(result.lines.last == "ok")
        #expect(result.output.contains("generation 1, 2 shards"))
        #expect(result.output.contains("torn tail in log-000001-"))
        let digits = String(base.digest, radix: 16)
        #expect(result.output.contains(String(repeating: "0", count: 16 - digits.count) + digits))
        #expect(try contents(directory) == before)
    }

    @Test func damageIsNamedByFileAndOffset() throws {
        let base = try CrashPointTests.Base(shards: 2)
        let file = LogFiles.segment(log: 2, number: 1)
        base.storage.flipBit(file, at: 4200 * 8)
        let directory = try place(base.storage)
        let before = try contents(directory)
        let result = try run("verify", directory.path)
        #expect(result.status == 1)
        #expect(result.output.contains("DAMAGED    [damage] \(file) at offset 4096: "))
        #expect(result.lines.last == "1 damaged")
        for command in ["state", "dump"] {
            let result =
                try command == "dump" ? run(command, directory.path, "--json") : run(command, directory.path)
            #expect(result.status == 1)
            #expect(result.errors.contains("\(file) at offset 4096"))
        }
        #expect(try contents(directory) == before)
    }

    @Test func aContradictionIsFoundToo() throws {
        let rig = try LogRig(SimulatedStorage())
        let user = TestEvent.user(1)
        rig.append(.sale(7, stock: 2))
        rig.append(.order(TestEvent.orderId(1, user: user), user: user, sale: 7, units: 3))
        try rig.flush()
        let directory = try place(rig.storage)
        let result = try run("verify", directory.path)
        #expect(result.status == 1)
        #expect(result.output.contains("[contradiction]"))
    }

    @Test func noDirectoryIsASentence() throws {
        let directory = TemporaryDirectory()
        let missing = try run("verify", "\(directory.path)/nowhere")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("there is no such directory"))
        let empty = try run("verify", directory.path)
        #expect(empty.status == 1)
        #expect(empty.output.contains("holds no log"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
    }

    @Test func theStateAsJson() throws {
        let rig = try LogRig(SimulatedStorage())
        let users = (1...4 as ClosedRange<UInt64>).map(TestEvent.user)
        let ids = users.enumerated().map { TestEvent.orderId(UInt64($0.offset), user: $0.element) }
        rig.append(.sale(7, stock: 20))
        rig.append(.restock(7, number: 1, units: 5))
        rig.append(.order(ids[0], user: users[0], sale: 7, units: 2, deadlineMs: 9000))
        rig.append(.order(ids[1], user: users[1], sale: 7, units: 3))
        rig.append(.order(ids[2], user: users[2], sale: 7))
        rig.append(.change(.orderCancelled, ids[2]))
        rig.append(.change(.tombstonePlaced, ids[3]))
        rig.append(.close(7))
        try rig.flush()
        let digest = try Recoverer().digests(rig.appended.map(\.event)).last!
        let directory = try place(rig.storage)
        let result = try run("state", directory.path, "--json")
        #expect(result.status == 0)
        let state = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let sale = try #require((state["sales"] as? [[String: Any]])?.first)
        #expect(sale["id"] as? String == "7" && sale["name"] as? String == "sale 7")
        #expect(sale["stock"] as? Int == 25 && sale["held"] as? Int == 2 && sale["sold"] as? Int == 3)
        #expect(sale["available"] as? Int == 20 && sale["closed"] as? Bool == true)
        #expect(
            state["orders"] as? [String: Int] == ["held": 1, "confirmed": 1, "cancelled": 1, "expired": 0])
        #expect(state["tombstones"] as? Int == 1)
        #expect((state["digest"] as? String).flatMap { UInt64($0, radix: 16) } == digest)
        let text = try run("state", directory.path)
        #expect(text.output.contains("sale 7 \"sale 7\": stock 25, held 2, sold 3, available 20, closed"))
        #expect(text.output.contains("orders: 3, of which held 1, confirmed 1, cancelled 1, expired 0"))
    }

    @Test func theDumpIsOneEventALine() throws {
        let rig = try LogRig(SimulatedStorage(), shards: 2)
        for event in Scenario(seed: 2, count: 80).events {
            rig.append(event)
            if event.quantity == 2 { try rig.flush() }
        }
        try rig.flush()
        let directory = try place(rig.storage)
        let result = try run("dump", directory.path, "--json")
        #expect(result.status == 0)
        let events = try result.lines.map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(events.count == rig.appended.count)
        let sequences = events.compactMap { $0["sequence"] as? Int }
        #expect(sequences == sequences.sorted())
        for (shard, logged) in Dictionary(grouping: rig.appended, by: \.shard) {
            let own = events.filter { $0["shard"] as? Int == shard }
            #expect(own.compactMap { $0["lsn"] as? UInt64 } == logged.map(\.lsn))
            #expect(own.compactMap { $0["kind"] as? String } == logged.map { "\($0.event.kind)" })
        }
        let logged = try #require(rig.appended.first { $0.event.kind == .orderPlaced })
        let placed = try #require(
            events.first { $0["shard"] as? Int == logged.shard && $0["lsn"] as? UInt64 == logged.lsn })
        let first = logged.event
        let id = first.fields.withUnsafeBytes { $0.baseAddress!.loadId(0) }
        let user = first.fields.withUnsafeBytes { $0.baseAddress!.loadId(16) }
        #expect(placed["order"] as? String == "\(id)" && placed["user"] as? String == "\(user)")
    }
}
