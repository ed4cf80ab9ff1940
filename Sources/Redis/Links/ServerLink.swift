/// The server of an address; or the cluster, if it turns out to be a node of one.
public final class ServerLink: RedisLink {
    private enum Kind {
        case unknown
        case one(Connection)
        case cluster(ClusterLink)
    }

    private let addresses: [RedisAddress]
    private let clientName: String
    private let isDirect: Bool
    private var kind = Kind.unknown

    /// - Parameters:
    ///   - addresses: at least one; several are nodes of one cluster.
    ///   - isDirect: the first of the addresses is what is meant, be it a node of a cluster or a sentinel: nothing is
    ///     passed on.
    public init(_ addresses: [RedisAddress], clientName: String, isDirect: Bool = false) {
        precondition(!addresses.isEmpty, "a link has an address")
        self.addresses = isDirect ? [addresses[0]] : addresses
        self.clientName = clientName
        self.isDirect = isDirect
    }

    public func send(_ commands: [RedisCommand], timeoutMs: UInt64) throws(RedisFault) -> [RedisReply] {
        let deadline = Deadline(afterMs: timeoutMs)
        if case .one(let connection) = kind, !connection.isUsable { kind = .unknown }
        if case .unknown = kind { kind = try find(deadline) }
        switch kind {
        case .unknown: return []
        case .cluster(let cluster): return try cluster.send(commands, until: deadline)
        case .one(let connection):
            do throws(RedisFault) {
                return try connection.exchange(commands, until: deadline)
            } catch {
                kind = .unknown
                throw error
            }
        }
    }

    /// All servers that hold keys: the nodes of a cluster, or the one server.
    func masters(timeoutMs: UInt64) throws(RedisFault) -> [RedisAddress] {
        let deadline = Deadline(afterMs: timeoutMs)
        if case .unknown = kind { kind = try find(deadline) }
        switch kind {
        case .cluster(let cluster): return try cluster.masters(deadline)
        case .one(let connection):
            return addresses.filter { $0.endpoint == connection.endpoint }
        case .unknown: return []
        }
    }

    public func close() {
        switch kind {
        case .unknown: break
        case .one(let connection):
            connection.close()
            kind = .unknown
        // It is kept: it may know nodes that are not among the addresses.
        case .cluster(let cluster): cluster.close()
        }
    }

    private func find(_ deadline: Deadline) throws(RedisFault) -> Kind {
        var last: RedisFault?
        for (place, address) in addresses.enumerated() {
            do throws(RedisFault) {
                let connection = try Connection(
                    address, clientName: clientName, until: deadline.share(of: addresses.count - place))
                return try kind(of: connection)
            } catch {
                last = error
            }
        }
        throw last ?? .unreachable(address: "\(addresses[0].endpoint)", why: "no connection in time")
    }

    private func kind(of connection: Connection) throws(RedisFault) -> Kind {
        if isDirect { return .one(connection) }
        switch connection.greeting.mode {
        case .sentinel:
            throw .refused(address: connection.address, why: "it is a sentinel; give it with --redis-sentinel")
        case .cluster: return .cluster(ClusterLink(addresses, first: connection, clientName: clientName))
        case .standalone:
            if addresses.count > 1 {
                throw .refused(
                    address: connection.address, why: "it is no node of a cluster, and only those may be several")
            }
            return .one(connection)
        }
    }
}
