import Redis

/// How counts are mirrored to Redis.
public struct MirrorSettings: Sendable {
    /// Makes the way to Redis. It connects when it is first used.
    public var link: @Sendable () -> any RedisLink
    /// Before every key.
    public var prefix = ""
    /// The time between two flushes of counts.
    public var flushMs: UInt64 = 10
    /// How long Redis may take for the commands of one call.
    public var timeoutMs: UInt64 = 1_000

    public init(link: @escaping @Sendable () -> any RedisLink) { self.link = link }
}
