import Foundation
import Protocol
import TestSupport
import Testing

extension CrashTests {
    /// A sale of 10,000 units, 1,000 connections of four other processes, more demand than stock.
    @Suite(.serialized) struct Rushes {
        private static let stock: UInt64 = 10_000
        private static let processes = 4
        private static let connections = 250
        private static let orders = 14

        private struct Report: Decodable {
            var accepted: Int
            var units: Int
            var refused: [String: Int]
            var acceptedIds: [String]
        }

        /// One process of the crowd, its input and its output.
        private struct Crowd {
            let process = Process()
            let input = Pipe()
            let output = Pipe()

            init(_ server: ServerProcess, _ index: Int, seed: UInt64) throws {
                process.executableURL = URL(fileURLWithPath: try ServerProcess.executablePath("rush"))
                let address = index % 2 == 0 ? "unix:\(server.unixPath)" : "tcp:\(server.port)"
                process.arguments = [address] + [connections, orders, 1, Int(seed)].map(String.init)
                process.standardInput = input
                process.standardOutput = output
                try process.run()
            }

            /// Its next line; empty at the end of its output.
            func line() -> String {
                var bytes: [UInt8] = []
                while let byte = try? output.fileHandleForReading.read(upToCount: 1)?.first, byte != 10 {
                    bytes.append(byte)
                }
                return String(decoding: bytes, as: UTF8.self)
            }

            func rest() -> Data { output.fileHandleForReading.readDataToEndOfFile() }
        }

        @Test(arguments: [(shards: 1, seed: UInt64(61)), (shards: 2, seed: UInt64(62))])
        func everyUnitOnce(_ shards: Int, _ seed: UInt64) throws {
            var mint = IdMint(seed: seed)
            let directory = TemporaryDirectory()
            let server = try crashServer(shards, in: directory)
            let client = try server.client()
            let sale = CreateSaleEntry.open(1, stock: Self.stock, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)

            let crowds = try (0..<Self.processes).map {
                try Crowd(server, $0, seed: seed &* 100 &+ UInt64($0))
            }
            for crowd in crowds { #expect(crowd.line() == "connected") }
            let open = try eventually {
                try client.stats().reduce(0) { $0 + Int($1.connections) }
            } until: {
                $0 == Self.processes * Self.connections + 1
            }
            #expect(open != nil, "a thousand connections are open at once")
            for crowd in crowds { try crowd.input.fileHandleForWriting.write(contentsOf: Data("go\n".utf8)) }
            let reports = try crowds.map { crowd in
                let text = crowd.rest()
                crowd.process.waitUntilExit()
                #expect(crowd.process.terminationStatus == 0)
                return try JSONDecoder().decode(Report.self, from: text)
            }

            #expect(reports.reduce(0) { $0 + $1.units } == Int(Self.stock), "seed \(seed)")
            for report in reports {
                #expect(Set(report.refused.keys).isSubset(of: ["SOLD_OUT"]), "seed \(seed)")
                let answered = report.accepted + report.refused.values.reduce(0, +)
                #expect(answered == Self.connections * Self.orders, "seed \(seed)")
            }
            let ids = try reports.flatMap(\.acceptedIds).map { try #require(Id128($0)) }
            #expect(Set(ids).count == ids.count)
            try expectSold(ids, client, seed)

            killAtOnce(server)
            let state = try LogState.read(directory)
            #expect(try state.sale(1).sold == Self.stock && state.sale(1).available == 0, "seed \(seed)")
            #expect(state.orders["confirmed"] == ids.count, "seed \(seed)")
            let again = try crashServer(shards, in: directory)
            try expectSold(ids, try again.client(), seed)
            again.kill(SIGTERM)
            #expect(again.wait() == .exited(0))
        }

        /// Each success is an order of the server, together they are the stock, and there are no others.
        private func expectSold(_ ids: [Id128], _ client: TestClient, _ seed: UInt64) throws {
            var units: UInt64 = 0
            for start in stride(from: 0, to: ids.count, by: 4000) {
                for view in try client.getOrder(Array(ids[start..<min(start + 4000, ids.count)])) {
                    #expect(view.code == .ok && view.state == OrderState.confirmed.rawValue, "seed \(seed)")
                    units += UInt64(view.quantity)
                }
            }
            let sale = try client.getSale(1)
            #expect(units == Self.stock && sale.sold == Self.stock && sale.held == 0, "seed \(seed)")
            #expect(sale.available == 0 && sale.state == SaleState.soldOut.rawValue, "seed \(seed)")
            var mint = IdMint(seed: seed &+ 1000)
            let user = mint.user()
            #expect(try client.order(mint.id(user: user), user: user, sale: 1).code == .soldOut)
        }
    }
}
