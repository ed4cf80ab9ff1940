import Synchronization

/// The outcomes of one explicit batch: each written once, by whoever settles its call; the last one wakes the
/// caller.
final class CallBatch<Answer: Sendable>: @unchecked Sendable {
    typealias Outcome = Result<Answer, TimesaleError>

    // Distinct places are written by distinct settlers; the caller reads when `remaining` has reached zero,
    // which orders all writes before it.
    private let outcomes: UnsafeMutableBufferPointer<Outcome>
    // One more than the outcomes that are missing, until the caller waits.
    private let remaining: Atomic<Int>
    private var caller: UnsafeContinuation<Void, Never>?
    private let cancelled = Atomic<Bool>(false)

    init(count: Int) {
        outcomes = .allocate(capacity: count)
        outcomes.initialize(repeating: .failure(.cancelled))
        remaining = Atomic(count + 1)
    }

    deinit {
        outcomes.deinitialize()
        outcomes.deallocate()
    }

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    func markCancelled() { cancelled.store(true, ordering: .releasing) }

    func settle(_ index: Int, _ outcome: Outcome) {
        outcomes[index] = outcome
        leave()
    }

    /// Settles those that were never given to a queue.
    func settle(_ indexes: some Sequence<Int>, _ error: TimesaleError) {
        for index in indexes { settle(index, .failure(error)) }
    }

    /// Waits for all. Called once, after every entry was given to a queue or settled.
    func wait() async -> [Outcome] {
        await withUnsafeContinuation { continuation in
            caller = continuation
            leave()
        }
        return Array(outcomes)
    }

    private func leave() {
        if remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { caller?.resume() }
    }
}
