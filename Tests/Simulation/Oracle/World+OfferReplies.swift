import Engine
import Protocol

/// What a reply shows of an offer, whichever kind it is.
struct ShownOffer {
    var code: ResultCode
    var key: OfferKey
    var state: UInt8
    var flags: UInt8
    var stock: UInt64
    var available: UInt64
    /// Units that somebody holds or has.
    var out: UInt64

    init(_ sale: SaleResult) {
        code = sale.code
        key = OfferKey(kind: .sale, id: sale.saleId)
        (state, flags, stock, available) = (sale.state, sale.flags, sale.stock, sale.available)
        out = sale.held + sale.sold
    }

    init(_ policy: PolicyResult) {
        code = policy.code
        key = OfferKey(kind: .policy, id: policy.policyId)
        (state, flags, stock, available) = (policy.state, policy.flags, policy.quantity, policy.remaining)
        out = policy.issued
    }
}

// Replies about the catalogue, and refusals for what stands in it.

extension World {
    func checkOffer(
        _ request: Request, _ item: Item, _ code: ResultCode, _ result: ShownOffer
    ) throws(Violation) {
        switch code {
        case .ok: try checkShown(item, result)
        case .notFound:
            if item.isCreationShown {
                try checkRetired(item.offerKey, Violation(3, "\(item.offerKey), which was shown, is NOT_FOUND"))
            }
            return
        case .idTooOld:
            try checkTooOld(request, item)
            if item.isCreationShown && item.restock == nil || item.isRestockShown {
                try checkRetired(
                    item.offerKey, Violation(4, "\(request.operation) \(item.id) was shown, and is too old"))
            }
            return
        case .idInFuture:
            let isOfCreation = model.offer(item.offerKey).map { model.offers[$0].creation.operationId == item.id }
            if item.isRestockShown || item.isCreationShown && isOfCreation == true {
                throw Violation(4, "\(request.operation) \(item.id) was shown, and is of the future")
            }
            return try checkIdInFuture(request, item)
        case .invalid:
            guard let ends = item.creation?.endsAtMs, ends != 0, ends <= clockMs else {
                throw Violation(
                    0, "\(request.operation) of \(item.offerKey) is INVALID, which nothing explains")
            }
            return
        case .idReused:
            coverage[.idReused] += 1
            return try checkReused(item)
        case .alreadyExists:
            guard let offer = model.offer(item.offerKey), isShowable(model.offers[offer].stocks[0].place) else {
                throw Violation(5, "ALREADY_EXISTS shows \(item.offerKey), which a crash could undo")
            }
            if item.isCreationShown && item.id == model.offers[offer].creation.operationId {
                try checkRetired(
                    item.offerKey, Violation(4, "a repeat of the creation of \(item.offerKey) got \(code)"))
            }
            return
        case .closed:
            guard let offer = model.offer(item.offerKey), let place = model.offers[offer].closed, isShowable(place)
            else {
                throw Violation(5, "CLOSED shows a closing of \(item.offerKey) that a crash could undo")
            }
            return
        default:
            throw Violation(
                0, "\(request.operation) of \(item.offerKey) got \(code), which nothing explains")
        }
        try checkChange(request, item, result)
    }

    /// What a change acknowledges is durable in every mode: only then may it be visible.
    private func checkChange(_ request: Request, _ item: Item, _ result: ShownOffer) throws(Violation) {
        guard let index = item.offer, let offer = model.offer(item.offerKey) else { return }
        let isRepeat = result.flags & ResultFlags.repeat != 0
        if isRepeat { coverage[.repeats] += 1 }
        switch request.operation {
        case .createSale, .createPolicy:
            if !isRepeat && item.isCreationShown && item.id == offers[index].creation.operationId {
                throw Violation(4, "\(item.offerKey) was created a second time")
            }
            guard model.isSynced(model.offers[offer].stocks[0].place),
                item.creation == model.offers[offer].creation
            else {
                throw Violation(5, "the creation of \(item.offerKey) is acknowledged, but not durable")
            }
        case .restockSale, .restockPolicy:
            guard let restock = model.restock(item.id), restock.units == item.units,
                model.isSynced(restock.place)
            else {
                throw Violation(5, "restock \(item.id) is acknowledged, but not durable")
            }
            if !isRepeat && item.isRestockShown {
                throw Violation(4, "restock \(item.id) happened a second time")
            }
            if !offers[index].restocks[item.restock!].isShown { coverage[.restocks] += 1 }
            offers[index].restocks[item.restock!].isShown = true
        case .closeSale, .closePolicy:
            guard let place = model.offers[offer].closed, model.isSynced(place) else {
                throw Violation(5, "the closing of \(item.offerKey) is acknowledged, but not durable")
            }
            offers[index].isClosingAcknowledged = true
            coverage[.closings] += 1
        default: break
        }
    }

    private func checkReused(_ item: Item) throws(Violation) {
        if let offer = model.creation(item.id), let creation = item.creation {
            guard creation != model.offers[offer].creation else {
                throw Violation(4, "a repeat of the creation of \(item.offerKey) is ID_REUSED")
            }
            return
        }
        guard let restock = model.restock(item.id), restock.units != item.units else {
            throw Violation(
                4, "operation \(item.id) is ID_REUSED, but the log does not know it with another content")
        }
    }

    func checkOffers(_ item: Item, _ shown: [ShownOffer]) throws(Violation) {
        for offer in shown { try checkShown(item, offer) }
        try checkOmissions(item, Set(shown.map(\.key)))
    }

    /// A list without an offer says that it does not exist, or, where only those that are not closed were asked
    /// for, that it is closed.
    private func checkOmissions(_ item: Item, _ listed: Set<OfferKey>) throws(Violation) {
        for key in item.offersBefore where !listed.contains(key) {
            let closed = model.offer(key).flatMap { model.offers[$0].closed }
            if item.stateMask != 0, let closed, isShowable(closed) { continue }
            try checkRetired(
                key, Violation(5, "a list leaves out \(key), which was shown, and which no durable event has closed"))
        }
    }

    /// An offer that was shown is there no more: it has left memory.
    func checkRetired(_ key: OfferKey, _ violation: Violation) throws(Violation) {
        coverage[.forgottenAnswers] += 1
        try expectForgotten(model.catalogue, violation) { model in
            model.offer(key).map { model.offers[$0].retired != nil } ?? false
        }
    }

    // MARK: Refusals for what stands in the catalogue

    /// An order, or the issue of a coupon, was refused for its offer.
    func checkOfferRefusal(
        _ request: Request, _ item: Item, _ code: ResultCode, units: Int
    ) throws(Violation) {
        let offer = model.offer(item.offerKey)
        let creation = offer.map { model.offers[$0].creation }
        switch code {
        case .soldOut, .exhausted:
            coverage[code == .soldOut ? .soldOut : .exhausted] += 1
            guard let offer else { throw Violation(2, "\(item.offerKey), unknown to the log, is \(code)") }
            let fewest = watch.fewest(offer + 1, since: request.sentStep)
            guard fewest < units else {
                throw Violation(
                    2, "\(request.operation) \(item.id) of \(units) was \(code) while at least \(fewest) were free")
            }
        case .limitExceeded, .alreadyIssued:
            coverage[code == .limitExceeded ? .limitExceeded : .alreadyIssued] += 1
            try checkBeyondLimit(item, code, units)
        case .notFound:
            if item.isCreationShown {
                try checkRetired(
                    item.offerKey, Violation(3, "\(item.offerKey), which was shown, is NOT_FOUND to \(item.id)"))
            }
        case _ where offer.map({ model.offers[$0].retired != nil }) ?? false: break
        case .closed:
            guard let offer, let place = model.offers[offer].closed, model.isSynced(place) else {
                throw Violation(5, "\(item.id) was refused for a closing that a crash could undo")
            }
        case .ended:
            guard let creation, creation.endsAtMs != 0, creation.endsAtMs <= clockMs else {
                throw Violation(2, "\(item.id) was refused as after the end of \(item.offerKey), which goes on")
            }
        default:
            guard let creation, creation.startsAtMs > request.earliestMs else {
                throw Violation(2, "\(item.id) was refused as before the start of \(item.offerKey), which had started")
            }
        }
    }

    /// There was a moment between the request and what is shown now when so many more would have been too much.
    private func checkBeyondLimit(_ item: Item, _ code: ResultCode, _ units: Int) throws(Violation) {
        guard let offer = model.offer(item.offerKey) else {
            throw Violation(5, "a limit of \(item.offerKey), which is not in the log")
        }
        let limit = Int(model.offers[offer].creation.perUserLimit)
        let history = model.unitHistory[LogModel.UserOffer(user: item.user, offer: offer)] ?? []
        var isExplained = units > limit
        for (place, entry) in history.enumerated() where entry.units + units > limit {
            let begins = entry.life < model.life || isShowable(lsn: entry.lsn, shard: model.owner(item.id))
            let isOver =
                place + 1 < history.count
                && (history[place + 1].life < model.life || history[place + 1].lsn <= item.syncedLsn)
            if begins && !isOver { isExplained = true }
        }
        guard isExplained else {
            throw Violation(5, "\(item.id) got \(code), which no durable record of its user explains")
        }
    }

    /// An offer is shown: its stock and its closing are in the log for good, its counts add up.
    private func checkShown(_ item: Item, _ result: ShownOffer) throws(Violation) {
        guard let index = model.offer(result.key), let known = offers.firstIndex(where: { $0.key == result.key })
        else { throw Violation(5, "\(result.key) is shown, but not in the log") }
        let offer = model.offers[index]
        guard let stock = offer.stocks.first(where: { $0.units == result.stock }), isShowable(stock.place)
        else {
            throw Violation(
                5, "\(result.key) is shown with a stock of \(result.stock), which a crash could undo")
        }
        if item.offer != nil && result.stock < item.shownStock {
            throw Violation(
                3,
                "\(result.key) is shown with a stock of \(result.stock) after one of \(item.shownStock)"
            )
        }
        guard result.available + result.out <= result.stock else {
            throw Violation(
                1, "\(result.key) is shown with \(result.available) free and \(result.out) out of \(result.stock)")
        }
        offers[known].isCreationShown = true
        offers[known].shownStock = max(offers[known].shownStock, result.stock)
        guard result.state == SaleState.closed.rawValue else {
            if item.offer != nil && item.isClosingShown {
                throw Violation(3, "\(result.key), shown closed, is open again")
            }
            return
        }
        guard let place = offer.closed, isShowable(place) else {
            throw Violation(5, "\(result.key) is shown closed, which a crash could undo")
        }
        offers[known].isClosingShown = true
    }
}
