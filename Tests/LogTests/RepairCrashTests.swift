import Engine
import SimulatedStorage
import Testing

@testable import Log

/// Repairs that are interrupted, once and twice, by a kill or a power loss before any change that they make: no start
/// takes what is half cut for the state, and what they come to in the end is what they would have come to at once.
@Suite struct RepairCrashTests {
    private enum End: CaseIterable { case kill, powerLoss }

    /// A directory, and what it has to come to.
    private final class Case {
        let storage: SimulatedStorage
        let from: UInt64
        /// The state before; nil if no start gets that far.
        let digestBefore: UInt64?
        let digestAfter: UInt64
        let filesAfter: [String: [UInt8]]
        /// How many changes an undisturbed repair makes.
        let changes: Int
        private let recoverer = Recoverer()
        private let arena = MemoryArena()

        /// - Parameter hasPrepared: segments have been made that no block has come to yet.
        init(isDamaged: Bool, events: Int = 60, hasPrepared: Bool = true) throws {
            let rig = try Repairs.wholeLog(events: events)
            storage = rig.storage
            for name in storage.fileNames where !hasPrepared && LogFiles.parseSegment(name) != nil {
                if try Recovery.isBlank(name, storage) { storage.lose(name) }
            }
            // In the log that is cut first: when that is done, the other one is still whole.
            let blocks = try Repairs.blocks(storage, 0)
            let victim = blocks[blocks.count / 2]
            if isDamaged { storage.flipBit(victim.file, at: (victim.offset + 150) * 8) }
            from = victim.sequence
            digestBefore = isDamaged ? nil : try Recoverer().recover(storage.copy(), shards: 2).digest
            let whole = CrashingStorage(storage.copy())
            try Repairs.repair(whole, from: from)
            changes = whole.changeCount
            filesAfter = Self.files(whole.inner)
            digestAfter = try Recoverer().recover(whole.inner.copy(), shards: 2).digest
            #expect(digestBefore != digestAfter)
        }

        /// What makes up the state.
        private static func files(_ storage: SimulatedStorage) -> [String: [UInt8]] {
            let names = storage.fileNames.filter { !$0.hasPrefix("removed-") && !LogFiles.isTemporary($0) }
            return Dictionary(uniqueKeysWithValues: names.map { ($0, storage.contents($0)!) })
        }

        /// As the command does it; false if it does not come to its end.
        func repair(_ storage: SimulatedStorage, stamp: String, crashesAt: Int = .max) throws -> Bool {
            let crashing = CrashingStorage(storage, crashesAt: crashesAt)
            let plan: RepairPlan
            if let interrupted = try Repair.interrupted(crashing) {
                #expect(interrupted.fromSequence == from)
                plan = try RepairPlan(storage: crashing, resuming: interrupted, memory: memory)
            } else {
                plan = try RepairPlan(storage: crashing, fromSequence: from, memory: memory)
            }
            if plan.isEmpty { return true }
            do {
                try Repair.carryOut(plan, stamp: stamp, storage: crashing)
                return true
            } catch {
                #expect(error.kind == .storage && crashing.changeCount >= crashesAt)
                return false
            }
        }

        private func memory() -> MemorySource {
            arena.reset()
            return arena.source
        }

        /// A server that starts here has all that was there or all that is to stay, or does not start.
        func expectNoStartOnHalf(_ storage: SimulatedStorage, _ context: String) {
            do {
                let digest = try recoverer.recover(storage.copy(), shards: 2).digest
                #expect(digest == digestBefore || digest == digestAfter, "\(context)")
            } catch {
                let isInterrupted = LogFiles.parseManifestOfCut(error.file) == from && error.kind == .missing
                #expect(isInterrupted || digestBefore == nil && error.kind == .damage, "\(context): \(error)")
            }
        }

        func expectDone(_ storage: SimulatedStorage, _ context: String) throws {
            let files = Self.files(storage)
            #expect(files.keys.sorted() == filesAfter.keys.sorted(), "\(context)")
            for (name, bytes) in files where bytes != filesAfter[name] { Issue.record("\(context): \(name)") }
            #expect(try recoverer.recover(storage.copy(), shards: 2).digest == digestAfter, "\(context)")
        }
    }

    private func end(_ storage: SimulatedStorage, _ end: End, _ random: inout SeededRandom) {
        switch end {
        case .kill: storage.kill(using: &random)
        case .powerLoss: storage.losePower(using: &random)
        }
    }

    @Test(arguments: [false, true]) func onceAtEveryChange(isDamaged: Bool) throws {
        let found = try Case(isDamaged: isDamaged)
        for change in 1...found.changes {
            for (round, way) in [End.kill, .powerLoss, .powerLoss].enumerated() {
                let context = "change \(change), round \(round)"
                var random = SeededRandom(seed: UInt64(change * 10 + round))
                let storage = found.storage.copy()
                #expect(try !found.repair(storage, stamp: "first", crashesAt: change), "\(context)")
                end(storage, way, &random)
                found.expectNoStartOnHalf(storage, context)
                #expect(try found.repair(storage, stamp: "second"), "\(context)")
                try found.expectDone(storage, context)
            }
        }
    }

    @Test(arguments: [false, true]) func twice(isDamaged: Bool) throws {
        let found = try Case(isDamaged: isDamaged)
        for first in 1...found.changes {
            // Of all pairs every fourth, so that each change is the second one of many first ones.
            for second in stride(from: 1 + first % 4, through: found.changes, by: 4) {
                var random = SeededRandom(seed: UInt64(first * 1000 + second))
                let storage = found.storage.copy()
                let ways = [End.allCases.randomElement(using: &random)!, End.allCases.randomElement(using: &random)!]
                let context = "changes \(first) and \(second), \(ways)"
                _ = try found.repair(storage, stamp: "first", crashesAt: first)
                end(storage, ways[0], &random)
                _ = try found.repair(storage, stamp: "second", crashesAt: second)
                end(storage, ways[1], &random)
                found.expectNoStartOnHalf(storage, context)
                _ = try found.repair(storage, stamp: "third")
                try found.expectDone(storage, context)
                // It is on the disk as well; only that it has its name may have to be said once more.
                storage.losePower(using: &random)
                found.expectNoStartOnHalf(storage, context)
                _ = try found.repair(storage, stamp: "fourth")
                try found.expectDone(storage, context)
            }
        }
    }

    /// Killed when the manifest had just been put aside: the next run sees that, and it could still be undone. Before
    /// that run cuts anything it has to make it last. Logs of one segment, so that no removal of one makes it so.
    @Test func killedBeforeItWasSynced() throws {
        let found = try Case(isDamaged: false, events: 12, hasPrepared: false)
        var random = SeededRandom(seed: 7)
        var (storage, change) = (found.storage, 0)
        while try Repair.interrupted(storage) == nil {
            change += 1
            storage = found.storage.copy()
            #expect(try !found.repair(storage, stamp: "first", crashesAt: change))
            storage.kill(using: &random)
        }
        for second in 1...found.changes {
            for round in 0..<6 {
                let context = "change \(second), round \(round)"
                let storage = storage.copy()
                _ = try found.repair(storage, stamp: "second", crashesAt: second)
                storage.losePower(using: &random)
                found.expectNoStartOnHalf(storage, context)
                _ = try found.repair(storage, stamp: "third")
                try found.expectDone(storage, context)
            }
        }
    }

    /// Nothing stays: such logs look as if no server had ever started on them.
    @Test func fromTheFirstBlockOn() throws {
        let rig = try Repairs.wholeLog(events: 20)
        let whole = CrashingStorage(rig.storage.copy())
        try Repairs.repair(whole, from: 1)
        let last = try #require(try Repairs.blocks(rig.storage).last).sequence
        #expect(try LogRig(whole.inner, shards: 2).state.lastSequence > last)
        let storage = rig.storage.copy()
        #expect(throws: RecoveryFault.self) {
            try Repairs.repair(CrashingStorage(storage, crashesAt: whole.changeCount - 1), from: 1)
        }
        let fault = #expect(throws: RecoveryFault.self) { try LogRig(storage, shards: 2) }
        #expect(fault?.file == "MANIFEST.cut-from-1")
        #expect(fault?.sentence.contains("`wal-replay repair DIR`") == true)
    }

    /// One that has cut nothing yet leaves the manifest beside its own. Whatever comes next, that is not taken up
    /// again: the log has gone on.
    @Test func whatWasNotBegunIsForgotten() throws {
        let rig = try Repairs.wholeLog()
        let blocks = try Repairs.blocks(rig.storage)
        let early = blocks[blocks.count / 3].sequence
        let storage = rig.storage.copy()
        var change = 0
        while !storage.fileNames.contains(LogFiles.manifestOfCut(from: early)) {
            change += 1
            #expect(throws: RecoveryFault.self) {
                try Repairs.repair(CrashingStorage(storage, crashesAt: change), from: early, stamp: "\(change)")
            }
        }
        #expect(try Repair.interrupted(storage) == nil)
        let directory = try LogDirectory(storage: storage)
        #expect(directory.temporaries.contains(LogFiles.manifestOfCut(from: early)))
        // Another repair, itself interrupted.
        let other = storage.copy()
        let late = blocks[blocks.count * 2 / 3].sequence
        while try Repair.interrupted(other) == nil {
            change += 1
            #expect(throws: RecoveryFault.self) {
                try Repairs.repair(CrashingStorage(other, crashesAt: change), from: late, stamp: "\(change)")
            }
        }
        #expect(try Repair.interrupted(other)?.fromSequence == late)
        // A start.
        #expect(try LogRig(storage, shards: 2).digest == Recoverer().recover(rig.storage.copy(), shards: 2).digest)
        #expect(!storage.fileNames.contains { LogFiles.parseManifestOfCut($0) != nil })
    }

    /// A snapshot that holds what goes is kept aside, also by the run that ends an interrupted one.
    @Test func snapshotsThatGoAreKept() throws {
        let rig = try Repairs.wholeLog()
        let from = try #require(try Repairs.blocks(rig.storage, 1).dropFirst(3).first).sequence
        let cut = try Snapshotter.take(
            storage: rig.storage, sequence: rig.board.cut(), capacities: LogRig.configuration(shards: 1).capacities,
            retainMs: 1 << 40, memory: .zeroed
        ) { _ in }
        let snapshot = try #require(cut).snapshot.file
        _ = try Snapshotter.adopt(#require(cut).manifest, storage: rig.storage)
        let whole = CrashingStorage(rig.storage.copy())
        try Repairs.repair(whole, from: from)
        #expect(whole.inner.contents("removed-now-\(snapshot)") == rig.storage.contents(snapshot))
        let old = try #require(rig.storage.contents(LogFiles.manifest))
        #expect(whole.inner.contents("removed-now-MANIFEST") == old)
        for change in 1...whole.changeCount {
            let storage = rig.storage.copy()
            #expect(throws: RecoveryFault.self) {
                try Repairs.repair(CrashingStorage(storage, crashesAt: change), from: from)
            }
            if let interrupted = try Repair.interrupted(storage) {
                let plan = try RepairPlan(storage: storage, resuming: interrupted) { .zeroed }
                try Repair.carryOut(plan, stamp: "then", storage: storage)
            } else {
                try Repairs.repair(storage, from: from, stamp: "then")
            }
            let kept = storage.fileNames.filter { $0.hasPrefix("removed-") && $0.hasSuffix(snapshot) }
            #expect(kept.map { storage.contents($0) } == [rig.storage.contents(snapshot)], "change \(change)")
            let manifests = storage.fileNames.filter { $0.hasPrefix("removed-") && $0.hasSuffix(LogFiles.manifest) }
            #expect(manifests.map { storage.contents($0) } == [old], "change \(change)")
        }
    }
}
