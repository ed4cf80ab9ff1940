import Glibc

/// The clocks of a measurement.
public enum MonotonicClock {
    public static func nowUs() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) / 1000 }
    public static func nowNs() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }
    /// ms since 1970.
    public static func wallMs() -> UInt64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }
    /// CPU time of the calling thread.
    static func threadCPUSeconds() -> Double { Double(nanoseconds(CLOCK_THREAD_CPUTIME_ID)) / 1e9 }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
