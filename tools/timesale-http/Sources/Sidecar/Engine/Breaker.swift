import Synchronization
import TimesaleClient

/// The circuit breaker between the callers and the engine. While the engine does not answer, requests are refused at
/// once instead of waiting for their deadline; `EngineWatch` looks when it is back.
final class Breaker: Sendable {
    enum State: UInt8, Sendable, CaseIterable {
        /// Requests go through.
        case closed
        /// Requests are refused.
        case open
        /// Requests are refused, and one question is under way to the engine.
        case halfOpen
    }

    /// Calls in a row that were not answered, after which it opens.
    static let failuresMax = 32

    private let place = Atomic<UInt8>(State.open.rawValue)
    private let failures = Atomic<Int>(0)
    private let openings: Tally

    /// It begins open: whether the engine answers has to be seen first.
    init(_ registry: MetricsRegistry) { openings = Tally(registry, SidecarFamilies.breakerOpenings) }

    var state: State { State(rawValue: place.load(ordering: .relaxed)) ?? .open }

    /// How often it has opened because the engine did not answer.
    var openedCount: UInt64 { openings.now }

    func admit() throws(Problem) {
        guard state == .closed else {
            throw Problem(.unavailable, "the engine does not answer at the moment; nothing was done")
        }
    }

    func succeeded() {
        if failures.load(ordering: .relaxed) != 0 { failures.store(0, ordering: .relaxed) }
    }

    /// An answer of the engine, whatever it says, is a sign of life; only silence counts.
    func failed(_ error: TimesaleError) {
        guard error.isSilence else { return succeeded() }
        if failures.add(1, ordering: .relaxed).newValue >= Breaker.failuresMax { open() }
    }

    func open() {
        if place.compareExchange(
            expected: State.closed.rawValue, desired: State.open.rawValue, ordering: .relaxed
        ).exchanged {
            openings.counter.increment()
        }
    }

    /// The engine is asked; `answered` says how it went.
    func tryAgain() { place.store(State.halfOpen.rawValue, ordering: .relaxed) }

    func answered(_ isWell: Bool) {
        failures.store(0, ordering: .relaxed)
        place.store((isWell ? State.closed : .open).rawValue, ordering: .relaxed)
    }
}

extension TimesaleError {
    /// Whether it means that the engine said nothing.
    fileprivate var isSilence: Bool {
        switch self {
        case .unavailable, .timedOut: true
        case .outcomeUnknown(let unknown): unknown.cause == .timedOut
        default: false
        }
    }
}
