import Engine
import Protocol
import SimulatedStorage

@testable import Log

/// A directory with logs and the writers that go on with them: what a server does, without the server.
final class LogRig {
    static let segmentSizeBytes = 16384
    static let blockSizeMaxBytes = 8192

    let storage: SimulatedStorage
    let state: RecoveredState
    let notes: [RecoveryNote]
    private let arena = MemoryArena()
    private let writers: UnsafeMutablePointer<LogWriter>
    private let sequence = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    private let mode: FsyncMode
    let board: DurableBoard
    let recent: [RecentBlocks]

    static func configuration(shards: Int, segmentSizeBytes: Int = segmentSizeBytes) -> RecoveryConfiguration
    {
        RecoveryConfiguration(
            shards: shards, segmentSizeBytes: segmentSizeBytes,
            capacities: Capacities(
                users: 256, orders: 1024, tombstones: 128, transactions: 1024, checkouts: 1024, coupons: 1024,
                offers: 16, catalogueOperations: 256),
            retainMs: 1 << 40, hashSeed: 42)
    }

    init(
        _ storage: SimulatedStorage, shards: Int = 1, mode: FsyncMode = .always, recentBytes: Int = 1 << 16
    ) throws {
        self.storage = storage
        self.mode = mode
        var notes: [RecoveryNote] = []
        state = try Recovery.recover(
            storage: storage, configuration: Self.configuration(shards: shards), memory: arena.source,
            nowMs: 1000
        ) { notes.append($0) }
        self.notes = notes
        sequence.initialize(to: state.lastSequence)
        board = DurableBoard(shards: shards, counter: sequence, memory: arena.source)
        recent = (0..<shards).map { [arena] _ in RecentBlocks(memory: arena.source, sizeBytes: recentBytes) }
        writers = .allocate(capacity: shards)
        for shard in 0..<shards {
            (writers + shard).initialize(
                to: LogWriter(
                    identity: state.shards[shard].identity, mode: mode,
                    position: state.shards[shard].position,
                    events: state.shards[shard].events, board: board, recent: recent[shard], memory: arena.source,
                    blockSizeMaxBytes: Self.blockSizeMaxBytes, secondWriteMinBytes: 0))
        }
    }

    deinit {
        writers.deinitialize(count: state.shards.count).deallocate()
        sequence.deallocate()
    }

    var shards: Int { state.shards.count }
    func log(_ shard: Int) -> UInt64 { state.shards[shard].identity.logId }
    func lastSegment(_ shard: Int) -> String {
        LogFiles.segment(log: log(shard), number: writers[shard].currentSegment)
    }

    /// Of what was recovered; events that are appended go into the logs, not into these engines.
    var digest: UInt64 { state.shards.reduce(0) { $0 &+ $1.engine.pointee.digest() } }

    // MARK: Writing

    private(set) var appended: [LoggedEvent] = []

    /// Gives an event to the shard that owns it, or to all.
    func append(_ event: TestEvent) {
        let owner = event.partition.map { Partition.owner(of: $0, shards: shards) }
        for shard in owner.map({ $0...$0 }) ?? 0...(shards - 1) {
            event.append(to: writers[shard].events)
            appended.append(
                LoggedEvent(
                    shard: shard, shards: shards, lsn: writers[shard].events.pointee.lastLsn, event: event))
        }
    }

    /// Gives an event to a shard, whether it owns it or not.
    func appendTo(_ shard: Int, _ event: TestEvent) { event.append(to: writers[shard].events) }

    /// Tickets of writes that a test leaves under way.
    var tickets: [UInt64] = []

    func hasRoom(_ shard: Int) -> Bool { writers[shard].events.pointee.hasRoom }
    func durableLsn(_ shard: Int) -> UInt64 { writers[shard].durableLsn }
    func writtenLsn(_ shard: Int) -> UInt64 { writers[shard].writtenLsn }
    func currentSegment(_ shard: Int) -> UInt64 { writers[shard].currentSegment }

    func sync(_ shard: Int) {
        guard let command = writers[shard].sync(nowMs: 6000, isAwaited: true) else { return }
        storage.carryOut(command, log: log(shard))
        writers[shard].syncCompleted()
    }

    /// Begins the write of what a shard has gathered.
    @discardableResult
    func begin(_ shard: Int = 0) throws -> UInt64? {
        try prepare(shard)
        guard let command = writers[shard].seal(nowMs: 5000) else { return nil }
        storage.begin(command, log: log(shard))
        try prepare(shard)
        return command.ticket
    }

    /// Makes the next segment, as a server does ahead of need.
    private func prepare(_ shard: Int) throws {
        guard let number = writers[shard].segmentToPrepare else { return }
        try Recovery.prepareSegment(
            storage: storage, log: log(shard), number: number, sizeBytes: Self.segmentSizeBytes)
        writers[shard].segmentIsPrepared(number)
    }

    func complete(_ ticket: UInt64, _ shard: Int = 0, isDurable: Bool? = nil) {
        storage.complete(log: log(shard), ticket: ticket, isDurable: isDurable ?? (mode == .always))
        writers[shard].writeCompleted(ticket: ticket)
    }

    /// Writes what every shard has gathered, durably.
    func flush() throws {
        for shard in 0..<shards {
            if let ticket = try begin(shard) { complete(ticket, shard) }
            sync(shard)
        }
    }

    /// Writes the block that says how much is durable, on every shard that owes one.
    func mark() {
        for shard in 0..<shards {
            guard let command = writers[shard].sealMark(nowMs: 6000) else { continue }
            storage.begin(command, log: log(shard))
            complete(command.ticket, shard, isDurable: command.isDurable)
            sync(shard)
        }
    }
}

/// An event in the log of a shard.
struct LoggedEvent {
    var shard: Int
    /// In its generation.
    var shards: Int
    var lsn: UInt64
    var event: TestEvent
}

/// Runs many recoveries in the same memory.
final class Recoverer {
    private let arena = MemoryArena()

    struct Outcome: Equatable {
        var digest: UInt64
        var eventCount: UInt64
        var nextLsns: [UInt64]
        var notes: [RecoveryNote]
    }

    func recover(_ storage: SimulatedStorage, shards: Int = 1) throws(RecoveryFault) -> Outcome {
        arena.reset()
        var notes: [RecoveryNote] = []
        let state = try Recovery.recover(
            storage: storage, configuration: LogRig.configuration(shards: shards), memory: arena.source,
            nowMs: 1000
        ) { notes.append($0) }
        return Outcome(
            digest: state.shards.reduce(0) { $0 &+ $1.engine.pointee.digest() }, eventCount: state.eventCount,
            nextLsns: state.shards.map(\.position.nextLsn), notes: notes)
    }

    /// What a recovery would find, without the part that writes.
    func judge(_ directory: LogDirectory, shards: Int = 1) throws(RecoveryFault) -> Outcome {
        arena.reset()
        let replay = try Replay(
            directory, manifest: directory.manifest!, base: directory.manifest!.newestBase,
            configuration: LogRig.configuration(shards: shards), memory: arena.source, nowMs: 1000)
        var notes: [RecoveryNote] = []
        for log in replay.ends {
            if case .torn(let tail) = log.end { notes.append(.tornTailCut(tail)) }
        }
        return Outcome(
            digest: (0..<shards).reduce(0) { $0 &+ replay.engines[$1].digest() },
            eventCount: replay.eventCount,
            nextLsns: replay.ends.map(\.position.nextLsn), notes: notes)
    }

    /// The digest of the state after each of these events: entry n is after n of them. Replayed by one engine
    /// straight from their bytes, so that neither blocks nor shards have a part in it.
    func digests(_ events: [TestEvent]) throws(EventFault) -> [UInt64] {
        var digests: [UInt64] = []
        try replay(events.map { LoggedEvent(shard: 0, shards: 1, lsn: 0, event: $0) }) {
            digests.append($0.digest())
        }
        return digests
    }

    /// The digest of the state after all of these events.
    func digest(_ events: [LoggedEvent]) throws(EventFault) -> UInt64 {
        var left = events.count + 1
        var digest: UInt64 = 0
        try replay(events) {
            left -= 1
            if left == 0 { digest = $0.digest() }
        }
        return digest
    }

    private func replay(_ events: [LoggedEvent], after: (borrowing Engine) -> Void) throws(EventFault) {
        arena.reset()
        let configuration = LogRig.configuration(shards: 1).engineConfiguration(shard: 0)
        let buffer = UnsafeMutablePointer<EventBuffer>.allocate(capacity: 1)
        defer { buffer.deallocate() }
        buffer.initialize(to: EventBuffer(base: arena.source.allocate(64), capacityBytes: 0, nextLsn: 1))
        var engine = Engine(
            configuration: configuration,
            counters: StockCounters(sales: configuration.capacities.offers + 1, shards: 1, memory: arena.source),
            events: buffer, memory: arena.source, nowMs: 1000)
        after(engine)
        for logged in events {
            let bytes = logged.event.bytes
            let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 8)
            defer { memory.deallocate() }
            bytes.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            try engine.replay(logged.event.kind, memory) {
                Partition.owner(of: $0, shards: logged.shards) == logged.shard
            }
            after(engine)
        }
    }
}
