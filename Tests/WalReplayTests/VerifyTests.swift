import Foundation
import Log
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    /// A flipped bit in each kind of file and block: what the tool says, and what a server does that starts there.
    @Suite(.serialized) struct VerifyTests {
        enum Start {
            /// It has everything, and says nothing about it.
            case serves
            /// It has everything, and says this.
            case servesAndSays(String)
            /// It does not start, and says this.
            case refuses(String)
        }

        private func expectVerdict(
            _ history: SpoiltHistory, _ damages: [(kind: String, file: String, offset: Int?)],
            harmless: Bool = false,
            _ start: Start, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let before = try contents(history.dataPath)
            let verdict = try walReplay("verify", history.dataPath, "--json")
            let object = try verdict.object
            #expect(verdict.status == (damages.isEmpty ? 0 : 1), sourceLocation: sourceLocation)
            #expect(object["ok"] as? Bool == damages.isEmpty, sourceLocation: sourceLocation)
            let found = try #require(object["damages"] as? [[String: Any]])
            #expect(
                found.map { $0["kind"] as? String } == damages.map(\.kind), "\(found)",
                sourceLocation: sourceLocation)
            #expect(
                found.map { $0["file"] as? String } == damages.map(\.file), "\(found)",
                sourceLocation: sourceLocation)
            #expect(
                found.map { $0["offset"] as? Int } == damages.map(\.offset), "\(found)",
                sourceLocation: sourceLocation)
            #expect((object["harmless"] as? [Any])?.isEmpty == !harmless, sourceLocation: sourceLocation)
            let text = try walReplay("verify", history.dataPath)
            #expect(text.status == verdict.status && text.errors.isEmpty, sourceLocation: sourceLocation)
            for damage in damages {
                let place = damage.offset.map { "\(damage.file) at offset \($0)" } ?? damage.file
                #expect(
                    text.output.contains("DAMAGED    [\(damage.kind)] \(place): "), "\(text.output)",
                    sourceLocation: sourceLocation)
            }
            #expect(
                text.lines.last == (damages.isEmpty ? "ok" : "\(damages.count) damaged"),
                sourceLocation: sourceLocation)
            // It has changed nothing, and neither does a server that refuses.
            #expect(try contents(history.dataPath) == before, sourceLocation: sourceLocation)
            switch start {
            case .refuses(let sentence):
                #expect(object["starts"] as? Bool == false, sourceLocation: sourceLocation)
                do {
                    _ = try history.start()
                    Issue.record("it started", sourceLocation: sourceLocation)
                } catch let fault as ServerProcess.Fault {
                    #expect("\(fault)".contains(sentence), "\(fault)", sourceLocation: sourceLocation)
                }
                var after = try contents(history.dataPath)
                after["LOCK"] = before["LOCK"]
                #expect(after == before, sourceLocation: sourceLocation)
            case .serves: try expectServes(history, object, says: nil, sourceLocation)
            case .servesAndSays(let sentence): try expectServes(history, object, says: sentence, sourceLocation)
            }
        }

        private func expectServes(
            _ history: SpoiltHistory, _ object: [String: Any], says: String?, _ location: SourceLocation
        ) throws {
            let whole = try History.shared.get()
            #expect(
                object["starts"] as? Bool == true && object["digest"] as? String == whole.digest,
                sourceLocation: location)
            let server = try history.start()
            let stderr = server.stderr
            #expect(try server.client().getSale(Shop.sale).sold == whole.sold, sourceLocation: location)
            if let says {
                #expect(stderr.contains(says), "\(stderr)", sourceLocation: location)
            } else {
                #expect(!stderr.contains("cannot be used"), "\(stderr)", sourceLocation: location)
            }
        }

        private func history() throws -> SpoiltHistory { try History.shared.get().copy() }

        @Test func nothing() throws {
            let history = try history()
            #expect(history.tail.count > 20 && history.between.count > 10)
            try expectVerdict(history, [], .serves)
            let text = try walReplay("verify", history.dataPath, "--progress")
            #expect(text.output.contains("snapshots  hold what the manifest and the log say"))
            #expect(text.errors.contains("reading: 0% of ") && text.errors.contains("replaying: 0% of "))
        }

        @Test func theManifest() throws {
            let history = try history()
            try history.flip("MANIFEST", at: 60)
            try expectVerdict(history, [("damage", "MANIFEST", nil)], .refuses("the manifest is damaged"))
            // What the files say by themselves is told all the same, and damage in them.
            try history.flip(history.tail[3].file, at: history.tail[3].offset + 130)
            let text = try walReplay("verify", history.dataPath)
            #expect(text.output.contains("segment    \(history.tail[0].file): "))
            #expect(
                text.output.contains(
                    "DAMAGED    [damage] \(history.tail[3].file) at offset \(history.tail[3].offset): "))
        }

        @Test(arguments: [20, 500]) func theNewestSnapshot(_ offset: Int) throws {
            let history = try history()
            let (older, newest) = (history.manifest.bases[0].snapshot!, history.manifest.newestBase.snapshot!)
            try history.flip(newest, at: offset)
            try expectVerdict(
                history, [("damage", newest, 0)], .servesAndSays("starting from \(older) and the log since then"))
        }

        @Test func theClosingBlockOfTheNewestSnapshot() throws {
            let history = try history()
            let newest = history.manifest.newestBase.snapshot!
            let last = try history.data(newest).count - 4096
            try history.flip(newest, at: last + 40)
            try expectVerdict(history, [("damage", newest, last)], .servesAndSays("\(newest) cannot be used"))
        }

        @Test(arguments: [20, 500]) func theOlderSnapshot(_ offset: Int) throws {
            let history = try history()
            let older = history.manifest.bases[0].snapshot!
            try history.flip(older, at: offset)
            try expectVerdict(history, [("damage", older, 0)], .serves)
        }

        @Test func bothSnapshots() throws {
            let history = try history()
            let (older, newest) = (history.manifest.bases[0].snapshot!, history.manifest.newestBase.snapshot!)
            try history.flip(older, at: 500)
            try history.flip(newest, at: 500)
            try expectVerdict(
                history, [("damage", older, 0), ("damage", newest, 0)],
                .refuses("\(older) at offset 0: the snapshot is damaged"))
        }

        /// In its header, in an event, in the zeros behind.
        @Test(arguments: [4, 60, 130, 4000]) func aBlockOfTheLog(_ within: Int) throws {
            let history = try history()
            let block = history.tail[10]
            try history.flip(block.file, at: block.offset + within)
            try expectVerdict(
                history, [("damage", block.file, block.offset)],
                .refuses("\(block.file) at offset \(block.offset): damaged"))
            let text = try walReplay("verify", history.dataPath).output
            let next = history.tail[11]
            #expect(
                text.contains(
                    "events \(block.header.firstLsn) to \(block.header.lastLsn) cannot be read, the log goes on in "
                        + "\(next.file) at offset \(next.offset)"), "\(text)")
            // The dump goes as far as that log can be read, and says why no further.
            let dump = try walReplay("dump", history.dataPath, "--json")
            #expect(dump.status == 1 && dump.errors.contains("\(block.file) at offset \(block.offset): damaged"))
            let lsns = try dump.objects.filter { $0["shard"] as? Int == 0 }.compactMap { $0["lsn"] as? UInt64 }
            #expect(lsns.last == block.header.firstLsn - 1)
            // The state before it can be told, and not the one behind it.
            let before = try walReplay("state", history.dataPath, "--until", "\(block.header.sequence - 1)")
            #expect(before.status == 0, "\(before.errors)")
            let behind = try walReplay("state", history.dataPath, "--until", "\(block.header.sequence)")
            #expect(behind.status == 1 && behind.errors.contains("--until \(block.header.sequence - 1)"))
        }

        @Test func severalBlocksOfTheLog() throws {
            let history = try history()
            let victims = [history.tail[5], history.tail[6], history.tail[12]]
            for block in victims { try history.flip(block.file, at: block.offset + 130) }
            // Two that lie side by side are one hole.
            try expectVerdict(
                history, [victims[0], victims[2]].map { ("damage", $0.file, $0.offset) },
                .refuses("at offset \(victims[0].offset): damaged"))
        }

        @Test func aBlockThatOnlyTheOlderSnapshotNeeds() throws {
            let history = try history()
            let block = history.between[3]
            try history.flip(block.file, at: block.offset + 130)
            try expectVerdict(history, [("damage", block.file, block.offset)], .serves)
        }

        @Test func thatBlockAndTheNewestSnapshot() throws {
            let history = try history()
            let (block, newest) = (history.between[3], history.manifest.newestBase.snapshot!)
            try history.flip(block.file, at: block.offset + 130)
            try history.flip(newest, at: 500)
            try expectVerdict(
                history, [("damage", newest, 0), ("damage", block.file, block.offset)],
                .refuses("\(block.file) at offset \(block.offset): damaged"))
        }

        /// Nobody needs it: a start removes it.
        @Test func aCoveredSegment() throws {
            let history = try history()
            try history.flip(try History.shared.get().coveredSegment, at: 3 * 4096 + 130)
            try expectVerdict(history, [], harmless: true, .serves)
        }

        /// The mark behind the last events: it held nothing, and nothing bears witness that it was there.
        @Test func theLastBlock() throws {
            let history = try history()
            let last = history.blocks[history.blocks.count - 1]
            #expect(last.header.eventCount == 0)
            try history.flip(last.file, at: last.offset + 20)
            try expectVerdict(
                history, [], .servesAndSays("cut the log of shard 0 in \(last.file) at offset \(last.offset)"))
        }

        @Test func aSegmentThatIsGone() throws {
            let history = try history()
            let file = history.tail[0].file
            try FileManager.default.removeItem(atPath: "\(history.dataPath)/\(file)")
            let verdict = try walReplay("verify", history.dataPath)
            #expect(
                verdict.status == 1
                    && verdict.output.contains("[missing] \(file): this segment of the log is missing"))
        }
    }
}
