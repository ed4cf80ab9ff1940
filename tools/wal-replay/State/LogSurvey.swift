import Engine
import Log

/// What the logs hold behind a base: read once, before they are replayed.
struct LogSurvey {
    private let directory: LogDirectory
    private let manifest: Manifest
    private let base: Manifest.Base
    private let timeMs: UInt64?
    private(set) var counts = EventCounts()
    private var lastSequence: UInt64
    private var lastTimeMs: UInt64 = 0
    /// The lowest sequence of a block that was sealed after the time asked for.
    private var firstLater: UInt64?
    /// The first damage, and the highest sequence before it up to which every block is there.
    private(set) var damage: (fault: RecoveryFault, certain: UInt64)?

    init(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base, timeMs: UInt64?
    ) throws(RecoveryFault) {
        self.directory = directory
        self.manifest = manifest
        self.base = base
        self.timeMs = timeMs
        lastSequence = max(base.sequence, manifest.removed.last?.until ?? 0)
        try read(directory)
    }

    private mutating func read(_ directory: LogDirectory) throws(RecoveryFault) {
        var damaged: (fault: RecoveryFault, after: UInt64)?
        for shard in manifest.logs.indices {
            let source = try EventSource(directory, manifest, base, shard: shard, untilSequence: .max)
            while let block = source.block {
                try counts.add(block)
                lastSequence = max(lastSequence, block.header.sequence)
                lastTimeMs = max(lastTimeMs, block.header.timeMs)
                if let timeMs, block.header.timeMs > timeMs {
                    firstLater = min(firstLater ?? .max, block.header.sequence)
                }
                source.advance()
            }
            guard case .damaged(let fault) = source.end else { continue }
            if damaged.map({ source.lastSequence < $0.after }) ?? true { damaged = (fault, source.lastSequence) }
        }
        guard let damaged else { return }
        let certain = try LogReader.certainSequence(
            directory, manifest: manifest, base: base, damagedAfter: damaged.after)
        damage = (damaged.fault, certain)
    }

    /// Records of the snapshot need room as well.
    mutating func addSnapshot() throws(RecoveryFault) {
        guard var reader = try SnapshotReader.open(directory, generation: manifest.generation, base: base) else {
            return
        }
        while let block = try reader.next() { try counts.add(block) }
    }

    /// Counts again what may have come since. False if there is nothing new.
    mutating func recount() throws(RecoveryFault) -> Bool {
        let before = counts
        counts = EventCounts()
        try read(try LogDirectory(storage: directory.storage))
        try addSnapshot()
        return counts != before
    }

    /// The sequence that a point means. At a time: all blocks that had been sealed by then, and none that one of
    /// these may have waited for.
    func sequence(of point: HistoryPoint?) throws -> UInt64 {
        switch point {
        case nil: return lastSequence
        case .sequence(let sequence):
            if let refusal = refusal(at: sequence) { throw refusal }
            guard sequence <= lastSequence else {
                throw Refusal(
                    "the log ends with sequence "
                        + "\(lastSequence)\(lastTimeMs == 0 ? "" : ", of \(timeText(lastTimeMs))"): "
                        + "there is no sequence \(sequence) yet.")
            }
            return sequence
        case .time: return firstLater.map { $0 - 1 } ?? lastSequence
        }
    }

    /// The fault that keeps the state at a sequence from being told, with what can be told in its place.
    func refusal(at sequence: UInt64) -> Refusal? {
        guard let damage, sequence > damage.certain else { return nil }
        return Refusal("\(damage.fault)\nWhat was before it can be told: --until \(damage.certain)")
    }
}
