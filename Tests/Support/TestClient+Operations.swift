import Protocol

// Each operation with its types. A frame that is refused as a whole throws `ClientFault.refused`; the code
// of an entry is in its result.

/// One page of a list.
public struct Page<Item: Sendable & Equatable>: Sendable, Equatable {
    public var items: [Item]
    /// Whether more follows behind the last item.
    public var more: Bool
}

// MARK: System

extension TestClient {
    /// A wanted shard of `handshake`: any will do.
    public static let anyShard: UInt16 = 0xffff

    /// The first call on a connection.
    @discardableResult
    public func handshake(
        token: String = "", shard: UInt16 = TestClient.anyShard, versions: ClosedRange<UInt16> = 1...1
    ) throws(ClientFault) -> TopologyResult {
        guard let name = Name(token) else { throw .protocolFault("a token of \(token.utf8.count) bytes") }
        let entry = HandshakeEntry(
            versionMin: versions.lowerBound, versionMax: versions.upperBound, shard: shard, token: name)
        let result = try one(.handshake, entry, as: TopologyResult.self)
        guard result.code == .ok else {
            throw .protocolFault("a handshake refused in its result: \(result.code)")
        }
        return result
    }

    public func ping(nonce: UInt64 = 0) throws(ClientFault) -> PingResult {
        try one(.ping, PingEntry(nonce: nonce))
    }

    public func topology() throws(ClientFault) -> TopologyResult {
        try one(.topology, PingEntry(nonce: 0))
    }

    /// The durable events behind a place, and the place behind them.
    public func tail(
        after place: LogPlace, limit: UInt32 = 4096, waitMs: UInt32 = 0
    ) throws(ClientFault) -> [TailResult] {
        let results = try call(
            .tail, [TailEntry(after: place, waitMs: waitMs, limit: limit)], as: TailResult.self)
        guard let last = results.last, last.event.isNone, results.count <= Int(limit) + 1,
            results.dropLast().allSatisfy({ !$0.event.isNone && $0.code == .ok })
        else { throw .protocolFault("\(results.count) results without a place behind them") }
        return results
    }

    /// Waits until the snapshot is made.
    public func snapshot() throws(ClientFault) -> SnapshotResult {
        try one(.snapshot, PingEntry(nonce: 0))
    }

    /// The counters of each shard, by shard.
    public func stats() throws(ClientFault) -> [ShardStatsResult] {
        try call(.stats, [PingEntry(nonce: 0)])
    }
}

// MARK: Sales

extension TestClient {
    public func createSale(_ entry: CreateSaleEntry) throws(ClientFault) -> SaleResult {
        try one(.createSale, entry)
    }

    public func getSale(_ saleId: UInt64) throws(ClientFault) -> SaleResult {
        try one(.getSale, OfferIdEntry(offerId: saleId))
    }

    public func restockSale(operationId: Id128, saleId: UInt64, quantity: UInt64) throws(ClientFault)
        -> SaleResult
    {
        try one(.restockSale, RestockEntry(operationId: operationId, offerId: saleId, quantity: quantity))
    }

    public func closeSale(_ saleId: UInt64) throws(ClientFault) -> SaleResult {
        try one(.closeSale, OfferIdEntry(offerId: saleId))
    }

    public func listSales(
        after: UInt64 = 0, limit: UInt16 = 1000, stateMask: UInt8 = 0
    ) throws(ClientFault) -> Page<SaleResult> {
        try page(.listSales, ListOffersEntry(after: after, limit: limit, stateMask: stateMask))
    }
}

// MARK: Orders

extension TestClient {
    public func order(_ entries: [OrderEntry]) throws(ClientFault) -> [OrderResult] {
        try call(.order, entries)
    }

    public func order(
        _ orderId: Id128, user: Id128, sale: UInt64, quantity: UInt32 = 1
    ) throws(ClientFault) -> OrderResult {
        try one(.order, OrderEntry(orderId: orderId, userId: user, saleId: sale, quantity: quantity))
    }

    public func confirm(_ orderIds: [Id128]) throws(ClientFault) -> [OrderViewResult] {
        try call(.confirm, orderIds.map(OrderIdEntry.init(orderId:)))
    }

    public func confirm(_ orderId: Id128) throws(ClientFault) -> OrderViewResult {
        try one(.confirm, OrderIdEntry(orderId: orderId))
    }

    public func cancel(_ orderIds: [Id128]) throws(ClientFault) -> [OrderViewResult] {
        try call(.cancel, orderIds.map(OrderIdEntry.init(orderId:)))
    }

    public func cancel(_ orderId: Id128) throws(ClientFault) -> OrderViewResult {
        try one(.cancel, OrderIdEntry(orderId: orderId))
    }

    public func extend(_ entries: [ExtendEntry]) throws(ClientFault) -> [OrderViewResult] {
        try call(.extend, entries)
    }

    public func extend(_ orderId: Id128, deadlineMs: UInt64) throws(ClientFault) -> OrderViewResult {
        try one(.extend, ExtendEntry(orderId: orderId, deadlineMs: deadlineMs))
    }

    public func getOrder(_ orderIds: [Id128]) throws(ClientFault) -> [OrderViewResult] {
        try call(.getOrder, orderIds.map(OrderIdEntry.init(orderId:)))
    }

    public func getOrder(_ orderId: Id128) throws(ClientFault) -> OrderViewResult {
        try one(.getOrder, OrderIdEntry(orderId: orderId))
    }

    public func listUserOrders(
        _ user: Id128, after: Id128 = .zero, limit: UInt16 = 1000
    ) throws(ClientFault) -> Page<OrderViewResult> {
        try page(.listUserOrders, ListUserOrdersEntry(userId: user, after: after, limit: limit))
    }

    public func listSaleOrders(
        _ sale: UInt64, after: SaleOrdersPosition = .start, limit: UInt16 = 1000
    ) throws(ClientFault) -> Page<SaleOrderResult> {
        try page(.listSaleOrders, ListSaleOrdersEntry(saleId: sale, after: after, limit: limit))
    }
}

extension TestClient {
    func one<Entry: WireStruct, Result: WireStruct>(
        _ operation: Operation, _ entry: Entry, as type: Result.Type = Result.self
    ) throws(ClientFault) -> Result {
        let results = try call(operation, [entry], as: Result.self)
        guard results.count == 1 else { throw .protocolFault("\(results.count) results for one entry") }
        return results[0]
    }

    func page<Entry: WireStruct, Item: WireStruct>(
        _ operation: Operation, _ entry: Entry
    ) throws(ClientFault) -> Page<Item> {
        let reply = try call(operation, Entry.pack([entry]))
        return Page(items: try reply.results(), more: reply.more)
    }
}
