internal import Protocol

// The catalogue. Creating, restocking and closing need a token with the scope admin (`forbidden` otherwise).
// Every method may throw the errors that `TimesaleClient+Orders.swift` names for all.
extension TimesaleClient {
    /// Puts a sale into the catalogue. When it returns, it is durable and every shard sells it.
    ///
    /// - Parameter operation: the same one with the same content creates the sale once, however often it is sent.
    /// - Throws: `refused` with `alreadyExists` (the sale id was ever taken, by another operation), `invalid`,
    ///   `idReused`, `capacity`; `invalidArgument(.name)`.
    @discardableResult
    nonisolated(nonsending) public func createSale(
        _ sale: NewSale, operation: OperationID = .mint(), timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Sale {
        guard let name = Name(sale.name), name.isValid else { throw .invalidArgument(.name) }
        let entry = CreateSaleEntry(
            operationId: operation.wire, saleId: sale.id.rawValue, stock: sale.stock,
            startsAtMs: sale.startsAtMs ?? 0, endsAtMs: sale.endsAtMs ?? 0,
            perUserLimit: sale.perUserLimit ?? 0, holdMs: sale.holdMs, unitPrice: sale.unitPrice, name: name)
        return try await queues.call(queues.sales.create, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// The sale as it is now.
    ///
    /// - Throws: `refused` with `notFound`.
    nonisolated(nonsending) public func sale(
        _ id: SaleID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Sale {
        try await queues.call(
            queues.sales.get, OfferIdEntry(offerId: id.rawValue), timeoutNs: timeoutNs(timeoutMs))
    }

    /// A page of sales in the order of their creation. A page may be shorter than `limit` although more follow.
    ///
    /// - Parameters:
    ///   - states: only sales in one of these; empty for all.
    ///   - after: `next` of the page before, nil to begin.
    ///   - limit: 1 ... 1,000.
    /// - Throws: `refused` with `notFound` if `after` is no sale.
    nonisolated(nonsending) public func sales(
        _ states: Set<SaleState> = [], after: SaleID? = nil, limit: Int = 100, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> SalePage {
        guard (1...Frame.pageCountMax).contains(limit) else { throw .invalidArgument(.limit) }
        let entry = ListOffersEntry(
            after: after?.rawValue ?? 0, limit: UInt16(limit),
            stateMask: states.reduce(0) { $0 | 1 << $1.rawValue })
        return try await queues.call(queues.sales.list, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// All sales, fetched page by page as they are iterated.
    public func allSales(_ states: Set<SaleState> = [], pageLimit: Int = 100) -> Pages<Sale> {
        Pages { (after: SaleID?) async throws(TimesaleError) in
            let page = try await self.sales(states, after: after, limit: pageLimit)
            return (page.sales, page.next)
        }
    }

    /// Adds units to the stock; they sell when this returns.
    ///
    /// - Parameters:
    ///   - quantity: units, at least 1; the stock may grow to 2^40 in all.
    ///   - operation: the same one with the same content adds once, however often it is sent.
    /// - Throws: `refused` with `notFound`, `closed`, `invalid`, `idReused`.
    @discardableResult
    nonisolated(nonsending) public func restock(
        _ id: SaleID, quantity: UInt64, operation: OperationID = .mint(), timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Sale {
        let entry = RestockEntry(operationId: operation.wire, offerId: id.rawValue, quantity: quantity)
        return try await queues.call(queues.sales.restock, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Ends ordering for good; open holds may still be confirmed, cancelled and extended. Closing a closed sale is
    /// a repeat.
    ///
    /// - Throws: `refused` with `notFound`.
    @discardableResult
    nonisolated(nonsending) public func close(
        _ id: SaleID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Sale {
        try await queues.call(
            queues.sales.close, OfferIdEntry(offerId: id.rawValue), timeoutNs: timeoutNs(timeoutMs))
    }
}
