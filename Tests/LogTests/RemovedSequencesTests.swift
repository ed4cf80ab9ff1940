import Protocol
import SimulatedStorage
import Testing

@testable import Log

/// What a repair has removed was acknowledged, and seen: its sequences never stand for anything else, and whoever has
/// followed the logs that far is told.
@Suite struct RemovedSequencesTests {
    // MARK: Lives at random

    /// A directory through starts, snapshots, damage, repairs and other numbers of shards, and some who follow it.
    private final class Life {
        let storage = SimulatedStorage()
        private var random: SeededRandom
        private var shards: Int
        private var nextTimeMs: UInt64 = 100_000
        private var stamps = 0
        /// Every block that ever was: the log and the checksum of each sequence.
        private var known: [UInt64: Repairs.Block] = [:]
        /// What somebody has been told: up to a place, of these blocks.
        private var followers: [(place: UInt64, given: [Repairs.Block])] = []
        var repairs = 0
        var trimmed = 0
        var unreadable = 0

        init(seed: UInt64) throws {
            random = SeededRandom(seed: seed)
            shards = Int.random(in: 1...3, using: &random)
            try serve()
        }

        /// A server's life, until it ends.
        func serve() throws {
            let rig = try LogRig(storage, shards: shards)
            try follow(rig)
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let shard = Int.random(in: 0..<shards, using: &random)
                nextTimeMs += 1
                rig.appendTo(shard, .grace(notBeforeMs: nextTimeMs))
                if Bool.random(using: &random) { try rig.flush() }
            }
            try rig.flush()
            if Bool.random(using: &random) { rig.mark() }
            if Int.random(in: 0..<3, using: &random) == 0 {
                let cut = try Snapshotter.take(
                    storage: storage, sequence: rig.board.cut(),
                    capacities: LogRig.configuration(shards: 1).capacities, retainMs: 1 << 40, memory: .zeroed
                ) { _ in }
                if let cut { try Recovery.removeCovered(Snapshotter.adopt(cut.manifest, storage: storage)) }
            }
            try look()
            try follow(rig)
        }

        /// No sequence has ever stood for two blocks.
        private func look() throws {
            for block in try Repairs.blocks(storage) {
                if let before = known[block.sequence] {
                    #expect(before == block, "sequence \(block.sequence)")
                } else {
                    #expect(block.sequence > known.keys.max() ?? 0, "sequence \(block.sequence) comes late")
                }
                known[block.sequence] = block
            }
        }

        private func follow(_ rig: LogRig) throws {
            let cut = rig.board.cut()
            let manifest = try Repairs.manifest(storage)
            let oldest = manifest.bases[0].sequence
            let there = try Repairs.blocks(storage)
            followers.append((Bool.random(using: &random) ? cut : oldest, []))
            for index in followers.indices where Bool.random(using: &random) {
                let (place, given) = followers[index]
                let lost = given.filter { $0.sequence > oldest && !there.contains($0) }
                do throws(TailFault) {
                    let tail = try LogTail(storage: storage, after: place, recent: [])
                    while let (_, block) = try tail.next(upTo: cut) {
                        let found = Repairs.Block(file: block.file, offset: block.offset, header: block.header)
                        followers[index].given.append(found)
                    }
                    #expect(lost.isEmpty && place >= oldest, "what \(place) rests on is gone")
                    #expect(followers[index].given[given.count...] == there.filter { $0.sequence > place }[...])
                    followers[index].place = max(place, cut)
                } catch {
                    #expect(error == .trimmed(oldestSequence: oldest))
                    // Nobody is sent away who has seen nothing of what is gone.
                    #expect(!lost.isEmpty || place < oldest || manifest.hasRemoved(place), "\(place)")
                    trimmed += lost.isEmpty ? 0 : 1
                    followers[index] = (oldest, [])
                }
            }
        }

        func repair() throws {
            let blocks = try Repairs.blocks(storage)
            let oldest = try Repairs.manifest(storage).bases[0].sequence
            guard let some = blocks.randomElement(using: &random) else { return }
            let from = max(oldest + 1, some.sequence - min(some.sequence, UInt64.random(in: 0...2, using: &random)))
            let behind = blocks.filter { $0.sequence >= from }
            if Bool.random(using: &random) {
                // Often the last ones.
                let victims = Int.random(in: 0...behind.count, using: &random)
                for block in behind.suffix(victims) where Int.random(in: 0..<8, using: &random) > 0 {
                    Repairs.spoilHeader(block, storage)
                    unreadable += 1
                }
            }
            stamps += 1
            let before = try Repairs.manifest(storage)
            try Repairs.repair(storage, from: from, stamp: "\(stamps)")
            #expect(try Repairs.blocks(storage) == blocks.filter { $0.sequence < from })
            let manifest = try Repairs.manifest(storage)
            #expect(manifest.usedSequence >= known.keys.max() ?? 0 && manifest.usedSequence >= before.usedSequence)
            if !behind.isEmpty { repairs += 1 }
        }

        func step() throws {
            if Int.random(in: 0..<6, using: &random) == 0 { shards = Int.random(in: 1...3, using: &random) }
            if Int.random(in: 0..<3, using: &random) == 0 { try repair() }
            try serve()
        }
    }

    @Test func livesAtRandom() throws {
        var (repairs, trimmed, unreadable) = (0, 0, 0)
        for seed in 1...25 as ClosedRange<UInt64> {
            do {
                let life = try Life(seed: seed)
                for _ in 0..<16 { try life.step() }
                repairs += life.repairs
                trimmed += life.trimmed
                unreadable += life.unreadable
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
        }
        // Else it has shown nothing.
        #expect(repairs > 60 && trimmed > 20 && unreadable > 60, "\(repairs), \(trimmed), \(unreadable)")
    }

    // MARK: One by one

    /// A log whose blocks from one in the middle on have been removed, and what they were.
    private func repaired(shards: Int = 2) throws -> (storage: SimulatedStorage, from: UInt64, last: UInt64) {
        let rig = try Repairs.wholeLog(shards: shards)
        let blocks = try Repairs.blocks(rig.storage)
        let from = blocks[blocks.count / 2].sequence
        try Repairs.repair(rig.storage, from: from)
        return (rig.storage, from, try #require(blocks.last).sequence)
    }

    /// Nothing but headers that can be read: the log goes on right behind them.
    @Test(arguments: [1, 2]) func theManifestSaysWhatIsGone(_ shards: Int) throws {
        let (storage, from, last) = try repaired(shards: shards)
        #expect(try Repairs.manifest(storage).removed == [.init(from: from, until: last + 1)])
        let rig = try LogRig(storage, shards: shards)
        #expect(rig.state.lastSequence == last + 1 && rig.board.cut() == last + 1)
        rig.append(.sale(99, stock: 10))
        try rig.flush()
        #expect(try Repairs.blocks(storage).first { $0.sequence >= from }?.sequence == last + 2)
    }

    /// It is known as long as somebody may come who has seen it; then the snapshots are behind it.
    @Test func itIsKnownUntilTwoSnapshotsAreBehindIt() throws {
        let (storage, _, last) = try repaired()
        for round in 0..<3 {
            let rig = try LogRig(storage, shards: 2)
            #expect(rig.state.lastSequence > last)
            #expect(try Repairs.manifest(storage).removed.isEmpty == (round > 1))
            let cut = try Snapshotter.take(
                storage: storage, sequence: rig.board.cut(), capacities: LogRig.configuration(shards: 1).capacities,
                retainMs: 1 << 40, memory: .zeroed
            ) { _ in }
            let directory = try Snapshotter.adopt(#require(cut).manifest, storage: storage)
            try Recovery.removeCovered(directory)
            rig.append(.sale(UInt64(200 + round), stock: 10))
            try rig.flush()
        }
        // A snapshot right behind it, and nothing else: from there on the log goes on too.
        let (other, _, gone) = try repaired()
        let start = try LogRig(other, shards: 2).state.lastSequence
        let cut = try Snapshotter.take(
            storage: other, sequence: start, capacities: LogRig.configuration(shards: 1).capacities,
            retainMs: 1 << 40, memory: .zeroed
        ) { _ in }
        let manifest = try #require(cut).manifest.keepingNewest()
        #expect(manifest.removed.isEmpty && manifest.newestBase.sequence > gone)
        _ = try Snapshotter.adopt(manifest, storage: other)
        #expect(try LogRig(other, shards: 2).state.lastSequence > gone)
    }

    /// Another number of shards is another generation; a backup is another directory.
    @Test func aNewGenerationAndABackupGoOnBehindIt() throws {
        let (storage, _, last) = try repaired()
        #expect(try LogRig(storage.copy(), shards: 3).state.lastSequence > last)
        // The newest snapshot is from before the repair: what came between the two is not in the backup either.
        let rig = try Repairs.wholeLog()
        let sequence = rig.board.cut()
        let cut = try Snapshotter.take(
            storage: rig.storage, sequence: sequence, capacities: LogRig.configuration(shards: 1).capacities,
            retainMs: 1 << 40, memory: .zeroed
        ) { _ in }
        _ = try Snapshotter.adopt(#require(cut).manifest, storage: rig.storage)
        for number in 0..<6 as Range<UInt64> {
            rig.append(.sale(300 + number, stock: 10))
            try rig.flush()
        }
        let blocks = try Repairs.blocks(rig.storage).filter { $0.sequence > sequence }
        try Repairs.repair(rig.storage, from: blocks[3].sequence)
        let until = try #require(Repairs.manifest(rig.storage).removed.last).until
        let backup = SimulatedStorage()
        let manifest = try Backup.make(from: rig.storage, to: backup)
        #expect(manifest.removed == [.init(from: sequence + 1, until: until)])
        #expect(try LogRig(backup, shards: 2).state.lastSequence == until)
    }

    /// A place before the cut goes on, one in what was removed is told so, one behind it goes on.
    @Test func placesBeforeInsideAndBehind() throws {
        let (storage, from, last) = try repaired()
        let rig = try LogRig(storage, shards: 2)
        rig.append(.sale(99, stock: 10))
        try rig.flush()
        let blocks = try Repairs.blocks(storage)
        func next(after sequence: UInt64, seen: UInt64? = nil) throws(TailFault) -> UInt64? {
            let tail = try LogTail(storage: storage, after: sequence, seen: seen, recent: [])
            return try tail.next(upTo: rig.board.cut())?.block.header.sequence
        }
        for place in 0...(last + 2) {
            guard place >= from && place <= last else {
                #expect(try next(after: place) == blocks.first { $0.sequence > place }?.sequence, "\(place)")
                continue
            }
            #expect(throws: TailFault.trimmed(oldestSequence: 0)) { try next(after: place) }
        }
        // In the middle of a block, of which the rest is asked for.
        #expect(throws: TailFault.trimmed(oldestSequence: 0)) { try next(after: from - 1, seen: from) }
        #expect(try next(after: from - 2, seen: from - 1) == from - 1)
        #expect(try next(after: last + 1, seen: last + 2) == last + 2)
    }

    /// Damage behind a repair: the sequences that the repair has removed are not what is missing.
    @Test func damageBehindARepair() throws {
        let (storage, _, _) = try repaired(shards: 1)
        let rig = try LogRig(storage)
        for number in 0..<4 as Range<UInt64> {
            rig.append(.sale(100 + number, stock: 10))
            try rig.flush()
        }
        rig.mark()
        let blocks = try Repairs.blocks(storage)
        let victim = blocks[blocks.count - 4]
        storage.flipBit(victim.file, at: (victim.offset + 150) * 8)
        var refusal: RepairRefusal?
        do { _ = try Repairs.plan(storage) } catch { refusal = error }
        #expect(refusal?.fromSequence == victim.sequence)
        let before = try Repairs.manifest(storage).removed
        try Repairs.repair(storage, from: victim.sequence, stamp: "again")
        #expect(
            try Repairs.manifest(storage).removed
                == before + [.init(from: victim.sequence, until: blocks[blocks.count - 1].sequence + 1)])
        // Behind the first one again: both are one from then on.
        try Repairs.repair(storage, from: before[0].from - 1, stamp: "more")
        let removed = try Repairs.manifest(storage).removed
        #expect(removed.count == 1 && removed[0].from == before[0].from - 1)
        #expect(removed[0].until > blocks[blocks.count - 1].sequence)
    }

    /// Copies that were put back without the manifest of their time: they would be served, and nobody who follows
    /// would be told.
    @Test func whatIsPutBackIsRefused() throws {
        let rig = try Repairs.wholeLog(shards: 1)
        let before = rig.storage.copy()
        let blocks = try Repairs.blocks(rig.storage)
        let victim = blocks[blocks.count / 2]
        let plan = try Repairs.plan(rig.storage, from: victim.sequence)
        try Repair.carryOut(plan, stamp: "now", storage: rig.storage)
        for piece in plan.cuts[0].pieces {
            let copy = try #require(rig.storage.contents(Repair.copyName(of: piece, stamp: "now")))
            if rig.storage.contents(piece.file) == nil {
                rig.storage.place(piece.file, [UInt8](repeating: 0, count: LogRig.segmentSizeBytes))
            }
            rig.storage.overwrite(piece.file, at: piece.offset, copy)
        }
        let fault = #expect(throws: RecoveryFault.self) { try Recoverer().recover(rig.storage) }
        #expect(fault?.kind == .damage && fault?.file == victim.file && fault?.offset == victim.offset)
        #expect(fault?.sentence.contains("that a repair has removed") == true)
        #expect(LogAudit(storage: rig.storage).faults == [fault])
        // With the manifest it is as if nothing had been done.
        rig.storage.place(LogFiles.manifest, try #require(rig.storage.contents("removed-now-MANIFEST")))
        #expect(try Recoverer().recover(rig.storage).digest == Recoverer().recover(before).digest)
    }
}
