import Synchronization

/// A reading that all who ask within a second share, also those who ask while it is being made: so however often
/// somebody asks, the engine is not asked more often.
final class SharedReading<Value: Sendable>: Sendable {
    private struct State {
        var reading: Task<Value, Never>?
        var beganNs: UInt64 = 0
    }

    private let state = Mutex(State())
    private let keptNs: UInt64

    init(keptNs: UInt64 = 1_000_000_000) { self.keptNs = keptNs }

    func value(
        nowNs: UInt64 = TokenBuckets.nowNs(), _ executor: (any TaskExecutor)?,
        _ read: @escaping @Sendable () async -> Value
    ) async -> Value {
        let reading = state.withLock { state in
            if let reading = state.reading, nowNs < state.beganNs + keptNs { return reading }
            let reading = Task(executorPreference: executor) { await read() }
            state.reading = reading
            state.beganNs = nowNs
            return reading
        }
        return await reading.value
    }
}
