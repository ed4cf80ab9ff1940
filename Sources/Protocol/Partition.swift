/// Users are spread over a fixed number of partitions, and shards own ranges of partitions, so that the
/// number of shards can change while a user's partition never does.
public enum Partition {
    /// The number of partitions. Part of the protocol and of the log format: it never changes.
    public static let count = 4096

    /// The partition of catalogue operations: sales and policies.
    public static let catalogue = 0

    /// The partition of a user: a stable hash of the 128-bit id.
    ///
    ///     x = high XOR 0x9e3779b97f4a7c15;  x = mix(x) XOR low;  partition = mix(x) >> 52
    ///
    /// where `mix` is the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    @inlinable
    public static func of(user: Id128) -> Int {
        let first = mix(user.high ^ 0x9e37_79b9_7f4a_7c15)
        return Int(truncatingIfNeeded: mix(first ^ user.low) >> 52)
    }

    /// The shard that owns a partition when there are `shards` of them (1 ... 64): contiguous, even ranges.
    @inlinable
    public static func owner(of partition: Int, shards: Int) -> Int {
        (partition &* shards) &>> 12
    }

    /// The finaliser of SplitMix64: a bijection of 64-bit words that spreads every bit over all others.
    @inlinable @inline(__always)
    public static func mix(_ word: UInt64) -> UInt64 {
        var x = word
        x = (x ^ x &>> 30) &* 0xbf58_476d_1ce4_e5b9
        x = (x ^ x &>> 27) &* 0x94d0_49bb_1331_11eb
        return x ^ x &>> 31
    }
}
