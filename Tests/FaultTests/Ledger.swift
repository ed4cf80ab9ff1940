import Foundation
import Protocol
import TestSupport
import Testing

/// What a shop knows of its orders of one sale, whatever becomes of the server: which were sent, and what was answered.
struct Ledger {
    static let saleId: UInt64 = 1

    let stock: Int
    private var mint: IdMint
    private(set) var sent: [OrderEntry] = []
    private(set) var accepted: [Id128: OrderResult] = [:]

    init(stock: Int, seed: UInt64) {
        self.stock = stock
        mint = IdMint(seed: seed)
    }

    /// Puts the sale on sale.
    mutating func open(_ client: TestClient) throws {
        let sale = CreateSaleEntry.open(Self.saleId, stock: UInt64(stock), operationId: mint.catalogueId())
        #expect(try client.createSale(sale).code == .ok)
    }

    /// So many new orders, on record before their first byte leaves.
    mutating func draw(_ count: Int) -> [OrderEntry] {
        let orders = (0..<count).map { _ in
            let user = mint.user()
            return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: Self.saleId, quantity: 1)
        }
        sent += orders
        return orders
    }

    /// Notes what was answered. What was accepted once is accepted for ever, and says so.
    mutating func note(
        _ orders: [OrderEntry], _ results: [OrderResult], _ location: SourceLocation = #_sourceLocation
    ) {
        for (order, result) in zip(orders, results) {
            if let before = accepted[order.orderId] {
                #expect(
                    result.code == .ok && result.flags & ResultFlags.repeat != 0
                        && result.createdAtMs == before.createdAtMs,
                    "an order that was acknowledged is answered with \(result)", sourceLocation: location)
            } else if result.code == .ok {
                accepted[order.orderId] = result
            }
        }
    }

    /// Places new orders and notes the answers; the codes of all.
    @discardableResult
    mutating func order(_ client: TestClient, _ count: Int = 20) throws -> [ResultCode] {
        let orders = draw(count)
        let results = try client.order(orders)
        note(orders, results)
        return results.map(\.code)
    }

    /// Goes on until the connection ends, or so many batches are through.
    mutating func orderUntilClosed(_ client: TestClient, batches: Int, of count: Int = 20) throws {
        do {
            for _ in 0..<batches { try order(client, count) }
        } catch ClientFault.closed {}
    }

    /// All that was acknowledged is there, and the sale counts what is there.
    func expectKept(_ client: TestClient, _ location: SourceLocation = #_sourceLocation) throws {
        var there = 0
        for start in stride(from: 0, to: sent.count, by: 1000) {
            let orders = Array(sent[start..<min(start + 1000, sent.count)])
            for (order, view) in zip(orders, try client.getOrder(orders.map(\.orderId))) {
                if view.code == .ok { there += 1 }
                if accepted[order.orderId] == nil { continue }
                #expect(view.code == .ok, "an acknowledged order is gone: \(order.orderId)", sourceLocation: location)
            }
        }
        let sale = try client.getSale(Self.saleId)
        #expect(Int(sale.sold + sale.held) == there && there <= stock, "\(sale), \(there)", sourceLocation: location)
    }

    /// Sends everything again with the same ids, then sells what is left: to the unit.
    mutating func sellOut(_ client: TestClient, _ location: SourceLocation = #_sourceLocation) throws {
        let before = sent
        for start in stride(from: 0, to: before.count, by: 1000) {
            let orders = Array(before[start..<min(start + 1000, before.count)])
            note(orders, try client.order(orders), location)
        }
        while try order(client, 100).contains(.ok) {}
        #expect(accepted.count == stock, sourceLocation: location)
        let sale = try client.getSale(Self.saleId)
        #expect(Int(sale.sold) == stock && sale.available == 0, "\(sale)", sourceLocation: location)
    }
}
