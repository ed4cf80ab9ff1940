import Settings

/// One option of the server. Its name is the same everywhere: `--token-file`, `TIMESALE_TOKEN_FILE`,
/// `"token-file"`.
enum Setting: String, SettingName {
    case listen
    case tokenFile = "token-file"
    case connections
    case clientTimeout = "client-timeout"
    case queueDelay = "queue-delay"
    case data
    case fsync
    case segmentSize = "segment-size"
    case logAhead = "log-ahead"
    case snapshotAfter = "snapshot-after"
    case archive
    case shards
    case pin
    case users
    case orders
    case sales
    case transactions
    case coupons
    case checkouts
    case tables
    case retain
    case grace
    case logLevel = "log-level"
    case redis
    case redisSentinel = "redis-sentinel"
    case redisPasswordFile = "redis-password-file"
    case redisSentinelPasswordFile = "redis-sentinel-password-file"
    case redisPrefix = "redis-prefix"
    case redisEvents = "redis-events"
    case redisEventsMax = "redis-events-max"
    case redisFlush = "redis-flush"
    case redisTimeout = "redis-timeout"

    static let program = "timesaled"
    static let prefix = ["timesale"]

    /// Those of the command line, `timesale`, and of the sidecar, `timesale-http`: a shell may have them set for
    /// these, and start the server too.
    static func isForeign(_ variable: String) -> Bool {
        ["TIMESALE_SERVER", "TIMESALE_TOKEN"].contains(variable) || variable.hasPrefix("TIMESALE_HTTP_")
    }

    var isList: Bool { self == .listen || self == .pin || self == .redis }
}
