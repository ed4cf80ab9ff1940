internal import NIOCore
internal import Protocol

// What the server says about itself, and what one asks of it. None of these changes what is sold.
extension TimesaleClient {
    /// Asks for a sign of life.
    @discardableResult
    nonisolated(nonsending) public func ping(timeoutMs: UInt32? = nil) async throws(TimesaleError) -> Pong {
        let begin = ContinuousClock.now
        let result = try await queues.call(
            queues.system.ping, PingEntry(nonce: NIODeadline.now().uptimeNanoseconds),
            timeoutNs: timeoutNs(timeoutMs))
        return Pong(
            serverTimeMs: result.nowMs, wallClockOffsetMs: Int(result.wallClockOffsetMs), roundTrip: .now - begin)
    }

    /// The counters of every shard, shard 0 first. Those of shards other than the one that answers may be a moment old.
    nonisolated(nonsending) public func stats(
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> [ShardStats] {
        try await queues.call(queues.system.stats, PingEntry(nonce: 0), timeoutNs: timeoutNs(timeoutMs))
    }

    /// Shards, clock, retention time, and the run of the server.
    nonisolated(nonsending) public func topology(
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Topology {
        try await queues.call(queues.system.topology, PingEntry(nonce: 0), timeoutNs: timeoutNs(timeoutMs))
    }

    /// How the copy of counts and events in Redis stands.
    nonisolated(nonsending) public func mirror(
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> MirrorStats {
        try await queues.call(queues.system.mirror, PingEntry(nonce: 0), timeoutNs: timeoutNs(timeoutMs))
    }

    /// Has the server make a snapshot of everything that was durable when it was asked, and waits for it; needs a token
    /// with the scope admin. If nothing has happened since the newest one, that is the answer.
    ///
    /// - Parameter timeoutMs: nil for ten minutes: a snapshot of many millions of records takes a while.
    /// - Throws: `.refused(.failed)` if the server could not make one; its messages say why, and its log is as it was.
    nonisolated(nonsending) public func snapshot(
        timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Snapshot {
        try await queues.call(
            queues.system.snapshot, PingEntry(nonce: 0), timeoutNs: timeoutNs(timeoutMs ?? 600_000))
    }
}
