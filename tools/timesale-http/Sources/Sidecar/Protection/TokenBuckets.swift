import Glibc
import Synchronization

/// Token buckets for any number of keys in a table that does not grow.
///
/// A bucket is one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371):
/// each request moves it by the time that a token takes. A full bucket says nothing, so it can be forgotten: a key that
/// is new in a full set of the table takes the place of the one that is nearest to full.
final class TokenBuckets: Sendable {
    /// What a request has used of its bucket.
    struct Verdict: Sendable {
        let isAllowed: Bool
        /// Requests that are left at this moment.
        let remaining: Int
        /// Until the next one is there if none is left, else until all are.
        let resetSeconds: Int
    }

    /// Requests in a second, and at once.
    let rate: Int
    let burst: Int

    private struct Bucket {
        var key: UInt64 = 0
        var fullAtNs: UInt64 = 0
    }

    private static let stripeCount = 64
    private static let setCount = 256
    private static let ways = 4

    private let stripes: [Stripe]

    private final class Stripe: Sendable {
        let buckets = Mutex([Bucket](repeating: Bucket(), count: setCount * ways))
    }

    init(rate: Int, burst: Int) {
        self.rate = rate
        self.burst = burst
        stripes = (0..<Self.stripeCount).map { _ in Stripe() }
    }

    static var countMax: Int { stripeCount * setCount * ways }

    /// Takes a token.
    ///
    /// - Parameter key: a hash that nobody can steer from outside, as `Hasher` makes it.
    func take(_ key: UInt64, nowNs: UInt64 = TokenBuckets.nowNs()) -> Verdict {
        let tokenNs = UInt64(1_000_000_000 / rate)
        let burstNs = tokenNs * UInt64(burst)
        let stripe = stripes[Int(key % UInt64(Self.stripeCount))]
        let first = Int(key / UInt64(Self.stripeCount) % UInt64(Self.setCount)) * Self.ways
        return stripe.buckets.withLock { buckets in
            var place = first
            for way in first..<first + Self.ways {
                if buckets[way].key == key {
                    place = way
                    break
                }
                if buckets[way].fullAtNs < buckets[place].fullAtNs { place = way }
            }
            if buckets[place].key != key { buckets[place] = Bucket(key: key) }
            let fullAtNs = max(buckets[place].fullAtNs, nowNs)
            guard fullAtNs + tokenNs <= nowNs + burstNs else {
                let waitNs = fullAtNs + tokenNs - nowNs - burstNs
                return Verdict(isAllowed: false, remaining: 0, resetSeconds: Self.seconds(waitNs))
            }
            buckets[place].fullAtNs = fullAtNs + tokenNs
            let usedNs = fullAtNs + tokenNs - nowNs
            return Verdict(
                isAllowed: true, remaining: Int((burstNs - usedNs) / tokenNs), resetSeconds: Self.seconds(usedNs))
        }
    }

    private static func seconds(_ ns: UInt64) -> Int { max(1, Int((ns + 999_999_999) / 1_000_000_000)) }

    static func nowNs() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}
