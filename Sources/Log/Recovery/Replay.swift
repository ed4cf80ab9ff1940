import Engine
import Protocol

/// Looks on while a replay goes by: so the state at many sequences can be had from one.
public protocol ReplayObserver: AnyObject {
    /// The state that the replay begins with is there: that at the base's sequence. Comes again if it has to begin
    /// anew.
    func begins(_ engines: UnsafeMutablePointer<Engine>, sequence: UInt64)

    /// A block has been applied: those of one log after the other, that of the catalogue first.
    func applied(_ block: LogBlock, _ engines: UnsafeMutablePointer<Engine>)
}

/// The state that snapshot and logs make, replayed into new engines. Changes nothing in the directory.
public struct Replay {
    public let directory: LogDirectory
    public let manifest: Manifest
    /// What it began with.
    public let base: Manifest.Base
    /// As many engines as the configuration has shards, whatever number the logs have.
    public let engines: UnsafeMutablePointer<Engine>
    public let events: UnsafeMutablePointer<EventBuffer>
    public let counters: StockCounters
    public let configuration: RecoveryConfiguration
    private let damageLiesBehind: Bool
    private let observer: (any ReplayObserver)?
    /// Read, and not yet applied.
    private let upcoming: UnsafeMutablePointer<UpcomingEvent>
    /// How each log ends, and where: by shard of the manifest. Damage is not among them, it is a fault. A log that
    /// goes on behind the sequence asked for ends cleanly there.
    public private(set) var ends: [(position: LogPosition, lastSegment: UInt64, end: LogEnd)] = []
    public private(set) var lastSequence: UInt64
    public private(set) var lastTimeMs: UInt64 = 0
    public private(set) var eventCount: UInt64 = 0

    /// Replays a base of the manifest's and all that follows it, up to the end of the logs or a sequence, or throws
    /// the first fault.
    ///
    /// With `damageLiesBehind` the caller has made sure that no block up to the sequence is missing
    /// (`certainSequence`), although a log cannot be read any further.
    public init(
        _ directory: LogDirectory, manifest: Manifest, base: Manifest.Base, untilSequence: UInt64 = .max,
        damageLiesBehind: Bool = false, configuration: RecoveryConfiguration, memory: MemorySource, nowMs: UInt64,
        observer: (any ReplayObserver)? = nil
    ) throws(RecoveryFault) {
        self.observer = observer
        self.damageLiesBehind = damageLiesBehind
        self.directory = directory
        self.manifest = manifest
        self.base = base
        self.configuration = configuration
        lastSequence = base.sequence
        (engines, events, counters) = try Self.makeEngines(configuration, memory, nowMs)
        upcoming = .allocate(capacity: Self.upcomingMask + 1)
        defer { upcoming.deallocate() }
        try replaySnapshot()
        observer?.begins(engines, sequence: base.sequence)
        // The catalogue's log first, and all of it: orders of every log rest on its sales.
        let catalogue = Partition.owner(of: Partition.catalogue, shards: manifest.logs.count)
        let order = [catalogue] + (0..<manifest.logs.count).filter { $0 != catalogue }
        var ends: [Int: (position: LogPosition, lastSegment: UInt64, end: LogEnd)] = [:]
        for shard in order { ends[shard] = try replayLog(of: shard, untilSequence) }
        self.ends = ends.sorted { $0.key < $1.key }.map(\.value)
        // What a repair has removed has been acknowledged, and seen: nothing else gets its sequences.
        for removed in manifest.removed where removed.until <= untilSequence {
            lastSequence = max(lastSequence, removed.until)
        }
        try restoreStock()
    }

    /// New engines with nothing in them.
    static func makeEngines(
        _ configuration: RecoveryConfiguration, _ memory: MemorySource, _ nowMs: UInt64
    ) throws(RecoveryFault) -> (
        UnsafeMutablePointer<Engine>, UnsafeMutablePointer<EventBuffer>, StockCounters
    ) {
        let shards = configuration.shards
        precondition((1...64).contains(shards))
        let capacities = configuration.capacities.perShard(shards)
        for (what, count) in capacities.byName where count >= tableCountMax {
            throw RecoveryFault(
                .capacity, file: "",
                "\(count) \(what) on one shard are more than a table can hold (\(tableCountMax - 1)). "
                    + "Start with a lower limit of \(what), or with more shards.")
        }
        let counters = StockCounters(sales: capacities.offers + 1, shards: shards, memory: memory)
        let engines = UnsafeMutablePointer<Engine>.allocate(capacity: shards)
        let events = UnsafeMutablePointer<EventBuffer>.allocate(capacity: shards)
        for shard in 0..<shards {
            (events + shard).initialize(
                to: EventBuffer(base: memory.allocate(64), capacityBytes: 0, nextLsn: 1))
            (engines + shard).initialize(
                to: Engine(
                    configuration: configuration.engineConfiguration(shard: shard), counters: counters,
                    events: events + shard, memory: memory, nowMs: nowMs))
        }
        return (engines, events, counters)
    }

    /// A handle names a record with 29 bits.
    private static let tableCountMax = 1 << 29

    private mutating func replaySnapshot() throws(RecoveryFault) {
        guard var reader = try SnapshotReader.open(directory, generation: manifest.generation, base: base) else {
            return
        }
        while let block = try reader.next() { try apply(block) { _ in true } }
        lastTimeMs = max(lastTimeMs, reader.timeMs)
    }

    private mutating func replayLog(
        of shard: Int, _ untilSequence: UInt64
    ) throws(RecoveryFault) -> (position: LogPosition, lastSegment: UInt64, end: LogEnd) {
        var reader = try LogReader(
            directory, manifest: manifest, base: base, shard: shard, untilSequence: untilSequence)
        var damage: RecoveryFault?
        while true {
            let end = try replayBlocks(&reader)
            guard case .damaged(let fault) = end else { return (reader.position, reader.lastSegment, end) }
            // A log that is being written may have overtaken its reader, who then saw a later block vouch for one
            // that was not there yet. Only what is damaged at a second look is damage.
            guard untilSequence != .max, fault != damage else { throw fault }
            damage = fault
            reader = try LogReader(
                LogDirectory(storage: directory.storage), manifest: manifest, shard: shard, start: reader.position,
                lastSequence: reader.lastSequence, untilSequence: untilSequence)
        }
    }

    /// Replays a log to its end, or to the sequence that its reader stops at.
    private mutating func replayBlocks(_ reader: inout LogReader) throws(RecoveryFault) -> LogEnd {
        let (shard, shards) = (reader.shard, manifest.logs.count)
        while let block = try reader.next() {
            try apply(block) { Partition.owner(of: $0, shards: shards) == shard }
            observer?.applied(block, engines)
        }
        lastSequence = max(lastSequence, reader.lastSequence)
        lastTimeMs = max(lastTimeMs, reader.lastTimeMs)
        return reader.isBeyond || damageLiesBehind ? .clean : try reader.end()
    }

    /// Applies the events of a block. Each is read once and then passes three places, so many steps apart as it takes
    /// a load to arrive: where the lines of its indexes are asked for, where its records are, and where it is applied.
    private mutating func apply(_ block: LogBlock, sourceOwns: (Int) -> Bool) throws(RecoveryFault) {
        var cursor = block.events
        var isRead = false
        var fault: EventFault?
        var (read, step) = (0, 0)
        while !isRead || step - 2 * Self.distance < read {
            if !isRead {
                do throws(EventFault) {
                    if let (kind, event) = try cursor.next() {
                        upcoming[read & Self.upcomingMask] = UpcomingEvent(kind, event, configuration.shards)
                        prefetchIndexes(upcoming[read & Self.upcomingMask])
                        read += 1
                    } else {
                        isRead = true
                    }
                } catch {
                    fault = error
                    isRead = true
                }
            }
            let near = step - Self.distance
            if near >= 0 && near < read { prefetchRecords(upcoming[near & Self.upcomingMask]) }
            let due = near - Self.distance
            if due >= 0 && due < read {
                do throws(EventFault) {
                    try apply(upcoming[due & Self.upcomingMask], sourceOwns: sourceOwns)
                } catch {
                    let lsn = block.header.firstLsn + UInt64(due)
                    throw RecoveryFault(error, file: block.file, offset: block.offset, lsn: lsn)
                }
            }
            step += 1
        }
        if let fault { throw RecoveryFault(fault, file: block.file, offset: block.offset, lsn: cursor.lastLsn) }
        eventCount += UInt64(block.header.eventCount)
    }

    /// How many events it takes a load to arrive.
    private static let distance = 12
    /// Room for the events between the places: a power of two.
    private static let upcomingMask = 31

    @inline(__always)
    private func prefetchIndexes(_ upcoming: UpcomingEvent) {
        if upcoming.partition >= 0 { engines[upcoming.shard].prefetchIndexes(upcoming.kind, upcoming.event) }
    }

    @inline(__always)
    private func prefetchRecords(_ upcoming: UpcomingEvent) {
        if upcoming.partition >= 0 { engines[upcoming.shard].prefetchRecords(upcoming.kind, upcoming.event) }
    }

    /// Gives an event to the engines that it concerns.
    @inline(__always)
    private func apply(_ upcoming: UpcomingEvent, sourceOwns: (Int) -> Bool) throws(EventFault) {
        if upcoming.partition >= 0 {
            guard sourceOwns(upcoming.partition) else { throw .contradiction(Self.strange(upcoming.partition)) }
            try engines[upcoming.shard].replay(upcoming.kind, upcoming.event, sourceOwns: sourceOwns)
            return
        }
        if upcoming.kind.isOfCatalogue && !sourceOwns(Partition.catalogue) {
            throw .contradiction(Self.strange(Partition.catalogue))
        }
        for shard in 0..<configuration.shards {
            try engines[shard].replay(upcoming.kind, upcoming.event, sourceOwns: sourceOwns)
        }
    }

    private static func strange(_ partition: Int) -> String {
        "partition \(partition) does not belong to the shard whose log this is"
    }

    private func restoreStock() throws(RecoveryFault) {
        let catalogue = Partition.owner(of: Partition.catalogue, shards: configuration.shards)
        do {
            for shard in 0..<configuration.shards { try engines[shard].finishReplay() }
            try engines[catalogue].restoreStock()
        } catch {
            let sentence: String
            switch error {
            case .contradiction(let found): sentence = found
            default: sentence = "the stock cannot be told"
            }
            throw RecoveryFault(
                .contradiction, file: "", "the logs do not add up: \(sentence). \(RecoveryFault.help)")
        }
    }
}

/// An event on its way to the engine of a shard.
private struct UpcomingEvent {
    let kind: EventKind
    let event: UnsafeRawPointer
    /// That of its id, and who owns it now; -1 and 0 if the event concerns every shard.
    let partition: Int
    let shard: Int

    @inline(__always)
    init(_ kind: EventKind, _ event: UnsafeRawPointer, _ shards: Int) {
        self.kind = kind
        self.event = event
        partition = kind.isOfPartition ? event.loadId(EventField.id).carriedPartition : -1
        shard = partition >= 0 ? Partition.owner(of: partition, shards: shards) : 0
    }
}
