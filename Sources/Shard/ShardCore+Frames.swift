import Engine
import Protocol

// Frames of this shard's connections.

extension ShardCore {
    /// Takes a whole frame of a connection that has done its handshake, already examined by `FrameFault`; or a
    /// run of `frames`, as many as `runLength` answered for the same bytes. Only when nothing is in hand.
    public mutating func begin(
        _ frame: UnsafeRawPointer, _ header: FrameHeader, frames: Int = 1, connection: UInt64, isAdmin: Bool,
        nowMs: UInt64
    ) -> WorkProgress {
        precondition(work.batch == nil)
        guard hasReplyRoom else { return .blocked }
        counts.frames &+= UInt64(frames)
        let operation = Operation(rawValue: header.operation)!
        if frames > 1 { return beginRun(frame, operation, frames, connection, nowMs: nowMs) }
        let entries = frame + Frame.headerSizeBytes
        if operation.isAdmin && !isAdmin {
            return refuseFrame(.forbidden, header, connection)
        }
        switch operation.owner {
        case .connection:
            if operation == .handshake { return refuseFrame(.unknownOperation, header, connection) }
            if operation.isAside { return putAside(operation, header, entries, connection) }
            return answerSystem(operation, header, entries, connection, isAdmin: isAdmin, nowMs: nowMs)
        case .catalogue:
            let owner = Partition.owner(of: Partition.catalogue, shards: shards)
            if owner != shard { return forward(operation, header, entries, connection, to: owner) }
            return runCatalogue(
                operation, entries, header.count, .connection(connection, requestId: header.requestId),
                nowMs: nowMs)
        case .user:
            let owner = Partition.owner(of: Partition.of(user: entries.loadId(0)), shards: shards)
            if owner != shard { return forward(operation, header, entries, connection, to: owner) }
            return answerPage(
                operation, entries, .connection(connection, requestId: header.requestId), nowMs: nowMs)
        case .position:
            let position = ListSaleOrdersEntry(entries).after
            let owner = position.shard
            guard owner < shards else {
                // An earlier run may have had more shards.
                return refuseFrame(position.isOf(instance.instance) ? .invalid : .trimmed, header, connection)
            }
            if owner != shard { return forward(operation, header, entries, connection, to: owner) }
            return answerPage(
                operation, entries, .connection(connection, requestId: header.requestId), nowMs: nowMs)
        case .ids:
            if shards > 1 && !ownsAll(operation, entries, header.count) {
                return distribute(operation, header, entries, connection)
            }
            work.source = .connection(connection, requestId: header.requestId)
            // Most frames are decided in one go: their reply is put together where it will wait.
            work.isInPlace = header.count <= allowance
            let place =
                work.isInPlace
                ? gated.reserve(Frame.headerSizeBytes + header.count * operation.resultSizeBytes) : scratch
            work.batch = Batch(
                operation: operation, entries: entries, count: header.count,
                results: place + Frame.headerSizeBytes)
            return resume(nowMs: nowMs)
        }
    }

    /// Goes on with what is in hand.
    public mutating func resume(nowMs: UInt64) -> WorkProgress {
        guard work.batch != nil else { return .finished }
        precondition(!isTaking, "a take has to settle first")
        switch engine.pointee.run(&work.batch!, allowance: &allowance, nowMs: nowMs) {
        case .paused:
            leavePlace()
            return .paused
        case .takesUnits:
            take = engine.pointee.take()
            return .takesUnits
        case .finished:
            let batch = work.batch!
            if work.runFrames > 0 {
                finishRun(batch)
            } else if case .connection(let connection, let requestId) = work.source {
                finishFrame(batch, ReplyDestination(connection: connection), requestId)
            } else {
                finish(work.source, batch.operation, count: batch.count, waitLsn: batch.waitLsn)
            }
            if case .mesh(let from, _, _) = work.source { mesh.requests(from: from, to: shard).advance() }
            work.batch = nil
            work.source = .none
            return .finished
        }
    }

    /// Seals the reply to a frame whose entries are decided, and hands it to where it goes.
    @inline(__always)
    private mutating func finishFrame(_ batch: Batch, _ destination: ReplyDestination, _ requestId: UInt64) {
        let frame = batch.results - Frame.headerSizeBytes
        let lengthBytes = Frame.headerSizeBytes + batch.count * batch.operation.resultSizeBytes
        FrameHeader.seal(
            frame, operation: batch.operation.rawValue, requestId: requestId, count: batch.count,
            lengthBytes: lengthBytes, flags: Frame.Flags.reply)
        if work.isInPlace && batch.waitLsn > writer.repliableLsn {
            gated.commit(destination, waitLsn: batch.waitLsn, lengthBytes)
        } else {
            reply(destination, batch.operation, waitLsn: batch.waitLsn, frame, lengthBytes)
        }
        work.isInPlace = false
    }

    /// Work that pauses gives up its place among the replies, where others may be put before it goes on.
    @inline(never)
    private mutating func leavePlace() {
        guard work.isInPlace else { return }
        work.isInPlace = false
        work.batch!.moveResults(to: scratch + Frame.headerSizeBytes)
    }

    /// Answers a frame with a fault or a refusal of all of it.
    @discardableResult
    public mutating func refuseFrame(
        _ status: ResultCode, _ header: FrameHeader, _ connection: UInt64, retryAfterMs: UInt32 = 0
    ) -> WorkProgress {
        guard immediate.hasRoom(Frame.headerSizeBytes) else { return .blocked }
        FrameHeader.seal(
            scratch, operation: header.operation, status: status, requestId: header.requestId, count: 0,
            lengthBytes: Frame.headerSizeBytes, flags: Frame.Flags.reply, retryAfterMs: retryAfterMs)
        immediate.append(ReplyDestination(connection: connection), waitLsn: 0, scratch, Frame.headerSizeBytes)
        return .finished
    }

    /// Refuses a frame of new work, for a shard that has more to do than it can.
    public mutating func refuseNewWork(
        _ header: FrameHeader, _ connection: UInt64, retryAfterMs: UInt32
    ) -> WorkProgress {
        let progress = refuseFrame(.busy, header, connection, retryAfterMs: retryAfterMs)
        if progress == .finished { counts.busy &+= UInt64(header.count) }
        return progress
    }

    /// Seals the results that stand in `scratch` into a reply to where the work came from.
    @inline(__always)
    mutating func finish(
        _ source: Work.Source, _ operation: Operation, count: Int, status: ResultCode = .ok,
        flags: UInt16 = 0,
        waitLsn: UInt64
    ) {
        switch source {
        case .none: preconditionFailure("work without a source")
        case .connection(let connection, let requestId):
            let lengthBytes = Frame.headerSizeBytes + count * operation.resultSizeBytes
            FrameHeader.seal(
                scratch, operation: operation.rawValue, status: status, requestId: requestId, count: count,
                lengthBytes: lengthBytes, flags: Frame.Flags.reply | flags)
            reply(ReplyDestination(connection: connection), operation, waitLsn: waitLsn, scratch, lengthBytes)
        case .mesh(let from, let assembly, let message):
            finishForMesh(
                from: from, assembly: assembly, request: message, operation, count: count, status: status,
                flags: flags, waitLsn: waitLsn)
        }
    }

    /// The results of the work in hand, in `scratch`.
    var results: UnsafeMutableRawPointer { scratch + Frame.headerSizeBytes }

    @inline(__always)
    private func ownsAll(_ operation: Operation, _ entries: UnsafeRawPointer, _ count: Int) -> Bool {
        let size = operation.entrySizeBytes
        for index in 0..<count where owner(ofEntry: entries + index * size) != shard { return false }
        return true
    }

    /// The shard of an entry that begins with an operation id.
    @inline(__always)
    func owner(ofEntry entry: UnsafeRawPointer) -> Int {
        Partition.owner(of: entry.loadId(0).carriedPartition, shards: shards)
    }

    // MARK: Pages

    /// Answers a question about a user or the catalogue, most of them with a page of a list.
    @inline(never)
    mutating func answerPage(
        _ operation: Operation, _ entry: UnsafeRawPointer, _ source: Work.Source, nowMs: UInt64
    ) -> WorkProgress {
        let page =
            operation == .listSaleOrders
            ? engine.pointee.listSaleOrders(
                entry, results: results, limit: Frame.pageCountMax, instance: instance.instance)
            : engine.pointee.answer(operation, entry, results: results, nowMs: nowMs)
        finish(
            source, operation, count: page.count, status: page.code, flags: page.more ? Frame.Flags.more : 0,
            waitLsn: page.waitLsn)
        return .finished
    }

    // MARK: System

    private mutating func answerSystem(
        _ operation: Operation, _ header: FrameHeader, _ entries: UnsafeRawPointer, _ connection: UInt64,
        isAdmin: Bool, nowMs: UInt64
    ) -> WorkProgress {
        var count = 1
        switch operation {
        case .ping:
            PingResult(
                code: .ok, wallClockOffsetMs: driver.wallClockOffsetMs, nonce: PingEntry(entries).nonce, nowMs: nowMs
            ).store(to: results)
        case .topology:
            topology(isAdmin: isAdmin, nowMs: nowMs).store(to: results)
        case .stats:
            publishStatistics()
            count = shards
            for index in 0..<shards {
                statisticsBoard.read(shard: index).store(to: results + index * ShardStatsResult.sizeBytes)
            }
        case .mirror: mirrorBoard.read(into: results)
        default: preconditionFailure("not an operation of the system")
        }
        finish(.connection(connection, requestId: header.requestId), operation, count: count, waitLsn: 0)
        return .finished
    }

    /// What a handshake and `topology` answer.
    public func topology(isAdmin: Bool, nowMs: UInt64) -> TopologyResult {
        TopologyResult(
            code: .ok, version: UInt16(Frame.version), shard: UInt16(shard), shards: UInt16(shards),
            frameSizeMaxBytes: UInt32(Frame.sizeMaxBytes), batchCountMax: UInt32(Frame.batchCountMax),
            instance: instance.instance, nowMs: nowMs, retainMs: instance.retainMs,
            inFlightMaxBytes: instance.inFlightMaxBytes, admin: isAdmin ? 1 : 0,
            sequence: writer.writtenSequence)
    }
}
