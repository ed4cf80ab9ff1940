import Engine
import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// What a repair removes, what it keeps, and that a crash at any moment of it loses neither.
@Suite struct RepairTests {
    @Test func nothingIsDoneToAWholeDirectory() throws {
        let rig = try Repairs.wholeLog()
        let plan = try Repairs.plan(rig.storage)
        #expect(plan.isEmpty && plan.lost == RepairPlan.Lost())
        #expect(throws: RepairRefusal.self) { _ = try Repairs.plan(rig.storage, from: 0) }
    }

    /// As a start does it, with a copy.
    @Test func aTornTailIsCut() throws {
        let base = try CrashPointTests.Base(shards: 2)
        let before = base.storage.copy()
        let plan = try Repairs.plan(base.storage)
        #expect(plan.cuts.count == 2 && plan.dropped.isEmpty && plan.untilSequence == nil)
        #expect(plan.lost.durableCount == 0 && plan.lost.eventCount == 4 && plan.lost.counts[.orderPlaced] == 2)
        try Repair.carryOut(plan, stamp: "now", storage: base.storage)
        try expectCopies(of: plan, before, base.storage)
        #expect(LogAudit(storage: base.storage).logs.allSatisfy { $0.end == .clean })
        let outcome = try Recoverer().recover(base.storage, shards: 2)
        #expect(
            outcome.digest == base.digest
                && !outcome.notes.contains { if case .tornTailCut = $0 { true } else { false } })
    }

    private func expectCopies(of plan: RepairPlan, _ before: SimulatedStorage, _ after: SimulatedStorage) throws {
        #expect(!plan.cuts.flatMap(\.pieces).isEmpty)
        for piece in plan.cuts.flatMap(\.pieces) {
            let copy = try #require(after.contents(Repair.copyName(of: piece, stamp: "now")))
            let original = try #require(before.contents(piece.file))
            #expect(copy == Array(original[piece.offset..<(piece.offset + piece.sizeBytes)]))
        }
        // What went is in the copies: put back, they make the files that were there.
        for name in before.fileNames where name.hasPrefix("log-") && name.hasSuffix(".seg") {
            var bytes = after.contents(name) ?? [UInt8](repeating: 0, count: before.contents(name)!.count)
            for piece in plan.cuts.flatMap(\.pieces) where piece.file == name {
                let copy = after.contents(Repair.copyName(of: piece, stamp: "now"))!
                bytes.replaceSubrange(piece.offset..<(piece.offset + copy.count), with: copy)
            }
            #expect(bytes == before.contents(name), "\(name)")
        }
    }

    /// Damage in the middle: refused, with the sequence; what was durable behind it is counted; what stays is the
    /// state of all logs before that sequence.
    @Test(arguments: 0..<2) func damageIsRefusedUnlessTold(_ shard: Int) throws {
        let rig = try Repairs.wholeLog()
        let blocks = try Repairs.blocks(rig.storage, shard)
        let victim = blocks[blocks.count / 2]
        rig.storage.flipBit(victim.file, at: (victim.offset + 150) * 8)
        let before = rig.storage.copy()
        var refusal: RepairRefusal?
        do { _ = try Repairs.plan(rig.storage) } catch { refusal = error }
        let from = try #require(refusal?.fromSequence)
        #expect(refusal?.fault.file == victim.file && refusal?.fault.offset == victim.offset)
        // No crash left sequences unused here: it is the very block.
        #expect(from == victim.header.sequence)
        #expect(throws: RepairRefusal.self) { _ = try Repairs.plan(rig.storage, from: from + 1) }

        let plan = try Repairs.plan(rig.storage, from: from)
        let lost = (0..<2).map { shard in rig.appended.filter { $0.shard == shard }.count }
        let kept = try (0..<2).map { shard in
            try #require(try Repairs.blocks(before, shard).last { $0.header.sequence < from }).header
                .lastLsn
        }
        for cut in plan.cuts {
            #expect(cut.lost.eventCount == UInt64(lost[cut.shard]) - kept[cut.shard])
            #expect(cut.lost.durableCount == cut.lost.eventCount)
            #expect(cut.position.nextLsn == kept[cut.shard] + 1)
        }
        // One block cannot be read, its events are known by number.
        #expect(plan.lost.eventCount - UInt64(plan.lost.counts.total) == UInt64(victim.header.eventCount))
        try Repair.carryOut(plan, stamp: "now", storage: rig.storage)
        try expectCopies(of: plan, before, rig.storage)
        #expect(LogAudit(storage: rig.storage).faults.isEmpty)
        let expected = rig.appended.filter { $0.lsn <= kept[$0.shard] }
        let outcome = try Recoverer().recover(rig.storage, shards: 2)
        #expect(try outcome.digest == Recoverer().digest(expected))
    }

    /// A segment is gone, or ends early, and later ones are there.
    @Test(arguments: [false, true]) func aHoleInALog(isShort: Bool) throws {
        let rig = try Repairs.wholeLog()
        let blocks = try Repairs.blocks(rig.storage, 1)
        let segments = Set(blocks.map(\.file)).sorted()
        #expect(segments.count > 4)
        if isShort { rig.storage.truncate(segments[1], to: 4096) } else { rig.storage.lose(segments[1]) }
        var refusal: RepairRefusal?
        do { _ = try Repairs.plan(rig.storage) } catch { refusal = error }
        let from = try #require(refusal?.fromSequence)
        #expect(from == blocks.filter { $0.file == segments[1] }[isShort ? 1 : 0].sequence)
        let last = try #require(blocks.last).sequence
        try Repairs.repair(rig.storage, from: from)
        #expect(try #require(Repairs.manifest(rig.storage).removed.last).until > last)
        let kept = try Repairs.blocks(rig.storage, 1).reduce(0) { $0 + $1.header.eventCount }
        #expect(kept == blocks.filter { $0.sequence < from }.reduce(0) { $0 + $1.header.eventCount })
        #expect(LogAudit(storage: rig.storage).faults.isEmpty)
        _ = try Recoverer().recover(rig.storage, shards: 2)
    }

    /// A crash before any call: the next start serves what it would have served, or refuses; and the repair, run
    /// again, comes to the same end. Nothing that went is without its copy.
    @Test func aCrashAtEveryCall() throws {
        let rig = try Repairs.wholeLog()
        // In the log that is cut first: when that is done, the other one is still whole.
        let blocks = try Repairs.blocks(rig.storage, 0)
        let victim = blocks[blocks.count / 2]
        rig.storage.flipBit(victim.file, at: (victim.offset + 150) * 8)
        let from = victim.header.sequence
        let whole = rig.storage.copy()
        try Repair.carryOut(try Repairs.plan(whole, from: from), stamp: "now", storage: whole)
        let calls = whole.callCount
        let planned = rig.storage.copy()
        _ = try Repairs.plan(planned, from: from)
        let expected = try Recoverer().recover(whole, shards: 2).digest
        for call in (planned.callCount + 1)...calls {
            for round in 0..<3 as Range<UInt64> {
                let storage = rig.storage.copy()
                let plan = try Repairs.plan(storage, from: from)
                storage.fault = (call, .crash)
                do {
                    try Repair.carryOut(plan, stamp: "now", storage: storage)
                    Issue.record("call \(call) failed and nobody noticed")
                } catch {
                    #expect(error.kind == .storage)
                }
                var random = SeededRandom(seed: UInt64(call) * 10 + round)
                if round == 0 { storage.kill(using: &random) } else { storage.losePower(using: &random) }
                try finish(storage, from, rig.storage, expected, "call \(call), round \(round)")
            }
        }
    }

    private func finish(
        _ storage: SimulatedStorage, _ from: UInt64, _ before: SimulatedStorage, _ expected: UInt64,
        _ context: String
    ) throws {
        // No start takes what is half cut for the state.
        do {
            let digest = try Recoverer().recover(storage.copy(), shards: 2).digest
            #expect(digest == expected, "\(context)")
        } catch {
            #expect(error.kind == .damage || error.kind == .missing, "\(context): \(error)")
        }
        let interrupted = try Repair.interrupted(storage)
        if let interrupted {
            #expect(interrupted.fromSequence == from)
            let plan = try RepairPlan(storage: storage, resuming: interrupted) { .zeroed }
            try Repair.carryOut(plan, stamp: "again", storage: storage)
        } else {
            try Repairs.repair(storage, from: from, stamp: "again")
        }
        #expect(try Recoverer().recover(storage.copy(), shards: 2).digest == expected, "\(context)")
        // Every byte that went is in a copy of one of the two runs.
        for name in before.fileNames where name.hasPrefix("log-") && name.hasSuffix(".seg") {
            var bytes = storage.contents(name) ?? [UInt8](repeating: 0, count: before.contents(name)!.count)
            for copy in storage.fileNames.sorted() where copy.hasPrefix("removed-") && copy.contains(name) {
                let offset = try #require(copy.split(separator: "-").last.flatMap { Int($0) })
                let kept = storage.contents(copy)!
                // That of the second run holds what the first one had not erased yet.
                for (index, byte) in kept.enumerated() where byte != 0 { bytes[offset + index] = byte }
            }
            #expect(bytes == before.contents(name), "\(context): \(name)")
        }
    }

    /// Whole blocks that say what cannot be: the sequence of the one that does is told.
    @Test func aContradictionIsCutFromItsBlockOn() throws {
        let rig = try LogRig(SimulatedStorage())
        let user = TestEvent.user(1)
        rig.append(.sale(7, stock: 2))
        try rig.flush()
        rig.append(.change(.orderConfirmed, TestEvent.orderId(1, user: user)))
        try rig.flush()
        rig.mark()
        var refusal: RepairRefusal?
        do { _ = try Repairs.plan(rig.storage) } catch { refusal = error }
        #expect(refusal?.fault.kind == .contradiction && refusal?.fromSequence == 2)
        let plan = try Repairs.plan(rig.storage, from: 2)
        #expect(plan.lost.eventCount == 1 && plan.lost.durableCount == 1)
        try Repair.carryOut(plan, stamp: "now", storage: rig.storage)
        #expect(try Recoverer().recover(rig.storage).eventCount == 1)
    }
}
