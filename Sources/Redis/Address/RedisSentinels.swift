/// Sentinels, the name under which they know a master, and who we are at either.
public struct RedisSentinels: Sendable, Equatable {
    /// At least one, asked in this order.
    public var endpoints: [RedisEndpoint]
    public var master: String
    /// At the master.
    public var credentials = RedisCredentials()
    public var sentinelCredentials = RedisCredentials()
    public var database = 0

    public static let portDefault: UInt16 = 26379

    public init(_ endpoints: [RedisEndpoint], master: String) {
        self.endpoints = endpoints
        self.master = master
    }

    /// Reads `[redis+sentinel://][USER:PASSWORD@]HOST[:PORT],HOST[:PORT]/MASTER[/DATABASE][?sentinel-user=USER]`.
    /// User and password are those of the master.
    public static func parse(_ text: String) -> Result<RedisSentinels, RedisAddressFault> {
        Result { () throws(RedisAddressFault) in try read(text) }
    }

    private static func read(_ text: String) throws(RedisAddressFault) -> RedisSentinels {
        let all = text.after("redis+sentinel://") ?? text[...]
        let authority = all.prefix { $0 != "/" }
        let parts = all[authority.endIndex...].dropFirst()
        let path = parts.prefix { $0 != "?" }
        if parts.contains("@") || authority.contains("?") {
            throw RedisAddressFault(
                text: "has a / or ? in its user or password; write these as %2F and %3F")
        }
        let names = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = names.first, !name.isEmpty, names.count <= 2 else {
            throw RedisAddressFault(
                text: "names no master; write HOST:PORT,HOST:PORT/MASTER, such as 127.0.0.1:26379/mymaster")
        }
        let (credentials, places) = try AddressParts.credentials(authority)
        var endpoints: [RedisEndpoint] = []
        for place in places.split(separator: ",", omittingEmptySubsequences: false) {
            let endpoint = try AddressParts.hostAndPort(place, portDefault: portDefault)
            if !endpoints.contains(endpoint) { endpoints.append(endpoint) }
        }
        var sentinels = RedisSentinels(endpoints, master: String(name))
        sentinels.credentials = credentials
        if names.count == 2 { sentinels.database = try AddressParts.database(names[1]) }
        let query = parts[path.endIndex...]
        if !query.isEmpty {
            guard let user = query.after("?sentinel-user="), !user.isEmpty else {
                throw RedisAddressFault(text: "has something other than ?sentinel-user=USER at its end")
            }
            let bytes = try AddressParts.decoded(user, what: "user")
            sentinels.sentinelCredentials.user = String(decoding: bytes, as: UTF8.self)
        }
        return sentinels
    }
}
