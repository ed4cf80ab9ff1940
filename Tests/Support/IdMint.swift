import Glibc
import Protocol

/// Makes users and operation ids, the same ones for the same seed.
public struct IdMint: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// The next 64 bits of SplitMix64.
    public mutating func random() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Partition.mix(state)
    }

    /// A new version 7 id for an order of `user`, minted at `timeMs` (ms since 1970).
    public mutating func id(user: Id128, timeMs: UInt64 = wallClockMs()) -> Id128 {
        .version7(timeMs: timeMs, partition: Partition.of(user: user), random: random())
    }

    /// A new version 7 id for an operation on the catalogue: partition 0.
    public mutating func catalogueId(timeMs: UInt64 = wallClockMs()) -> Id128 {
        .version7(timeMs: timeMs, partition: Partition.catalogue, random: random())
    }

    /// A user with random bits.
    public mutating func user() -> Id128 { Id128(high: random(), low: random() | 1) }

    /// A user whose partition belongs to `shard` of `shards`.
    public mutating func user(shard: Int, of shards: Int) -> Id128 {
        precondition((0..<shards).contains(shard))
        while true {
            let user = user()
            if Partition.owner(of: Partition.of(user: user), shards: shards) == shard { return user }
        }
    }
}

/// The wall clock in ms since 1970.
public func wallClockMs() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
}
