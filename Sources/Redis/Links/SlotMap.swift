/// Which node owns which slot of a cluster, as `CLUSTER SLOTS` tells it.
struct SlotMap {
    private(set) var masters: [RedisEndpoint] = []
    /// For each slot a place in `masters`, or -1 where nobody has it.
    private var owners = [Int16](repeating: -1, count: KeySlot.count)

    subscript(slot: Int) -> RedisEndpoint? {
        owners[slot] < 0 ? nil : masters[Int(owners[slot])]
    }

    /// - Parameter host: that of the node which answered: it may not know by which name it is reached.
    /// - Returns: nil if the reply is none to `CLUSTER SLOTS`.
    init?(_ reply: RedisReply, host: String) {
        guard case .array(let ranges) = reply else { return nil }
        for range in ranges {
            guard case .array(let parts) = range, parts.count >= 3, case .integer(let from) = parts[0],
                case .integer(let to) = parts[1], from >= 0, from <= to, to < KeySlot.count,
                case .array(let node) = parts[2], node.count >= 2, case .integer(let number) = node[1],
                let port = UInt16(exactly: number)
            else { return nil }
            let name = node[0].text ?? ""
            let master = RedisEndpoint.tcp(host: name.isEmpty || name == "?" ? host : name, port: port)
            let place = masters.firstIndex(of: master) ?? masters.count
            if place == masters.count { masters.append(master) }
            for slot in Int(from)...Int(to) { owners[slot] = Int16(place) }
        }
    }
}

/// A node that says where a command belongs: for ever (`MOVED`) or for this once, while a slot is moved (`ASK`).
struct Redirection: Equatable {
    let isForOnce: Bool
    let endpoint: RedisEndpoint

    /// - Parameter host: that of the node which answered.
    init?(_ reply: RedisReply, host: String) {
        guard case .error(let text) = reply, text.hasPrefix("MOVED ") || text.hasPrefix("ASK ") else { return nil }
        let words = text.split(separator: " ")
        guard words.count == 3, let colon = words[2].lastIndex(of: ":"),
            let port = UInt16(words[2][words[2].index(after: colon)...]), port > 0
        else { return nil }
        let name = words[2][..<colon]
        isForOnce = words[0] == "ASK"
        endpoint = .tcp(host: name.isEmpty || name == "?" ? host : String(name), port: port)
    }
}
