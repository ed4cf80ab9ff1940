import CLinux
import Protocol
import Shard

/// Whether a shard is asked for more than it can do, told by how long requests wait for it.
///
/// What waits lies in the queue of received bytes and, when its buffers are used up, in the sockets. Bytes that wait,
/// over bytes that are worked on in a second, is the delay (Little's law). Ten times a second it is looked at; a delay
/// beyond the limit that is there at two looks one after the other, and not a burst, is overload.
///
/// Then each turn serves as much as it ever does, and when half of the buffers are in use, refuses the new work that it
/// still finds: `BUSY` costs a fraction of an order, and leaves nothing waiting. So those that are served are served
/// soon, and not after all that nobody waits for any more. Not at every turn, since each refusal is one more connection
/// to send to. What ends holds is served beyond the allowance, and never refused. It is over when nothing had to be
/// refused between two looks.
///
/// The shard's thread.
struct LoadGuard {
    enum Change { case begins, ends }

    /// 0: new work is never refused.
    let delayMaxMs: UInt64
    private(set) var isOverloaded = false
    /// Whether this turn refuses what its allowance has no room for.
    var isShedding = false
    /// Bytes of frames that were answered since the last look.
    var workedBytes = 0
    /// Whether anything has been refused since then.
    var hasRefused = false
    private var lastLookMs: UInt64 = 0
    private var looksBeyond = 0

    private static let lookEveryMs: UInt64 = 100
    private static let looksNeeded = 2
    /// Less than this is no queue, however slow the disk is at the moment.
    private static let backlogMinBytes = 64 << 10

    init(delayMaxMs: UInt64) { self.delayMaxMs = delayMaxMs }

    /// How long a client should wait before it asks again, in ms.
    var retryAfterMs: UInt32 { UInt32(delayMaxMs) }

    /// Whether it is time for a look.
    @inline(__always)
    func isDue(nowMs: UInt64) -> Bool { nowMs >= lastLookMs &+ Self.lookEveryMs && delayMaxMs > 0 }

    /// One look; `backlogBytes` wait. Answers whether overload begins or ends with it.
    mutating func look(backlogBytes: Int, nowMs: UInt64) -> Change? {
        // Before the first look there is nothing to compare with.
        let tookMs = lastLookMs == 0 ? 0 : nowMs &- lastLookMs
        lastLookMs = nowMs
        let worked = workedBytes
        let refused = hasRefused
        workedBytes = 0
        hasRefused = false
        if isOverloaded {
            if refused { return nil }
            isOverloaded = false
            return .ends
        }
        // backlog / (worked / took) > limit
        let isBeyond =
            backlogBytes > Self.backlogMinBytes
            && UInt64(backlogBytes) * tookMs > delayMaxMs * UInt64(worked)
        looksBeyond = isBeyond ? looksBeyond + 1 : 0
        guard looksBeyond >= Self.looksNeeded else { return nil }
        looksBeyond = 0
        isOverloaded = true
        return .begins
    }
}

extension Reactor {
    /// Looks whether requests wait too long, now and then.
    mutating func watchLoad(_ nowMs: UInt64) {
        if load.isDue(nowMs: nowMs) { lookAtLoad(nowMs) }
        load.isShedding = load.isOverloaded && buffers.available < ReceiveBuffers.count / 2
    }

    @inline(never)
    private mutating func lookAtLoad(_ nowMs: UInt64) {
        switch load.look(backlogBytes: backlogBytes(), nowMs: nowMs) {
        case .begins:
            logger.warning(
                "more is asked for than this shard can do: new orders are answered BUSY, ends of holds are served")
        case .ends: logger.notice("new orders are served again")
        case nil: break
        }
    }

    /// Bytes of requests that have arrived and are not worked on: in the queue, and of connections for which there was
    /// no buffer, in their sockets.
    private func backlogBytes() -> Int {
        var bytes = 0
        for number in input.first..<input.end { bytes += Int(input[number].pointee.count) }
        for index in 0..<starved.count {
            bytes += Int(ts_unread_bytes(connections.slots[starved[index]].socket))
        }
        return bytes
    }

    /// A frame beyond the turn's allowance, while there is overload: new work is refused, anything else served. Nil if
    /// it is to be served; else whether the turn can go on.
    mutating func shed(_ slot: Int, _ header: FrameHeader, _ nowMs: UInt64) -> Bool? {
        guard Operation(rawValue: header.operation)?.isNewWork ?? false else {
            core.extendTurn(entries: header.count)
            return nil
        }
        let token = connections.token(slot)
        guard core.refuseNewWork(header, token, retryAfterMs: load.retryAfterMs) == .finished else { return false }
        load.hasRefused = true
        refused(slot, header, nowMs)
        return true
    }
}
