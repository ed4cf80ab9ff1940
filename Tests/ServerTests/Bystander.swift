import Protocol
import TestSupport
import Testing

/// A client beside one that misbehaves: it notices if anything but its own orders has an effect.
struct Bystander {
    let server: ServerProcess
    let client: TestClient
    private var mint: IdMint
    private var ordered: UInt64 = 0

    static let saleId: UInt64 = 7001
    static let stock: UInt64 = 1_000_000

    init(_ server: ServerProcess, seed: UInt64 = 99) throws {
        self.server = server
        client = try server.client()
        mint = IdMint(seed: seed)
        let sale = CreateSaleEntry.open(Self.saleId, stock: Self.stock, operationId: mint.catalogueId())
        #expect(try client.createSale(sale).code == .ok)
    }

    /// Its own connection goes on: one order, which is answered.
    mutating func order(_ location: SourceLocation = #_sourceLocation) throws {
        let user = mint.user()
        let answer = try client.order(mint.id(user: user), user: user, sale: Self.saleId)
        #expect(answer.code == .ok, sourceLocation: location)
        ordered += 1
    }

    /// Orders are answered, new connections are served, and nothing happened but what this client did.
    mutating func expectUndisturbed(_ location: SourceLocation = #_sourceLocation) throws {
        try order(location)
        #expect(try server.client(.tcp).ping(nonce: 3).nonce == 3, sourceLocation: location)
        let sales = try client.listSales().items
        #expect(sales.map(\.saleId) == [Self.saleId], sourceLocation: location)
        #expect(sales.first?.sold == ordered && sales.first?.held == 0, sourceLocation: location)
        #expect(sales.first?.available == Self.stock - ordered, sourceLocation: location)
        #expect(
            server.wait(timeoutMs: 0) == nil, "the server is gone: \(server.stderr)", sourceLocation: location
        )
    }
}
