import Protocol

// The orders of one sale. Nothing links them: an order pays with no byte and no line for a question that is asked once
// a sale, by an admin. So the slots of all orders of a shard are looked at, some thousand of them for one request.

extension Engine {
    /// Slots that one request looks at: a mebibyte of records that lie in sequence, a tenth of a millisecond.
    static var saleOrderSlotsMax: Int { 16_384 }

    /// A page of the orders of a sale that this shard owns, in the order of their slots; it goes on with the next shard
    /// where this one has no more.
    ///
    /// A slot keeps its order until the order is forgotten. So an order that is there from the first page to the last
    /// is listed exactly once; one that is placed or forgotten meanwhile may be listed or not.
    ///
    /// - Parameter instance: this run of the server: slots of another one are other orders.
    public func listSaleOrders(
        _ bytes: UnsafeRawPointer, results: UnsafeMutableRawPointer, limit: Int, instance: UInt64
    ) -> Page {
        let entry = ListSaleOrdersEntry(bytes)
        let shard = configuration.shard
        precondition(entry.after.shard == shard)
        guard entry.limit >= 1, entry.limit <= Frame.pageCountMax, ListSaleOrdersEntry.reservedIsZero(bytes) else {
            return Page(.invalid)
        }
        guard entry.after == .start || entry.after.isOf(instance) else { return Page(.trimmed) }
        let sale = findOffer(.sale, entry.saleId)
        if sale == 0 { return Page(.notFound) }

        let most = min(limit, Int(entry.limit))
        let last = orders.reached
        let end = min(last, Int(entry.after.slot) + Self.saleOrderSlotsMax)
        var slot = Int(entry.after.slot)
        var count = 0
        var waitLsn: UInt64 = 0
        while slot < end && count < most {
            slot += 1
            let order = orders[UInt32(slot)]
            guard order.pointee.sale == sale else { continue }
            waitLsn = max(waitLsn, users[order.pointee.user].pointee.lastLsn)
            let place = results + count * SaleOrderResult.sizeBytes
            let position = SaleOrdersPosition(instance: instance, shard: shard, slot: UInt32(slot))
            SaleOrderResult(order: view(UInt32(slot), .ok, flags: 0), position: position).store(to: place)
            count += 1
        }
        if slot < last { return goOn(SaleOrdersPosition(instance: instance, shard: shard, slot: UInt32(slot))) }
        if shard + 1 < configuration.shards {
            return goOn(SaleOrdersPosition(instance: instance, shard: shard + 1, slot: 0))
        }
        return Page(.ok, count: count, waitLsn: waitLsn)

        /// The last result says where to go on; if there is none, one that is nothing else.
        func goOn(_ position: SaleOrdersPosition) -> Page {
            if count == 0 {
                SaleOrderResult(order: .none(.zero, .notFound), position: position).store(to: results)
                return Page(.ok, count: 1, more: true)
            }
            SaleOrderResult.store(position, to: results + (count - 1) * SaleOrderResult.sizeBytes)
            return Page(.ok, count: count, more: true, waitLsn: waitLsn)
        }
    }
}
