import Glibc

/// A point on CLOCK_MONOTONIC: what is left of the time of a call.
struct Deadline {
    private let atNs: UInt64

    init(afterMs: UInt64) {
        // An hour is for ever here, and keeps the sum from overflowing.
        atNs = Self.nowNs + min(afterMs, 3_600_000) * 1_000_000
    }

    private init(atNs: UInt64) { self.atNs = atNs }

    private static var nowNs: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Rounded up, for poll(2): 0 only once the deadline has passed.
    var leftMs: Int32 {
        let now = Self.nowNs
        return now >= atNs ? 0 : Int32((atNs - now + 999_999) / 1_000_000)
    }

    var hasPassed: Bool { Self.nowNs >= atNs }

    /// An earlier one, for the first of `count` attempts: one that hangs leaves time for the others.
    func share(of count: Int) -> Deadline {
        let now = Self.nowNs
        return Deadline(atNs: now >= atNs ? atNs : now + (atNs - now) / UInt64(max(1, count)))
    }
}
