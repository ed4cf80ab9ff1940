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
            // All of it is there to be put back, beside the manifest of before.
            let copy = try #require(
                try contents(history.dataPath).keys.first {
                    $0.hasPrefix("removed-") && $0.hasSuffix("-\(victim.file)-at-\(victim.offset)")
                })
            let kept = try history.data(copy)
            #expect(kept == before[victim.file]![victim.offset..<(victim.offset + kept.count)])
            #expect(before[victim.file]![(victim.offset + kept.count)...].allSatisfy { $0 == 0 })
            try expectServes(history, sold: try History.shared.get().sold - UInt64(events))
        }

        private func stop(_ server: ServerProcess) {
            server.kill(SIGTERM)
            #expect(server.wait(timeoutMs: 60_000) == .exited(0), "\(server.stderr)")
        }

        private func removed(_ object: Any?) -> [[UInt64]]? {
            (object as? [[String: UInt64]])?.map { [$0["from"] ?? 0, $0["until"] ?? 0] }
        }

        /// A follower has seen what goes: it is told so, and no sequence of it ever stands for anything else,
        /// whatever the server does from then on. All tools know what is gone.
        @Test func sequencesAreNotUsedAgain() throws {
            let history = try history()
            var server = try history.start()
            let oldest = history.manifest.bases[0].sequence
            let seen = try server.client(timeoutMs: 120_000).tail(after: LogPlace(sequence: oldest))
            let place = try #require(seen.last).place
            #expect(place.index == LogPlace.wholeBlock && seen.count > 40)
            stop(server)

            let from = history.tail[10].header.sequence
            let kept = try walReplay("state", history.dataPath, "--json", "--until", "\(from - 1)").object
            let done = try walReplay("repair", history.dataPath, "--from-sequence", "\(from)", "--yes")
            #expect(done.status == 0, "\(done.errors)")
            let manifest = try Manifest(text: String(decoding: history.data("MANIFEST"), as: UTF8.self))
            let until = try #require(manifest.removed.last).until
            #expect(manifest.removed == [.init(from: from, until: until)] && until > place.sequence)
            #expect(done.output.contains("sequences  \(from) to \(until) are not used again"))
            #expect(done.output.contains("a server starts on this directory; sequence \(until), "))

            let verified = try walReplay("verify", history.dataPath)
            #expect(verified.output.contains("a repair has removed the blocks of sequences \(from) to \(until)\n"))
            let verdict = try walReplay("verify", history.dataPath, "--json").object
            #expect(removed(verdict["removed"]) == [[from, until]] && verdict["sequence"] as? UInt64 == until)
            for sequence in [from, from + 3, until] {
                let state = try walReplay("state", history.dataPath, "--json", "--until", "\(sequence)").object
                #expect(state["digest"] as? String == kept["digest"] as? String)
                #expect(state["sequence"] as? UInt64 == sequence)
                #expect(removed([state["removed"] as Any]) == [[from, until]])
                let text = try walReplay("state", history.dataPath, "--until", "\(sequence)").output
                #expect(text.contains("a repair has removed the blocks of sequences \(from) to \(until)"))
            }
            #expect(kept["removed"] == nil)
            let tooLate = try walReplay("state", history.dataPath, "--until", "\(until + 1)")
            #expect(tooLate.status == 1 && tooLate.errors.contains("the log ends with sequence \(until)"))
            let compacted = try copyData(history.dataPath)

            server = try history.start()
            let client = try server.client(timeoutMs: 120_000)
            var mint = IdMint(seed: 977)
            let user = mint.user(shard: 0, of: 1)
            #expect(try client.order(mint.id(user: user), user: user, sale: Shop.sale).code == .ok)
            let told = try client.tail(after: place)
            #expect(told.count == 1 && told[0].code == .trimmed && told[0].place == LogPlace(sequence: oldest))
            // Also in the middle of a block.
            let inside = try #require(seen.first { $0.sequence >= from }).place
            #expect(try client.tail(after: inside)[0].code == .trimmed)
            let new = try client.tail(after: LogPlace(sequence: from - 1)).dropLast()
            #expect(!new.isEmpty && new.allSatisfy { $0.sequence > until })
            let all = try client.tail(after: LogPlace(sequence: oldest)).dropLast()
            #expect(Array(all) == seen.dropLast().filter { $0.sequence < from } + Array(new))
            let now = try #require(client.tail(after: .now).last).place
            #expect(now.sequence > until)
            stop(server)
            let counted = try walReplay("stats", history.dataPath, "--json").object
            #expect(counted["sequencesRemoved"] as? UInt64 == until - from + 1)
            #expect(counted["sequencesUnused"] as? UInt64 == 0)
            let text = try walReplay("stats", history.dataPath).output
            #expect(text.contains("removed    \(until - from + 1) sequences: by a repair"))

            // The log that says so goes; what it said stays.
            let compact = try walReplay("compact", compacted.path + "/data", "--keep-one", "--json")
            #expect(compact.status == 0, "\(compact.errors)")
            #expect(try compact.object["sequence"] as? UInt64 == until)
            #expect(try compact.object["digest"] as? String == kept["digest"] as? String)
            server = try Shop.start(in: compacted, shards: 1)
            let behind = try server.client(timeoutMs: 120_000)
            #expect(try behind.order(mint.id(user: user), user: user, sale: Shop.sale).code == .ok)
            #expect(try behind.tail(after: place)[0].code == .trimmed)
            let last = try behind.tail(after: LogPlace(sequence: until))
            #expect(last.count == 2 && last[0].sequence > until)
            stop(server)
        }

        /// Every tool and every server says what to do with a repair that was interrupted, and does nothing else.
        @Test func interrupted() throws {
            let (history, whole) = (try history(), try self.history())
            let victim = history.tail[10]
            let from = victim.header.sequence
            #expect(try walReplay("repair", whole.dataPath, "--from-sequence", "\(from)", "--yes").status == 0)
            // As it is when the first block is cut.
            let path = "\(history.dataPath)/"
            try whole.data("MANIFEST").write(to: URL(fileURLWithPath: path + "MANIFEST.cut-from-\(from)"))
            try FileManager.default.removeItem(atPath: path + "MANIFEST")
            var bytes = try history.data(victim.file)
            bytes.replaceSubrange(victim.offset..<(victim.offset + 4096), with: Data(count: 4096))
            try bytes.write(to: URL(fileURLWithPath: path + victim.file))
            let before = try contents(history.dataPath)
            let sentence = "Run `wal-replay repair DIR` on the data directory again"

            let copy = history.directory.path + "/copy"
            for arguments in [["dump"], ["state"], ["stats"], ["compact"], ["backup", copy]] {
                let result = try walReplay([arguments[0], history.dataPath] + arguments.dropFirst())
                #expect(result.status == 1 && result.errors.contains(sentence), "\(arguments): \(result.errors)")
            }
            let verified = try walReplay("verify", history.dataPath)
            #expect(
                verified.status == 1
                    && verified.output.contains(
                        "DAMAGED    [missing] MANIFEST.cut-from-\(from): a repair that removes"))
            #expect(verified.output.contains(sentence) && verified.output.contains("a server would not start"))
            do {
                _ = try history.start()
                Issue.record("it started")
            } catch let fault as ServerProcess.Fault {
                #expect("\(fault)".contains(sentence), "\(fault)")
            }
            let shown = try walReplay("repair", history.dataPath, "--dry-run")
            #expect(shown.status == 0 && shown.output.contains("was interrupted. What is left of it:\n"))
            #expect(shown.output.contains("kept       all blocks up to sequence \(from - 1)"))
            try expectUnchanged(history, before)

            // Nobody is asked again, and another sequence is not asked for.
            let done = try walReplay("repair", history.dataPath, "--from-sequence", "\(from + 5)")
            #expect(done.status == 0 && done.output.contains("It is brought to its end."), "\(done.errors)")
            let (after, expected) = (try contents(history.dataPath), try contents(whole.dataPath))
            for (name, bytes) in expected where !name.hasPrefix("removed-") && name != "LOCK" {
                #expect(after[name] == bytes, "\(name)")
            }
            #expect(!after.keys.contains { $0.hasPrefix("MANIFEST.") })
            let lost = history.tail[10...].reduce(0) { $0 + $1.header.eventCount }
            try expectServes(history, sold: try History.shared.get().sold - UInt64(lost))
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
