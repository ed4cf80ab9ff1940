import Engine
import Protocol

// Entries of other shards' users, and theirs of ours.
//
// A frame that is not all ours becomes an assembly and messages to the owners (a message to ourselves
// among them, so that there is one way only). The reply leaves when every part has come back, each of
// them durable where it was decided.

extension ShardCore {
    /// Retry hint of BUSY: about the time in which a ring drains.
    static let busyRetryAfterMs: UInt32 = 5

    /// Splits a frame among the owners of its entries.
    mutating func distribute(
        _ operation: Operation, _ header: FrameHeader, _ entries: UnsafeRawPointer, _ connection: UInt64
    ) -> WorkProgress {
        let resultSize = operation.resultSizeBytes
        let frameSize = Frame.headerSizeBytes + header.count * resultSize
        guard
            let slot = assemblies.open(
                connection: connection, requestId: header.requestId, operation: operation,
                count: header.count,
                frameSizeBytes: frameSize)
        else { return refuseFrame(.busy, header, connection, retryAfterMs: Self.busyRetryAfterMs) }
        var involved: UInt64 = 0
        for index in 0..<header.count {
            let owner = owner(ofEntry: entries + index * operation.entrySizeBytes)
            owners[index] = UInt8(truncatingIfNeeded: owner)
            involved |= 1 << UInt64(owner)
        }
        for target in 0..<shards where involved >> UInt64(target) & 1 != 0 {
            send(operation, entries, header.count, slot, to: target)
        }
        closeIfComplete(slot)
        return .finished
    }

    /// Sends the entries that `owners` gives to `target`; those that find no room are BUSY.
    private mutating func send(
        _ operation: Operation, _ entries: UnsafeRawPointer, _ count: Int, _ slot: UInt32, to target: Int
    ) {
        let entrySize = operation.entrySizeBytes
        var next = 0
        while true {
            // The next chunk: from `next`, at most `countMax` entries of this owner.
            var chunk = 0
            var end = next
            while end < count && chunk < Message.countMax {
                if Int(owners[end]) == target { chunk += 1 }
                end += 1
            }
            if chunk == 0 { return }
            let size = Message.sizeBytes(count: chunk, itemSizeBytes: entrySize)
            let replySize = Message.sizeBytes(count: chunk, itemSizeBytes: operation.resultSizeBytes)
            let hasReplyRoom = reserve(replySize, for: target)
            let message = hasReplyRoom ? mesh.requests(from: shard, to: target).reserve(size) : nil
            if hasReplyRoom && message == nil { unreserve(replySize, for: target) }
            let indices = message.map { $0 + Message.headerSizeBytes }
            let body = message.map { $0 + Message.bodyOffset(count: chunk) }
            var position = 0
            for index in next..<end where Int(owners[index]) == target {
                if let indices, let body {
                    indices.storeLE(UInt16(index), position * 2)
                    (body + position * entrySize).copyMemory(
                        from: entries + index * entrySize, byteCount: entrySize)
                } else {
                    refuseInAssembly(slot, index, operation)
                }
                position += 1
            }
            if let message {
                fill(message, .entries, operation, assembly: slot, count: chunk)
                mesh.requests(from: shard, to: target).publish(message, size)
                wakes |= 1 << UInt64(target)
                assemblies[slot].pointee.outstanding += 1
                counts.forwarded &+= UInt64(chunk)
            } else {
                counts.busy &+= UInt64(chunk)
            }
            next = end
        }
    }

    /// Forwards a frame whole: to the catalogue, or a list to the user's shard.
    mutating func forward(
        _ operation: Operation, _ header: FrameHeader, _ entries: UnsafeRawPointer, _ connection: UInt64,
        to target: Int
    ) -> WorkProgress {
        let resultCount = operation.answersList ? Frame.pageCountMax : header.count
        let replySize = Message.sizeBytes(count: resultCount, itemSizeBytes: operation.resultSizeBytes)
        let frameSize = Frame.headerSizeBytes + resultCount * operation.resultSizeBytes
        guard reserve(replySize, for: target) else {
            return refuseFrame(.busy, header, connection, retryAfterMs: Self.busyRetryAfterMs)
        }
        let size = Message.sizeBytes(count: header.count, itemSizeBytes: operation.entrySizeBytes)
        guard let message = mesh.requests(from: shard, to: target).reserve(size),
            let slot = assemblies.open(
                connection: connection, requestId: header.requestId, operation: operation,
                count: header.count,
                frameSizeBytes: frameSize)
        else {
            unreserve(replySize, for: target)
            return refuseFrame(.busy, header, connection, retryAfterMs: Self.busyRetryAfterMs)
        }
        fill(message, .entries, operation, assembly: slot, count: header.count)
        for index in 0..<header.count {
            (message + Message.headerSizeBytes).storeLE(UInt16(index), index * 2)
        }
        (message + Message.bodyOffset(count: header.count)).copyMemory(
            from: entries, byteCount: header.count * operation.entrySizeBytes)
        mesh.requests(from: shard, to: target).publish(message, size)
        wakes |= 1 << UInt64(target)
        assemblies[slot].pointee.outstanding = 1
        counts.forwarded &+= UInt64(header.count)
        return .finished
    }

    private func fill(
        _ message: UnsafeMutableRawPointer, _ kind: Message.Kind, _ operation: Operation,
        code: ResultCode = .ok,
        assembly: UInt32, count: Int, flags: UInt16 = 0
    ) {
        message.storeLE(kind.rawValue, 4)
        message.storeLE(operation.rawValue, 5)
        message.storeLE(code.rawValue, 6)
        message.storeLE(assembly, 8)
        message.storeLE(UInt32(count), 12)
        message.storeLE(UInt64(flags), 16)
    }

    // MARK: Reservations

    /// Reserves room for a reply in the ring from `target`, so that the owner can always answer.
    mutating func reserve(_ replySizeBytes: Int, for target: Int) -> Bool {
        guard reservedReplyBytes[target] + replySizeBytes + 64 <= mesh.ringCapacityBytes / 2 else {
            return false
        }
        reservedReplyBytes[target] += replySizeBytes + 64
        return true
    }

    mutating func unreserve(_ replySizeBytes: Int, for target: Int) {
        reservedReplyBytes[target] -= replySizeBytes + 64
        precondition(reservedReplyBytes[target] >= 0)
    }

    // MARK: Polling

    /// Takes what other shards have sent: results first, since they free room, then requests as far as
    /// the allowance goes. Only when nothing is in hand.
    public mutating func pollMesh(nowMs: UInt64) -> WorkProgress {
        precondition(work.batch == nil)
        for source in 0..<shards {
            let ring = mesh.replies(from: source, to: shard)
            while hasReplyRoom, let message = ring.peek() {
                takeReply(message, from: source, nowMs: nowMs)
                ring.advance()
            }
        }
        for _ in 0..<shards {
            let source = nextMeshSource
            let ring = mesh.requests(from: source, to: shard)
            while allowance > 0, hasReplyRoom, let message = ring.peek() {
                let progress = takeRequest(message, from: source, nowMs: nowMs)
                if progress != .finished { return progress }
            }
            nextMeshSource = (nextMeshSource + 1) % shards
        }
        return .finished
    }

    /// Whether other shards have sent something: asked before going to sleep.
    public func meshHasMessages() -> Bool {
        for source in 0..<shards {
            if mesh.replies(from: source, to: shard).hasMessage
                || mesh.requests(from: source, to: shard).hasMessage
            {
                return true
            }
        }
        return false
    }

    /// A request leaves its ring when it is finished: until then its entries are read in place.
    private mutating func takeRequest(_ message: UnsafeMutableRawPointer, from source: Int, nowMs: UInt64)
        -> WorkProgress
    {
        let ring = mesh.requests(from: source, to: shard)
        let kind = Message.Kind(rawValue: message.loadLE(4))!
        switch kind {
        case .offerCreated, .offerRestocked, .offerClosed, .offerAsked, .offerRetired:
            takeNotice(kind, message, from: source, nowMs: nowMs)
            ring.advance()
            return .finished
        case .results, .noticeKnown:
            preconditionFailure("a reply in a ring of requests")
        case .entries: break
        }
        let operation = Operation(rawValue: message.loadLE(5))!
        let count = Int(message.loadLE(12, as: UInt32.self))
        let entries = UnsafeRawPointer(message + Message.bodyOffset(count: count))
        let origin = Work.Source.mesh(from: source, assembly: message.loadLE(8), message: message)
        if operation.isCatalogue {
            allowance -= count
            _ = runCatalogue(operation, entries, count, origin, nowMs: nowMs)
            ring.advance()
            return .finished
        }
        if operation.owner == .user || operation.owner == .position {
            allowance -= 1
            _ = answerPage(operation, entries, origin, nowMs: nowMs)
            ring.advance()
            return .finished
        }
        work.source = origin
        work.batch = Batch(operation: operation, entries: entries, count: count, results: results)
        return resume(nowMs: nowMs)
    }

    /// Puts the results in `scratch` into a message for the assembly they belong to.
    mutating func finishForMesh(
        from source: Int, assembly: UInt32, request: UnsafeMutableRawPointer, _ operation: Operation,
        count: Int,
        status: ResultCode, flags: UInt16, waitLsn: UInt64
    ) {
        let requestCount = Int(request.loadLE(12, as: UInt32.self))
        let size = Message.sizeBytes(count: count, itemSizeBytes: operation.resultSizeBytes)
        let message = scratch + Frame.sizeMaxBytes
        fill(message, .results, operation, code: status, assembly: assembly, count: count, flags: flags)
        for index in 0..<count {
            let place: UInt16 =
                operation.answersList
                ? UInt16(index) : (request + Message.headerSizeBytes).loadLE(min(index, requestCount - 1) * 2)
            (message + Message.headerSizeBytes).storeLE(place, index * 2)
        }
        (message + Message.bodyOffset(count: count)).copyMemory(
            from: results, byteCount: count * operation.resultSizeBytes)
        reply(ReplyDestination(shard: source, assembly: assembly), operation, waitLsn: waitLsn, message, size)
    }

    /// Puts a finished message into the ring of its shard: there is room, it was reserved by who asked.
    mutating func sendToMesh(_ front: ReplyQueue.Front) {
        let ring = mesh.replies(from: shard, to: front.destination.shard)
        guard let place = ring.reserve(front.lengthBytes) else {
            preconditionFailure("the room for a reply between shards was reserved")
        }
        place.copyMemory(from: front.reply, byteCount: front.lengthBytes)
        ring.publish(place, front.lengthBytes)
        wakes |= 1 << UInt64(front.destination.shard)
    }

    // MARK: Assemblies

    private mutating func takeReply(_ message: UnsafeMutableRawPointer, from source: Int, nowMs: UInt64) {
        switch Message.Kind(rawValue: message.loadLE(4))! {
        case .noticeKnown:
            unreserve(Message.knownSizeBytes, for: source)
            noticeIsKnown(
                by: source, ordinal: message.loadLE(16), isNeeded: message.loadLE(5, as: UInt8.self) != 0, nowMs: nowMs)
            return
        case .results: break
        case .entries, .offerCreated, .offerRestocked, .offerClosed, .offerAsked, .offerRetired:
            preconditionFailure("a request in a ring of replies")
        }
        let slot: UInt32 = message.loadLE(8)
        let operation = Operation(rawValue: message.loadLE(5))!
        let count = Int(message.loadLE(12, as: UInt32.self))
        let resultSize = operation.resultSizeBytes
        let body = message + Message.bodyOffset(count: count)
        let assembly = assemblies[slot]
        let frame = assemblies.frame(slot) + Frame.headerSizeBytes
        for index in 0..<count {
            let place = Int((message + Message.headerSizeBytes).loadLE(index * 2, as: UInt16.self))
            (frame + place * resultSize).copyMemory(from: body + index * resultSize, byteCount: resultSize)
        }
        if operation.answersList {
            unreserve(Message.sizeBytes(count: Frame.pageCountMax, itemSizeBytes: resultSize), for: source)
            assembly.pointee.count = count
        } else if !PlantedBug.replyRoomNotReturned.isPlanted {
            unreserve(Message.sizeBytes(count: count, itemSizeBytes: resultSize), for: source)
        }
        assembly.pointee.status = ResultCode(rawValue: message.loadLE(6))
        assembly.pointee.flags |= UInt16(truncatingIfNeeded: message.loadLE(16, as: UInt64.self))
        assembly.pointee.outstanding -= 1
        closeIfComplete(slot)
    }

    private mutating func closeIfComplete(_ slot: UInt32) {
        let assembly = assemblies[slot]
        guard assembly.pointee.outstanding == 0 else { return }
        let operation = assembly.pointee.operation
        let lengthBytes = Frame.headerSizeBytes + assembly.pointee.count * operation.resultSizeBytes
        let isBusy = assembly.pointee.flags & Self.busyFlag != 0
        FrameHeader.seal(
            assemblies.frame(slot), operation: operation.rawValue, status: assembly.pointee.status,
            requestId: assembly.pointee.requestId, count: assembly.pointee.count, lengthBytes: lengthBytes,
            flags: Frame.Flags.reply | assembly.pointee.flags & Frame.Flags.more,
            retryAfterMs: isBusy ? Self.busyRetryAfterMs : 0)
        immediate.append(
            ReplyDestination(connection: assembly.pointee.connection), waitLsn: 0, assemblies.frame(slot),
            lengthBytes)
        assemblies.close(slot)
    }

    /// Marks an assembly some of whose entries are BUSY; never leaves the server.
    private static let busyFlag: UInt16 = 1 << 15

    private mutating func refuseInAssembly(_ slot: UInt32, _ index: Int, _ operation: Operation) {
        let size = operation.resultSizeBytes
        let result = assemblies.frame(slot) + Frame.headerSizeBytes + index * size
        result.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        result.storeLE(ResultCode.busy.rawValue, 0)
        assemblies[slot].pointee.flags |= Self.busyFlag
    }
}
