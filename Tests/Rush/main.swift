// The crowd of a flash sale, as a process of its own: many connections, each with one order under way at any
// time, until each has sent its share.
//
//     rush unix:PATH|tcp:PORT CONNECTIONS ORDERS SALE SEED
//
// Prints `connected` when all connections are made, waits for a line on its input, orders, and prints one JSON
// object: how many orders and units were accepted, how many refused and why, and the ids of those accepted.

import Foundation
import Protocol
import TestSupport

struct Rush {
    var mint: IdMint
    let sale: UInt64
    let ordersPerConnection: Int
    let clients: [TestClient]

    var accepted: [(id: Id128, quantity: UInt32)] = []
    var refusals: [ResultCode: Int] = [:]

    init(_ address: String, connections: Int, orders: Int, sale: UInt64, seed: UInt64) throws {
        mint = IdMint(seed: seed)
        self.sale = sale
        ordersPerConnection = orders
        let parts = address.split(separator: ":", maxSplits: 1).map(String.init)
        clients = try (0..<connections).map { _ in
            let client =
                parts[0] == "tcp"
                ? try TestClient(port: UInt16(parts[1])!, timeoutMs: 120_000)
                : try TestClient(unixPath: parts[1], timeoutMs: 120_000)
            try client.handshake()
            return client
        }
    }

    /// Each connection has its order under way before the first reply is read.
    mutating func run() throws {
        for round in 0..<ordersPerConnection {
            var sent: [(request: UInt64, entry: OrderEntry)] = []
            for client in clients {
                let user = mint.user()
                // Single units at the end, so that the last ones find a buyer.
                let quantity = round < ordersPerConnection / 2 ? UInt32(mint.random() % 2 + 1) : 1
                let entry = OrderEntry(
                    orderId: mint.id(user: user), userId: user, saleId: sale, quantity: quantity)
                sent.append((try client.send(.order, [entry]), entry))
            }
            for (client, order) in zip(clients, sent) {
                let results: [OrderResult] = try client.receive(order.request).results()
                if results[0].code == .ok {
                    accepted.append((order.entry.orderId, results[0].quantity))
                } else {
                    refusals[results[0].code, default: 0] += 1
                }
            }
        }
    }

    func report() throws -> String {
        struct Report: Encodable {
            var accepted: Int
            var units: Int
            var refused: [String: Int]
            var acceptedIds: [String]
        }
        let report = Report(
            accepted: accepted.count, units: accepted.reduce(0) { $0 + Int($1.quantity) },
            refused: Dictionary(uniqueKeysWithValues: refusals.map { ("\($0)", $1) }),
            acceptedIds: accepted.map { "\($0.id)" })
        return String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
    }
}

func main() -> Int32 {
    let arguments = CommandLine.arguments
    guard arguments.count == 6, let connections = Int(arguments[2]), let orders = Int(arguments[3]),
        let sale = UInt64(arguments[4]), let seed = UInt64(arguments[5])
    else { return 64 }
    do {
        var rush = try Rush(arguments[1], connections: connections, orders: orders, sale: sale, seed: seed)
        // A reader at the other end of a pipe waits for it: no buffering.
        FileHandle.standardOutput.write(Data("connected\n".utf8))
        _ = readLine()
        try rush.run()
        print(try rush.report())
        return 0
    } catch {
        FileHandle.standardError.write(Data("rush: \(error)\n".utf8))
        return 1
    }
}

exit(main())
