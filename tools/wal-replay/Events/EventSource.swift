import Engine
import Log
import Protocol

/// A log, and the block of it that comes next.
///
/// The log may be written on meanwhile. What looks like damage is looked at again, since a reader that was overtaken
/// by the writer sees blocks that vouch for one it had found missing.
final class EventSource {
    private let storage: any LogStorage
    private let manifest: Manifest
    private let untilSequence: UInt64
    private var reader: LogReader
    let shard: Int
    private(set) var block: LogBlock?
    /// How the log ends, once there is no block any more.
    private(set) var end: LogEnd = .clean

    init(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base, shard: Int, untilSequence: UInt64
    ) throws(RecoveryFault) {
        storage = directory.storage
        self.manifest = manifest
        self.shard = shard
        self.untilSequence = untilSequence
        reader = try LogReader(
            directory, manifest: manifest, base: base, shard: shard, untilSequence: untilSequence)
        advance()
    }

    var lastSequence: UInt64 { reader.lastSequence }

    func advance() {
        var before: RecoveryFault?
        while true {
            do throws(RecoveryFault) {
                block = try reader.next()
                if block != nil || reader.isBeyond { return }
                end = try reader.end()
            } catch {
                block = nil
                end = .damaged(error)
            }
            guard case .damaged(let fault) = end, fault != before, let again = lookAgain() else { return }
            before = fault
            end = .clean
            reader = again
        }
    }

    private func lookAgain() -> LogReader? {
        guard let directory = try? LogDirectory(storage: storage), directory.manifest == manifest else {
            return nil
        }
        return try? LogReader(
            directory, manifest: manifest, shard: shard, start: reader.position, lastSequence: reader.lastSequence,
            untilSequence: untilSequence)
    }
}

/// An event of a log or a record of a snapshot, where it was found.
struct FoundEvent {
    let kind: EventKind
    /// Valid during the call that gives it.
    let bytes: UnsafeRawPointer
    /// Of its block; for a record that of the snapshot.
    let sequence: UInt64
    /// -1 for a record of a snapshot.
    let shard: Int
    let lsn: UInt64

    var timeMs: UInt64 { bytes.loadLE(EventField.timeMs) }
}

/// All events of a directory in the order of their sequences, behind the records of the snapshot that they follow.
struct EventOrder {
    let directory: LogDirectory
    let manifest: Manifest
    let base: Manifest.Base
    let untilSequence: UInt64
    /// What was damaged on the way: a log that is damaged ends there, the others go on.
    private(set) var faults: [RecoveryFault] = []

    /// From the oldest base on that the directory still has.
    init(_ storage: any LogStorage, untilSequence: UInt64 = .max) throws(RecoveryFault) {
        directory = try LogDirectory(storage: storage)
        manifest = try directory.knownManifest()
        base = manifest.bases[0]
        self.untilSequence = untilSequence
    }

    /// Gives every event to `body`, until that answers false.
    mutating func forEach(_ body: (FoundEvent) throws -> Bool) throws {
        var found: [RecoveryFault] = []
        try forEachBlock { block, shard in try Self.walk(block, shard: shard, &found, body) }
        faults += found
    }

    /// Gives every block to `body`, those of the snapshot with shard -1, until that answers false.
    mutating func forEachBlock(_ body: (_ block: LogBlock, _ shard: Int) throws -> Bool) throws {
        let blocks = try blocks()
        while let (block, shard) = blocks.next() {
            if try !body(block, shard) { break }
        }
        faults += blocks.faults
    }

    /// The blocks one by one.
    func blocks() throws(RecoveryFault) -> BlockOrder {
        var sources: [EventSource] = []
        for shard in manifest.logs.indices {
            sources.append(try EventSource(directory, manifest, base, shard: shard, untilSequence: untilSequence))
        }
        var faults: [RecoveryFault] = []
        let snapshot = SnapshotBlocks(directory, manifest, base, &faults)
        return BlockOrder(snapshot: snapshot, sources: sources, faults: faults)
    }

    /// Gives the events of a block to `body`. False if that wants no more.
    static func walk(
        _ block: LogBlock, shard: Int, _ faults: inout [RecoveryFault], _ body: (FoundEvent) throws -> Bool
    ) throws -> Bool {
        var cursor = block.events
        while true {
            let next: (kind: EventKind, event: UnsafeRawPointer)?
            do throws(EventFault) {
                next = try cursor.next()
            } catch {
                faults.append(RecoveryFault(error, file: block.file, offset: block.offset, lsn: cursor.lastLsn))
                return true
            }
            guard let (kind, event) = next else { return true }
            let found = FoundEvent(
                kind: kind, bytes: event, sequence: block.header.sequence, shard: shard, lsn: cursor.lastLsn)
            if try !body(found) { return false }
        }
    }
}

/// The blocks of a snapshot, then those of all logs in the order of their sequences.
final class BlockOrder {
    private var snapshot: SnapshotBlocks?
    private let sources: [EventSource]
    /// The log whose block was given last; it moves on when the next one is asked for.
    private var current: EventSource?
    /// What was damaged on the way.
    private(set) var faults: [RecoveryFault]

    fileprivate init(snapshot: consuming SnapshotBlocks?, sources: [EventSource], faults: [RecoveryFault]) {
        self.snapshot = consume snapshot
        self.sources = sources
        self.faults = faults
    }

    /// The next block, valid until the next call; with the shard of its log, -1 for the snapshot. Nil at the end.
    func next() -> (block: LogBlock, shard: Int)? {
        if let block = snapshot?.next(&faults) { return (block, -1) }
        snapshot = nil
        if let current {
            current.advance()
            if current.block == nil, case .damaged(let fault) = current.end { faults.append(fault) }
        } else {
            for source in sources where source.block == nil {
                if case .damaged(let fault) = source.end { faults.append(fault) }
            }
        }
        var lowest: EventSource?
        for source in sources {
            guard let sequence = source.block?.header.sequence else { continue }
            if lowest?.block.map({ sequence < $0.header.sequence }) ?? true { lowest = source }
        }
        current = lowest
        return lowest.flatMap { source in source.block.map { ($0, source.shard) } }
    }
}

/// The blocks of a base's snapshot, up to its end or its first damage.
private struct SnapshotBlocks: ~Copyable {
    private var reader: SnapshotReader

    /// Nil if there is none, or none that can be read.
    init?(
        _ directory: LogDirectory, _ manifest: Manifest, _ base: Manifest.Base, _ faults: inout [RecoveryFault]
    ) {
        do throws(RecoveryFault) {
            guard let opened = try SnapshotReader.open(directory, generation: manifest.generation, base: base)
            else {
                return nil
            }
            reader = opened
        } catch {
            faults.append(error)
            return nil
        }
    }

    mutating func next(_ faults: inout [RecoveryFault]) -> LogBlock? {
        do throws(RecoveryFault) {
            return try reader.next()
        } catch {
            faults.append(error)
            return nil
        }
    }
}
