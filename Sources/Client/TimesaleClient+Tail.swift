internal import Protocol

// Everything that happens on the server, in one order, for whoever keeps something of it elsewhere.
extension TimesaleClient {
    /// The durable events behind a position, of all shards in one order, each exactly once; needs a token with the
    /// scope admin.
    ///
    /// ```swift
    /// for try await event in client.tail(after: saved) {
    ///     if case .orderPlaced(let order, let user, let sale, let quantity, _) = event.what { ... }
    ///     saved = event.position
    /// }
    /// ```
    ///
    /// It waits for what comes, and goes on behind the last event when the connection is lost or the server starts
    /// again, for as long as that takes: cancel the task to end it. It asks for more only when what it has been
    /// given is used up.
    ///
    /// - Parameters:
    ///   - position: `TailPosition.beginning` for everything the server still has.
    ///   - limit: the most events to fetch at a time, 1 ... 4,096.
    ///   - follows: false to end with what is there now; then a lost connection is an error after the call's time.
    /// - Throws: (while iterating) `trimmed` if what comes behind the position is not there any more;
    ///   `.refused(.forbidden)`; `.refused(.invalid)` for a position of another server, ahead of everything that this
    ///   one has logged.
    public func tail(after position: TailPosition, limit: Int = 1000, follows: Bool = true) -> TailEvents {
        TailEvents(batches: tailBatches(after: position, limit: limit, follows: follows))
    }

    /// The same in batches, as they come. Each has the position behind it: save that with what you make of the
    /// events, in one transaction.
    public func tailBatches(after position: TailPosition, limit: Int = 1000, follows: Bool = true) -> TailBatches {
        TailBatches(client: self, after: position, limit: limit, follows: follows)
    }

    /// The position behind everything that is durable now: a tail from there shows what comes.
    nonisolated(nonsending) public func tailPosition(
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> TailPosition {
        let reply = try await queues.call(
            queues.system.tail, TailEntry(after: .now, waitMs: 0, limit: 1), timeoutNs: timeoutNs(timeoutMs))
        guard case .batch(let batch) = reply else { throw .protocolViolation }
        return batch.position
    }

    /// Durable events behind a position, once: for who asks again by himself, such as a service that hands them on.
    ///
    /// - Parameters:
    ///   - limit: the most events, 1 ... 4,096.
    ///   - waitMs: how long the server waits for something to happen if nothing has.
    /// - Throws: as iterating `tailBatches` does.
    nonisolated(nonsending) public func tailBatch(
        after position: TailPosition, limit: Int = 1000, waitMs: UInt32 = 0
    ) async throws(TimesaleError) -> TailBatch {
        try await tailOnce(after: position, limit: limit, waitMs: waitMs)
    }

    /// Most of a call's time it may be waiting, and nothing comes over the connection.
    private static let waitMaxMs: UInt32 = 20_000

    nonisolated(nonsending) func tailOnce(
        after position: TailPosition, limit: Int, waits: Bool
    ) async throws(TimesaleError) -> TailBatch {
        try await tailOnce(
            after: position, limit: limit, waitMs: waits ? min(Self.waitMaxMs, configuration.silenceMaxMs / 2) : 0)
    }

    nonisolated(nonsending) private func tailOnce(
        after position: TailPosition, limit: Int, waitMs: UInt32
    ) async throws(TimesaleError) -> TailBatch {
        guard (1...Int(TailEntry.limitMax)).contains(limit) else { throw .invalidArgument(.limit) }
        let reply = try await queues.call(
            queues.system.tail, TailEntry(after: position.place, waitMs: waitMs, limit: UInt32(limit)),
            timeoutNs: timeoutNs(waitMs &+ configuration.timeoutMs))
        switch reply {
        case .batch(let batch): return batch
        case .trimmed(let oldest): throw .trimmed(oldest: oldest)
        }
    }

    nonisolated(nonsending) func pauseBeforeRetry() async throws(TimesaleError) {
        do {
            try await Task.sleep(for: .milliseconds(Int64(configuration.reconnectDelayMaxMs)))
        } catch {
            throw .cancelled
        }
    }
}
