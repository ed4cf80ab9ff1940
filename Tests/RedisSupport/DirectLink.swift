import Redis
import TestSupport

/// One command at a time to one server, whatever it is: a node, a replica, a sentinel. What it answers is what that
/// very server says.
struct DirectLink {
    private let link: ServerLink

    init(_ address: RedisAddress) {
        link = ServerLink([address], clientName: "test", isDirect: true)
    }

    func send(_ command: RedisCommand, timeoutMs: UInt64) throws -> RedisReply {
        defer { link.close() }
        return try link.send([command], timeoutMs: timeoutMs)[0]
    }
}
