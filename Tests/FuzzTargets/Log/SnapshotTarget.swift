import Fuzzing
import Log
import SimulatedStorage

/// A snapshot that a manifest names, before a log that has nothing yet. As a second base there is the empty state where
/// bit 5 of the first byte says so: a damaged snapshot then is put aside.
enum SnapshotTarget {
    private static let sequence: UInt64 = 7

    static let target = FuzzTarget("snapshot", "a snapshot", sizeMaxBytes: 16_384) { input in
        let chain = PackedBlocks.Chain(logId: 0, segment: sequence, sequence: sequence)
        let blocks = PackedBlocks(input, chain, isSnapshot: true)
        let storage = SimulatedStorage()
        let name = LogFiles.snapshot(generation: 1, sequence: sequence)
        var bases = [Manifest.Base(snapshot: name, sequence: sequence, digest: 0, starts: [.beginning])]
        if let first = input.first, first & 32 != 0 {
            bases.insert(Manifest.Base(snapshot: nil, sequence: 0, digest: 0, starts: [.beginning]), at: 0)
        }
        let manifest = Manifest(
            generation: 1, nextLogId: 2, segmentSizeBytes: RecoveryCheck.segmentSizeBytes, logs: [1], bases: bases)
        storage.place(LogFiles.manifest, Array(manifest.text.utf8))
        storage.place(name, blocks.files[0])
        storage.place(
            LogFiles.segment(log: 1, number: 1), [UInt8](repeating: 0, count: RecoveryCheck.segmentSizeBytes))
        RecoveryCheck.run(storage)
    }
}
