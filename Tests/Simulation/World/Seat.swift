import Protocol
import Shard

/// Where a shard is in its turn, and what the reactor would keep for it: frames that have arrived, the frame in
/// hand, completions that the disk has reported.
struct Seat {
    /// The parts of a turn, in the order of `ShardCore`.
    enum Part: CaseIterable {
        case completions, advance, mesh, frames, expiry, seal, replies
    }

    enum Completion {
        case write(ticket: UInt64)
        case sync
    }

    struct Inbound {
        var connection: UInt64
        var bytes: [UInt8]
    }

    var part = Part.completions
    /// A take is under way: nothing else of this shard may happen.
    var isTaking = false
    /// The take has settled: the work goes on before anything else.
    var mustResume = false
    /// The thread has lost its core until this step.
    var stalledUntil = 0
    /// The work in hand has paused until the next turn.
    var hasPaused = false
    /// The time of this turn.
    var nowMs: UInt64 = 0
    /// Frames looked at in this turn.
    var framesBegun = 0
    /// The most entries that can have been worked on in this turn, and of the work in hand.
    var entriesBegun = 0
    var entriesInHand = 0
    var inbox: [Inbound] = []
    var completions: [Completion] = []
    var hadCompletions = false
    /// The memory of the frame in hand, until it is finished.
    var hand: UnsafeMutableRawPointer?
    /// A segment that is being prepared.
    var preparing: UInt64?
    var lastSegment: UInt64 = 0

    mutating func release() {
        hand?.deallocate()
        hand = nil
    }
}
