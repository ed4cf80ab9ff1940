import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

/// A set of sales, the customers of many rounds, and the checks that every server must pass that is started on
/// their data. Everything that is random comes from the seed.
final class Market {
    let seed: UInt64
    let directory = TemporaryDirectory()
    let customers: [Customer]
    var mint: IdMint
    /// Units added to the first sale, by operation id; nil: not acknowledged.
    var restocks: [(entry: RestockEntry, isAcknowledged: Bool)] = []

    init(seed: UInt64, customers count: Int = 4) {
        self.seed = seed
        mint = IdMint(seed: seed)
        customers = (0..<count).map { Customer(seed: seed &* 1000 &+ UInt64($0)) }
    }

    /// What a failure needs to be repeated.
    var context: Comment { "seed \(seed)" }

    func open(_ server: ServerProcess) throws {
        let entries = MarketSale.all.map {
            CreateSaleEntry.open(
                $0.id, stock: $0.stock, holdMs: $0.holdMs, perUserLimit: $0.perUserLimit,
                operationId: mint.catalogueId())
        }
        let made: [SaleResult] = try server.client().call(.createSale, entries)
        #expect(made.allSatisfy { $0.code == .ok }, context)
    }

    /// All customers order until `replies` answers have come, and a moment later the server is killed.
    func shopUntilKilled(_ server: ServerProcess, replies: Int, shards: Int) throws {
        let clients = try customers.indices.map {
            try server.client($0 % 2 == 0 ? .unix : .tcp, shard: UInt16($0 % shards))
        }
        let left = Atomic(replies)
        let delayUs = UInt32(mint.random() % 4000)
        let finished = DispatchGroup()
        for (customer, client) in zip(customers, clients) {
            finished.enter()
            let shopper = Shopper(customer: customer, client: client)
            Thread.detachNewThread {
                shopper.customer.shop(shopper.client) {
                    if left.subtract(1, ordering: .relaxed).newValue == 0 {
                        usleep(delayUs)
                        server.kill(SIGKILL)
                    }
                }
                finished.leave()
            }
        }
        try restock(server)
        finished.wait()
        #expect(
            server.wait() == .killed(signal: SIGKILL), "seed \(seed): it ended by itself: \(server.stderr)")
        for customer in customers { #expect(customer.complaints.isEmpty, context) }
    }

    /// Hands both to the thread that uses them alone.
    private struct Shopper: @unchecked Sendable {
        let customer: Customer
        let client: TestClient
    }

    /// Adds units while everybody orders; the answer may be lost with the server.
    private func restock(_ server: ServerProcess) throws {
        let entry = RestockEntry(operationId: mint.catalogueId(), offerId: 1, quantity: 25)
        restocks.append((entry, false))
        guard let client = try? server.client(),
            let answer = try? client.restockSale(
                operationId: entry.operationId, saleId: entry.offerId, quantity: entry.quantity)
        else { return }
        #expect(answer.code == .ok && answer.flags == 0, context)
        restocks[restocks.count - 1].isAcknowledged = true
    }

    /// All units ever put up for a sale, once every restock has been answered.
    func stock(of sale: MarketSale) -> UInt64 {
        sale.stock + restocks.reduce(0) { $0 + ($1.entry.offerId == sale.id ? $1.entry.quantity : 0) }
    }

    /// Of all customers, the units of a sale in orders of one state.
    func units(_ sale: MarketSale, _ state: OrderState) -> UInt64 {
        customers.reduce(0) { sum, customer in
            customer.orders.reduce(sum) {
                $1.isThere && $1.state == state && $1.entry.saleId == sale.id
                    ? $0 + UInt64($1.entry.quantity) : $0
            }
        }
    }
}
