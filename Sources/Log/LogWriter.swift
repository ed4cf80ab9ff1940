import CAtomics
import Engine

/// When the disk must have a block: see DESIGN of promises 3, 6 and 8.
public enum FsyncMode: String, Sendable, CaseIterable {
    /// Each block is on stable storage before anything it holds is answered.
    case always
    /// Replies wait for the write; a sync follows each second. Survives the end of the process, not of the
    /// machine.
    case everysec
    /// Replies wait for the write; a sync follows only where a release or a creation needs one, or somebody follows.
    case no
}

/// What names a log, and how it is cut into segments.
public struct LogIdentity: Equatable, Sendable {
    public var logId: UInt64
    public var generation: UInt64
    public var shard: Int
    public var shards: Int
    public var segmentSizeBytes: Int

    public init(logId: UInt64, generation: UInt64, shard: Int, shards: Int, segmentSizeBytes: Int) {
        self.logId = logId
        self.generation = generation
        self.shard = shard
        self.shards = shards
        self.segmentSizeBytes = segmentSizeBytes
    }
}

/// Where a log goes on.
public struct LogPosition: Equatable, Sendable {
    public var segment: UInt64
    public var offsetBytes: Int
    public var nextLsn: UInt64
    public var previousChecksum: UInt32
    /// What the last block says is durable. A start makes all durable that it recovers, and has yet to say so.
    public var markedLsn: UInt64

    public init(
        segment: UInt64, offsetBytes: Int, nextLsn: UInt64, previousChecksum: UInt32, markedLsn: UInt64 = 0
    ) {
        self.segment = segment
        self.offsetBytes = offsetBytes
        self.nextLsn = nextLsn
        self.previousChecksum = previousChecksum
        self.markedLsn = markedLsn
    }

    /// The start of a log that has nothing in it.
    public static let beginning = LogPosition(segment: 1, offsetBytes: 0, nextLsn: 1, previousChecksum: 0)
}

/// A write that the driver has to carry out: `lengthBytes` from `memory` at `offsetBytes` of the segment,
/// durable at its completion if the mode is `always` (O_DIRECT, RWF_DSYNC).
public struct WriteCommand {
    public var memory: UnsafeRawPointer
    public var lengthBytes: Int
    public var segment: UInt64
    public var offsetBytes: Int
    /// To be given back at completion.
    public var ticket: UInt64
    /// Whether the write has to be on the disk when it completes.
    public var isDurable: Bool
    /// Of the block.
    public var sequence: UInt64
}

/// A sync that the driver has to carry out on these segments of the log.
public struct SyncCommand: Equatable, Sendable {
    public var segments: ClosedRange<UInt64>
}

/// Group commit: gathers the events of many operations into blocks, and knows how far the log is written
/// and durable. Does no I/O.
///
/// Three blocks exist: one is being filled, up to two are being written. While a write is under way the
/// events of all operations that come in collect in the next block, so that a slow disk makes the groups
/// larger, not the line longer.
///
/// A second write beside the first costs as much as the first, and slows it. It goes only for a group worth it:
/// `secondWriteMinBytes`, and half of what is under way. Where each waits for an answer before its next order,
/// that keeps the disk busy while answers travel; where few orders come in, they share the write after this one.
///
/// "Durable" means the contiguous prefix: of two writes in flight the second may complete first, but
/// nothing of it is answered before the first has completed too. After a crash recovery cuts the log at
/// the first missing block, and what came behind it was never acknowledged.
public struct LogWriter: ~Copyable {
    public static let writesInFlightMax = 2
    private static let blockCount = writesInFlightMax + 1
    /// Twenty-six orders of one quantity. Each write costs the CPU of the disk's interrupts some 50 us (interrupts,
    /// three switches to the kernel's workers): with 64 connections that wait for each answer this is 3 to 4 % faster
    /// than sixteen orders, and from 32 on the two groups no longer take turns. In an open loop of 39,000 orders/s
    /// sixteen had brought the p99 from 1.4 to 0.8 ms, against writing each group at once.
    public static let secondWriteMinBytes = 840

    public let identity: LogIdentity
    public let mode: FsyncMode
    /// Where the engine's events go.
    public let events: UnsafeMutablePointer<EventBuffer>

    private struct InFlight {
        var ticket: UInt64 = 0
        var lastLsn: UInt64 = 0
        var segment: UInt64 = 0
        var sequence: UInt64 = 0
        var eventsBytes = 0
        var block: UnsafeRawPointer?
        var lengthBytes = 0
        var isDurable = false
        var isComplete = false
    }

    private let blocks: UnsafeMutableRawPointer
    private let blockSizeMaxBytes: Int
    private let secondWriteMinBytes: Int
    private let board: DurableBoard
    private let recent: RecentBlocks?
    /// Whether the mirror follows, all the time.
    private let isMirrored: Bool
    private var position: LogPosition
    private var filling = 0
    private var inFlight = (InFlight(), InFlight())
    private var inFlightCount = 0
    private var nextTicket: UInt64 = 1
    private var sealedDurableLsn: UInt64
    private var firstUnsyncedSegment: UInt64
    private var syncingLsn: UInt64?
    /// The sequence of the last block that the sync under way covers.
    private var syncingSequence: UInt64 = 0
    /// The first segment of the sync under way.
    private var syncingSegment: UInt64?
    private var lastSyncMs: UInt64 = 0
    /// The segment that is prepared to follow the current one, or 0.
    private var preparedSegment: UInt64 = 0

    /// The last LSN whose write has completed, and all before it.
    public private(set) var writtenLsn: UInt64
    /// The last LSN known durable, and all before it.
    public private(set) var durableLsn: UInt64
    /// The sequence of the last block that is written, and every block of this log before it.
    public private(set) var writtenSequence: UInt64 = 0
    /// The segment of that block.
    private var writtenSegment: UInt64
    /// The sequence of the last block that is durable, with every block of this log before it.
    private var durableSequence: UInt64 = 0
    /// The sequence of the last block that was sealed, 0 for none.
    public private(set) var sealedSequence: UInt64 = 0
    public private(set) var blocksSealed: UInt64 = 0
    public private(set) var bytesSealed: UInt64 = 0
    private let inPlace = InPlace()

    /// `events` is where the engine already writes to; it must be empty. `board` is shared by all shards. `recent`
    /// gets the blocks for those who follow. Small blocks, and second writes of any size (0), are for tests and the
    /// simulator, which see to it that they come up.
    public init(
        identity: LogIdentity, mode: FsyncMode, position: LogPosition, events: UnsafeMutablePointer<EventBuffer>,
        board: DurableBoard, recent: RecentBlocks? = nil, isMirrored: Bool = false, memory: MemorySource,
        blockSizeMaxBytes: Int = BlockHeader.blockSizeMaxBytes,
        secondWriteMinBytes: Int = LogWriter.secondWriteMinBytes
    ) {
        precondition(identity.segmentSizeBytes >= 2 * blockSizeMaxBytes)
        precondition(blockSizeMaxBytes % BlockHeader.alignmentBytes == 0)
        self.blockSizeMaxBytes = blockSizeMaxBytes
        self.secondWriteMinBytes = secondWriteMinBytes
        self.identity = identity
        self.mode = mode
        self.position = position
        self.board = board
        self.recent = recent
        self.isMirrored = isMirrored
        blocks = memory.allocate(Self.blockCount * blockSizeMaxBytes)
        self.events = events
        writtenLsn = position.nextLsn - 1
        durableLsn = writtenLsn
        sealedDurableLsn = position.markedLsn
        firstUnsyncedSegment = position.segment
        writtenSegment = position.segment
        precondition(events.pointee.count == 0)
        events.pointee = buffer(0, nextLsn: position.nextLsn)
        board.isDurable(identity.shard, below: 0, lsn: durableLsn)
    }

    private func buffer(_ index: Int, nextLsn: UInt64) -> EventBuffer {
        EventBuffer(
            base: blocks + index * blockSizeMaxBytes + BlockHeader.sizeBytes,
            capacityBytes: blockSizeMaxBytes - BlockHeader.sizeBytes, nextLsn: nextLsn)
    }

    /// The LSN that a reply has to wait for is in the log up to here, as the mode demands.
    public var repliableLsn: UInt64 {
        if PlantedBug.replyBeforeDurable.isPlanted { return UInt64.max }
        return mode == .always ? durableLsn : writtenLsn
    }

    public var currentSegment: UInt64 { position.segment }
    public var hasWritesInFlight: Bool { inFlightCount > 0 }
    public var isSyncing: Bool { syncingLsn != nil }

    /// Whether everything is written, and durable as far as the mode ever makes it.
    public var isQuiet: Bool { inFlightCount == 0 && events.pointee.count == 0 && syncingLsn == nil }

    // MARK: Segments

    /// The segment that has to be prepared next, or nil if it is.
    public var segmentToPrepare: UInt64? {
        preparedSegment > position.segment ? nil : position.segment + 1
    }

    /// The file of this segment exists, is as long as a segment, all zeros, and durable by name.
    public mutating func segmentIsPrepared(_ segment: UInt64) { preparedSegment = segment }

    /// Bytes that fit into segments that are there already: the rest of the current one, and the next one if it is
    /// prepared.
    public var roomBytes: Int {
        let rest = identity.segmentSizeBytes &- position.offsetBytes
        return preparedSegment > position.segment ? rest &+ identity.segmentSizeBytes : rest
    }

    /// Neither a write nor a sync of a segment before this one can come any more: its file may be closed.
    public var firstSegmentInUse: UInt64 {
        mode == .always ? writtenSegment : min(writtenSegment, syncingSegment ?? firstUnsyncedSegment)
    }

    // MARK: Sealing

    /// Seals the events gathered so far into a block and answers the write to carry out; nil if there is
    /// nothing to write, too little to write beside the write under way, two writes are under way, or the next
    /// segment is not prepared yet.
    public mutating func seal(nowMs: UInt64) -> WriteCommand? {
        guard events.pointee.count > 0 else { return nil }
        return sealBlock(nowMs: nowMs)
    }

    /// Seals an empty block if the last one does not say yet how much is durable. A shard that goes idle
    /// does this, so that damage to its last events cannot pass for a torn tail.
    public mutating func sealMark(nowMs: UInt64) -> WriteCommand? {
        guard needsMark else { return nil }
        return sealBlock(nowMs: nowMs)
    }

    /// Seals an empty block although the last one says all that it would: the log gets a block behind a snapshot that
    /// covers everything, so that another snapshot can be made of it. Nil while anything before it is not durable,
    /// as for a mark.
    public mutating func sealEmpty(nowMs: UInt64) -> WriteCommand? {
        guard inFlightCount == 0 && events.pointee.count == 0 && isAllDurable else { return nil }
        return sealBlock(nowMs: nowMs)
    }

    /// Whether `sealMark` would seal something, now or once the disk is idle.
    ///
    /// In the modes that sync later a mark waits until all before it is durable, and is written durably itself: else
    /// either nobody would ever know that a block without events is durable, or each mark would cost a sync.
    public var needsMark: Bool {
        inFlightCount == 0 && events.pointee.count == 0 && durableLsn > sealedDurableLsn && isAllDurable
    }

    /// Whether all blocks that are written are durable.
    private var isAllDurable: Bool { durableSequence == writtenSequence && syncingLsn == nil }

    private mutating func sealBlock(nowMs: UInt64) -> WriteCommand? {
        let eventsBytes = events.pointee.usedBytes
        switch inFlightCount {
        case 0: break
        case 1: guard isWorthASecondWrite(eventsBytes) else { return nil }
        default: return nil
        }
        let unit = BlockHeader.alignmentBytes
        let lengthBytes = (BlockHeader.sizeBytes + eventsBytes + unit - 1) / unit * unit
        if position.offsetBytes + lengthBytes > identity.segmentSizeBytes {
            guard preparedSegment > position.segment else { return nil }
            position.segment = preparedSegment
            position.offsetBytes = 0
        }
        let block = blocks + filling * blockSizeMaxBytes
        let used = BlockHeader.sizeBytes + eventsBytes
        (block + used).initializeMemory(as: UInt8.self, repeating: 0, count: lengthBytes - used)

        let sequence = board.draw(identity.shard)
        let header = BlockHeader(
            shard: UInt16(identity.shard), shards: UInt16(identity.shards), lengthBytes: lengthBytes,
            eventsBytes: eventsBytes, previousChecksum: position.previousChecksum,
            generation: identity.generation, logId: identity.logId, segment: position.segment,
            firstLsn: position.nextLsn, eventCount: events.pointee.count, sequence: sequence,
            durableLsn: durableLsn, timeMs: nowMs)
        position.previousChecksum = header.seal(block)
        // What has no events is sealed when all before it is durable.
        let isDurable = mode == .always || eventsBytes == 0
        let command = WriteCommand(
            memory: UnsafeRawPointer(block), lengthBytes: lengthBytes, segment: position.segment,
            offsetBytes: position.offsetBytes, ticket: nextTicket, isDurable: isDurable, sequence: sequence)
        sealedSequence = sequence
        let flight = InFlight(
            ticket: nextTicket, lastLsn: events.pointee.lastLsn, segment: position.segment, sequence: sequence,
            eventsBytes: eventsBytes, block: UnsafeRawPointer(block), lengthBytes: lengthBytes,
            isDurable: isDurable)
        if inFlightCount == 0 { inFlight.0 = flight } else { inFlight.1 = flight }
        inFlightCount += 1
        nextTicket += 1
        position.offsetBytes += lengthBytes
        position.nextLsn = events.pointee.nextLsn
        sealedDurableLsn = durableLsn
        blocksSealed += 1
        bytesSealed += UInt64(lengthBytes)
        board.sealed(identity.shard, bytes: bytesSealed)
        filling = (filling + 1) % Self.blockCount
        events.pointee = buffer(filling, nextLsn: position.nextLsn)
        return command
    }

    private func isWorthASecondWrite(_ eventsBytes: Int) -> Bool {
        secondWriteMinBytes == 0
            || eventsBytes >= secondWriteMinBytes && eventsBytes >= inFlight.0.eventsBytes / 2
    }

    /// The write of this ticket has completed in full. A failed or short write must not come here: it is
    /// the end of the process.
    public mutating func writeCompleted(ticket: UInt64) {
        precondition(inFlightCount > 0)
        if inFlight.0.ticket == ticket {
            inFlight.0.isComplete = true
        } else {
            precondition(inFlightCount == 2 && inFlight.1.ticket == ticket, "a completion of no write")
            inFlight.1.isComplete = true
        }
        while inFlightCount > 0 && inFlight.0.isComplete {
            writtenLsn = inFlight.0.lastLsn
            writtenSequence = inFlight.0.sequence
            writtenSegment = inFlight.0.segment
            if inFlight.0.isDurable { durableSequence = writtenSequence }
            if let recent {
                recent.written(inFlight.0.block!, inFlight.0.lengthBytes, sequence: inFlight.0.sequence)
            }
            inFlight.0 = inFlight.1
            inFlightCount -= 1
        }
        if mode == .always { durableLsn = writtenLsn }
        guard durableSequence == writtenSequence else { return }
        board.isDurable(identity.shard, below: inFlightCount == 0 ? 0 : inFlight.0.sequence, lsn: durableLsn)
    }

    // MARK: Syncing, where writes are not durable by themselves

    /// Whether somebody waits for durable events, who gets them with a sync each second.
    private var isFollowed: Bool { isMirrored || (recent.map { $0.isWanted } ?? false) }

    /// The sync to carry out now, if one is due: each second (`everysec`), or when something waits for it.
    public mutating func sync(nowMs: UInt64, isAwaited: Bool) -> SyncCommand? {
        guard mode != .always, syncingLsn == nil, durableLsn < writtenLsn else { return nil }
        switch mode {
        case .always: return nil
        case .everysec: guard isAwaited || nowMs >= lastSyncMs + 1000 else { return nil }
        case .no: guard isAwaited || isFollowed && nowMs >= lastSyncMs + 1000 else { return nil }
        }
        lastSyncMs = nowMs
        syncingLsn = writtenLsn
        syncingSequence = writtenSequence
        let first = firstUnsyncedSegment
        syncingSegment = first
        // Writes that complete from here on may miss this sync: those under way, and later ones into the
        // current segment. Their segments stay unsynced.
        firstUnsyncedSegment = inFlightCount > 0 ? inFlight.0.segment : position.segment
        return SyncCommand(segments: first...position.segment)
    }

    /// The sync has completed. A failed one is the end of the process: after it the page cache may show
    /// as clean what never reached the disk.
    public mutating func syncCompleted() {
        guard let lsn = syncingLsn else { preconditionFailure("a completion of no sync") }
        durableLsn = max(durableLsn, lsn)
        durableSequence = max(durableSequence, syncingSequence)
        let isAll = inFlightCount == 0 && durableSequence == writtenSequence
        board.isDurable(identity.shard, below: isAll ? 0 : durableSequence + 1, lsn: durableLsn)
        syncingLsn = nil
        syncingSegment = nil
    }
}
