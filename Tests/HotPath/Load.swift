import Protocol
import TestSupport

/// How orders come in.
struct LoadShape {
    var name: String
    var connections = 64
    /// Frames that a connection sends at once.
    var depth = 1
    /// Entries of a frame.
    var batch = 1

    static let singles = LoadShape(name: "singles, depth 1")
    static let pipelined = LoadShape(name: "singles, depth 64", depth: 64)
    static let batches = LoadShape(name: "batches of 128", batch: 128)
}

/// Drives a server in rounds: every connection sends, then every reply is read. Orders are named by
/// connection and number, so that a later run can confirm or cancel what an earlier one has placed.
final class Load {
    private let shape: LoadShape
    private let connections: [LoadConnection]
    /// One more on each shard, that shows how far it has come.
    private let witnesses: [LoadConnection]
    private let shards: Int
    private let seed: UInt64
    private let mintedMs = wallClockMs()
    /// Each connection's customers order again and again.
    private static let customersPerConnection: UInt64 = 4096
    private static let warmUpNumber: UInt64 = 1 << 32

    /// With several shards every order belongs to another shard than its connection.
    init(_ server: ServerProcess, _ shape: LoadShape, shards: Int, seed: UInt64) throws {
        self.shape = shape
        self.shards = shards
        self.seed = seed
        connections = try (0..<shape.connections).map {
            try LoadConnection(unixPath: server.unixPath, shard: $0 % shards)
        }
        witnesses = try (0..<shards).map { try LoadConnection(unixPath: server.unixPath, shard: $0) }
    }

    private func customer(_ connection: Int, _ number: UInt64) -> Id128 {
        var word = Partition.mix(UInt64(connection) << 32 | number % Self.customersPerConnection)
        while true {
            let user = Id128(high: word, low: UInt64(connection) << 32 | 1)
            let owner = Partition.owner(of: Partition.of(user: user), shards: shards)
            if shards == 1 || owner != connection % shards { return user }
            word = Partition.mix(word)
        }
    }

    private func orderId(_ connection: Int, _ number: UInt64, _ customer: Id128) -> Id128 {
        .version7(
            timeMs: mintedMs, partition: Partition.of(user: customer),
            random: Partition.mix(Partition.mix(seed) ^ UInt64(connection) << 40 ^ number))
    }

    private func add(_ operation: Operation, sale: UInt64, _ connection: Int, first: UInt64) {
        connections[connection].add(operation, count: shape.batch) { entries in
            for index in 0..<shape.batch {
                let number = first + UInt64(index)
                let customer = customer(connection, number)
                let id = orderId(connection, number, customer)
                let entry = entries + index * operation.entrySizeBytes
                if operation == .order {
                    OrderEntry(orderId: id, userId: customer, saleId: sale, quantity: 1).store(to: entry)
                } else {
                    OrderIdEntry(orderId: id).store(to: entry)
                }
            }
        }
    }

    /// The entries of one round over all connections.
    private var roundCount: Int { shape.connections * shape.depth * shape.batch }

    /// Sends at least `count` entries, each of which has to be accepted, and answers how many they were.
    @discardableResult
    func run(_ operation: Operation, sale: UInt64 = 0, count: Int, first: UInt64 = 0) throws -> Int {
        let rounds = (count + roundCount - 1) / roundCount
        var number = first
        for _ in 0..<rounds {
            for connection in connections.indices {
                for frame in 0..<shape.depth {
                    add(operation, sale: sale, connection, first: number + UInt64(frame * shape.batch))
                }
                try connections[connection].send()
            }
            number += UInt64(shape.depth * shape.batch)
            for connection in connections { try connection.receive() }
        }
        return rounds * roundCount
    }

    /// Brings everything that grows with use to its size, whatever the timing: a connection's buffers first, then
    /// the path itself.
    func warmUp(sale: UInt64) throws {
        let count = 512
        for connection in connections.indices {
            // Once for each of its two buffers of replies, and once more.
            for _ in 0..<3 {
                connections[connection].add(.getOrder, count: count) { entries in
                    let customer = customer(connection, Self.warmUpNumber)
                    for index in 0..<count {
                        OrderIdEntry(orderId: orderId(connection, Self.warmUpNumber - 1, customer))
                            .store(to: entries + index * OrderIdEntry.sizeBytes)
                    }
                }
                // A frame in two parts, that arrive apart: it is put together in the buffer for begun frames. Its
                // shard answers another connection in between, and so has read the first part.
                try connections[connection].send(prefixBytes: 100)
                let witness = witnesses[connection % shards]
                witness.add(.ping, count: 1) { PingEntry(nonce: 0).store(to: $0) }
                try witness.send()
                try witness.receive()
                try connections[connection].send()
                try connections[connection].receive(.notFound)
            }
        }
        try run(.order, sale: sale, count: max(32 * roundCount, 20_000), first: Self.warmUpNumber)
    }
}
