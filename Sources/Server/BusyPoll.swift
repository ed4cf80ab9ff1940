import CAtomics
import Shard

/// Whether a shard looks for work for a little, before it sleeps.
///
/// To fall asleep and to be woken takes a virtual CPU 20 to 30 us, longer than a busy shard has to wait for its next
/// request. So it looks, up to `limitUs`, where that is likely to find something and takes nothing from others:
///
/// - the last wait was short, so that the next one will be too (as the kernel's haltpoll governor guesses:
///   Documentation/virt/guest-halt-polling.rst);
/// - it worked for 70 % of the last 10 ms. With less to do it would spend most of its core on looking, and the kernel's
///   worker that completes a durable write may wait for that core.
///
/// The shard's thread.
struct BusyPoll {
    static let limitUs: UInt64 = 50

    private static let windowUs: UInt64 = 10_000
    private static let busyMinPercent: UInt64 = 70
    /// Whether the shard works most of the time.
    private(set) var isBusy = false
    private var wasShort = false
    private var windowStartUs: UInt64 = 0
    private var windowStartCpuUs: UInt64 = 0
    private var lookedUs: UInt64 = 0
    /// Since the start: no work, though it takes CPU.
    private(set) var lookedInAllUs: UInt64 = 0

    /// Whether a look is likely to find something.
    var isWorthIt: Bool { isBusy && wasShort }

    /// The shard has looked for so long. What goes beyond the limit had the core taken from it, and is no CPU time.
    mutating func looked(us: UInt64) {
        lookedUs &+= min(us, Self.limitUs)
        lookedInAllUs &+= min(us, Self.limitUs)
    }

    /// The shard waited for so long in all, looking and asleep, with nothing to submit.
    mutating func waited(us: UInt64) { wasShort = us < Self.limitUs }

    /// About to wait: now and then, how busy the shard has been.
    @inline(__always)
    mutating func note(nowUs: UInt64) {
        if nowUs &- windowStartUs >= Self.windowUs { endWindow(nowUs, cpuUs: Clock.threadCpuUs()) }
    }

    /// `cpuUs` is the CPU time that the shard's thread has used.
    @inline(never)
    mutating func endWindow(_ nowUs: UInt64, cpuUs: UInt64) {
        let workedUs = cpuUs &- windowStartCpuUs
        isBusy = (workedUs &- min(lookedUs, workedUs)) &* 100 >= (nowUs &- windowStartUs) &* Self.busyMinPercent
        windowStartUs = nowUs
        windowStartCpuUs = cpuUs
        lookedUs = 0
    }
}

extension Reactor {
    /// Looks until there is something to do, without a system call. Answers false if there was nothing.
    func findsWork(sinceUs: UInt64) -> Bool {
        while true {
            for _ in 0..<16 {
                if ring.hasWork || (core.shards > 1 && core.meshHasMessages()) { return true }
                ts_pause()
            }
            if Clock.monotonicUs() >= sinceUs &+ BusyPoll.limitUs { return false }
        }
    }
}
