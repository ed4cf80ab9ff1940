import Foundation
import TestSupport
import Testing

/// What `wal-replay state --json` reads in a data directory, without any server.
struct LogState: Decodable {
    struct Sale: Decodable {
        var id: String
        var stock: UInt64
        var held: UInt64
        var sold: UInt64
        var available: UInt64
    }

    struct Policy: Decodable {
        var id: String
        var quantity: UInt64
        var issued: UInt64
        var used: UInt64
        var remaining: UInt64
    }

    var sales: [Sale]
    var policies: [Policy]
    /// By state: held, confirmed, cancelled, expired.
    var orders: [String: Int]
    var tombstones: Int
    var digest: String

    static func read(_ directory: TemporaryDirectory) throws -> LogState {
        let text = try run("wal-replay", ["state", directory.path + "/data", "--json"])
        return try JSONDecoder().decode(LogState.self, from: Data(text.utf8))
    }

    func sale(_ id: UInt64) throws -> Sale { try #require(sales.first { $0.id == String(id) }) }
    func policy(_ id: UInt64) throws -> Policy { try #require(policies.first { $0.id == String(id) }) }
}

/// Runs a program of this package to its end, and returns what it printed.
func run(_ name: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try ServerProcess.executablePath(name))
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(name) \(arguments)")
    return String(decoding: bytes, as: UTF8.self)
}

extension Market {
    /// The log, read by another program, says what the server said: to be asked while nothing runs.
    func expectLogAgrees() throws {
        let state = try LogState.read(directory)
        for sale in MarketSale.all {
            let logged = try state.sale(sale.id)
            #expect(logged.stock == stock(of: sale), context)
            #expect(logged.held == units(sale, .held) && logged.sold == units(sale, .confirmed), context)
            #expect(logged.available == logged.stock - logged.held - logged.sold, context)
        }
        let orders = customers.flatMap(\.orders).filter(\.isThere)
        for name in ["held", "confirmed", "cancelled", "expired"] {
            #expect(
                state.orders[name] == orders.filter { "\($0.state)" == name }.count, "seed \(seed): \(name)")
        }
        #expect(state.tombstones == customers.reduce(0) { $0 + $1.tombstones.count }, context)
    }
}
