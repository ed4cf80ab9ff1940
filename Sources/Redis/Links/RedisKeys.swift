/// Which keys there are: of a server, or of all masters of a cluster.
public enum RedisKeys {
    /// All keys that match a pattern of `SCAN` (`*`, `?`, `[ab]`, `\` before what is meant as such), each once.
    /// Keys that come, go or move to another node meanwhile may be missed.
    ///
    /// - Parameter timeoutMs: for each step; there is one for some thousand keys of the database.
    public static func matching(
        _ pattern: [UInt8], at place: RedisSettings.Place, clientName: String, timeoutMs: UInt64
    ) throws(RedisFault) -> [[UInt8]] {
        var links: [any RedisLink] = []
        switch place {
        case .sentinels(let sentinels): links = [SentinelLink(sentinels, clientName: clientName)]
        case .servers(let addresses):
            for address in try ServerLink(addresses, clientName: clientName).masters(timeoutMs: timeoutMs) {
                links.append(ServerLink([address], clientName: clientName, isDirect: true))
            }
        }
        var keys: Set<[UInt8]> = []
        for link in links {
            defer { link.close() }
            try scan(link, pattern, timeoutMs) { keys.insert($0) }
        }
        return keys.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private static func scan(
        _ link: any RedisLink, _ pattern: [UInt8], _ timeoutMs: UInt64, _ take: ([UInt8]) -> Void
    ) throws(RedisFault) {
        var cursor = Array("0".utf8)
        repeat {
            let words: [[UInt8]] = [Array("SCAN".utf8), cursor, Array("MATCH".utf8), pattern]
            let command = RedisCommand(words + [Array("COUNT".utf8), Array("5000".utf8)])
            let reply = try link.send([command], timeoutMs: timeoutMs)[0]
            if case .error(let text) = reply { throw .refused(address: "Redis", why: text.bounded) }
            guard case .array(let parts) = reply, parts.count == 2, case .bytes(let next) = parts[0],
                case .array(let found) = parts[1]
            else { throw .protocolError(address: "Redis", why: "its answer to SCAN is no list of keys") }
            for case .bytes(let key) in found { take(key) }
            cursor = next
        } while cursor != Array("0".utf8)
    }
}
