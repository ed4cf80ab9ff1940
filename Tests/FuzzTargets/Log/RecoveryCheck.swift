import Engine
import FuzzEngine
import Fuzzing
import Log
import Protocol
import SimulatedStorage

/// What a start has to make of a directory, whatever lies in it: it refuses it with the place and leaves it as it was,
/// and what `wal-replay repair` then offers makes it start; or it comes to a state that keeps promise 1, that the next
/// start finds again, and that another number of shards does not change.
enum RecoveryCheck {
    static let nowMs: UInt64 = 1_767_225_700_000
    static let segmentSizeBytes = 1 << 16

    static func configuration(shards: Int) -> RecoveryConfiguration {
        RecoveryConfiguration(
            shards: shards, segmentSizeBytes: segmentSizeBytes,
            capacities: Capacities(
                users: 64, orders: 128, tombstones: 16, transactions: 64, checkouts: 32, coupons: 32, offers: 8,
                catalogueOperations: 32), retainMs: 1 << 40, hashSeed: 42)
    }

    private struct Start {
        var digest: UInt64
        var notes: [RecoveryNote]
    }

    private static func start(_ storage: SimulatedStorage, shards: Int = 1) throws(RecoveryFault) -> Start {
        let memory = FuzzMemory()
        var notes: [RecoveryNote] = []
        let state = try Recovery.recover(
            storage: storage, configuration: configuration(shards: shards), memory: memory.source, nowMs: nowMs
        ) { notes.append($0) }
        defer { state.release() }
        let catalogue = Partition.owner(of: Partition.catalogue, shards: shards)
        checkStock(of: state.shards[catalogue].engine, nowMs: nowMs)
        return Start(digest: state.shards.reduce(0) { $0 &+ $1.engine.pointee.digest() }, notes: notes)
    }

    static func run(_ storage: SimulatedStorage) {
        let files = contents(storage)
        do {
            let first = try start(storage)
            startsAgain(storage, first.digest)
        } catch {
            check(error, storage)
            expect(contents(storage) == files, "a start that refuses has changed the directory: \(error)")
            let isWhole = LogAudit(storage: storage).isWhole
            expect(error.kind != .damage || !isWhole, "an audit does not see: \(error)")
            repair(storage)
        }
    }

    private static func startsAgain(_ storage: SimulatedStorage, _ digest: UInt64) {
        let audit = LogAudit(storage: storage)
        expect(audit.isWhole, "a start has left damage: \(audit.faults)")
        for shards in [1, 2, 1] {
            do {
                let next = try start(storage, shards: shards)
                expect(next.digest == digest, "a start with \(shards) shards has another digest")
                expect(!next.notes.contains { if case .tornTailCut = $0 { true } else { false } }, "a tail is back")
            } catch {
                // The same records may not fit into the tables of another number of shards.
                if error.kind == .capacity { return }
                violated("a start with \(shards) shards is refused: \(error)")
            }
        }
    }

    private static func check(_ fault: RecoveryFault, _ storage: SimulatedStorage) {
        expect(fault.sentence.hasSuffix("."), "no sentence: \(fault)")
        switch fault.kind {
        case .damage, .newer: expect(storage.fileNames.contains(fault.file), "no file: \(fault)")
        case .missing: expect(!fault.file.isEmpty, "no file: \(fault)")
        case .contradiction, .capacity: break
        case .storage: violated("the storage has no fault: \(fault)")
        }
        if fault.kind == .damage && fault.file != LogFiles.manifest {
            expect(fault.offset != nil, "no offset: \(fault)")
        }
    }

    /// What the person on call does: repair, and cut where it says.
    private static func repair(_ storage: SimulatedStorage) {
        let memory = FuzzMemory()
        var sequence: UInt64?
        for _ in 0..<2 {
            do {
                let plan = try RepairPlan(storage: storage, fromSequence: sequence) { memory.source }
                do {
                    try Repair.carryOut(plan, stamp: "now", storage: storage)
                    _ = try start(storage)
                } catch {
                    // A directory may hold more than these tables do.
                    if error.kind != .capacity { violated("repaired, and refused: \(error)") }
                }
                return
            } catch {
                guard let from = error.fromSequence, sequence == nil else { return }
                sequence = from
            }
        }
    }

    private static func contents(_ storage: SimulatedStorage) -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: storage.fileNames.map { ($0, storage.contents($0) ?? []) })
    }
}
