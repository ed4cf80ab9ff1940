import Engine
import Protocol
import SimulatedStorage
import Testing

@testable import Log

extension Snapshotter.Cut {
    fileprivate var base: Manifest.Base { manifest.newestBase }
}

/// Snapshots of a log that is being written: what they hold, what starts make of them, and what is left when anything
/// about them fails.
@Suite struct SnapshotterTests {
    /// A directory whose log has grown, with a snapshot taken after each part, and what its state is.
    private final class Grown {
        let storage: SimulatedStorage
        private(set) var events: [LoggedEvent] = []
        private(set) var digests: [UInt64] = []
        private(set) var cuts: [Snapshotter.Cut] = []
        private let shards: Int

        init(shards: Int, parts: Int, seed: UInt64, storage: SimulatedStorage = SimulatedStorage()) throws {
            self.storage = storage
            self.shards = shards
            let all = Scenario(seed: seed, count: parts * 120).events
            let rig = try LogRig(storage, shards: shards)
            for part in 0..<parts {
                for event in all[(part * 120)..<((part + 1) * 120)] {
                    rig.append(event)
                    if event.quantity == 1 { try rig.flush() }
                }
                try rig.flush()
                rig.mark()
                digests.append(try Recoverer().digest(rig.appended))
                if part < parts - 1, let cut = try take(rig.board.cut()) { cuts.append(cut) }
            }
            events = rig.appended
        }

        private func take(_ sequence: UInt64) throws -> Snapshotter.Cut? {
            let cut = try Snapshotter.take(
                storage: storage, sequence: sequence,
                capacities: LogRig.configuration(shards: 1).capacities, retainMs: 1 << 40,
                memory: MemoryArena().source
            ) { _ in }
            if let cut { _ = try Snapshotter.adopt(cut.manifest, storage: storage) }
            return cut
        }
    }

    @Test(arguments: [1, 2, 5])
    func aStartFromASnapshotIsTheStateOfTheLog(shards: Int) throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let grown = try Grown(shards: shards, parts: 4, seed: seed)
            #expect(grown.cuts.count == 3)
            #expect(grown.cuts.map(\.base.digest) == Array(grown.digests[..<3]))
            let manifest = try #require(LogDirectory(storage: grown.storage).manifest)
            #expect(manifest.bases == [grown.cuts[1].base, grown.cuts[2].base])
            for target in [shards, 1, 2, 5] {
                let outcome = try Recoverer().recover(grown.storage.copy(), shards: target)
                #expect(outcome.digest == grown.digests[3], "seed \(seed), \(shards) to \(target) shards")
                #expect(outcome.notes.count <= (target == shards ? 0 : 1))
            }
        }
    }

    /// A start replays what came since the newest snapshot, and nothing that it holds already.
    @Test func aStartReplaysTheTailAlone() throws {
        let grown = try Grown(shards: 2, parts: 3, seed: 9)
        let outcome = try Recoverer().recover(grown.storage.copy(), shards: 2)
        let covered = grown.cuts[1].base.starts.reduce(0) { $0 + $1.nextLsn - 1 }
        let logged = outcome.nextLsns.reduce(0) { $0 + $1 - 1 }
        #expect(outcome.eventCount == grown.cuts[1].snapshot.recordCount + logged - covered)
    }

    /// Segments that both snapshots cover go at the next start, and nothing else does.
    @Test func whatBothCoverGoes() throws {
        let grown = try Grown(shards: 2, parts: 5, seed: 3)
        let covered = try LogDirectory(storage: grown.storage).covered
        #expect(!covered.isEmpty)
        let before = Set(grown.storage.fileNames)
        _ = try Recoverer().recover(grown.storage, shards: 2)
        let gone = before.subtracting(grown.storage.fileNames)
        let names = Set(covered.map { LogFiles.segment(log: $0.log, number: $0.number) })
        #expect(gone.isSuperset(of: names))
        // The segment that was made ahead for each log goes too.
        #expect(gone.subtracting(names).count <= 2)
        #expect(try Recoverer().recover(grown.storage, shards: 2).digest == grown.digests[4])
    }

    @Test func nothingSinceTheLastOneMeansNoSnapshot() throws {
        let grown = try Grown(shards: 1, parts: 2, seed: 5)
        let sequence = grown.cuts[0].base.sequence
        let again = try Snapshotter.take(
            storage: grown.storage, sequence: sequence, capacities: LogRig.configuration(shards: 1).capacities,
            retainMs: 1 << 40, memory: .zeroed
        ) { _ in }
        #expect(again == nil)
    }

    /// Shards hold more in all than the limits of a server say, by the spread that each has room for: a snapshot of
    /// them has that room too.
    @Test func whatShardsHoldBeyondTheLimits() throws {
        let small = Capacities(
            users: 1, orders: 1, tombstones: 1, transactions: 1, checkouts: 1, coupons: 1, couponOperations: 1,
            offers: 16, catalogueOperations: 256)
        func take(shards: Int) throws -> (digest: UInt64?, wanted: UInt64) {
            let grown = try Grown(shards: shards, parts: 1, seed: 4)
            let cut = try Snapshotter.take(
                storage: grown.storage, sequence: .max, capacities: small, retainMs: 1 << 40,
                memory: MemoryArena().source
            ) { _ in }
            return (cut?.base.digest, grown.digests[0])
        }
        let taken = try take(shards: 2)
        #expect(taken.digest == taken.wanted)
        #expect { try take(shards: 1) } throws: { ($0 as? RecoveryFault)?.kind == .capacity }
    }

    /// Any bit of the newest snapshot flipped, any length cut off it, the file gone: the start goes back to the one
    /// before, says so, keeps the damaged file under another name, and has the same state.
    @Test func aDamagedSnapshotFallsBack() throws {
        let grown = try Grown(shards: 2, parts: 4, seed: 7)
        let newest = try #require(grown.cuts[2].base.snapshot)
        let sizeBytes = try #require(grown.storage.contents(newest)).count
        var random = SeededRandom(seed: 1)
        for round in 0..<120 {
            let storage = grown.storage.copy()
            switch round % 3 {
            case 0: storage.flipBit(newest, at: Int(random.next(upperBound: UInt64(sizeBytes * 8))))
            case 1: storage.truncate(newest, to: Int(random.next(upperBound: UInt64(sizeBytes))))
            default: round == 2 ? storage.lose(newest) : storage.overwrite(newest, at: sizeBytes, [0])
            }
            let outcome = try Recoverer().recover(storage, shards: 2)
            guard outcome.digest == grown.digests[3],
                case .snapshotDamaged(let fault, let fallback)? = outcome.notes.first,
                fault.file == newest, fallback == grown.cuts[1].base.snapshot
            else {
                Issue.record("round \(round): \(outcome)")
                return
            }
            #expect(storage.fileNames.contains(newest + ".damaged") == (round != 2))
            #expect(try LogDirectory(storage: storage).manifest?.bases == [grown.cuts[1].base])
            // From now on it is as if the newest had never been.
            let again = try Recoverer().recover(storage, shards: 2)
            #expect(again.digest == grown.digests[3] && again.notes.isEmpty)
        }
    }

    /// What was built on a snapshot before its damage was met is not kept beside what the start ends with.
    @Test func aDamagedSnapshotCostsNoMemory() throws {
        let grown = try Grown(shards: 2, parts: 4, seed: 7)
        let newest = try #require(grown.cuts[2].base.snapshot)
        let damaged = grown.storage.copy()
        // Its closing block: all the others are replayed before the damage is met.
        try damaged.truncate(newest, to: #require(damaged.contents(newest)).count - 1)
        func recovered(_ storage: SimulatedStorage) throws -> (heldBytes: Int, releasedBytes: Int) {
            let memory = CountedMemory()
            _ = try Recovery.recover(
                storage: storage, configuration: LogRig.configuration(shards: 2), memory: memory.source, nowMs: 1000
            ) { _ in }
            return (memory.heldBytes, memory.releasedBytes)
        }
        let (whole, again) = (try recovered(grown.storage.copy()), try recovered(damaged))
        #expect(whole.releasedBytes == 0 && again.releasedBytes > 0)
        #expect(again.heldBytes == whole.heldBytes)
    }

    /// With both damaged nothing can be started from, and nothing is touched.
    @Test func twoDamagedSnapshotsStopTheStart() throws {
        let grown = try Grown(shards: 2, parts: 4, seed: 7)
        for cut in grown.cuts.suffix(2) { grown.storage.flipBit(cut.base.snapshot!, at: 5000) }
        let before = grown.storage.fileNames
        let fault = #expect(throws: RecoveryFault.self) { try Recoverer().recover(grown.storage, shards: 2) }
        #expect(fault?.kind == .damage && fault?.file == grown.cuts[1].base.snapshot)
        #expect(grown.storage.fileNames == before)
    }

    /// A snapshot is taken from the older one, if the newest is damaged, which then is no base any more.
    @Test func aSnapshotIsTakenFromTheOlderOne() throws {
        let grown = try Grown(shards: 2, parts: 4, seed: 8)
        grown.storage.flipBit(grown.cuts[2].base.snapshot!, at: 999)
        var notes: [RecoveryNote] = []
        let cut = try #require(
            try Snapshotter.take(
                storage: grown.storage, sequence: grown.cuts[2].base.sequence + 1000,
                capacities: LogRig.configuration(shards: 1).capacities, retainMs: 1 << 40, memory: .zeroed
            ) { notes.append($0) })
        #expect(cut.base.digest == grown.digests[3] && notes.count == 1)
        let directory = try Snapshotter.adopt(cut.manifest, storage: grown.storage)
        #expect(directory.manifest?.bases == [grown.cuts[1].base, cut.base])
        #expect(!grown.storage.fileNames.contains(grown.cuts[2].base.snapshot!))
    }

    /// Each call on the storage fails, or the process ends there, or the power: the next start has the whole state.
    @Test func aCrashAtAnyCall() throws {
        let grown = try Grown(shards: 2, parts: 3, seed: 2)
        let digest = grown.digests[2]
        let sequence = grown.cuts[1].base.sequence + 1000
        func snapshot(_ storage: SimulatedStorage) throws {
            let cut = try Snapshotter.take(
                storage: storage, sequence: sequence, capacities: LogRig.configuration(shards: 1).capacities,
                retainMs: 1 << 40, memory: .zeroed
            ) { _ in }
            _ = try Snapshotter.adopt(#require(cut).manifest, storage: storage)
        }
        let whole = grown.storage.copy()
        try snapshot(whole)
        let recoverer = Recoverer()
        #expect(whole.callCount > 10)
        for call in 1...whole.callCount {
            for end in 0..<6 {
                let storage = grown.storage.copy()
                storage.fault = (call, end == 0 ? .error(code: 28) : .crash)
                #expect(throws: (any Error).self) { try snapshot(storage) }
                var random = SeededRandom(seed: UInt64(call * 10 + end))
                switch end {
                case 0: storage.fault = nil
                case 1: storage.kill(using: &random)
                default: storage.losePower(using: &random)
                }
                guard try recoverer.recover(storage, shards: 2).digest == digest else {
                    Issue.record("call \(call), end \(end): another state")
                    return
                }
                storage.losePower(using: &random)
                guard try recoverer.recover(storage, shards: 2).digest == digest,
                    !storage.fileNames.contains(where: { $0.hasSuffix(".new") })
                else {
                    Issue.record("call \(call), end \(end): lost after the recovery")
                    return
                }
            }
        }
    }
}

/// The cut across logs: nothing below it is missing on the disk, whatever is under way.
@Suite struct DurableBoardTests {
    @Test func aWriteUnderWayHoldsTheCutBack() throws {
        let rig = try LogRig(SimulatedStorage(), shards: 2)
        let first = rig.board.cut()
        rig.appendTo(0, .sale(7, stock: 10))
        rig.appendTo(1, .sale(7, stock: 10))
        let ticket = try #require(try rig.begin(0))
        #expect(rig.board.cut() == first)
        let other = try #require(try rig.begin(1))
        rig.complete(other, 1)
        // Shard 1 is durable, but shard 0 drew its sequence before.
        #expect(rig.board.cut() == first)
        rig.complete(ticket, 0)
        #expect(rig.board.cut() == first + 2)
    }

    @Test func withoutDurableWritesOnlyASyncMovesIt() throws {
        let rig = try LogRig(SimulatedStorage(), shards: 1, mode: .everysec)
        let first = rig.board.cut()
        rig.append(.sale(7, stock: 10))
        rig.complete(try #require(try rig.begin(0)), 0)
        #expect(rig.board.cut() == first)
        rig.sync(0)
        #expect(rig.board.cut() == first + 1)
        // A mark holds no event that a sync would have to follow.
        rig.mark()
        #expect(rig.board.cut() == first + 2)
    }
}

/// Memory that knows how much of it is in use. One thread.
private final class CountedMemory: @unchecked Sendable {
    private(set) var heldBytes = 0
    private(set) var releasedBytes = 0
    private let arena = MemoryArena()

    var source: MemorySource {
        let inner = arena.source
        return MemorySource(
            allocate: { [self] sizeBytes in
                heldBytes += sizeBytes
                return inner.allocate(sizeBytes)
            },
            release: { [self] _, sizeBytes in
                heldBytes -= sizeBytes
                releasedBytes += sizeBytes
            })
    }
}
