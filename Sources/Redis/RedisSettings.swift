/// Where a mirror writes, and how: what the options that begin with `--redis` come to.
public struct RedisSettings: Sendable, Equatable {
    public enum Place: Sendable, Equatable {
        /// One server; or nodes of one cluster, any of which is enough to find the others. The first one's user and
        /// password count for all.
        case servers([RedisAddress])
        case sentinels(RedisSentinels)
    }

    public var place: Place
    /// Put before each key, also before the braces that decide its slot.
    public var prefix = ""
    /// Whether orders, coupons and points go to a stream.
    public var writesEvents = false
    /// About how many entries the stream keeps, 1,000 to 1,000,000,000.
    public var eventCountMax = 1_000_000
    /// A key is written at most once in this time, 1 ms to 1 min.
    public var flushMs: UInt64 = 10
    /// For one pipeline, connecting included, 10 ms to 1 min.
    public var timeoutMs: UInt64 = 1_000

    public init(place: Place) { self.place = place }

    /// Connects to nothing yet. `clientName` is what `CLIENT LIST` shows.
    public func makeLink(clientName: String = "timesale-mirror") -> any RedisLink {
        switch place {
        case .servers(let addresses): ServerLink(addresses, clientName: clientName)
        case .sentinels(let sentinels): SentinelLink(sentinels, clientName: clientName)
        }
    }
}

extension RedisSettings.Place: CustomStringConvertible {
    /// Without passwords.
    public var description: String {
        switch self {
        case .servers(let addresses): addresses.map(\.description).joined(separator: ",")
        case .sentinels(let sentinels):
            sentinels.endpoints.map(\.description).joined(separator: ",") + "/\(sentinels.master)"
        }
    }
}
