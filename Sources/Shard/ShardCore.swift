import CAtomics
import Engine
import Log
import Protocol

/// One shard without its I/O: frames in, events into the log, replies out when they may leave.
///
/// The reactor drives it with sockets, a disk and a clock; the simulator with models of them. A turn is:
///
///     writeCompleted / syncCompleted     what the disk has done since
///     advance                            durable: units back into the stripes, catalogue, replies
///     pollMesh                           results and requests of other shards
///     begin / resume                     frames of this shard's connections
///     expireHolds                        holds whose time is over
///     retire                             records that have been remembered long enough
///     seal                               the events of this turn become a block on its way to the disk
///     nextReply                          what may be answered
///
/// One thread at a time: the shard's.
public struct ShardCore: ~Copyable {
    public let shard: Int
    public let shards: Int
    public let engine: UnsafeMutablePointer<Engine>
    public var writer: LogWriter

    let mesh: Mesh
    let statisticsBoard: StatisticsBoard
    let mirrorBoard: MirrorBoard
    let instance: InstanceFacts
    /// To the mirror, if there is one.
    let feed: CountFeed?

    var work = Work()
    /// What the reply to each frame of the run in hand waits for.
    let runWaits: UnsafeMutablePointer<UInt64>
    var take: JointTake?
    var assemblies: Assemblies
    var gated: ReplyQueue
    var immediate: ReplyQueue
    /// Replies about the catalogue: what they show is durable in every mode, as other shards build on it.
    var gatedByDisk: ReplyQueue
    var catalogue = CatalogueProgress()
    /// Where the results of the work in hand are put together: the largest reply.
    var scratch: UnsafeMutableRawPointer
    /// Where replies of the catalogue are, which may leave while other work is in hand.
    let catalogueScratch: UnsafeMutableRawPointer
    /// The owner of each entry of the frame in hand.
    let owners: UnsafeMutablePointer<UInt8>
    /// Bytes reserved in each ring of replies to this shard.
    let reservedReplyBytes: UnsafeMutablePointer<Int>
    var nextMeshSource = 0
    var aside: AsideRequest?

    /// Entries that may still be worked on in this turn.
    var allowance = 0
    /// Shards to which something was published in this turn, one bit each: the driver wakes them.
    public var wakes: UInt64 = 0
    var counts = ShardCounts()
    /// The last event that let a record go, and whether the catalogue waits for it to be durable.
    var lastRetirementLsn: UInt64 = 0
    var retirementIsAwaited = false
    /// Kept by the driver.
    public var driver = DriverCounts()
    private let inPlace = InPlace()

    /// Entries of one turn, and the rest of the run that passes this mark. More would make the log and the replies wait
    /// too long; less makes more blocks of the log, each of which costs 20 us.
    public static let entriesPerTurn = 3072

    /// The largest reply, or message to another shard.
    static let replyMaxBytes = Frame.sizeMaxBytes + 4096

    public init(
        engine: UnsafeMutablePointer<Engine>, writer: consuming LogWriter, mesh: Mesh, statistics: StatisticsBoard,
        instance: InstanceFacts, feed: CountFeed? = nil, mirrorBoard: MirrorBoard? = nil, memory: MemorySource,
        gatedReplyBytes: Int = 16 << 20,
        assembliesMax: Int = 4096
    ) {
        shard = engine.pointee.configuration.shard
        shards = engine.pointee.configuration.shards
        self.engine = engine
        self.writer = writer
        self.mesh = mesh
        statisticsBoard = statistics
        self.instance = instance
        self.feed = feed
        self.mirrorBoard = mirrorBoard ?? MirrorBoard(memory: memory)
        engine.pointee.changes.isFollowed = feed != nil
        assemblies = Assemblies(memory: memory, slotCount: assembliesMax)
        let replyMaxBytes = Self.replyMaxBytes
        gated = ReplyQueue(capacityBytes: gatedReplyBytes, lengthMaxBytes: replyMaxBytes, memory: memory)
        immediate = ReplyQueue(capacityBytes: gatedReplyBytes, lengthMaxBytes: replyMaxBytes, memory: memory)
        gatedByDisk = ReplyQueue(
            capacityBytes: max(gatedReplyBytes / 4, 4 << 20), lengthMaxBytes: replyMaxBytes, memory: memory)
        scratch = memory.allocate(2 * Frame.sizeMaxBytes)
        catalogueScratch = memory.allocate(2 * Frame.sizeMaxBytes)
        owners = memory.allocate(Frame.batchCountMax + 1).bindMemory(to: UInt8.self, capacity: Frame.batchCountMax + 1)
        runWaits = .allocate(capacity: Self.runFramesMax)
        runWaits.initialize(repeating: 0, count: Self.runFramesMax)
        reservedReplyBytes = .allocate(capacity: shards)
        reservedReplyBytes.initialize(repeating: 0, count: shards)
    }
}

/// What is the same for every shard of a running server, for topology answers.
public struct InstanceFacts: Sendable {
    /// Drawn at each start.
    public var instance: UInt64
    public var retainMs: UInt64
    public var inFlightMaxBytes: UInt32

    public init(instance: UInt64, retainMs: UInt64, inFlightMaxBytes: UInt32) {
        self.instance = instance
        self.retainMs = retainMs
        self.inFlightMaxBytes = inFlightMaxBytes
    }
}

/// Entries in hand: of a frame of a connection, or of a request of another shard.
struct Work {
    enum Source {
        case none
        case connection(UInt64, requestId: UInt64)
        case mesh(from: Int, assembly: UInt32, message: UnsafeMutableRawPointer)
    }

    var source = Source.none
    var batch: Batch?
    /// Whether its results are put together where `ReplyQueue.reserve` of the gated replies said.
    var isInPlace = false
    /// The frames of a run, each of which gets a reply of its own; 0: it is none.
    var runFrames = 0
}

/// How far the frame or request in hand has come.
public enum WorkProgress: Equatable, Sendable {
    /// Nothing is in hand: the next frame may begin.
    case finished
    /// The turn's allowance is used up or the log is full: `resume` in a later turn. The frame's memory
    /// has to stay until then.
    case paused
    /// Units have to be taken from other stripes: `stepTake` until it settles, then `resume`, all in this
    /// turn and before anything else.
    case takesUnits
    /// Not begun: replies have to leave first. The same frame may begin in a later turn.
    case blocked
}

extension ShardCore {
    // MARK: Turn

    /// Fewer entries than usual are for the simulator, which sees to it that work pauses.
    public mutating func beginTurn(entriesMax: Int = Self.entriesPerTurn) {
        allowance = entriesMax
        wakes = 0
        counts.turns &+= 1
    }

    /// Whether more entries may be worked on in this turn.
    public var hasAllowance: Bool { allowance > 0 }

    /// Allows so many entries more, for a frame that this turn serves beyond its allowance.
    @inline(__always)
    public mutating func extendTurn(entries: Int) { allowance += entries }

    /// Whether a frame or request is in hand.
    public var isWorking: Bool { work.batch != nil }

    /// Whether the log or the replies have no room for more before the disk has done something.
    public var isStalled: Bool { !engine.pointee.hasRoom || !hasReplyRoom }

    /// After completions of the disk: releases what is durable, in the order that promise 6 demands:
    /// durable, back into the stripe, then the reply (which `nextReply` hands out later in the turn).
    public mutating func advance(nowMs: UInt64) {
        engine.pointee.releaseUnits(durableLsn: writer.durableLsn)
        if !catalogue.isEmpty { advanceCatalogue(nowMs: nowMs) }
    }

    public mutating func expireHolds(nowMs: UInt64) -> Bool {
        precondition(!isTaking, "a take has to settle first")
        return engine.pointee.expireHolds(nowMs: nowMs, limit: Self.entriesPerTurn)
    }

    /// The next block to write, or nil.
    public mutating func seal(nowMs: UInt64) -> WriteCommand? {
        let command = writer.seal(nowMs: nowMs)
        if let feed { tellMirror(feed, command) }
        return command
    }

    /// The engine's state is now that of the last block that was sealed, if nothing was logged since.
    @inline(never)
    private func tellMirror(_ feed: CountFeed, _ command: WriteCommand?) {
        if let command {
            feed.put(engine, sequence: command.sequence)
        } else if feed.hasGap && engine.pointee.events.pointee.count == 0 {
            feed.put(engine, sequence: writer.sealedSequence)
        }
    }

    /// The sync to carry out, or nil: see `LogWriter.sync`.
    public mutating func sync(nowMs: UInt64, isForced: Bool = false) -> SyncCommand? {
        let isAwaited =
            engine.pointee.hasReleases || catalogue.awaitsDurability || !gatedByDisk.isEmpty || awaitsRetirement()
        return writer.sync(nowMs: nowMs, isAwaited: isForced || isAwaited)
    }

    /// After a start, before the first frame: holds get a grace in which late payments can be reported.
    public mutating func grace(untilMs: UInt64, nowMs: UInt64) {
        engine.pointee.graceHolds(notBeforeMs: untilMs, nowMs: nowMs)
    }

    /// Nothing in hand, nothing unanswered, nothing on its way to the disk.
    public var isQuiet: Bool {
        work.batch == nil && gated.isEmpty && immediate.isEmpty && writer.isQuiet && assemblies.openCount == 0
            && catalogue.isEmpty && gatedByDisk.isEmpty
    }

    // MARK: Replies

    /// The replies to `frames` of a connection, one behind the other, which may leave now, for the driver to copy;
    /// `removeReply` afterwards. Replies to other shards are put into their rings on the way.
    @inline(__always)
    public mutating func nextReply()
        -> (connection: UInt64, reply: UnsafeRawPointer, lengthBytes: Int, frames: Int)?
    {
        while let front = immediate.front() {
            if let connection = front.destination.connection {
                return (connection, front.reply, front.lengthBytes, front.frames)
            }
            sendToMesh(front)
            immediate.removeFront()
        }
        while let front = gated.front(), front.waitLsn <= writer.repliableLsn {
            if let connection = front.destination.connection {
                return (connection, front.reply, front.lengthBytes, front.frames)
            }
            sendToMesh(front)
            gated.removeFront()
        }
        while let front = gatedByDisk.front(), front.waitLsn <= writer.durableLsn {
            if let connection = front.destination.connection {
                return (connection, front.reply, front.lengthBytes, front.frames)
            }
            sendToMesh(front)
            gatedByDisk.removeFront()
        }
        return nil
    }

    /// Removes the reply that `nextReply` just answered.
    @inline(__always)
    public mutating func removeReply() {
        if let front = immediate.front(), front.destination.connection != nil {
            immediate.removeFront()
        } else if let front = gated.front(), front.waitLsn <= writer.repliableLsn {
            gated.removeFront()
        } else {
            gatedByDisk.removeFront()
        }
    }

    /// Hands a finished reply to where it goes, now or when its LSN is reached.
    @inline(__always)
    mutating func reply(
        _ destination: ReplyDestination, _ operation: Operation, waitLsn: UInt64, _ bytes: UnsafeRawPointer,
        _ lengthBytes: Int
    ) {
        if operation.isCatalogue && writer.mode != .always {
            if waitLsn <= writer.durableLsn {
                immediate.append(destination, waitLsn: 0, bytes, lengthBytes)
            } else {
                gatedByDisk.append(destination, waitLsn: waitLsn, bytes, lengthBytes)
            }
        } else if waitLsn <= writer.repliableLsn {
            immediate.append(destination, waitLsn: 0, bytes, lengthBytes)
        } else {
            gated.append(destination, waitLsn: waitLsn, bytes, lengthBytes)
        }
    }

    /// Whether replies of the largest size fit, so that work may begin.
    @inline(__always)
    var hasReplyRoom: Bool {
        let most = Self.replyMaxBytes
        return gated.hasRoom(most) && immediate.hasRoom(most) && gatedByDisk.hasRoom(most)
    }

    // MARK: Takes

    var isTaking: Bool { take != nil }

    /// What the take in progress is after, for a simulator that watches it.
    public var takeInProgress: JointTake? { take }

    /// One step of the take that the entry in hand waits for. After `taken` or `soldOut` it is settled.
    public mutating func stepTake(nowMs: UInt64) -> StockTake.Answer {
        let answer = take!.step()
        switch answer {
        case .again, .wait: break
        case .taken, .soldOut:
            let failed = take!.failed
            take = nil
            engine.pointee.settle(&work.batch!, isTaken: answer == .taken, failed: failed, nowMs: nowMs)
        }
        return answer
    }
}
