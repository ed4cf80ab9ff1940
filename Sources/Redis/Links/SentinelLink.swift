/// The master that sentinels name. It is asked for again whenever the connection is lost or a write is refused
/// because the server has become a replica: so a failover is followed
/// (https://redis.io/docs/reference/sentinel-clients).
public final class SentinelLink: RedisLink {
    private let sentinels: RedisSentinels
    private let clientName: String
    private var connection: Connection?
    /// The sentinel that answered last, which is asked first.
    private var first = 0

    public init(_ sentinels: RedisSentinels, clientName: String) {
        precondition(!sentinels.endpoints.isEmpty, "there is a sentinel to ask")
        self.sentinels = sentinels
        self.clientName = clientName
    }

    public func send(_ commands: [RedisCommand], timeoutMs: UInt64) throws(RedisFault) -> [RedisReply] {
        let deadline = Deadline(afterMs: timeoutMs)
        if connection?.isUsable != true { connection = nil }
        let master: Connection
        if let connection { master = connection } else { master = try findMaster(deadline) }
        connection = master
        do throws(RedisFault) {
            let replies = try master.exchange(commands, until: deadline)
            if replies.contains(where: { $0.errorCode == "READONLY" }) { close() }
            return replies
        } catch {
            connection = nil
            throw error
        }
    }

    public func close() {
        connection?.close()
        connection = nil
    }

    private func findMaster(_ deadline: Deadline) throws(RedisFault) -> Connection {
        let count = sentinels.endpoints.count
        var last: RedisFault?
        for attempt in 0..<count {
            let place = (first + attempt) % count
            do throws(RedisFault) {
                let share = deadline.share(of: count - attempt)
                let master = try connect(to: try askForMaster(sentinels.endpoints[place], share), share)
                first = place
                return master
            } catch {
                last = error
            }
        }
        throw last ?? .unreachable(address: "\(sentinels.endpoints[0])", why: "no connection in time")
    }

    private func askForMaster(_ endpoint: RedisEndpoint, _ deadline: Deadline) throws(RedisFault) -> RedisEndpoint {
        let address = RedisAddress(endpoint, credentials: sentinels.sentinelCredentials)
        let sentinel = try Connection(address, clientName: clientName, until: deadline)
        defer { sentinel.close() }
        let question = RedisCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.master])
        let reply = try sentinel.exchange([question], until: deadline)[0]
        switch reply {
        case .null:
            throw .notMaster(address: sentinel.address, why: "it knows no master \(sentinels.master.debugDescription)")
        case .error(let text) where text.hasPrefix("NOPERM"):
            throw .authentication(address: sentinel.address, why: text.bounded)
        case .error(let text):
            throw .notMaster(address: sentinel.address, why: text.bounded)
        case .array(let parts) where parts.count == 2:
            guard let host = parts[0].text, let port = parts[1].text.flatMap(UInt16.init), port > 0 else { break }
            return .tcp(host: host, port: port)
        default: break
        }
        throw .protocolError(address: sentinel.address, why: "its answer names no master")
    }

    private func connect(to endpoint: RedisEndpoint, _ deadline: Deadline) throws(RedisFault) -> Connection {
        let address = RedisAddress(
            endpoint, credentials: sentinels.credentials, database: sentinels.database)
        let master = try Connection(address, clientName: clientName, until: deadline)
        // A sentinel may name a server that is just being made a replica.
        guard master.greeting.isMaster else {
            throw .notMaster(address: master.address, why: "it is a replica by now; the sentinels still name it")
        }
        return master
    }
}
