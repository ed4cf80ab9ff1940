import Engine
import Glibc
import Log

/// The segments of this shard's log that are open.
struct LogFilesOpen {
    var files: [(segment: UInt64, file: Int32)] = []
    /// What the keeper was asked for.
    var requestedSegment: UInt64 = 0
    var syncsUnderWay = 0
    /// When the writes under way were submitted, by the lowest bit of their ticket.
    var submittedUs: (UInt64, UInt64) = (0, 0)
    /// Whether it is durable when it completes.
    var isDurable: (Bool, Bool) = (false, false)
    var syncSubmittedUs: UInt64 = 0
    /// The length that each write under way must complete with.
    var lengthBytes: (Int32, Int32) = (0, 0)

    /// Segments that are open at a time are few: their list neither grows while orders run, nor is it copied at
    /// its first change, since nobody else ever held it.
    init(segment: UInt64, file: Int32) {
        files.reserveCapacity(16)
        files.append((segment, file))
    }

    func file(_ segment: UInt64) -> Int32 {
        for entry in files where entry.segment == segment { return entry.file }
        Fatal.exit("log segment \(segment) is not open")
    }
}

extension Reactor {
    /// The events gathered so far go to the disk as one block, if one of the two writes is free.
    mutating func seal(_ nowMs: UInt64) {
        if let command = core.seal(nowMs: nowMs) {
            lastEventMs = nowMs
            submit(command)
        } else if core.writer.needsMark && nowMs >= lastEventMs + Self.markAfterMs {
            sealMark(nowMs)
        } else if isBlockWanted {
            sealEmpty(nowMs)
        }
        let isSyncForced = isStopping || isBlockWanted || log.files.count > 4
        if let command = core.sync(nowMs: nowMs, isForced: isSyncForced) { submit(command) }
        if let segment = core.writer.segmentToPrepare, segment != log.requestedSegment { request(segment) }
    }

    /// Asks the keeper for the next segment.
    @inline(never)
    private mutating func request(_ segment: UInt64) {
        log.requestedSegment = segment
        shared.keeper.prepare(shard: shard, segment: segment)
    }

    mutating func sealMark(_ nowMs: UInt64) {
        if let command = core.writer.sealMark(nowMs: nowMs) { submit(command) }
    }

    /// A block that says nothing, for a snapshot to be taken behind it, once all before it is durable.
    @inline(never)
    private mutating func sealEmpty(_ nowMs: UInt64) {
        guard let command = core.writer.sealEmpty(nowMs: nowMs) else { return }
        isBlockWanted = false
        submit(command)
    }

    private mutating func submit(_ command: WriteCommand) {
        if command.ticket & 1 == 0 {
            log.submittedUs.0 = Clock.monotonicUs()
            log.lengthBytes.0 = Int32(command.lengthBytes)
            log.isDurable.0 = command.isDurable
        } else {
            log.submittedUs.1 = Clock.monotonicUs()
            log.lengthBytes.1 = Int32(command.lengthBytes)
            log.isDurable.1 = command.isDurable
        }
        ring.write(
            log.file(command.segment), command.memory, command.lengthBytes, at: command.offsetBytes,
            isDurable: command.isDurable, CompletionTag(.logWrite, command.ticket))
        // At once: the kernel holds a write back until everything submitted with it is begun (io_submit_sqes,
        // blk_start_plug), and to begin a send takes 7 us.
        ring.submit()
    }

    private mutating func submit(_ command: SyncCommand) {
        log.syncSubmittedUs = Clock.monotonicUs()
        for segment in command.segments {
            log.syncsUnderWay += 1
            ring.syncData(log.file(segment), CompletionTag(.logSync, segment))
        }
    }

    /// A write that failed or fell short cannot be repaired from here: whether the disk has it is unknown.
    mutating func logWritten(_ completion: Ring.Completion) {
        let ticket = completion.tag.payload
        let expected = ticket & 1 == 0 ? log.lengthBytes.0 : log.lengthBytes.1
        guard completion.result == expected else {
            Fatal.exit(
                completion.result < 0
                    ? "a write to the log failed: \(String(cString: strerror(-completion.result)))"
                    : "a write to the log fell short: \(completion.result) of \(expected) bytes")
        }
        let submittedUs = ticket & 1 == 0 ? log.submittedUs.0 : log.submittedUs.1
        let tookUs = Clock.monotonicUs() &- submittedUs
        core.driver.logLatencyUs &+= tookUs
        if ticket & 1 == 0 ? log.isDurable.0 : log.isDurable.1 { core.driver.synced(us: tookUs) }
        core.writer.writeCompleted(ticket: ticket)
        closeSegments()
    }

    /// A failed sync is the end: the kernel reports it once and then shows the pages as clean.
    mutating func logSynced(_ completion: Ring.Completion) {
        guard completion.result >= 0 else {
            Fatal.exit("a sync of the log failed: \(String(cString: strerror(-completion.result)))")
        }
        log.syncsUnderWay -= 1
        guard log.syncsUnderWay == 0 else { return }
        core.driver.synced(us: Clock.monotonicUs() &- log.syncSubmittedUs)
        core.writer.syncCompleted()
        closeSegments()
    }

    /// Closes the files of segments that are full and done with.
    private mutating func closeSegments() {
        let first = core.writer.firstSegmentInUse
        if let oldest = log.files.first, oldest.segment < first { closeSegments(before: first) }
    }

    @inline(never)
    private mutating func closeSegments(before first: UInt64) {
        for entry in log.files where entry.segment < first { Glibc.close(entry.file) }
        log.files.removeAll { $0.segment < first }
    }

    /// The keeper has made the next segment.
    mutating func takePreparedSegment() {
        guard let (segment, file) = shared.keeper.takePrepared(shard: shard) else { return }
        log.files.append((segment, file))
        core.writer.segmentIsPrepared(segment)
    }
}

extension Reactor {
    /// Memory is made resident in pieces of this size, two pieces ahead: the clearing of a huge page at its
    /// first touch would stall the shard.
    private static let growthBytes = 16 << 20

    /// Asks the keeper for the memory that the tables will grow into.
    mutating func growMemory() {
        for index in 0..<Engine.growingTableCount {
            let table = core.engine.pointee.growingTable(index)
            guard index < Engine.expectedTableCount || table.usedBytes > 0 else { continue }
            guard table.usedBytes + Self.growthBytes > grownBytes[index], grownBytes[index] < table.sizeBytes else {
                continue
            }
            grow(index, table)
        }
    }

    @inline(never)
    private mutating func grow(_ index: Int, _ table: GrowingTable) {
        let size = min(Self.growthBytes, table.sizeBytes - grownBytes[index])
        shared.keeper.populate(table.base + grownBytes[index], size)
        grownBytes[index] += size
    }
}
