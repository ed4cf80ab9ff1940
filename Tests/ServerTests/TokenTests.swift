import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// Who may do what on a server with tokens, and that one without tokens is this machine's alone.
    @Suite(.serialized) struct Tokens {
        private static let shop = "the-token-of-the-shop"
        private static let admin = "the-token-of-the-admin"

        private func start(_ arguments: [String] = []) throws -> ServerProcess {
            let directory = TemporaryDirectory()
            let path = directory.path + "/tokens"
            try "# who may come in\nshop \(Self.shop)\nadmin \(Self.admin)\n".write(
                toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return try smallServer(["--token-file", path, "--shards", "2"] + arguments, in: directory)
        }

        @Test(arguments: Transport.allCases) func aTokenIsNeeded(_ transport: Transport) throws {
            let server = try start()
            for token in ["", "x", Self.shop + "x", String(Self.shop.dropLast()), "the-token-of-the-shoq"] {
                let client = try server.connect(transport)
                #expect(throws: ClientFault.refused(.unauthenticated, retryAfterMs: 0), "\(token)") {
                    try client.handshake(token: token)
                }
                try client.expectClosed()
            }
            #expect(!server.stderr.contains(Self.shop) && !server.stderr.contains(Self.admin))
            stop(server)
        }

        @Test func theShopOrdersAndTheAdminKeepsTheCatalogue() throws {
            var mint = IdMint(seed: 2)
            let server = try start()
            let admin = try server.connect()
            #expect(try admin.handshake(token: Self.admin, shard: 1).admin == 1)
            #expect(try admin.topology().admin == 1)
            for shard in 0..<UInt16(2) {
                let shop = try server.connect()
                #expect(try shop.handshake(token: Self.shop, shard: shard).admin == 0)
                #expect(try shop.topology().admin == 0)
                let sale = UInt64(shard) + 1
                let entry = CreateSaleEntry.open(sale, stock: 10, operationId: mint.catalogueId())
                let forbidden = ClientFault.refused(.forbidden, retryAfterMs: 0)
                #expect(throws: forbidden) { try shop.createSale(entry) }
                #expect(throws: forbidden) {
                    try shop.restockSale(operationId: mint.catalogueId(), saleId: sale, quantity: 1)
                }
                #expect(throws: forbidden) { try shop.closeSale(sale) }
                #expect(throws: forbidden) { try shop.listSaleOrders(sale) }
                #expect(try admin.getSale(sale).code == .notFound)
                #expect(try admin.createSale(entry).code == .ok)
                #expect(try shop.getSale(sale).stock == 10)
                #expect(try shop.listSales().items.contains { $0.saleId == sale })
                let user = mint.user()
                let order = mint.id(user: user)
                #expect(try shop.order(order, user: user, sale: sale).code == .ok)
                #expect(try shop.cancel(order).code == .ok)
                #expect(try shop.stats().count == 2)
            }
            stop(server)
        }

        @Test func theWholeNetworkNeedsAToken() throws {
            let refused = startRefused(["--listen", "0.0.0.0:0"])
            #expect(refused.status != 0)
            #expect(refused.firstLine.contains("--token-file"), "\(refused.firstLine)")
            let server = try start(["--listen", "0.0.0.0:0"])
            #expect(server.addresses.contains { $0.hasPrefix("0.0.0.0:") })
            stop(server)
        }
    }
}
