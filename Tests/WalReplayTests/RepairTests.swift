import Foundation
import Log
import Protocol
import TestSupport
import Testing

extension WalReplayTests {
    /// What `repair` does to directories that real servers wrote; above all what it does not do by itself.
    @Suite(.serialized) struct RepairTests {
        private func history() throws -> SpoiltHistory { try History.shared.get().copy() }

        /// What was there before, but for the lock's pid.
        private func expectUnchanged(_ history: SpoiltHistory, _ before: [String: Data]) throws {
            var after = try contents(history.dataPath)
            after["LOCK"] = before["LOCK"]
            #expect(after == before)
        }

        private func expectServes(_ history: SpoiltHistory, sold: UInt64) throws {
            #expect(try walReplay("verify", history.dataPath).status == 0)
            let server = try history.start()
            #expect(try server.client().getSale(Shop.sale).sold == sold)
            #expect(
                !server.stderr.contains("cut the log") && !server.stderr.contains("cannot be used"),
                "\(server.stderr)")
        }

        @Test func nothingToRepair() throws {
            let history = try history()
            let before = try contents(history.dataPath)
            let result = try walReplay("repair", history.dataPath)
            #expect(result.status == 0 && result.output == "nothing to repair: a server starts on this directory\n")
            try expectUnchanged(history, before)
        }

        /// Half a write behind the end: nothing of it was answered. Asked for without a terminal it is shown, not
        /// done.
        @Test func aTornTail() throws {
            let history = try history()
            let last = history.blocks[history.blocks.count - 1]
            let end = last.offset + last.header.lengthBytes
            let garbage = Data((0..<6000).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) })
            let path = "\(history.dataPath)/\(last.file)"
            var bytes = try history.data(last.file)
            bytes.replaceSubrange(end..<(end + garbage.count), with: garbage)
            try bytes.write(to: URL(fileURLWithPath: path))
            let before = try contents(history.dataPath)

            let shown = try walReplay("repair", history.dataPath)
            #expect(shown.status == 1 && shown.errors.contains("nothing was changed"))
            #expect(shown.output.contains("shard 0    cut in \(last.file) at offset \(end)"))
            try expectUnchanged(history, before)
            let rehearsed = try walReplay("repair", history.dataPath, "--dry-run")
            #expect(rehearsed.status == 0 && rehearsed.errors.isEmpty)
            try expectUnchanged(history, before)

            let done = try walReplay("repair", history.dataPath, "--yes")
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.output.contains("lost       no event that can be told"))
            let copy = try #require(try contents(history.dataPath).keys.first { $0.hasPrefix("removed-") })
            #expect(done.output.contains("copy: \(copy)") && copy.hasSuffix("-\(last.file)-at-\(end)"))
            #expect(try history.data(copy).prefix(garbage.count) == garbage)
            #expect(try done.output.contains("digest \(History.shared.get().digest)"))
            try expectServes(history, sold: try History.shared.get().sold)
        }

        /// Events that have been answered never go without being asked for by their sequence, and counted.
        @Test func damageInTheMiddle() throws {
            let history = try history()
            let victim = history.tail[10]
            try history.flip(victim.file, at: victim.offset + 130)
            let before = try contents(history.dataPath)
            let from = victim.header.sequence

            for arguments in [[], ["--yes"], ["--dry-run"]] {
                let refused = try walReplay(["repair", history.dataPath] + arguments)
                #expect(refused.status == 1 && refused.output.isEmpty)
                #expect(
                    refused.errors.contains(
                        "nothing was changed: \(victim.file) at offset \(victim.offset): damaged"))
                #expect(refused.errors.contains("This is not the trace of a crash."))
                #expect(refused.errors.contains("--from-sequence \(from) --dry-run"))
                try expectUnchanged(history, before)
            }
            let tooHigh = try walReplay("repair", history.dataPath, "--yes", "--from-sequence", "\(from + 1)")
            #expect(tooHigh.status == 1 && tooHigh.errors.contains("--from-sequence \(from) --dry-run"))
            try expectUnchanged(history, before)

            let lost = history.tail[10...]
            let events = lost.reduce(0) { $0 + $1.header.eventCount }
            let unanswered = try walReplay("repair", history.dataPath, "--from-sequence", "\(from)")
            #expect(unanswered.status == 1 && unanswered.errors.contains("nobody is there to be asked"))
            #expect(
                unanswered.output.contains(
                    "\(events) events, of which \(events) are known to have been durable: THESE HAVE BEEN ANSWERED")
            )
            #expect(unanswered.output.contains("  \(events - victim.header.eventCount) orderPlaced\n"))
            #expect(unanswered.output.contains("  \(victim.header.eventCount) that cannot be read\n"))
            try expectUnchanged(history, before)

            let done = try walReplay("repair", history.dataPath, "--from-sequence", "\(from)", "--yes")
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.output.contains("kept       all blocks up to sequence \(from - 1)"))
            // All of it is there to be put back.
            let copy = try #require(try contents(history.dataPath).keys.first { $0.hasPrefix("removed-") })
            let kept = try history.data(copy)
            #expect(kept == before[victim.file]![victim.offset..<(victim.offset + kept.count)])
            #expect(before[victim.file]![(victim.offset + kept.count)...].allSatisfy { $0 == 0 })
            try expectServes(history, sold: try History.shared.get().sold - UInt64(events))
        }

        /// At a terminal it asks, and takes nothing but yes for it.
        @Test(arguments: ["yes", "y", "no", ""]) func atATerminal(_ answer: String) throws {
            let history = try history()
            let victim = history.tail[10]
            try history.flip(victim.file, at: victim.offset + 130)
            let before = try contents(history.dataPath)
            let terminal = try Terminal(
                "repair", history.dataPath, "--from-sequence", "\(victim.header.sequence)")
            let events = history.tail[10...].reduce(0) { $0 + $1.header.eventCount }
            let question = "Go on, and lose \(events) events? Type yes: "
            let asked = eventually { terminal.written } until: { $0.hasSuffix(question) }
            #expect(asked != nil, "\(terminal.written)")
            terminal.type(answer)
            let (written, status) = terminal.finish()
            if answer == "yes" {
                #expect(status == 0 && written.contains("repaired: a server starts on this directory"))
                #expect(try contents(history.dataPath).keys.contains { $0.hasPrefix("removed-") })
            } else {
                #expect(status == 1 && written.contains("nothing was changed"))
                try expectUnchanged(history, before)
            }
        }

        /// The newest snapshot is damaged, then all that a start needs is still there.
        @Test func theNewestSnapshot() throws {
            let history = try history()
            let newest = history.manifest.newestBase.snapshot!
            try history.flip(newest, at: 500)
            let done = try walReplay("repair", history.dataPath, "--yes")
            #expect(done.status == 0, "\(done.errors)")
            #expect(
                done.output.contains("it is kept as \(newest).damaged")
                    && done.output.contains("no event that can be told"))
            let names = try contents(history.dataPath).keys
            #expect(names.contains("\(newest).damaged") && !names.contains(newest))
            try expectServes(history, sold: try History.shared.get().sold)
        }

        @Test func theOlderSnapshotOrTheLogBehindIt() throws {
            for isLog in [false, true] {
                let history = try history()
                let older = history.manifest.bases[0].snapshot!
                if isLog {
                    try history.flip(history.between[3].file, at: history.between[3].offset + 130)
                } else {
                    try history.flip(older, at: 500)
                }
                let done = try walReplay("repair", history.dataPath, "--yes")
                #expect(done.status == 0, "\(done.errors)")
                let names = try contents(history.dataPath).keys
                #expect(!names.contains(older) && names.contains { $0.contains(older) })
                try expectServes(history, sold: try History.shared.get().sold)
            }
        }

        /// Behind the older snapshot, in front of the newer one, which goes with what it holds.
        @Test func backBehindASnapshot() throws {
            let history = try history()
            let newest = history.manifest.newestBase.snapshot!
            let first = history.between[5]
            let done = try walReplay(
                "repair", history.dataPath, "--yes", "--from-sequence", "\(first.header.sequence)")
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.output.contains("snapshot   \(newest) holds more than what is to be kept"))
            let events = (history.between[5...] + history.tail).reduce(0) { $0 + $1.header.eventCount }
            try expectServes(history, sold: try History.shared.get().sold - UInt64(events))
        }

        @Test func whatNoRepairHelps() throws {
            let history = try history()
            try history.flip(history.manifest.bases[0].snapshot!, at: 500)
            try history.flip(history.manifest.newestBase.snapshot!, at: 500)
            let before = try contents(history.dataPath)
            let snapshots = try walReplay(
                "repair", history.dataPath, "--yes", "--from-sequence", "\(history.tail[3].header.sequence)")
            #expect(snapshots.status == 1 && snapshots.errors.contains("the snapshot is damaged"))
            try expectUnchanged(history, before)
            try history.flip("MANIFEST", at: 50)
            let manifest = try walReplay("repair", history.dataPath, "--yes")
            #expect(manifest.status == 1 && manifest.errors.contains("the manifest is damaged"))
        }

        @Test func aDirectoryInUse() throws {
            let history = try history()
            let server = try history.start()
            let result = try walReplay("repair", history.dataPath, "--yes")
            #expect(result.status == 1 && result.errors.contains("the process with pid \(server.pid) is using it"))
            let compact = try walReplay("compact", history.dataPath)
            #expect(
                compact.status == 1 && compact.errors.contains("the process with pid \(server.pid) is using it"))
        }
    }
}
