import Fuzzing
import Log
import SimulatedStorage

/// The segments of a log under a manifest that is right.
enum LogTarget {
    static let target = FuzzTarget("log", "the segments of a log", sizeMaxBytes: 16_384) { input in
        let blocks = PackedBlocks(input, PackedBlocks.Chain(logId: 1, segment: 1), isSnapshot: false)
        let storage = SimulatedStorage()
        storage.place(
            LogFiles.manifest, Array(manifest.text.utf8))
        for (index, file) in blocks.files.enumerated() {
            let name = LogFiles.segment(log: 1, number: UInt64(index) + 1)
            storage.place(name, Array(file.prefix(RecoveryCheck.segmentSizeBytes)))
            let missing = RecoveryCheck.segmentSizeBytes - file.count
            if missing > 0 { storage.overwrite(name, at: file.count, [UInt8](repeating: 0, count: missing)) }
        }
        RecoveryCheck.run(storage)
    }

    private static let manifest = Manifest(
        generation: 1, nextLogId: 2, segmentSizeBytes: RecoveryCheck.segmentSizeBytes, logs: [1],
        bases: [Manifest.Base(snapshot: nil, sequence: 0, digest: 0, starts: [.beginning])])
}
