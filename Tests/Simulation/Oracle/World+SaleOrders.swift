import Protocol

// Lists of a sale's orders: a page is what one shard has from some slot on.

extension World {
    func checkSaleOrders(_ item: Item, _ header: FrameHeader, _ results: [[UInt8]]) throws(Violation) {
        switch header.status {
        case .ok: break
        case .notFound:
            if item.isCreationShown {
                let violation = Violation(3, "\(item.offerKey), which was shown, is NOT_FOUND to a list of its orders")
                try checkRetired(item.offerKey, violation)
            }
            return
        case .trimmed:
            guard !item.place.isOf(machine.instance) else {
                throw Violation(0, "a list of orders goes on in the same run of the server, and got TRIMMED")
            }
            return
        default: throw Violation(0, "a list of the orders of \(item.offerKey) got \(header.status)")
        }
        let shown = results.map { $0.withUnsafeBytes { SaleOrderResult($0.baseAddress!) } }
        let more = header.flags & Frame.Flags.more != 0
        let isPositionAlone = shown.count == 1 && shown[0].order.code == .notFound
        let orders = isPositionAlone ? [] : shown
        guard !isPositionAlone || more else { throw Violation(0, "a list of orders ends with a position alone") }
        // One request looks at more slots than the simulator's tables have: a page reaches to the end of its shard,
        // unless it is full before that.
        var isCut = false
        if let last = shown.last, more {
            let next = SaleOrdersPosition(instance: machine.instance, shard: item.place.shard + 1, slot: 0)
            isCut =
                orders.count == Frame.pageCountMax && last.position.isOf(machine.instance)
                && last.position.shard == item.place.shard
                && last.position.slot >= item.place.slot + UInt32(orders.count)
            guard isCut || last.position == next else {
                throw Violation(0, "a list of orders goes on neither with the next shard nor behind a full page")
            }
        }
        guard isCut || more == (item.place.shard + 1 < machine.shards) else {
            throw Violation(0, "a list of orders ends before the last shard, or goes on behind it")
        }
        for order in orders {
            guard order.order.saleId == item.offerKey.id, model.owner(order.order.orderId) == item.place.shard else {
                throw Violation(0, "order \(order.order.orderId) is listed for another sale or by another shard")
            }
        }
        coverage[.saleOrdersListed] += orders.count
        try checkOrders(item, orders.map(\.order), isWhole: !isCut)
    }
}
