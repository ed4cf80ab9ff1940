import Protocol

// Replies about the catalogue.

extension World {
    func checkSale(
        _ request: Request, _ item: Item, _ code: ResultCode, _ result: SaleResult
    ) throws(Violation) {
        switch code {
        case .ok: try checkShownSale(item, result)
        case .notFound:
            if item.isCreationShown {
                throw Violation(3, "sale \(item.saleId), which was shown, is NOT_FOUND")
            }
            return
        case .invalid:
            guard let ends = item.creation?.endsAtMs, ends != 0, ends <= clockMs else {
                throw Violation(
                    0, "\(request.operation) of sale \(item.saleId) is INVALID, which nothing explains")
            }
            return
        case .idReused:
            coverage[.idReused] += 1
            return try checkReused(item)
        case .alreadyExists:
            guard let sale = model.sale(item.saleId), isShowable(model.sales[sale].stocks[0].place) else {
                throw Violation(5, "ALREADY_EXISTS shows sale \(item.saleId), which a crash could undo")
            }
            return
        case .closed:
            guard let sale = model.sale(item.saleId), let place = model.sales[sale].closed, isShowable(place)
            else {
                throw Violation(5, "CLOSED shows a closing of sale \(item.saleId) that a crash could undo")
            }
            return
        default:
            throw Violation(
                0, "\(request.operation) of sale \(item.saleId) got \(code), which nothing explains")
        }
        try checkChange(request, item, result)
    }

    /// What a change acknowledges is durable in every mode: only then may it be visible.
    private func checkChange(_ request: Request, _ item: Item, _ result: SaleResult) throws(Violation) {
        guard let index = item.sale, let sale = model.sale(item.saleId) else { return }
        let isRepeat = result.flags & ResultFlags.repeat != 0
        if isRepeat { coverage[.repeats] += 1 }
        switch request.operation {
        case .createSale:
            if !isRepeat && item.isCreationShown && item.id == sales[index].entry.operationId {
                throw Violation(4, "sale \(item.saleId) was created a second time")
            }
            guard model.isSynced(model.sales[sale].stocks[0].place),
                item.creation!.stock == model.sales[sale].entry.stock
            else {
                throw Violation(5, "the creation of sale \(item.saleId) is acknowledged, but not durable")
            }
        case .restockSale:
            guard let restock = model.restocks[item.id], restock.units == item.units,
                model.isSynced(restock.place)
            else {
                throw Violation(5, "restock \(item.id) is acknowledged, but not durable")
            }
            if !isRepeat && item.isRestockShown {
                throw Violation(4, "restock \(item.id) happened a second time")
            }
            if !sales[index].restocks[item.restock!].isShown { coverage[.restocks] += 1 }
            sales[index].restocks[item.restock!].isShown = true
        case .closeSale:
            guard let place = model.sales[sale].closed, model.isSynced(place) else {
                throw Violation(5, "the closing of sale \(item.saleId) is acknowledged, but not durable")
            }
            sales[index].isClosingAcknowledged = true
            coverage[.closings] += 1
        default: break
        }
    }

    private func checkReused(_ item: Item) throws(Violation) {
        if let sale = model.creations[item.id], let creation = item.creation {
            guard creation != model.sales[sale].entry else {
                throw Violation(4, "a repeat of the creation of sale \(item.saleId) is ID_REUSED")
            }
            return
        }
        guard let restock = model.restocks[item.id], restock.units != item.units else {
            throw Violation(
                4, "operation \(item.id) is ID_REUSED, but the log does not know it with another content")
        }
    }

    /// A list without a sale says that it does not exist, or, where only those that are not closed were asked
    /// for, that it is closed.
    func checkOmissions(_ item: Item, _ listed: Set<UInt64>) throws(Violation) {
        for id in item.salesBefore where !listed.contains(id) {
            let closed = model.sale(id).flatMap { model.sales[$0].closed }
            guard item.stateMask != 0, let closed, isShowable(closed) else {
                throw Violation(
                    5, "a list leaves out sale \(id), which was shown, and which no durable event has closed")
            }
        }
    }

    /// A sale is shown: its stock and its closing are in the log for good, its counts add up.
    func checkShownSale(_ item: Item, _ result: SaleResult) throws(Violation) {
        guard let index = model.sale(result.saleId),
            let known = sales.firstIndex(where: { $0.entry.saleId == result.saleId })
        else { throw Violation(5, "sale \(result.saleId) is shown, but not in the log") }
        let sale = model.sales[index]
        guard let stock = sale.stocks.first(where: { $0.units == result.stock }), isShowable(stock.place)
        else {
            throw Violation(
                5, "sale \(result.saleId) is shown with a stock of \(result.stock), which a crash could undo")
        }
        if item.sale != nil && result.stock < item.shownStock {
            throw Violation(
                3,
                "sale \(result.saleId) is shown with a stock of \(result.stock) after one of \(item.shownStock)"
            )
        }
        guard result.available + result.held + result.sold <= result.stock else {
            throw Violation(
                1,
                "sale \(result.saleId) is shown with \(result.available) free, \(result.held) held and \(result.sold) "
                    + "sold of \(result.stock)")
        }
        sales[known].isCreationShown = true
        sales[known].shownStock = max(sales[known].shownStock, result.stock)
        guard result.state == SaleState.closed.rawValue else {
            if item.sale != nil && item.isClosingShown {
                throw Violation(3, "sale \(result.saleId), shown closed, is open again")
            }
            return
        }
        guard let place = sale.closed, isShowable(place) else {
            throw Violation(5, "sale \(result.saleId) is shown closed, which a crash could undo")
        }
        sales[known].isClosingShown = true
    }
}
