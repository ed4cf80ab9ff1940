import Foundation
import Protocol
import TestSupport

/// A client with one connection at a time: it orders, confirms and cancels, many frames in flight, until the
/// connection ends, and keeps a record of what was answered. Used by one thread at a time.
final class Customer: @unchecked Sendable {
    private var mint: IdMint
    /// Few, so that they reach the limit of a sale.
    private let regulars: [Id128]
    private(set) var orders: [KnownOrder] = []
    /// Orders whose cancel was acknowledged before they were sent; they must never be accepted.
    private(set) var tombstones: [OrderEntry] = []
    /// Cancels of unknown orders that were not answered.
    private(set) var openTombstones: [OrderEntry] = []
    /// What the server should not have answered.
    private(set) var complaints: [String] = []

    init(seed: UInt64) {
        var mint = IdMint(seed: seed)
        regulars = (0..<10).map { _ in mint.user() }
        self.mint = mint
    }

    func record(_ index: Int, _ change: (inout KnownOrder) -> Void) { change(&orders[index]) }
    func complain(_ text: String) { complaints.append(text) }

    private func newOrder() -> OrderEntry {
        let user = mint.random() % 4 == 0 ? regulars.randomElement(using: &mint)! : mint.user()
        let sale = MarketSale.all.randomElement(using: &mint)!
        return OrderEntry(
            orderId: mint.id(user: user), userId: user, saleId: sale.id,
            quantity: UInt32(mint.random() % 3 + 1))
    }

    // MARK: Under fire

    private enum Sent {
        case orders(Range<Int>)
        case change(Protocol.Operation, [Int])
        case tombstones([OrderEntry])
    }

    /// Sends and receives until the server is gone; `answered` is called after each reply.
    func shop(_ client: TestClient, answered: () -> Void) {
        var sent: [UInt64: Sent] = [:]
        do throws(ClientFault) {
            while true {
                while sent.count < 6 { try send(client, &sent) }
                let reply = try client.receive()
                if let frame = sent.removeValue(forKey: reply.header.requestId) { try note(frame, reply) }
                answered()
            }
        } catch {
            if error != .closed { complain("the connection ended with \(error)") }
        }
    }

    /// What is sent is on record before the first byte leaves.
    private func send(_ client: TestClient, _ sent: inout [UInt64: Sent]) throws(ClientFault) {
        switch mint.random() % 8 {
        case 0, 1, 2, 3:
            let first = orders.count
            for _ in 0..<(mint.random() % 40 + 1) { orders.append(KnownOrder(entry: newOrder())) }
            sent[try client.send(.order, orders[first...].map(\.entry))] = .orders(first..<orders.count)
        case 4, 5: try change(.confirm, client, &sent) { $0 == .held || $0 == .expired }
        case 6: try change(.cancel, client, &sent) { $0 != .cancelled }
        default:
            let unborn = (0..<2).map { _ in newOrder() }
            openTombstones += unborn
            let ids = unborn.map { OrderIdEntry(orderId: $0.orderId) }
            sent[try client.send(.cancel, ids)] = .tombstones(unborn)
        }
    }

    /// Confirms or cancels a few of the orders that nothing else is under way for.
    private func change(
        _ operation: Protocol.Operation, _ client: TestClient, _ sent: inout [UInt64: Sent],
        _ isWanted: (OrderState) -> Bool
    ) throws(ClientFault) {
        var chosen: Set<Int> = []
        for _ in 0..<16 where !orders.isEmpty {
            let index = Int(mint.random() % UInt64(orders.count))
            if orders[index].isThere && orders[index].attempt == nil && isWanted(orders[index].state) {
                chosen.insert(index)
            }
        }
        if chosen.isEmpty { return }
        let indices = chosen.sorted()
        for index in indices { orders[index].attempt = operation }
        let ids = indices.map { OrderIdEntry(orderId: orders[$0].entry.orderId) }
        sent[try client.send(operation, ids)] = .change(operation, indices)
    }

    private func note(_ frame: Sent, _ reply: TestClient.Reply) throws(ClientFault) {
        switch frame {
        case .orders(let range): noteOrders(range, try answers(reply, range.count))
        case .change(let operation, let indices):
            noteChange(operation, indices, try answers(reply, indices.count))
        case .tombstones(let unborn):
            let views: [OrderViewResult] = try answers(reply, unborn.count)
            for (entry, view) in zip(unborn, views) {
                openTombstones.removeAll { $0.orderId == entry.orderId }
                if view.code == .ok && view.flags & ResultFlags.tombstone != 0 {
                    tombstones.append(entry)
                } else if view.code != .busy {
                    complain("the cancel of an unknown order: \(view.code), flags \(view.flags)")
                }
            }
        }
    }

    /// The results; none if the frame as a whole was refused for a full queue, so that nothing was done.
    private func answers<Result: WireStruct>(_ reply: TestClient.Reply, _ count: Int) throws(ClientFault)
        -> [Result]
    {
        if reply.header.status == .busy {
            return Result.unpack(busy(count * Result.sizeBytes, every: Result.sizeBytes))!
        }
        return try reply.results()
    }

    private func busy(_ sizeBytes: Int, every size: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: sizeBytes)
        for place in stride(from: 0, to: sizeBytes, by: size) {
            bytes[place] = UInt8(ResultCode.busy.rawValue)
        }
        return bytes
    }

    private func noteOrders(_ range: Range<Int>, _ results: [OrderResult]) {
        for (index, result) in zip(range, results) {
            switch result.code {
            case .ok:
                orders[index].fate = .accepted(result)
                orders[index].state = OrderState(rawValue: result.state) ?? .held
                let sale = MarketSale.of(orders[index].entry.saleId)
                let isRight =
                    result.flags == 0 && result.quantity == orders[index].entry.quantity
                    && orders[index].state == sale.firstState
                if !isRight { complain("a new order was answered with \(result)") }
            case .soldOut, .limitExceeded, .busy: orders[index].fate = .refused(result.code)
            default: complain("an order was refused with \(result.code)")
            }
        }
    }

    private func noteChange(_ operation: Protocol.Operation, _ indices: [Int], _ views: [OrderViewResult]) {
        for (index, view) in zip(indices, views) {
            let sale = MarketSale.of(orders[index].entry.saleId)
            switch view.code {
            case .ok: orders[index].state = operation == .confirm ? .confirmed : .cancelled
            case .expired where operation == .confirm && sale.holdsExpire: orders[index].state = .expired
            case .busy: break
            default: complain("\(operation) of a \(orders[index].state) order: \(view.code)")
            }
            orders[index].attempt = nil
        }
    }

    // MARK: After the restart

    func settleTombstones(_ settled: [OrderEntry]) {
        tombstones += settled
        openTombstones.removeAll()
    }

    /// A fresh user and order, to sell what is left.
    func freshOrder(_ sale: UInt64, _ quantity: UInt32) -> OrderEntry {
        let user = mint.user()
        return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: sale, quantity: quantity)
    }

    /// Takes an order on record that was placed outside `shop`.
    func adopt(_ entry: OrderEntry, _ result: OrderResult) {
        orders.append(
            KnownOrder(
                entry: entry, fate: .accepted(result), state: OrderState(rawValue: result.state) ?? .held))
    }
}
