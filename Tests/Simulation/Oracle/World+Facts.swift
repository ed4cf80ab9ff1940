import Engine
import Log
import Protocol

// What must be found after a restart: exactly what the surviving log says, and everything that a client was
// shown.

extension World {
    /// The engines against the model, record by record. Promises 3, 4 and 10.
    func compareWithLog() throws(Violation) {
        for order in model.orders where !order.versions.isEmpty && order.retired == nil {
            let view = machine.view(of: order.id)
            let version = order.versions.last!
            let isSame =
                view.code == .ok && view.state == version.state.rawValue && view.quantity == order.quantity
                && view.userId == order.user && view.saleId == model.offers[order.sale].creation.key.id
                && view.createdAtMs == order.createdAtMs
                && (view.flags & ResultFlags.late != 0) == version.isLate
                && (view.flags & ResultFlags.ofCheckout != 0) == (order.checkout != nil)
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
            guard machine.engine(shard).pointee.offersKnown == model.offers.count else {
                throw Violation(3, "shard \(shard) knows another number of offers than the log")
            }
        }
        guard orderCount == model.orderCount, tombstones == model.tombstones.count else {
            throw Violation(
                10,
                "after a restart \(orderCount) orders and \(tombstones) tombstones are known, the log has "
                    + "\(model.orderCount) and \(model.tombstones.count)")
        }
        try compareStock(isRestart: true)
        try compareModules()
        try compareCheckouts()
    }

    /// The counters against the log. Promise 1.
    func compareStock(isRestart: Bool) throws(Violation) {
        for (index, offer) in model.offers.enumerated() {
            if offer.retired != nil {
                try checkRetired(index)
                continue
            }
            let shown = machine.offer(offer.creation.key)
            let totals = machine.counters.totals(index + 1)
            let given = model.totals(index)
            let isSame =
                shown.key == offer.creation.key && shown.stock == offer.stock && Int(totals.held) == given.held
                && Int(totals.sold) == given.sold
                && (shown.state == SaleState.closed.rawValue) == (offer.closed != nil)
                && shown.available + shown.out == shown.stock
            guard isSame else {
                throw Violation(
                    1,
                    "\(isRestart ? "after a restart" : "when all is quiet") \(offer.creation.key) shows "
                        + "\(totals.held) held, \(totals.sold) sold, \(shown.available) free of \(shown.stock), state "
                        + "\(shown.state); the log says \(given.held) held, \(given.sold) sold of \(offer.stock), "
                        + "\(offer.closed == nil ? "open" : "closed")")
            }
        }
    }

    /// Of an offer that has left there is nothing but its id.
    private func checkRetired(_ index: Int) throws(Violation) {
        let key = model.offers[index].creation.key
        let totals = machine.counters.totals(index + 1)
        guard machine.offer(key).code == .notFound, totals.held == 0, totals.sold == 0 else {
            throw Violation(9, "\(key) has left, \(totals.held) held and \(totals.sold) sold units of it have not")
        }
    }

    /// What clients were shown has survived. Promises 3 and 5.
    func checkFacts() throws(Violation) {
        for known in orders where known.shownVersions > 0 || known.isTombstoneShown {
            coverage[.factsChecked] += 1
            let versions = model.versionsOfOrder(known.id)
            guard versions >= known.shownVersions else {
                throw Violation(
                    3,
                    "a client saw order \(known.id) after \(known.shownVersions) events; a crash left \(versions)"
                )
            }
            if known.isTombstoneShown && model.allTombstones(known.id).isEmpty {
                throw Violation(
                    3,
                    "a client was told that order \(known.id) is cancelled before it came; a crash undid it")
            }
        }
        for known in offers where known.isCreationShown {
            coverage[.factsChecked] += 1
            guard let index = model.offer(known.key) else {
                throw Violation(3, "a client saw \(known.key); a crash undid it")
            }
            let offer = model.offers[index]
            guard offer.stock >= known.shownStock, !known.isClosingShown || offer.closed != nil else {
                throw Violation(
                    3,
                    "a client saw \(known.key) with a stock of \(known.shownStock)"
                        + "\(known.isClosingShown ? ", closed" : ""); a crash undid it")
            }
            for restock in known.restocks where restock.isShown && model.restock(restock.id) == nil {
                throw Violation(3, "restock \(restock.id) was acknowledged; a crash undid it")
            }
        }
        try checkModuleFacts()
        try checkCheckoutFacts()
    }

    /// Where replies wait for the write alone, a power loss may undo what they said: clients start over with
    /// what is left.
    func forgetWhatWasLost() {
        for index in orders.indices {
            let (id, decidedAtMs) = (orders[index].id, orders[index].decidedAtMs)
            orders[index].shownVersions = min(orders[index].shownVersions, model.versionsOfOrder(id))
            orders[index].isTombstoneShown =
                orders[index].isTombstoneShown && !model.allTombstones(id).isEmpty
            if model.order(id, createdAtMs: decidedAtMs)?.createdAtMs != decidedAtMs { orders[index].decidedAtMs = 0 }
        }
        for index in offers.indices {
            guard let place = model.offer(offers[index].key) else {
                offers[index].forget()
                continue
            }
            let offer = model.offers[place]
            offers[index].shownStock = min(offers[index].shownStock, offer.stock)
            if offer.closed == nil {
                offers[index].isClosingShown = false
                offers[index].isClosingAcknowledged = false
            }
            for restock in offers[index].restocks.indices
            where model.restock(offers[index].restocks[restock].id) == nil {
                offers[index].restocks[restock].isShown = false
            }
        }
        forgetLostModules()
        forgetLostCheckouts()
    }
}
