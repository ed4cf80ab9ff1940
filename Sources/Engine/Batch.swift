import CAtomics
import Protocol

/// Entries of one operation on their way through the engine.
///
/// A batch can pause between two entries: when its turn is over, when the event buffer is full, and while
/// units are being taken from other stripes. Entries and results stay where they are meanwhile.
public struct Batch {
    public let operation: Operation
    public let entries: UnsafeRawPointer
    public let count: Int
    public private(set) var results: UnsafeMutableRawPointer
    /// Entries that have their result.
    public private(set) var finished = 0
    /// The reply waits for this LSN; 0: for nothing.
    public private(set) var waitLsn: UInt64 = 0
    /// The entries that steps of looking ahead have been taken for.
    private var withIndexes = 0
    private var withRecords = 0
    private var withWallets = 0
    private var withLots = 0
    /// Of orders: the entry at which a next step of looking ahead is due.
    fileprivate private(set) var ordersAheadAt = 0

    /// From one entry or result to the next, in bytes.
    fileprivate let entryStride: Int
    private let resultStride: Int
    /// Gets for each entry the LSN that its own reply would wait for, where each has one.
    private let waits: UnsafeMutablePointer<UInt64>?

    public init(operation: Operation, entries: UnsafeRawPointer, count: Int, results: UnsafeMutableRawPointer) {
        self.operation = operation
        self.entries = entries
        self.count = count
        self.results = results
        entryStride = operation.entrySizeBytes
        resultStride = operation.resultSizeBytes
        waits = nil
    }

    /// Entries each of which lies in a frame of its own, the frames without gaps, as do their replies.
    public init(
        frames: UnsafeRawPointer, of operation: Operation, count: Int, replies: UnsafeMutableRawPointer,
        waits: UnsafeMutablePointer<UInt64>
    ) {
        self.operation = operation
        self.count = count
        self.waits = waits
        entries = frames + Frame.headerSizeBytes
        results = replies + Frame.headerSizeBytes
        entryStride = Frame.headerSizeBytes &+ operation.entrySizeBytes
        resultStride = Frame.headerSizeBytes &+ operation.resultSizeBytes
    }

    /// Continues elsewhere, with the results there are.
    public mutating func moveResults(to place: UnsafeMutableRawPointer) {
        place.copyMemory(from: results, byteCount: finished &* resultStride)
        results = place
    }

    @inline(__always)
    mutating func finishEntry(_ outcome: Outcome) {
        if let waits { waits[finished] = outcome.waitLsn }
        finished &+= 1
        if outcome.waitLsn > waitLsn { waitLsn = outcome.waitLsn }
    }

    /// Fills `list`, which is empty, with the entries that a step should be taken for now; leaves it empty if there are
    /// none. `operation` is that of the batch, for whoever knows it.
    @inline(__always)
    mutating func next(_ step: LookAheadStep, of operation: Operation, _ list: inout LookAheadEntries) {
        let group = next(step, entriesMin: step.entriesMin(of: operation), group: LookAheadStep.group)
        if group.isEmpty { return }
        list.fill(
            entries + group.lowerBound &* entryStride, count: group.count, stride: entryStride, operation)
    }

    /// The numbers of the entries that a step is to be taken for now; none, if it is taken far enough ahead.
    @inline(__always)
    fileprivate mutating func next(_ step: LookAheadStep, entriesMin: Int, group: Int) -> Range<Int> {
        let next: Int
        switch step {
        case .indexes: next = withIndexes
        case .records: next = withRecords
        case .wallets: next = withWallets
        case .lots: next = withLots
        }
        guard next < count, next &- finished < entriesMin else { return 0..<0 }
        let end = min(next &+ group, count)
        switch step {
        case .indexes: withIndexes = end
        case .records: withRecords = end
        case .wallets: withWallets = end
        case .lots: withLots = end
        }
        return Range(uncheckedBounds: (next, end))
    }

    /// The steps that were due have been taken.
    fileprivate mutating func noteOrdersAhead() {
        let indexesAt = withIndexes < count ? withIndexes &- OrderLookups.indexesMin &+ 1 : count
        let recordsAt = withRecords < count ? withRecords &- OrderLookups.recordsMin &+ 1 : count
        ordersAheadAt = min(indexesAt, recordsAt)
    }

    @inline(__always)
    var entry: UnsafeRawPointer { entries + finished &* entryStride }

    @inline(__always)
    var result: UnsafeMutableRawPointer { results + finished &* resultStride }
}

/// Where a call of `Engine.run` left a batch.
public enum BatchProgress: Sendable {
    /// Every entry has its result.
    case finished
    /// The allowance is used up, or the event buffer is full: call `run` again later.
    case paused
    /// The next entry needs units that its shard's stripe does not have: drive `Engine.take` to its
    /// answer, call `settle` with it, then `run` again. All within the same turn.
    case takesUnits
}

extension Engine {
    /// Works on a batch of an operation whose entries begin with an id of their own, until it is done, has used its
    /// allowance of entries, or needs units from elsewhere. No other batch may be begun before this one is finished.
    public mutating func run(_ batch: inout Batch, allowance: inout Int, nowMs: UInt64) -> BatchProgress {
        if batch.operation == .order { return runOrders(&batch, allowance: &allowance, nowMs: nowMs) }
        while batch.finished < batch.count {
            if allowance <= 0 || !hasRoom { return .paused }
            allowance -= 1
            if batch.count > 1 { lookAhead(&batch, of: batch.operation) }
            let outcome: Outcome
            switch batch.operation {
            case .confirm: outcome = confirm(batch.entry, result: batch.result, nowMs: nowMs)
            case .cancel: outcome = cancel(batch.entry, result: batch.result, nowMs: nowMs)
            case .extend: outcome = extend(batch.entry, result: batch.result, nowMs: nowMs)
            case .getOrder: outcome = getOrder(batch.entry, result: batch.result)
            case .earnPoints: outcome = earn(batch.entry, result: batch.result, nowMs: nowMs)
            case .usePoints: outcome = usePoints(batch.entry, result: batch.result, nowMs: nowMs)
            case .cancelTransaction: outcome = cancelTransaction(batch.entry, result: batch.result, nowMs: nowMs)
            case .getTransaction: outcome = getTransaction(batch.entry, result: batch.result, nowMs: nowMs)
            case .issueCoupon: outcome = issueCoupon(batch.entry, result: batch.result, nowMs: nowMs)
            case .useCoupon: outcome = useCoupon(batch.entry, result: batch.result, nowMs: nowMs)
            case .restoreCoupon: outcome = restoreCoupon(batch.entry, result: batch.result, nowMs: nowMs)
            case .getCoupon: outcome = getCoupon(batch.entry, result: batch.result, nowMs: nowMs)
            case .placeCheckout: outcome = placeCheckout(batch.entry, result: batch.result, nowMs: nowMs)
            case .confirmCheckout: outcome = confirmCheckout(batch.entry, result: batch.result, nowMs: nowMs)
            case .cancelCheckout: outcome = cancelCheckout(batch.entry, result: batch.result, nowMs: nowMs)
            case .getCheckout: outcome = getCheckout(batch.entry, result: batch.result)
            default: preconditionFailure("not an operation with an id of its own")
            }
            if outcome.needsUnits {
                guard !isOfSeveralSales, takeOwnStripe() else { return .takesUnits }
                batch.finishEntry(applyPrepared(batch.entry, result: batch.result, nowMs: nowMs))
            } else {
                batch.finishEntry(outcome)
            }
        }
        return .finished
    }

    /// Orders, with the lines of those that follow being loaded meanwhile: a lookup that misses the cache costs
    /// as much as all else.
    private mutating func runOrders(_ batch: inout Batch, allowance: inout Int, nowMs: UInt64) -> BatchProgress {
        while batch.finished < batch.count {
            if allowance <= 0 || !hasRoom { return .paused }
            allowance &-= 1
            let lookup = batch.count > 1 ? nextLookup(&batch) : lookUp(batch.entry)
            let outcome = order(lookup, result: batch.result, nowMs: nowMs)
            if outcome.needsUnits { return .takesUnits }
            batch.finishEntry(outcome)
        }
        return .finished
    }

    /// What is known of the order in hand; keeps the loads of those behind it ahead.
    @inline(__always)
    private func nextLookup(_ batch: inout Batch) -> OrderLookup {
        if batch.finished >= batch.ordersAheadAt { lookAheadOrders(&batch) }
        let lookup = lookups.pointee[batch.finished].pointee
        precondition(lookup.entry == batch.entry, "another batch was begun before this one was finished")
        return lookup
    }

    /// Takes the steps of looking ahead that are due.
    @inline(never)
    private func lookAheadOrders(_ batch: inout Batch) {
        while true {
            let group = batch.next(.indexes, entriesMin: OrderLookups.indexesMin, group: OrderLookups.group)
            if group.isEmpty { break }
            lookAheadIndexes(batch.entries, stride: batch.entryStride, group)
        }
        let group = batch.next(.records, entriesMin: OrderLookups.recordsMin, group: OrderLookups.group)
        if !group.isEmpty { lookAheadRecords(group, ahead: group.lowerBound &- batch.finished) }
        batch.noteOrdersAhead()
    }

    /// Keeps the loads of a batch ahead of the entry that is next.
    @inline(__always)
    private func lookAhead(_ batch: inout Batch, of operation: Operation) {
        lookAhead(.indexes, &batch, of: operation)
        lookAhead(.records, &batch, of: operation)
        guard operation.usesWallet else { return }
        lookAhead(.wallets, &batch, of: operation)
        guard operation.usesLots else { return }
        lookAhead(.lots, &batch, of: operation)
    }

    @inline(__always)
    private func lookAhead(_ step: LookAheadStep, _ batch: inout Batch, of operation: Operation) {
        batch.next(step, of: operation, &ahead.pointee)
        if ahead.pointee.count > 0 { lookAhead(step, &ahead.pointee) }
    }

    // MARK: Units

    @inline(__always)
    private func takeOwnStripe() -> Bool {
        counters.takeWhole(Int(prepared.sale), stripe: configuration.shard, UInt64(prepared.quantity))
    }

    /// The take that the entry in hand waits for.
    public func take() -> JointTake {
        if isOfSeveralSales {
            return JointTake(
                counters: counters, shard: configuration.shard, parts: checkout.parts, count: checkout.count)
        }
        return JointTake(
            StockTake(
                counters: counters, sale: Int(prepared.sale), shard: configuration.shard,
                quantity: UInt64(prepared.quantity)))
    }

    /// Whether units of several sales are wanted at once.
    private var isOfSeveralSales: Bool {
        switch prepared.kind {
        case .place, .confirmLate, .issueCoupon: false
        case .placeCheckout, .confirmCheckout: checkout.count > 1
        }
    }

    /// Ends the entry in hand by the answer of its take; if that is no, `failed` is the part it failed at.
    public mutating func settle(_ batch: inout Batch, isTaken: Bool, failed: Int, nowMs: UInt64) {
        if isTaken {
            batch.finishEntry(applyPrepared(batch.entry, result: batch.result, nowMs: nowMs))
            return
        }
        switch prepared.kind {
        case .place: batch.finishEntry(refuseOrder(.soldOut, batch.result))
        case .confirmLate: batch.finishEntry(answer(prepared.order, .expired, batch.result))
        case .issueCoupon: batch.finishEntry(refuseIssue(.exhausted, batch.result))
        case .placeCheckout, .confirmCheckout:
            batch.finishEntry(refuseUnits(ofOrder: checkout.order(ofPart: failed), batch.result))
        }
    }

    @inline(__always)
    private mutating func applyPrepared(
        _ entry: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Outcome {
        switch prepared.kind {
        case .place: applyPreparedOrder(entry, result: result, nowMs: nowMs)
        case .confirmLate: applyPreparedConfirm(result: result, nowMs: nowMs)
        case .issueCoupon: applyPreparedIssue(result: result, nowMs: nowMs)
        case .placeCheckout: applyPreparedCheckout(result: result, nowMs: nowMs)
        case .confirmCheckout: applyPreparedCheckoutConfirm(result: result, nowMs: nowMs)
        }
    }
}
