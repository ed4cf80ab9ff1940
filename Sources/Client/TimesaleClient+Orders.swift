internal import Protocol

// Orders. Every method may throw `outcomeUnknown`, `unavailable`, `timedOut`, `overloaded`, `cancelled` and
// `shutDown`, as `TimesaleError` says; the refusals are named with each.
extension TimesaleClient {
    /// Takes units of a sale for a user: a hold, or an order that is confirmed at once, as the sale says. Durable when
    /// it returns.
    ///
    /// Give an `id` that you keep wherever an outcome may have to be settled later; without one the id is minted
    /// here, and an unknown outcome tells it.
    ///
    /// - Parameters:
    ///   - quantity: units, 1 ... 1,000,000.
    ///   - id: of this user; the same id with the same content is the same order, however often it is sent.
    ///   - timeoutMs: from here to the result, retries included; nil for the configuration's.
    /// - Throws: `refused` with `soldOut`, `limitExceeded`, `notStarted`, `ended`, `closed`, `notFound` (no such
    ///   sale), `cancelled` (its cancel came first), `capacity`, `noSpace`, `invalid`, or for its id `wrongPartition`,
    ///   `idReused`, `idTooOld`, `idInFuture`.
    @discardableResult
    nonisolated(nonsending) public func order(
        sale: SaleID, user: UserID, quantity: UInt32 = 1, id: OrderID? = nil, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Order {
        try await order(
            OrderRequest(sale: sale, user: user, quantity: quantity, id: id), timeoutMs: timeoutMs)
    }

    /// As `order(sale:user:quantity:id:timeoutMs:)`.
    @discardableResult
    nonisolated(nonsending) public func order(
        _ request: OrderRequest, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Order {
        let entry = request.entry
        let queue = queues.orders.place[queues.owner(of: Partition.of(user: entry.userId))]
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Many orders at once, each decided for itself. The results stand in the order of the requests; any number
    /// may be given, and they leave in frames of at most `batchCountMax`. If the task is cancelled, each result says
    /// what is known of its order.
    nonisolated(nonsending) public func orders(
        _ requests: [OrderRequest], timeoutMs: UInt32? = nil
    ) async -> [Result<Order, TimesaleError>] {
        await queues.callEach(
            queues.orders.place, requests.map(\.entry), partition: { Partition.of(user: $0.userId) },
            timeoutNs: timeoutNs(timeoutMs))
    }

    /// Ends a hold as a sale. Confirming a confirmed order is a repeat. An expired order is confirmed late if its
    /// units can be taken again (`Order.isLateConfirm`).
    ///
    /// - Throws: `refused` with `notFound`, `cancelled`, `expired` (the units are gone), `partOfCheckout`.
    @discardableResult
    nonisolated(nonsending) public func confirm(
        _ id: OrderID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Order {
        try await callNamed(queues.orders.confirm, id, timeoutMs)
    }

    /// Many confirms at once, each for itself, as `orders`.
    nonisolated(nonsending) public func confirm(
        _ ids: [OrderID], timeoutMs: UInt32? = nil
    ) async -> [Result<Order, TimesaleError>] {
        await callEachNamed(queues.orders.confirm, ids, timeoutMs)
    }

    /// Gives the units back: of a hold, of a confirmed order (a refund), of an expired one (no late confirm any
    /// more). An order that the server does not know is refused from now on, should it still arrive: so this is how
    /// to give up on an unknown outcome.
    ///
    /// - Throws: `refused` with `capacity` (no more cancels of unknown orders can be remembered), `partOfCheckout`.
    @discardableResult
    nonisolated(nonsending) public func cancel(
        _ id: OrderID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Cancellation {
        try await callNamed(queues.orders.cancel, id, timeoutMs)
    }

    /// Many cancels at once, each for itself, as `orders`.
    nonisolated(nonsending) public func cancel(
        _ ids: [OrderID], timeoutMs: UInt32? = nil
    ) async -> [Result<Cancellation, TimesaleError>] {
        await callEachNamed(queues.orders.cancel, ids, timeoutMs)
    }

    /// Moves the end of a hold to `deadlineMs`; never shortens it (a deadline that is not later is a repeat).
    ///
    /// - Parameter deadlineMs: ms since 1970, at most 49 days ahead.
    /// - Throws: `refused` with `confirmed`, `cancelled`, `expired`, `notFound`, `invalid`.
    @discardableResult
    nonisolated(nonsending) public func extend(
        _ id: OrderID, untilMs deadlineMs: UInt64, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Order {
        let queue = queues.orders.extend[queues.owner(of: id.wire.carriedPartition)]
        return try await queues.call(
            queue, ExtendEntry(orderId: id.wire, deadlineMs: deadlineMs), timeoutNs: timeoutNs(timeoutMs))
    }

    /// The order as it is now.
    ///
    /// - Throws: `refused` with `notFound`, or `cancelled` if only its cancel is known.
    nonisolated(nonsending) public func order(
        _ id: OrderID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Order {
        try await callNamed(queues.orders.get, id, timeoutMs)
    }

    /// A page of a user's orders, newest first. A page may be shorter than `limit` although more follow.
    ///
    /// - Parameters:
    ///   - after: `next` of the page before, nil to begin.
    ///   - limit: 1 ... 1,000.
    /// - Throws: `refused` with `notFound` if `after` is no order of this user.
    nonisolated(nonsending) public func orders(
        of user: UserID, after: OrderID? = nil, limit: Int = 100, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> OrderPage {
        guard (1...Frame.pageCountMax).contains(limit) else { throw .invalidArgument(.limit) }
        let queue = queues.orders.list[queues.owner(of: Partition.of(user: user.wire))]
        let entry = ListUserOrdersEntry(
            userId: user.wire, after: after?.wire ?? .zero, limit: UInt16(limit))
        return try await queues.call(queue, entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// All orders of a user, newest first, fetched page by page as they are iterated.
    public func allOrders(of user: UserID, pageLimit: Int = 100) -> Pages<Order> {
        Pages { (after: OrderID?) async throws(TimesaleError) in
            let page = try await self.orders(of: user, after: after, limit: pageLimit)
            return (page.orders, page.next)
        }
    }

    /// A page of the orders of a sale, of all users, in no order that means anything; needs a token with the scope
    /// admin. The server looks at all orders that it remembers to find them, some thousand in each request that this
    /// call sends: for the back office, not for a shop's pages.
    ///
    /// An order that is there while all pages are fetched is listed exactly once; one that is placed or forgotten
    /// meanwhile may be listed or not. A page may be shorter than `limit` although more follow.
    ///
    /// - Parameters:
    ///   - after: `next` of the page before, nil to begin.
    ///   - limit: 1 ... 1,000.
    ///   - timeoutMs: for each request.
    /// - Throws: `refused` with `notFound` (no such sale), `forbidden`, `trimmed` if the server has been started again
    ///   since the page before: begin anew.
    nonisolated(nonsending) public func orders(
        ofSale sale: SaleID, after: SaleOrderCursor? = nil, limit: Int = 100, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> SaleOrderPage {
        guard (1...Frame.pageCountMax).contains(limit) else { throw .invalidArgument(.limit) }
        var after = after
        while true {
            let position = SaleOrdersPosition(rawValue: after?.rawValue ?? 0)
            let entry = ListSaleOrdersEntry(saleId: sale.rawValue, after: position, limit: UInt16(limit))
            let page = try await queues.call(
                queues.orders.listOfSale, entry, timeoutNs: timeoutNs(timeoutMs))
            if !page.orders.isEmpty || page.next == nil { return page }
            after = page.next
        }
    }

    /// All orders of a sale, fetched page by page as they are iterated, as `orders(ofSale:)`.
    public func allOrders(ofSale sale: SaleID, pageLimit: Int = 1000) -> Pages<Order> {
        Pages { (after: SaleOrderCursor?) async throws(TimesaleError) in
            let page = try await self.orders(ofSale: sale, after: after, limit: pageLimit)
            return (page.orders, page.next)
        }
    }

    nonisolated(nonsending) private func callNamed<Call: NamedOrderCall>(
        _ shards: [CallQueue<Call>], _ id: OrderID, _ timeoutMs: UInt32?
    ) async throws(TimesaleError) -> Call.Answer {
        let queue = shards[queues.owner(of: id.wire.carriedPartition)]
        return try await queues.call(
            queue, OrderIdEntry(orderId: id.wire), timeoutNs: timeoutNs(timeoutMs))
    }

    nonisolated(nonsending) private func callEachNamed<Call: NamedOrderCall>(
        _ shards: [CallQueue<Call>], _ ids: [OrderID], _ timeoutMs: UInt32?
    ) async -> [Result<Call.Answer, TimesaleError>] {
        await queues.callEach(
            shards, ids.map { OrderIdEntry(orderId: $0.wire) }, partition: { $0.orderId.carriedPartition },
            timeoutNs: timeoutNs(timeoutMs))
    }
}

extension OrderRequest {
    var entry: OrderEntry {
        OrderEntry(orderId: id.wire, userId: user.wire, saleId: sale.rawValue, quantity: quantity)
    }
}
