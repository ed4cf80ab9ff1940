import Foundation
import Redis
import TestSupport

/// A Redis Cluster of three masters without replicas, each with a third of the slots.
public final class RedisCluster: Sendable {
    public let nodes: [RedisProcess]

    public var addresses: [RedisAddress] { nodes.map { RedisAddress($0.endpoint) } }

    /// - Parameter lines: further ones for redis.conf of each node.
    public init(_ lines: [String] = []) throws {
        let nodes = try (0..<3).map { _ in
            try RedisProcess(
                [
                    // The default, 10,000 above the port, may not exist.
                    "cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 1000",
                    "cluster-port \(try RedisProcess.freePort())",
                ] + lines)
        }
        self.nodes = nodes
        for (place, node) in nodes.enumerated() {
            let first = KeySlot.count * place / 3
            let last = KeySlot.count * (place + 1) / 3 - 1
            try node.mustRun("CLUSTER", "SET-CONFIG-EPOCH", "\(place + 1)")
            try node.mustRun("CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(last)")
        }
        for other in nodes.dropFirst() {
            let bus = try Self.busPort(other)
            try nodes[0].mustRun("CLUSTER", "MEET", "127.0.0.1", "\(other.port)", bus)
        }
        for node in nodes {
            try node.wait("the cluster") {
                let text = try node.run("CLUSTER", "INFO").text ?? ""
                guard text.contains("cluster_state:ok"), text.contains("cluster_known_nodes:3") else { return false }
                guard case .array(let ranges) = try node.run("CLUSTER", "SLOTS") else { return false }
                return ranges.count == 3
            }
        }
    }

    /// The node that owns the slot of a key now, as the node itself says.
    public func owner(ofSlot slot: Int) throws -> RedisProcess? {
        for node in nodes where node.pid > 0 {
            guard case .array(let ranges) = try node.run("CLUSTER", "SLOTS") else { continue }
            for case .array(let parts) in ranges {
                guard parts.count > 2, case .integer(let from) = parts[0], case .integer(let to) = parts[1],
                    Int(from)...Int(to) ~= slot, case .array(let place) = parts[2], place.count > 1
                else { continue }
                return nodes.first { place[1] == .integer(Int64($0.port)) }
            }
        }
        return nil
    }

    public func id(_ node: RedisProcess) throws -> String { try node.mustRun("CLUSTER", "MYID").text ?? "" }

    /// Begins to move a slot: keys that are not there yet are asked for at the new node.
    public func beginMove(ofSlot slot: Int, from source: RedisProcess, to target: RedisProcess) throws {
        try target.mustRun("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", try id(source))
        try source.mustRun("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", try id(target))
    }

    /// Moves the keys of a slot that has begun to move, and gives it to the new node for good.
    public func endMove(ofSlot slot: Int, from source: RedisProcess, to target: RedisProcess) throws {
        while case .array(let keys) = try source.mustRun("CLUSTER", "GETKEYSINSLOT", "\(slot)", "100"), !keys.isEmpty {
            for key in keys {
                try source.mustRun("MIGRATE", "127.0.0.1", "\(target.port)", key.text ?? "", "0", "10000")
            }
        }
        let owner = try id(target)
        for node in [target, source] + nodes.filter({ $0 !== source && $0 !== target }) {
            try node.mustRun("CLUSTER", "SETSLOT", "\(slot)", "NODE", owner)
        }
    }

    private static func busPort(_ node: RedisProcess) throws -> String {
        // 127.0.0.1:7000@17000 is the second word of the node's own line.
        let line = (try node.mustRun("CLUSTER", "NODES").text ?? "").split(separator: "\n").first ?? ""
        let own = line.split(separator: " ").dropFirst().first ?? ""
        return String(own.split(separator: "@").last?.prefix { $0.isNumber } ?? "")
    }
}
