internal import Protocol
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Draws what minted ids need, for all threads of the process: the time and 62 bits that no other mint draws.
///
/// The bits are a keyed bijection of a counter: within a process none comes twice, and the key and the start are
/// 128 bits of the system's randomness, so that two processes meet only by chance. One atomic addition an id, no
/// system call. They are unique, not secret.
enum IdMint {
    private static let key = UInt64.random(in: .min ... .max)
    private static let counter = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    static func version7(partition: Int) -> Id128 {
        let drawn = counter.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        return .version7(
            timeMs: wallClockMs(), partition: partition,
            random: Partition.mix(Partition.mix(drawn) ^ key))
    }

    /// The wall clock in ms since 1970.
    static func wallClockMs() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }

    /// The id derived from an idempotency key: a pure function that never changes. See `UserOperationID`.
    static func version8(key: String, scope: String, user: Id128, partition: Int) -> Id128 {
        var message = Array("timesale:id:1".utf8)
        message.append(0)
        for word in [user.high, user.low] { append(word, to: &message) }
        let scopeBytes = Array(scope.utf8)
        append(UInt64(scopeBytes.count), to: &message)
        message += scopeBytes
        message += Array(key.utf8)
        let digest = SHA256.digest(message)
        return .version8(hashHigh: digest.0, hashLow: digest.1, partition: partition)
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }
}
