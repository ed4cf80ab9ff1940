import Protocol

/// Stands between the mirror and Redis: after a fault nothing is tried for a while, then one look decides.
///
///     closed --fault--> open --after a back-off--> half-open --answered--> closed
///                        ^                             |
///                        +-----------fault-------------+   with twice the back-off
struct Breaker {
    enum State {
        case closed, open, halfOpen

        var shown: MirrorState {
            switch self {
            case .closed: .closed
            case .open: .open
            case .halfOpen: .halfOpen
            }
        }
    }

    static let backOffMinMs: UInt64 = 50
    static let backOffMaxMs: UInt64 = 2_000

    private(set) var state = State.closed
    private var backOffMs = Self.backOffMinMs
    private var untilMs: UInt64 = 0

    /// Whether something may be tried now. An open one becomes half-open by this.
    mutating func admits(nowMs: UInt64) -> Bool {
        if state == .open && nowMs >= untilMs { state = .halfOpen }
        return state != .open
    }

    mutating func succeeded() {
        state = .closed
        backOffMs = Self.backOffMinMs
    }

    /// `jitter` in 0 ..< 1 spreads those that lost the same Redis: the back-off is between half of it and all.
    mutating func failed(nowMs: UInt64, jitter: Double) {
        state = .open
        untilMs = nowMs + backOffMs / 2 + UInt64(Double(backOffMs / 2) * jitter)
        backOffMs = min(backOffMs * 2, Self.backOffMaxMs)
    }
}
