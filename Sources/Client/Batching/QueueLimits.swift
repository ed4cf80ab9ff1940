internal import Protocol
import Synchronization

/// What a configuration says to one queue.
struct QueueLimits: Sendable {
    var batchCountMax: Int
    var framesInFlightMax: Int
    var callsMax: Int
    var refusesWhenFull: Bool
    var retryDelayMinMs: UInt32
    var retryDelayMaxMs: UInt32

    init(_ configuration: ClientConfiguration) {
        batchCountMax = min(max(1, configuration.batchCountMax), Frame.batchCountMax)
        framesInFlightMax = max(1, configuration.framesInFlightMax)
        callsMax = min(max(1, configuration.callsMax), Int(Int32.max))
        refusesWhenFull = configuration.whenFull == .refuse
        retryDelayMinMs = max(1, configuration.retryDelayMinMs)
        retryDelayMaxMs = max(retryDelayMinMs, configuration.retryDelayMaxMs)
    }

    /// Lists go one to a frame, so more frames may be under way for as many calls.
    func capped(to operation: Operation) -> QueueLimits {
        var capped = self
        capped.batchCountMax = min(batchCountMax, operation.countMax, callsMax)
        if operation.countMax == 1 { capped.framesInFlightMax = max(framesInFlightMax, 64) }
        return capped
    }

    /// The wait before an attempt after `attempts` that met a busy server: the hint if there is one, else doubling;
    /// the upper half is random, so that clients which were refused together do not come back together.
    func retryDelayMs(_ attempts: UInt8, _ hintMs: UInt32) -> UInt32 {
        let doubled = min(UInt64(retryDelayMinMs) << UInt64(min(attempts, 20)), UInt64(retryDelayMaxMs))
        let delayMs = max(UInt64(hintMs), doubled)
        return UInt32(
            clamping: UInt64.random(in: (hintMs > 0 ? delayMs : (delayMs + 1) / 2)...(delayMs + delayMs / 2)))
    }
}

/// Counters of a client; from any thread.
final class ClientCounters: Sendable {
    let entriesSent = Atomic<UInt64>(0)
    let framesSent = Atomic<UInt64>(0)
    let retries = Atomic<UInt64>(0)
    let connectionsOpened = Atomic<UInt64>(0)
    let connectionsFailed = Atomic<UInt64>(0)
    let restartsSeen = Atomic<UInt64>(0)
    private let parkedId = Atomic<UInt64>(0)

    func nextParkedId() -> UInt64 { parkedId.add(1, ordering: .relaxed).newValue }
}
