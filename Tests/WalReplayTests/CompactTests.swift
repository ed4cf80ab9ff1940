import Foundation
import Log
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    @Suite(.serialized) struct CompactTests {
        private func history() throws -> SpoiltHistory { try History.shared.get().copy() }

        private func segments(_ history: SpoiltHistory) throws -> [String] {
            try contents(history.dataPath).keys.filter { LogFiles.parseSegment($0) != nil }.sorted()
        }

        /// The state is the same, the log is shorter, and a server goes on with it.
        @Test func theStateStaysTheLogGoes() throws {
            let whole = try History.shared.get()
            let history = try history()
            let archive = TemporaryDirectory()
            let before = try contents(history.dataPath)
            let first = try walReplay("compact", history.dataPath, "--archive", archive.path + "/kept", "--json")
            #expect(first.status == 0, "\(first.errors)")
            let object = try first.object
            #expect(object["digest"] as? String == whole.digest && object["made"] as? Bool == true)
            // The older of the two snapshots is gone, the new one is beside the other.
            let newest = try #require(object["file"] as? String)
            let names = try contents(history.dataPath).keys
            #expect(names.contains(newest) && names.contains(history.manifest.newestBase.snapshot!))
            #expect(!names.contains(history.manifest.bases[0].snapshot!))
            #expect(!names.contains(whole.coveredSegment))
            let archived = try contents(archive.path + "/kept")
            #expect(archived == [whole.coveredSegment: before[whole.coveredSegment]!])
            #expect(try walReplay("verify", history.dataPath, "--json").object["digest"] as? String == whole.digest)

            // Nothing has happened since.
            let second = try walReplay("compact", history.dataPath)
            #expect(second.status == 0 && second.output.contains("nothing has happened since the newest snapshot"))
            let server = try history.start()
            #expect(try server.client().getSale(Shop.sale).sold == whole.sold)
        }

        @Test func onlyTheNewSnapshot() throws {
            let whole = try History.shared.get()
            let history = try history()
            let result = try walReplay("compact", history.dataPath, "--keep-one")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try contents(history.dataPath).keys.filter { $0.hasSuffix(".snap") }.count == 1)
            // Of the log what comes next, and the segment that is prepared to follow.
            let manifest = try Manifest(
                text: String(contentsOfFile: history.dataPath + "/MANIFEST", encoding: .utf8))
            let first = manifest.newestBase.starts[0].segment
            #expect(try segments(history).allSatisfy { LogFiles.parseSegment($0)!.number >= first })
            #expect(try walReplay("state", history.dataPath, "--json").object["digest"] as? String == whole.digest)
            let server = try history.start()
            #expect(try server.client().getSale(Shop.sale).sold == whole.sold)
        }

        /// What cannot be read must not be hidden behind a snapshot.
        @Test func notOverDamage() throws {
            let history = try history()
            let victim = history.between[2]
            try history.flip(victim.file, at: victim.offset + 130)
            var before = try contents(history.dataPath)
            let result = try walReplay("compact", history.dataPath)
            #expect(
                result.status == 1
                    && result.errors.contains("nothing was changed: \(victim.file) at offset \(victim.offset)"))
            before["LOCK"] = try contents(history.dataPath)["LOCK"]
            #expect(try contents(history.dataPath) == before)
        }
    }
}
