import Engine
import Protocol

// Operations on the catalogue, on the shard that keeps it, and their way to the others:
// logged, durable, known to every shard, visible, answered.

/// Changes on their way, and the replies that wait for them.
struct CatalogueProgress {
    struct PendingChange {
        var change: CatalogueChange
        var ordinal: UInt64
        /// Of a question: whether a shard needs the offer.
        var isNeeded = false
    }

    struct PendingReply {
        var source: Work.Source
        var operation: Operation
        var count: Int
        var results: [UInt8]
        /// The indices of the request it answers, if it came from another shard.
        var request: [UInt8]
        var waitLsn: UInt64
        var ordinal: UInt64
    }

    /// Logged, in order. Ordinals count changes since the start.
    var changes: [PendingChange] = []
    var replies: [PendingReply] = []
    var lastOrdinal: UInt64 = 0
    /// Up to where the shards have been told, and up to where each has said that it knows.
    var toldOrdinal: UInt64 = 0
    var knownOrdinals: [UInt64] = []
    var completeOrdinal: UInt64 = 0

    var isEmpty: Bool { changes.isEmpty && replies.isEmpty }
    /// Whether a change waits for the disk.
    var awaitsDurability: Bool { !isEmpty }
}

extension ShardCore {
    @inline(never)
    mutating func runCatalogue(
        _ operation: Operation, _ entries: UnsafeRawPointer, _ count: Int, _ source: Work.Source, nowMs: UInt64
    ) -> WorkProgress {
        if operation.answersList { return answerPage(operation, entries, source, nowMs: nowMs) }
        // At a bound of the log or of pending replies: nothing of the frame has happened yet.
        let isFull = catalogue.replies.count >= 1024 || !hasCatalogueRoom(count)
        if isFull && operation.changesCatalogue {
            for index in 0..<count {
                engine.pointee.refuseCatalogueEntry(
                    operation, entries + index * operation.entrySizeBytes, .busy,
                    result: results + index * operation.resultSizeBytes)
            }
            finish(source, operation, count: count, waitLsn: 0)
            return .finished
        }
        var waitLsn: UInt64 = 0
        var waitsForChange = false
        for index in 0..<count {
            let entry = entries + index * operation.entrySizeBytes
            let result = results + index * operation.resultSizeBytes
            let outcome = engine.pointee.runCatalogue(operation, entry, result: result, nowMs: nowMs)
            waitLsn = max(waitLsn, outcome.waitLsn)
            // A read waits for the events it shows, not for what every shard knows.
            if outcome.waitLsn > 0 && operation.changesCatalogue { waitsForChange = true }
            if let change = outcome.change {
                catalogue.lastOrdinal += 1
                catalogue.changes.append(.init(change: change, ordinal: catalogue.lastOrdinal))
            }
        }
        if waitsForChange && catalogue.completeOrdinal < catalogue.lastOrdinal {
            keepReply(source, operation, count, waitLsn)
        } else {
            finish(source, operation, count: count, waitLsn: waitLsn)
        }
        return .finished
    }

    private func hasCatalogueRoom(_ count: Int) -> Bool {
        let free = engine.pointee.events.pointee.capacityBytes - engine.pointee.events.pointee.usedBytes
        return free >= count * EventField.sizeMaxBytes + EventBuffer.operationSizeMaxBytes
    }

    private mutating func keepReply(_ source: Work.Source, _ operation: Operation, _ count: Int, _ waitLsn: UInt64) {
        var request: [UInt8] = []
        if case .mesh(_, _, let message) = source {
            let size = Message.bodyOffset(count: Int(message.loadLE(12, as: UInt32.self)))
            request = Array(UnsafeRawBufferPointer(start: message, count: size))
        }
        catalogue.replies.append(
            .init(
                source: source, operation: operation, count: count,
                results: Array(UnsafeRawBufferPointer(start: results, count: count * operation.resultSizeBytes)),
                request: request, waitLsn: waitLsn, ordinal: catalogue.lastOrdinal))
    }

    // MARK: Progress

    /// Tells the shards what has become durable, applies what they all know, and answers.
    @inline(never)
    mutating func advanceCatalogue(nowMs: UInt64) {
        guard !catalogue.isEmpty else { return }
        if catalogue.knownOrdinals.isEmpty { catalogue.knownOrdinals = Array(repeating: 0, count: shards) }
        tellShards()
        let others = (0..<shards).filter { $0 != shard }
        let known = others.map { catalogue.knownOrdinals[$0] }.min() ?? UInt64.max
        while let pending = catalogue.changes.first, pending.ordinal <= min(known, catalogue.toldOrdinal) {
            catalogue.completeOrdinal = pending.ordinal
            catalogue.changes.removeFirst()
            complete(pending, nowMs: nowMs)
        }
        while let pending = catalogue.replies.first, pending.ordinal <= catalogue.completeOrdinal, hasReplyRoom {
            answer(pending, nowMs: nowMs)
            catalogue.replies.removeFirst()
        }
    }

    /// Sends notices of durable changes in order, each to all shards or to none yet.
    private mutating func tellShards() {
        for pending in catalogue.changes where pending.ordinal > catalogue.toldOrdinal {
            guard pending.change.lsn <= writer.durableLsn else { return }
            // Notices are small, and every shard takes them in each turn: a full ring is passing.
            for target in 0..<shards where target != shard {
                guard reservedReplyBytes[target] + Message.knownSizeBytes + 64 <= mesh.ringCapacityBytes / 2,
                    mesh.requests(from: shard, to: target).reserve(Message.noticeSizeBytes) != nil
                else { return }
            }
            for target in 0..<shards where target != shard { sendNotice(pending, to: target) }
            catalogue.toldOrdinal = pending.ordinal
        }
    }

    private mutating func sendNotice(_ pending: CatalogueProgress.PendingChange, to target: Int) {
        let ring = mesh.requests(from: shard, to: target)
        guard reserve(Message.knownSizeBytes, for: target), let notice = ring.reserve(Message.noticeSizeBytes) else {
            preconditionFailure("room for the notice was checked")
        }
        let kind: Message.Kind =
            switch pending.change.kind {
            case .created: .offerCreated
            case .restocked: .offerRestocked
            case .closed: .offerClosed
            case .asked: .offerAsked
            case .retired: .offerRetired
            }
        let isClosing = pending.change.kind == .closed
        notice.storeLE(kind.rawValue, 4)
        notice.storeLE(pending.change.offer, 8)
        notice.storeLE(pending.ordinal, 16)
        let share = StockCounters.share(of: pending.change.units, shard: target, shards)
        notice.storeLE(isClosing ? pending.change.units : share, 24)
        notice.storeBytes(
            of: engine.pointee.offerTerms(slot: pending.change.offer), toByteOffset: Message.noticeTermsOffset,
            as: OfferTerms.self)
        ring.publish(notice, Message.noticeSizeBytes)
        wakes |= 1 << UInt64(target)
    }

    /// On another shard: follows a change of the catalogue, and says so.
    @inline(never)
    mutating func takeNotice(
        _ kind: Message.Kind, _ notice: UnsafeMutableRawPointer, from source: Int, nowMs: UInt64
    ) {
        let slot: UInt32 = notice.loadLE(8)
        let units: UInt64 = notice.loadLE(24)
        var isNeeded = false
        switch kind {
        case .offerCreated:
            engine.pointee.learnOffer(
                slot: slot, notice.loadUnaligned(fromByteOffset: Message.noticeTermsOffset, as: OfferTerms.self))
            engine.pointee.openOffer(slot: slot, units: units)
        case .offerRestocked: engine.pointee.addStock(slot: slot, units: units)
        case .offerClosed: engine.pointee.stopOffer(slot: slot, closedAtMs: units)
        case .offerAsked: isNeeded = needs(offer: slot, nowMs: nowMs)
        case .offerRetired: engine.pointee.forgetOffer(slot: slot)
        case .entries, .results, .noticeKnown: preconditionFailure("not a notice")
        }
        let ring = mesh.replies(from: shard, to: source)
        guard let known = ring.reserve(Message.knownSizeBytes) else {
            preconditionFailure("the room for a reply between shards was reserved")
        }
        known.storeLE(Message.Kind.noticeKnown.rawValue, 4)
        known.storeLE(UInt8(isNeeded ? 1 : 0), 5)
        known.storeLE(notice.loadLE(16, as: UInt64.self), 16)
        ring.publish(known, Message.knownSizeBytes)
        wakes |= 1 << UInt64(source)
    }

    @inline(never)
    mutating func noticeIsKnown(by source: Int, ordinal: UInt64, isNeeded: Bool, nowMs: UInt64) {
        if isNeeded, let asked = catalogue.changes.firstIndex(where: { $0.ordinal == ordinal }) {
            catalogue.changes[asked].isNeeded = true
        }
        catalogue.knownOrdinals[source] = max(catalogue.knownOrdinals[source], ordinal)
        advanceCatalogue(nowMs: nowMs)
    }

    /// A change that is durable and known everywhere becomes visible.
    private mutating func complete(_ pending: CatalogueProgress.PendingChange, nowMs: UInt64) {
        let change = pending.change
        let units = StockCounters.share(of: change.units, shard: shard, shards)
        switch change.kind {
        case .created:
            engine.pointee.openOffer(slot: change.offer, units: units)
            engine.pointee.publishOffer(slot: change.offer)
        case .restocked: engine.pointee.addStock(slot: change.offer, units: units)
        case .closed: engine.pointee.stopOffer(slot: change.offer, closedAtMs: change.units)
        case .asked: retireOffer(pending, nowMs: nowMs)
        case .retired: break
        }
    }

    /// Answers with the offers as they are now that the change shows.
    private mutating func answer(_ pending: CatalogueProgress.PendingReply, nowMs: UInt64) {
        // A frame that has paused keeps the results it has so far in the usual place.
        let inHand = scratch
        scratch = catalogueScratch
        defer { scratch = inHand }
        pending.results.withUnsafeBytes {
            results.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        var waitLsn = pending.waitLsn
        for index in 0..<pending.count {
            let result = results + index * pending.operation.resultSizeBytes
            waitLsn = max(waitLsn, engine.pointee.refreshOffer(pending.operation, result, nowMs: nowMs))
        }
        switch pending.source {
        case .none: preconditionFailure("a reply without a source")
        case .connection:
            finish(pending.source, pending.operation, count: pending.count, waitLsn: waitLsn)
        case .mesh(let from, let assembly, _):
            var request = pending.request
            request.withUnsafeMutableBytes {
                finishForMesh(
                    from: from, assembly: assembly, request: $0.baseAddress!, pending.operation, count: pending.count,
                    status: .ok, flags: 0, waitLsn: waitLsn)
            }
        }
    }
}
