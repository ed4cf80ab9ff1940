import Engine
import Log
import Protocol

// What must be found after a restart: exactly what the surviving log says, and everything that a client was
// shown.

extension World {
    /// The engines against the model, record by record. Promises 3, 4 and 10.
    func compareWithLog() throws(Violation) {
        for order in model.orders where !order.versions.isEmpty {
            let view = machine.view(of: order.id)
            let version = order.versions.last!
            let isSame =
                view.code == .ok && view.state == version.state.rawValue && view.quantity == order.quantity
                && view.userId == order.user && view.saleId == model.sales[order.sale].entry.saleId
                && view.createdAtMs == order.createdAtMs
                && (view.flags & ResultFlags.late != 0) == version.isLate
                && (version.state != .held || view.expiresAtMs == version.deadlineMs)
            guard isSame else {
                throw Violation(
                    4,
                    "after a restart order \(order.id) is \(view.code) in state \(view.state), the log says "
                        + "\(version.state) (until \(version.deadlineMs))")
            }
        }
        var orderCount = 0
        var tombstones = 0
        for shard in 0..<machine.shards {
            orderCount += machine.engine(shard).pointee.ordersRemembered
            tombstones += machine.engine(shard).pointee.tombstonesKept
            guard machine.engine(shard).pointee.offersKnown == model.sales.count else {
                throw Violation(3, "shard \(shard) knows another number of sales than the log")
            }
        }
        guard orderCount == model.orderCount, tombstones == model.tombstones.count else {
            throw Violation(
                10,
                "after a restart \(orderCount) orders and \(tombstones) tombstones are known, the log has "
                    + "\(model.orderCount) and \(model.tombstones.count)")
        }
        try compareStock(isRestart: true)
    }

    /// The counters against the log. Promise 1.
    func compareStock(isRestart: Bool) throws(Violation) {
        for (index, sale) in model.sales.enumerated() {
            let shown = machine.sale(sale.entry.saleId)
            let given = model.totals(index)
            let isSame =
                shown.code == .ok && shown.stock == sale.stock && Int(shown.held) == given.held
                && Int(shown.sold) == given.sold
                && (shown.state == SaleState.closed.rawValue) == (sale.closed != nil)
                && shown.available + shown.held + shown.sold == shown.stock
            guard isSame else {
                throw Violation(
                    1,
                    "\(isRestart ? "after a restart" : "when all is quiet") sale \(sale.entry.saleId) shows "
                        + "\(shown.held) held, \(shown.sold) sold, \(shown.available) free of \(shown.stock), state "
                        + "\(shown.state); the log says \(given.held) held, \(given.sold) sold of \(sale.stock), "
                        + "\(sale.closed == nil ? "open" : "closed")")
            }
        }
    }

    /// What clients were shown has survived. Promises 3 and 5.
    func checkFacts() throws(Violation) {
        for known in orders where known.shownVersions > 0 || known.isTombstoneShown {
            coverage[.factsChecked] += 1
            let versions = model.order(known.id)?.versions.count ?? 0
            guard versions >= known.shownVersions else {
                throw Violation(
                    3,
                    "a client saw order \(known.id) after \(known.shownVersions) events; a crash left \(versions)"
                )
            }
            if known.isTombstoneShown && model.tombstones[known.id] == nil {
                throw Violation(
                    3,
                    "a client was told that order \(known.id) is cancelled before it came; a crash undid it")
            }
        }
        for known in sales where known.isCreationShown {
            coverage[.factsChecked] += 1
            guard let index = model.sale(known.entry.saleId) else {
                throw Violation(3, "a client saw sale \(known.entry.saleId); a crash undid it")
            }
            let sale = model.sales[index]
            guard sale.stock >= known.shownStock, !known.isClosingShown || sale.closed != nil else {
                throw Violation(
                    3,
                    "a client saw sale \(known.entry.saleId) with a stock of \(known.shownStock)"
                        + "\(known.isClosingShown ? ", closed" : ""); a crash undid it")
            }
            for restock in known.restocks where restock.isShown && model.restocks[restock.id] == nil {
                throw Violation(3, "restock \(restock.id) was acknowledged; a crash undid it")
            }
        }
    }

    /// Where replies wait for the write alone, a power loss may undo what they said: clients start over with
    /// what is left.
    func forgetWhatWasLost() {
        for index in orders.indices {
            let order = model.order(orders[index].id)
            orders[index].shownVersions = min(orders[index].shownVersions, order?.versions.count ?? 0)
            orders[index].isTombstoneShown =
                orders[index].isTombstoneShown && model.tombstones[orders[index].id] != nil
            if order == nil { orders[index].isDecisionShown = false }
        }
        for index in sales.indices {
            guard let place = model.sale(sales[index].entry.saleId) else {
                sales[index].forget()
                continue
            }
            let sale = model.sales[place]
            sales[index].shownStock = min(sales[index].shownStock, sale.stock)
            if sale.closed == nil {
                sales[index].isClosingShown = false
                sales[index].isClosingAcknowledged = false
            }
            for restock in sales[index].restocks.indices
            where model.restocks[sales[index].restocks[restock].id] == nil {
                sales[index].restocks[restock].isShown = false
            }
        }
    }
}
