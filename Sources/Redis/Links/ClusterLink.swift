/// A Redis Cluster: each command goes to the node that owns the slot of its key, all nodes work at the same time.
///
/// Commands on one key keep their order, those on different keys may not: while a slot is moved, some are passed on.
final class ClusterLink: RedisLink {
    /// A command and where it goes next.
    private struct Step {
        let index: Int
        let endpoint: RedisEndpoint
        let isAsking: Bool
    }

    /// More than a cluster needs to agree on who has a slot; two nodes that send us to each other would go on for
    /// ever.
    private static let redirectionsMax = 8

    private let seeds: [RedisAddress]
    private let clientName: String
    private var map: SlotMap?
    /// The last map's nodes: where the next one can be asked for when all seeds are gone.
    private var known: [RedisEndpoint] = []
    private var connections: [RedisEndpoint: Connection] = [:]

    /// - Parameter first: an open connection to one of the seeds.
    init(_ seeds: [RedisAddress], first: Connection, clientName: String) {
        self.seeds = seeds
        self.clientName = clientName
        connections[first.endpoint] = first
        known = [first.endpoint]
    }

    func send(_ commands: [RedisCommand], timeoutMs: UInt64) throws(RedisFault) -> [RedisReply] {
        try send(commands, until: Deadline(afterMs: timeoutMs))
    }

    func close() {
        for connection in connections.values { connection.close() }
        connections = [:]
        map = nil
    }

    func send(_ commands: [RedisCommand], until deadline: Deadline) throws(RedisFault) -> [RedisReply] {
        do throws(RedisFault) {
            return try route(commands, deadline)
        } catch {
            // Whoever is gone may have a successor.
            map = nil
            connections = connections.filter { $1.isOpen }
            throw error
        }
    }

    private func route(_ commands: [RedisCommand], _ deadline: Deadline) throws(RedisFault) -> [RedisReply] {
        // Checked once: what lay idle may have been closed by the server.
        connections = connections.filter { $1.isUsable }
        let map: SlotMap
        if let known = self.map { map = known } else { map = try loadMap(deadline) }
        var replies = [RedisReply](repeating: .null, count: commands.count)
        var steps: [Step] = []
        for (index, command) in commands.enumerated() {
            // A slot that nobody has gets its CLUSTERDOWN from any node.
            let endpoint = command.key.flatMap { map[KeySlot.of($0)] } ?? map.masters[0]
            steps.append(Step(index: index, endpoint: endpoint, isAsking: false))
        }
        for _ in 0...Self.redirectionsMax {
            steps = try run(steps, commands, &replies, deadline)
            if steps.isEmpty { break }
        }
        // What is still sent on keeps its redirection as its reply.
        return replies
    }

    /// One pipeline to each node. Returns what was passed on.
    private func run(
        _ steps: [Step], _ commands: [RedisCommand], _ replies: inout [RedisReply], _ deadline: Deadline
    ) throws(RedisFault) -> [Step] {
        var groups: [(endpoint: RedisEndpoint, steps: [Step])] = []
        var places: [RedisEndpoint: Int] = [:]
        for step in steps {
            let place = places[step.endpoint] ?? groups.count
            if place == groups.count { groups.append((step.endpoint, [])) }
            places[step.endpoint] = place
            groups[place].steps.append(step)
        }
        // All connections first: as long as one is missing, nothing is in doubt.
        var nodes: [Connection] = []
        for group in groups { nodes.append(try connection(group.endpoint, deadline)) }
        for (group, node) in zip(groups, nodes) {
            for step in group.steps {
                if step.isAsking { node.add(RedisCommand(["ASKING"])) }
                node.add(commands[step.index])
            }
        }
        try Connection.exchange(nodes, until: deadline)

        var next: [Step] = []
        for (group, node) in zip(groups, nodes) {
            var answers = node.takeReplies()[...]
            for step in group.steps {
                if step.isAsking { answers.removeFirst() }
                let reply = answers.removeFirst()
                replies[step.index] = reply
                if reply.errorCode == "CLUSTERDOWN" { map = nil }
                guard let redirection = Redirection(reply, host: host(group.endpoint)) else { continue }
                if !redirection.isForOnce { map = nil }
                next.append(
                    Step(index: step.index, endpoint: redirection.endpoint, isAsking: redirection.isForOnce))
            }
        }
        // Order within a key is that of the commands, whichever nodes they come from.
        return next.sorted { $0.index < $1.index }
    }

    private func connection(_ endpoint: RedisEndpoint, _ deadline: Deadline) throws(RedisFault) -> Connection {
        if let connection = connections[endpoint] { return connection }
        let address = RedisAddress(endpoint, credentials: seeds[0].credentials, database: seeds[0].database)
        let connection = try Connection(address, clientName: clientName, until: deadline)
        connections[endpoint] = connection
        return connection
    }

    private func host(_ endpoint: RedisEndpoint) -> String {
        if case .tcp(let host, _) = endpoint { host } else { "127.0.0.1" }
    }

    // MARK: The map

    func masters(_ deadline: Deadline) throws(RedisFault) -> [RedisAddress] {
        try loadMap(deadline).masters.map { endpoint in
            RedisAddress(endpoint, credentials: seeds[0].credentials, database: seeds[0].database)
        }
    }

    private func loadMap(_ deadline: Deadline) throws(RedisFault) -> SlotMap {
        // Those that are connected answer soonest; then who was there; then who was named.
        var candidates = Array(connections.keys)
        for endpoint in known + seeds.map(\.endpoint) where !candidates.contains(endpoint) {
            candidates.append(endpoint)
        }
        var last: RedisFault?
        for (place, endpoint) in candidates.enumerated() {
            do throws(RedisFault) {
                let map = try askForMap(endpoint, deadline.share(of: candidates.count - place))
                self.map = map
                known = map.masters
                // A node that has left is not talked to any more.
                connections = connections.filter { map.masters.contains($0.key) }
                return map
            } catch {
                last = error
            }
        }
        throw last ?? .unreachable(address: "\(seeds[0].endpoint)", why: "no connection in time")
    }

    private func askForMap(_ endpoint: RedisEndpoint, _ deadline: Deadline) throws(RedisFault) -> SlotMap {
        let node = try connection(endpoint, deadline)
        let reply: RedisReply
        do throws(RedisFault) {
            reply = try node.exchange([RedisCommand(["CLUSTER", "SLOTS"])], until: deadline)[0]
        } catch {
            connections[endpoint] = nil
            throw error
        }
        if reply.errorCode == "NOPERM" {
            throw .authentication(address: node.address, why: "the user may not CLUSTER SLOTS; see docs/redis.md")
        }
        if case .error(let text) = reply { throw .refused(address: node.address, why: text.bounded) }
        guard let map = SlotMap(reply, host: host(endpoint)) else {
            throw .protocolError(address: node.address, why: "its answer to CLUSTER SLOTS is no map")
        }
        if map.masters.isEmpty {
            throw .refused(address: node.address, why: "no node of its cluster has a slot")
        }
        return map
    }
}
