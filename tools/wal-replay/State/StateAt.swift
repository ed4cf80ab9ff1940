import Engine
import Log
import Protocol

/// The state of a data directory at a point in its history, in one engine.
struct StateAt {
    let replay: Replay
    /// All blocks of all logs up to this one, and none behind it.
    let sequence: UInt64
    /// The point that was asked for, or the last time in the log: what has expired is told by it.
    let nowMs: UInt64
    private let memory: TableMemory

    /// The repair that has removed what was there at this sequence.
    var removed: Manifest.Removed? { replay.manifest.removal(of: sequence) }

    /// Gives its memory back; nothing may be asked of it any more.
    func free() { memory.free() }

    /// The same state, asked at another time of the clock.
    func at(_ nowMs: UInt64) -> StateAt {
        StateAt(replay: replay, sequence: sequence, nowMs: nowMs, memory: memory)
    }

    /// - Parameters:
    ///   - until: nil for the end of the log.
    ///   - observer: sees all from the state at `since` on, or at an earlier sequence; from the oldest state that is
    ///     kept if that is later.
    /// - Throws: `Refusal`.
    static func load(
        _ storage: any LogStorage, until: HistoryPoint?, since: UInt64 = .max, observer: (any ReplayObserver)? = nil
    ) throws -> StateAt {
        var before: Manifest?
        while true {
            let directory: LogDirectory
            do { directory = try LogDirectory(storage: storage) } catch { throw Refusal("\(error)") }
            do {
                return try load(directory, until, since, observer)
            } catch let fault as RecoveryFault {
                // A server that makes a snapshot meanwhile puts away what this was reading.
                guard let manifest = directory.manifest, let now = try? LogDirectory(storage: storage).manifest,
                    now != manifest, before != manifest
                else { throw Refusal("\(fault)") }
                before = manifest
            }
        }
    }

    private static func load(
        _ directory: LogDirectory, _ until: HistoryPoint?, _ since: UInt64, _ observer: (any ReplayObserver)?
    ) throws -> StateAt {
        let manifest = try directory.knownManifest()
        var bases = try candidates(directory, manifest, until)
        // Newest first.
        while bases.count > 1, bases[0].sequence > since { bases.removeFirst() }
        for (index, base) in bases.enumerated() {
            do {
                return try load(directory, manifest, base, until, observer)
            } catch let fault as RecoveryFault {
                guard fault.file == base.snapshot, index + 1 < bases.count else { throw fault }
                remark(
                    "\(fault.file) cannot be used (\(fault.found)); an older one and the log since then are read.")
            }
        }
        preconditionFailure("there is a base")
    }

    /// The bases that a replay to a point may begin with, the newest first.
    private static func candidates(
        _ directory: LogDirectory, _ manifest: Manifest, _ until: HistoryPoint?
    ) throws -> [Manifest.Base] {
        let oldest = manifest.bases[0]
        var bases: [Manifest.Base]
        switch until {
        case nil: bases = manifest.bases
        case .sequence(let last): bases = manifest.bases.filter { $0.sequence <= last }
        case .time(let ms):
            bases = manifest.bases.filter { base in
                base == oldest
                    ? (baseTimeMs(directory, manifest, base) ?? 0) <= ms : isBefore(ms, base, directory, manifest)
            }
        }
        bases.reverse()
        if bases.isEmpty {
            let time = baseTimeMs(directory, manifest, oldest).map { ", of \(timeText($0))" } ?? ""
            throw Refusal(
                "the log here goes back to sequence \(oldest.sequence)\(time): what was before it is "
                    + "only in its snapshot. "
                    + "That is the earliest state that can be told.")
        }
        return bases
    }

    private static func isBefore(
        _ ms: UInt64, _ base: Manifest.Base, _ directory: LogDirectory, _ manifest: Manifest
    ) -> Bool {
        baseTimeMs(directory, manifest, base).map { $0 <= ms } ?? false
    }

    /// When the last block was sealed that a base holds; nil if its snapshot cannot be read.
    private static func baseTimeMs(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base
    ) -> UInt64? {
        guard base.snapshot != nil else { return 0 }
        guard let opened = try? SnapshotReader.open(directory, generation: manifest.generation, base: base) else {
            return nil
        }
        var reader = opened
        return (try? reader.next()).flatMap { $0?.header.timeMs }
    }

    private static func load(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base, _ until: HistoryPoint?,
        _ observer: (any ReplayObserver)?
    ) throws -> StateAt {
        var survey = try LogSurvey(directory, manifest, base, timeMs: until?.timeMs)
        let sequence = try survey.sequence(of: until)
        if let refusal = survey.refusal(at: sequence) { throw refusal }
        try survey.addSnapshot()
        while true {
            let memory = TableMemory()
            let replay: Replay
            do {
                replay = try Replay(
                    directory, manifest: manifest, base: base, untilSequence: sequence,
                    damageLiesBehind: survey.damage != nil,
                    configuration: RecoveryConfiguration(
                        holding: survey.counts, segmentSizeBytes: manifest.segmentSizeBytes), memory: memory.source,
                    nowMs: 0, observer: observer)
            } catch {
                // Tables were made for what was there when it was counted.
                memory.free()
                if error.kind == .capacity, try survey.recount() { continue }
                throw error
            }
            // In a directory in use a block may have come to a log behind the place where that was read to.
            if try hasGrown(replay, sequence) {
                memory.free()
                _ = try survey.recount()
                continue
            }
            return StateAt(
                replay: replay, sequence: sequence, nowMs: until?.timeMs ?? replay.lastTimeMs, memory: memory)
        }
    }

    /// Whether a log has a block by now that belongs to the state and was not there when it was replayed.
    private static func hasGrown(_ replay: Replay, _ sequence: UInt64) throws(RecoveryFault) -> Bool {
        let directory = try LogDirectory(storage: replay.directory.storage)
        for (shard, end) in replay.ends.enumerated() {
            var reader = try LogReader(
                directory, manifest: replay.manifest, shard: shard, start: end.position,
                lastSequence: replay.base.sequence, untilSequence: sequence)
            if try reader.next() != nil { return true }
        }
        return false
    }
}

extension HistoryPoint {
    var timeMs: UInt64? { if case .time(let ms) = self { ms } else { nil } }
}
