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
    public let results: UnsafeMutableRawPointer
    /// Entries that have their result.
    public private(set) var finished = 0
    /// The reply waits for this LSN; 0: for nothing.
    public private(set) var waitLsn: UInt64 = 0

    public init(operation: Operation, entries: UnsafeRawPointer, count: Int, results: UnsafeMutableRawPointer) {
        self.operation = operation
        self.entries = entries
        self.count = count
        self.results = results
    }

    @inline(__always)
    mutating func finishEntry(_ outcome: Outcome) {
        finished &+= 1
        if outcome.waitLsn > waitLsn { waitLsn = outcome.waitLsn }
    }

    @inline(__always)
    var entry: UnsafeRawPointer { entries + finished &* operation.entrySizeBytes }

    @inline(__always)
    var result: UnsafeMutableRawPointer { results + finished &* operation.resultSizeBytes }
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
    /// Works on a batch of an operation on orders until it is done, has used its allowance of entries, or
    /// needs units from elsewhere.
    public mutating func run(_ batch: inout Batch, allowance: inout Int, nowMs: UInt64) -> BatchProgress {
        if batch.operation == .order { return runOrders(&batch, allowance: &allowance, nowMs: nowMs) }
        while batch.finished < batch.count {
            if allowance <= 0 || !hasRoom { return .paused }
            allowance -= 1
            let outcome: Outcome
            switch batch.operation {
            case .confirm: outcome = confirm(batch.entry, result: batch.result, nowMs: nowMs)
            case .cancel: outcome = cancel(batch.entry, result: batch.result, nowMs: nowMs)
            case .extend: outcome = extend(batch.entry, result: batch.result, nowMs: nowMs)
            case .getOrder: outcome = getOrder(batch.entry, result: batch.result)
            default: preconditionFailure("not an operation on orders")
            }
            if outcome.needsUnits {
                guard takeOwnStripe() else { return .takesUnits }
                batch.finishEntry(applyPrepared(result: batch.result, nowMs: nowMs))
            } else {
                batch.finishEntry(outcome)
            }
        }
        return .finished
    }

    /// Orders go in groups: hash all of a group and start the loads of its table lines, then decide one
    /// after the other while the loads arrive. A lookup that misses the cache costs as much as all else.
    private mutating func runOrders(_ batch: inout Batch, allowance: inout Int, nowMs: UInt64) -> BatchProgress {
        while batch.finished < batch.count {
            let group = min(Self.prefetchGroup, batch.count &- batch.finished, allowance)
            if group <= 0 { return .paused }
            var hashes = OrderHashes()
            let progress = withUnsafeMutableBytes(of: &hashes) { memory in
                runGroup(
                    &batch, group, nowMs: nowMs, allowance: &allowance,
                    hashes: memory.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self))
            }
            if progress != .finished { return progress }
        }
        return .finished
    }

    static let prefetchGroup = 16

    @inline(__always)
    private mutating func runGroup(
        _ batch: inout Batch, _ group: Int, nowMs: UInt64, allowance: inout Int,
        hashes: UnsafeMutablePointer<UInt64>
    ) -> BatchProgress {
        let first = batch.entry
        if group > 1 {
            for index in 0..<group {
                let entry = first + index &* OrderEntry.sizeBytes
                let idHash = hash(entry.loadId(0))
                let userHash = hash(entry.loadId(16))
                hashes[2 &* index] = idHash
                hashes[2 &* index &+ 1] = userHash
                ids.prefetch(idHash)
                userIndex.prefetch(userHash)
            }
            // By now the first lines of the indexes are here: what they name is loaded next.
            for index in 0..<group {
                let userHash = hashes[2 &* index &+ 1]
                var probe = userIndex.probe(userHash)
                let user = probe.next()
                if user != 0 { users.prefetch(user) }
                let sale = findSale((first + index &* OrderEntry.sizeBytes).loadLE(32))
                if sale != 0 && sales[sale].pointee.perUserLimit != 0 {
                    limitIndex.prefetch(limitHash(userHash: userHash, sale: sale))
                }
            }
        } else {
            hashes[0] = hash(first.loadId(0))
            hashes[1] = hash(first.loadId(16))
        }
        for index in 0..<group {
            if !hasRoom { return .paused }
            allowance &-= 1
            let result = batch.result
            let outcome = order(
                batch.entry, idHash: hashes[2 &* index], userHash: hashes[2 &* index &+ 1], result: result,
                nowMs: nowMs)
            if outcome.needsUnits {
                guard takeOwnStripe() else { return .takesUnits }
                batch.finishEntry(applyPreparedOrder(result: result, nowMs: nowMs))
            } else {
                batch.finishEntry(outcome)
            }
        }
        return .finished
    }

    // MARK: Units

    @inline(__always)
    private func takeOwnStripe() -> Bool {
        counters.takeWhole(Int(prepared.sale), stripe: configuration.shard, UInt64(prepared.quantity))
    }

    /// The take that the entry in hand waits for.
    public func take() -> StockTake {
        StockTake(
            counters: counters, sale: Int(prepared.sale), shard: configuration.shard,
            quantity: UInt64(prepared.quantity))
    }

    /// Ends the entry in hand by the answer of its take.
    public mutating func settle(_ batch: inout Batch, isTaken: Bool, nowMs: UInt64) {
        if isTaken {
            batch.finishEntry(applyPrepared(result: batch.result, nowMs: nowMs))
            return
        }
        switch prepared.kind {
        case .place: batch.finishEntry(refuseOrder(.soldOut, batch.result))
        case .confirmLate: batch.finishEntry(answer(prepared.order, .expired, batch.result))
        }
    }

    @inline(__always)
    private mutating func applyPrepared(result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        switch prepared.kind {
        case .place: applyPreparedOrder(result: result, nowMs: nowMs)
        case .confirmLate: applyPreparedConfirm(result: result, nowMs: nowMs)
        }
    }
}

/// Two hashes for each of the sixteen orders of a group, on the stack.
private struct OrderHashes {
    private var words = (SIMD16<UInt64>(), SIMD16<UInt64>())
}
