import Protocol

// Every reply, as it leaves the process, against the log: what it shows must be there for good, be no older than
// what the client had seen when it asked, and be right about the moment.

extension World {
    func receive(_ bytes: [UInt8], connection: UInt64) throws(Violation) {
        guard let client = clients.firstIndex(where: { $0.connection == connection }) else { return }
        let header = bytes.withUnsafeBytes { FrameHeader($0.baseAddress!) }
        trace.note(14, header.requestId, "reply to request \(header.requestId), status \(header.status)")
        guard let request = requests.removeValue(forKey: header.requestId), request.client == client else {
            throw Violation(
                4, "request \(header.requestId) was answered twice, or answered to another client")
        }
        clients[client].inFlight.removeAll { $0 == header.requestId }
        guard header.operation == request.operation.rawValue, header.lengthBytes == bytes.count,
            header.flags & Frame.Flags.reply != 0,
            bytes.withUnsafeBytes({ header.checksumMatches($0.baseAddress!) })
        else { throw Violation(0, "the reply to request \(header.requestId) is malformed") }
        if header.status == .busy {
            coverage[.busy] += 1
            return clients[client].postpone(request.operation, request.items)
        }
        let size = request.operation.resultSizeBytes
        let results = (0..<header.count).map { index in
            Array(
                bytes[(Frame.headerSizeBytes + index * size)..<(Frame.headerSizeBytes + (index + 1) * size)])
        }
        if request.operation.answersList { return try checkList(request, header, results) }
        guard header.status == .ok, results.count == request.items.count else {
            throw Violation(
                0,
                "request \(header.requestId) of \(request.items.count) entries got \(results.count) results "
                    + "and status \(header.status)"
            )
        }
        for (item, result) in zip(request.items, results) {
            let code = ResultCode(rawValue: result.withUnsafeBytes { $0.baseAddress!.loadLE(0) })
            trace.note(15, UInt64(code.rawValue), "  \(request.operation) \(item.id): \(code)")
            if code == .busy || code == .capacity {
                coverage[code == .busy ? .busy : .capacity] += 1
                try checkBound(code, request, item)
                if code == .busy { clients[client].postpone(request.operation, [item]) }
                continue
            }
            if code == .noSpace {
                try checkNoSpace(request, item, result)
                continue
            }
            try check(request, item, code, result)
            if code == .ok, request.operation == .confirm || request.operation == .cancel, item.order != nil,
                !machine.cores[model.owner(item.id)].hasLogSpace
            {
                coverage[.endsWithoutSpace] += 1
            }
        }
    }

    private func check(
        _ request: Request, _ item: Item, _ code: ResultCode, _ result: [UInt8]
    ) throws(Violation) {
        if let expected = item.expected, expected != code {
            // Time may have passed on its way.
            if code == .idTooOld { return try checkTooOld(request, item) }
            throw Violation(
                0, "a malformed \(request.operation) \(item.id) got \(code) in place of \(expected)")
        }
        switch request.operation {
        case .order:
            try checkOrder(request, item, code, result.withUnsafeBytes { OrderResult($0.baseAddress!) })
        case .confirm, .cancel, .extend, .getOrder:
            try checkView(request, item, code, result.withUnsafeBytes { OrderViewResult($0.baseAddress!) })
        case .createSale, .restockSale, .closeSale, .getSale:
            let sale = result.withUnsafeBytes { SaleResult($0.baseAddress!) }
            try checkOffer(request, item, code, ShownOffer(sale))
        case .createPolicy, .restockPolicy, .closePolicy, .getPolicy:
            let policy = result.withUnsafeBytes { PolicyResult($0.baseAddress!) }
            try checkOffer(request, item, code, ShownOffer(policy))
        case .issueCoupon:
            try checkIssue(request, item, code, result.withUnsafeBytes { CouponResult($0.baseAddress!) })
        case .useCoupon, .restoreCoupon, .getCoupon:
            try checkCoupon(request, item, code, result.withUnsafeBytes { CouponViewResult($0.baseAddress!) })
        case .earnPoints, .usePoints:
            try checkPoints(request, item, code, result.withUnsafeBytes { PointResult($0.baseAddress!) })
        case .cancelTransaction, .getTransaction:
            let view = result.withUnsafeBytes { TransactionViewResult($0.baseAddress!) }
            try checkTransaction(request, item, code, view)
        case .placeCheckout, .confirmCheckout, .cancelCheckout, .getCheckout:
            try checkCheckout(request, item, code, result.withUnsafeBytes { CheckoutResult($0.baseAddress!) })
        case .getBalance:
            try checkBalance(request, item, result.withUnsafeBytes { BalanceResult($0.baseAddress!) })
        default: break
        }
    }

    func hasAllUsers(_ shard: Int) -> Bool {
        let engine = machine.engine(shard)
        return engine.pointee.usersKnown >= engine.pointee.configuration.capacities.users
    }

    /// A bound may refuse only what is at the bound, and never what is remembered.
    private func checkBound(_ code: ResultCode, _ request: Request, _ item: Item) throws(Violation) {
        if code == .busy { return }
        let owner = request.operation.isCatalogue ? machine.catalogue : model.owner(item.id)
        let engine = machine.engine(owner)
        let capacities = engine.pointee.configuration.capacities
        // A user of whom nothing is left leaves by no event.
        let hasAllUsers = hasAllUsers(owner) || lastCrowdedSteps[owner] >= request.sentStep
        // A checkout may keep room for what it will earn.
        let transactions = engine.pointee.transactionsRemembered + engine.pointee.checkoutsKnown
        let isAtBound: Bool
        switch request.operation {
        case .order: isAtBound = engine.pointee.ordersRemembered >= capacities.orders || hasAllUsers
        case .placeCheckout:
            let orders = item.checkout.map { checkouts[$0].orders.count } ?? 0
            isAtBound = engine.pointee.checkoutsKnown >= capacities.checkouts || hasAllUsers
                || engine.pointee.ordersRemembered + orders > capacities.orders
                || transactions + 2 > capacities.transactions
                || engine.pointee.couponOperationsRemembered >= capacities.couponOperations
        case .cancel, .cancelTransaction, .cancelCheckout:
            isAtBound = engine.pointee.tombstonesKept >= capacities.tombstones
        case .issueCoupon: isAtBound = engine.pointee.couponsRemembered >= capacities.coupons || hasAllUsers
        case .useCoupon, .restoreCoupon:
            isAtBound = engine.pointee.couponOperationsRemembered >= capacities.couponOperations
        case .earnPoints, .usePoints: isAtBound = transactions >= capacities.transactions || hasAllUsers
        case .createSale, .restockSale, .createPolicy, .restockPolicy:
            isAtBound =
                model.creations.count + model.restocks.count >= scenario.catalogueOperationsMax - 8
                || engine.pointee.offersKnown >= scenario.salesMax
        default: isAtBound = false
        }
        let isShown = request.operation == .useCoupon || request.operation == .restoreCoupon
            ? item.isShown : item.isShown || item.shownVersions > 0
        // What has left since it was asked may have been there when it was refused.
        let violation = Violation(9, "\(request.operation) \(item.id) got CAPACITY where there is room")
        guard isAtBound || request.retired != machine.retired else { throw violation }
        if isShown {
            let id = item.id
            // An order of a checkout has left with it.
            try checkForgotten(request, item, code, violation) {
                $0.wasForgotten(id) || $0.versionsBefore(ofOrder: id) > 0
            }
        }
    }

    // MARK: Orders

    private func checkOrder(
        _ request: Request, _ item: Item, _ code: ResultCode, _ result: OrderResult
    ) throws(Violation) {
        guard let index = item.order else { return }
        if code == .ok {
            return try checkAccepted(request, item, index, result)
        }
        if item.shownVersions > 0 && code != .idReused {
            let (id, shown) = (item.id, item.shownVersions)
            try checkForgotten(
                request, item, code, Violation(4, "order \(id) was accepted before, a repeat got \(code)"),
                { $0.isForgotten(order: id, shown: shown) })
        }
        switch code {
        case .soldOut, .limitExceeded, .notFound, .closed, .ended, .notStarted:
            try checkOfferRefusal(request, item, code, units: Int(item.quantity))
        case .idReused:
            coverage[.idReused] += 1
            try checkReused(item)
        case .cancelled:
            try checkTombstone(item)
            orders[index].isTombstoneShown = true
        case .idInFuture: try checkIdInFuture(request, item)
        case .idTooOld: try checkTooOld(request, item)
        default: throw Violation(0, "order \(item.id) was refused with \(code), which nothing explains")
        }
        if item.isTombstoneShown && code != .cancelled {
            try checkForgotten(
                request, item, code, Violation(4, "order \(item.id) was cancelled before it came, and got \(code)"))
        }
    }

    /// A shard that is late takes an id for one of the future until its next turn.
    func checkIdInFuture(_ request: Request, _ item: Item) throws(Violation) {
        guard let mintedMs = item.id.mintTimeMs, mintedMs > request.earliestMs + 300_000 else {
            throw Violation(0, "\(request.operation) \(item.id) was minted in time, and refused as of the future")
        }
    }

    private func checkAccepted(
        _ request: Request, _ item: Item, _ index: Int, _ result: OrderResult
    ) throws(Violation) {
        guard let order = model.order(item.id, createdAtMs: result.createdAtMs), order.quantity == item.quantity,
            order.user == item.user, model.offers[order.sale].creation.key == item.offerKey,
            order.createdAtMs == result.createdAtMs, result.quantity == item.quantity, order.checkout == nil
        else { throw Violation(5, "order \(item.id) was accepted, but no sealed event says so") }
        let isRepeat = result.flags & ResultFlags.repeat != 0
        coverage[isRepeat ? .repeats : .ordersAccepted] += 1
        if !isRepeat {
            if item.shownVersions > order.versionsBefore || orders[index].decidedAtMs == order.createdAtMs {
                throw Violation(4, "order \(item.id) was accepted a second time")
            }
            if item.isClosingAcknowledged {
                throw Violation(
                    4, "order \(item.id) was accepted after the closing of its sale was acknowledged")
            }
            if orders[index].isDecisionShown { coverage[.acceptedAnew] += 1 }
            orders[index].decidedAtMs = order.createdAtMs
        }
        try show(
            index, item, order, state: result.state, isLate: result.flags & ResultFlags.late != 0,
            deadlineMs: result.expiresAtMs)
    }

    private func checkReused(_ item: Item) throws(Violation) {
        // What the answer speaks of may have left since, and the same have been placed anew.
        let all = model.allOrders(item.id)
        if all.isEmpty { throw Violation(4, "order \(item.id) is ID_REUSED, but the log does not know it") }
        let others = all.filter { order in
            order.checkout != nil || order.quantity != item.quantity || order.user != item.user
                || model.offers[order.sale].creation.key != item.offerKey
        }
        if others.isEmpty {
            throw Violation(4, "a repeat of order \(item.id) with the same content is ID_REUSED")
        }
        guard let order = others.last(where: { isShowable($0.versions[0], of: item.id) }) else {
            throw Violation(5, "ID_REUSED shows order \(item.id), which a crash could undo")
        }
        if order.checkout != nil { coverage[.idsOfParts] += 1 }
    }

    func checkTombstone(_ item: Item) throws(Violation) {
        guard model.allTombstones(item.id).contains(where: { isShowable($0) }) else {
            throw Violation(5, "\(item.id) is CANCELLED by a tombstone that a crash could undo")
        }
        coverage[.ordersAfterTombstone] += 1
    }

    private func checkView(
        _ request: Request, _ item: Item, _ code: ResultCode, _ view: OrderViewResult
    ) throws(Violation) {
        guard let index = item.order else { return try checkOtherKind(request, item, code, view.flags) }
        if code == .notFound || code == .idTooOld || code == .idInFuture {
            if code == .idTooOld { try checkTooOld(request, item) }
            if code == .idInFuture { try checkIdInFuture(request, item) }
            let violation = Violation(3, "order \(item.id), which was shown, got \(code)")
            let (id, shown) = (item.id, item.shownVersions)
            if shown > 0 {
                try checkForgotten(request, item, code, violation, { $0.isForgotten(order: id, shown: shown) })
            } else if item.isTombstoneShown {
                try checkForgotten(request, item, code, violation)
            }
            return
        }
        if view.flags & ResultFlags.tombstone != 0 {
            guard model.allTombstones(item.id).contains(where: { isShowable($0) }) else {
                throw Violation(5, "\(item.id) shows a tombstone that a crash could undo")
            }
            if !orders[index].isTombstoneShown { coverage[.tombstones] += 1 }
            orders[index].isTombstoneShown = true
            return
        }
        let state = OrderState(rawValue: view.state)
        let isLate = view.flags & ResultFlags.late != 0
        let isExpected: Bool
        let isPart = model.order(item.id, createdAtMs: view.createdAtMs)?.checkout != nil
        switch (request.operation, code) {
        case (.getOrder, .ok): isExpected = true
        case (_, .partOfCheckout):
            coverage[.partsOfCheckouts] += 1
            isExpected = isPart
        case _ where isPart: isExpected = false
        case (.confirm, .ok), (.extend, .confirmed): isExpected = state == .confirmed
        case (.cancel, .ok), (.confirm, .cancelled), (.extend, .cancelled): isExpected = state == .cancelled
        case (.confirm, .expired), (.extend, .expired): isExpected = state == .expired
        case (.extend, .ok): isExpected = state == .held && view.expiresAtMs >= item.deadlineMs
        default: isExpected = false
        }
        guard isExpected else {
            throw Violation(0, "\(request.operation) of \(item.id) got \(code) and state \(view.state)")
        }
        let isRepeat = view.flags & ResultFlags.repeat != 0
        if isRepeat { coverage[.repeats] += 1 } else { count(request.operation, code, isLate: isLate) }
        let order = try shownOrder(view)
        try show(index, item, order, state: view.state, isLate: isLate, deadlineMs: view.expiresAtMs)
    }

    private func count(_ operation: Operation, _ code: ResultCode, isLate: Bool) {
        switch (operation, code) {
        case (.confirm, .ok): coverage[isLate ? .lateConfirms : .confirms] += 1
        case (.confirm, .expired): coverage[.lateConfirmsRefused] += 1
        case (.cancel, .ok): coverage[.cancels] += 1
        case (.extend, .ok): coverage[.extends] += 1
        default: break
        }
    }

    /// The order as the log has it, if the view has its content.
    private func shownOrder(_ view: OrderViewResult) throws(Violation) -> LogModel.Order {
        guard let order = model.order(view.orderId, createdAtMs: view.createdAtMs), order.quantity == view.quantity,
            order.user == view.userId, (order.checkout != nil) == (view.flags & ResultFlags.ofCheckout != 0),
            model.offers[order.sale].creation.key.id == view.saleId, order.createdAtMs == view.createdAtMs
        else { throw Violation(5, "order \(view.orderId) is shown with a content that no sealed event has") }
        return order
    }

    /// A reply shows an order in some state: no older than what was shown when it was asked for, and in the log for
    /// good. From now on the client knows it.
    private func show(
        _ index: Int, _ item: Item, _ order: LogModel.Order, state: UInt8, isLate: Bool, deadlineMs: UInt64
    ) throws(Violation) {
        let id = orders[index].id
        let first = max(item.shownVersions - order.versionsBefore - 1, 0)
        let shown = order.versions.indices.dropFirst(first).first { place in
            let version = order.versions[place]
            return version.state.rawValue == state && version.isLate == isLate
                && (version.state != .held || version.deadlineMs == deadlineMs)
        }
        guard let shown else {
            throw Violation(
                5,
                "order \(id) is shown in state \(state), until \(deadlineMs); its log after what was shown before: "
                    + "\(order.versions.dropFirst(first).map { "\($0.state) until \($0.deadlineMs)" })")
        }
        guard isShowable(order.versions[shown], of: id) else {
            throw Violation(
                5,
                "a reply shows order \(id) as \(order.versions[shown].state), which a crash could undo: LSN "
                    + "\(order.versions[shown].lsn) of shard \(model.owner(id)), synced up to "
                    + "\(model.syncedLsns[model.owner(id)]), written up to \(model.writtenLsn(model.owner(id)))"
            )
        }
        let place = order.versionsBefore + shown
        if order.versions[shown].state == .cancelled, shown > 0,
            order.versions[shown - 1].state == .confirmed,
            place >= orders[index].shownVersions
        {
            coverage[.refunds] += 1
        }
        if order.versions[shown].state == .expired && place >= orders[index].shownVersions {
            coverage[.expiries] += 1
        }
        orders[index].shownVersions = max(orders[index].shownVersions, place + 1)
    }

    // MARK: What may be shown

    /// Whether a crash of the kind that this mode survives cannot undo an event of a shard.
    func isShowable(lsn: UInt64, shard: Int) -> Bool {
        scenario.mode == .always ? lsn <= model.syncedLsns[shard] : lsn <= model.writtenLsn(shard)
    }

    func isShowable(_ version: LogModel.Version, of id: Id128) -> Bool {
        version.life < model.life || isShowable(lsn: version.lsn, shard: model.owner(id))
    }

    func isShowable(_ place: LogModel.Place) -> Bool {
        place.life < model.life || isShowable(lsn: place.lsn, shard: place.shard)
    }

    // MARK: Lists

    private func checkList(_ request: Request, _ header: FrameHeader, _ results: [[UInt8]]) throws(Violation)
    {
        let item = request.items[0]
        if request.operation == .listSaleOrders { return try checkSaleOrders(item, header, results) }
        guard header.status == .ok else { throw Violation(0, "\(request.operation) got \(header.status)") }
        switch request.operation {
        case .listUserOrders:
            let views = results.map { $0.withUnsafeBytes { OrderViewResult($0.baseAddress!) } }
            if let foreign = views.first(where: { $0.userId != item.user }) {
                throw Violation(0, "order \(foreign.orderId) is listed for a user who has not placed it")
            }
            let isWhole = header.flags & Frame.Flags.more == 0
            guard isWhole || views.count == Frame.pageCountMax else {
                throw Violation(0, "a page of \(views.count) orders is not full, and says that more follow")
            }
            try checkOrders(item, views, isWhole: isWhole)
        case .listSales:
            let sales = results.map { ShownOffer($0.withUnsafeBytes { SaleResult($0.baseAddress!) }) }
            try checkOffers(item, sales)
        case .listPolicies:
            let policies = results.map { ShownOffer($0.withUnsafeBytes { PolicyResult($0.baseAddress!) }) }
            try checkOffers(item, policies)
        case .listUserCoupons:
            let coupons = results.map { $0.withUnsafeBytes { CouponViewResult($0.baseAddress!) } }
            try checkCoupons(request, item, header, coupons)
        case .listTransactions:
            let transactions = results.map { $0.withUnsafeBytes { TransactionViewResult($0.baseAddress!) } }
            try checkHistory(request, item, header, transactions)
        default: break
        }
    }

    /// Orders in a list, and that none is left out which had been shown when it was asked for.
    func checkOrders(_ item: Item, _ views: [OrderViewResult], isWhole: Bool) throws(Violation) {
        var listed: Set<Id128> = []
        for view in views {
            let order = try shownOrder(view)
            guard let index = orderIndices[view.orderId] else {
                throw Violation(0, "order \(view.orderId) is listed, which nobody has placed")
            }
            try show(
                index, item, order, state: view.state, isLate: view.flags & ResultFlags.late != 0,
                deadlineMs: view.expiresAtMs)
            guard listed.insert(view.orderId).inserted else {
                throw Violation(4, "order \(view.orderId) is listed twice")
            }
        }
        guard isWhole else { return }
        for id in item.listedBefore where !listed.contains(id) {
            try expectForgotten(
                model.owner(id), Violation(3, "order \(id), which was shown, is not in the list of its user or sale"),
                { $0.wasForgotten(id) || $0.past.parts[id] != nil })
        }
    }
}
