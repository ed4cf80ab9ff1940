import Log
import SimulatedStorage

// Snapshots of the running logs, by the code that the server has made them with, beside shards that go on.

extension World {
    /// Takes a snapshot of what is durable, makes it a base, and removes the segments that nobody needs any more.
    /// What it reads no shard changes, so that it can be one step of the others; any of its calls may be its last.
    func takeSnapshot() throws(Violation) {
        if !isCalm && dice.chance(scenario.recoveryCrashPerMille) {
            storage.fault = (storage.callCount + dice.pick(1...60), .crash)
        }
        planCallFault(within: 60)
        snapshotMemory.reset()
        do throws(RecoveryFault) {
            let cut = try Snapshotter.take(
                storage: storage, sequence: machine.board.cut(),
                capacities: recoveryConfiguration(shards: 1).capacities, retainMs: retainMs,
                memory: snapshotMemory.source
            ) { _ in }
            if let cut {
                coverage[.snapshots] += 1
                let directory = try Snapshotter.adopt(cut.manifest, storage: storage)
                coverage[.segmentsCovered] += directory.covered.count
                try Recovery.removeCovered(directory)
                let base = cut.manifest.newestBase
                trace.note(17, base.digest, "snapshot at sequence \(base.sequence)")
            }
        } catch {
            if !storage.isDown, try isPlannedFault(error, of: "a snapshot") {
                coverage[.snapshotFailures] += 1
                storage.fault = nil
                return
            }
            guard storage.isDown else { throw Violation(11, "no snapshot can be taken of a whole log: \(error)") }
            coverage[.snapshotCrashes] += 1
            return try crash()
        }
        storage.fault = nil
    }

    /// Spoils the newest snapshot, if there is an older one to fall back to.
    func damageSnapshot() {
        guard !isCalm, dice.chance(scenario.snapshotDamagePerMille), let manifest = manifest(),
            manifest.bases.count > 1, let name = manifest.newestBase.snapshot,
            let sizeBytes = storage.contents(name)?.count
        else { return }
        trace.note(18, 0, "the disk damages \(name)")
        storage.flipBit(name, at: dice.below(sizeBytes * 8))
    }
}
