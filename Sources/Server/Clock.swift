import CAtomics
import Engine
import Glibc

/// The one clock of the process, in ms since 1970: it advances with CLOCK_MONOTONIC and slews to the wall
/// clock, so that it never goes backwards and never jumps, whatever NTP or an operator does.
struct Clock: @unchecked Sendable {
    /// Wall time minus monotonic time, in ms, as it is applied.
    private let offset: UnsafeMutablePointer<UInt64>

    /// A larger difference to the wall clock is reported.
    static let alarmMs: Int64 = 1000
    /// The most that the clock is corrected at one time (each second): 5 %.
    static let slewMaxMs: Int64 = 50

    init(startMs: UInt64, memory: MemorySource) {
        offset = memory.allocate(64).bindMemory(to: UInt64.self, capacity: 8)
        offset.pointee = startMs &- Self.monotonicMs()
    }

    /// The time, from any thread. Two readers may differ by a slew; each of them keeps its own maximum.
    @inline(__always)
    func nowMs() -> UInt64 { Self.monotonicMs() &+ ts_load_relaxed(offset) }

    /// By how much the wall clock is ahead of this one (negative: behind), in ms; from any thread.
    func wallOffsetMs() -> Int64 { Int64(bitPattern: Self.wallMs() &- nowMs()) }

    /// Moves a step towards the wall clock. Called each second by one thread. Answers by how much the wall
    /// clock is ahead (negative: behind), in ms.
    func slew() -> Int64 {
        let difference = wallOffsetMs()
        let step = max(-Self.slewMaxMs, min(Self.slewMaxMs, difference))
        ts_store_relaxed(offset, ts_load_relaxed(offset) &+ UInt64(bitPattern: step))
        return difference
    }

    @inline(__always)
    static func monotonicMs() -> UInt64 { monotonicUs() / 1000 }

    @inline(__always)
    static func monotonicUs() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000 &+ UInt64(time.tv_nsec) / 1000
    }

    /// CPU time that the calling thread has used.
    static func threadCpuUs() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }

    static func wallMs() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
