import Engine
import Protocol

// Replies about checkouts. Promise 7: a success is one checkout, whole; a refusal names the part that stood in the way,
// and that part did at some moment of the request.

extension World {
    func checkCheckout(
        _ request: Request, _ item: Item, _ code: ResultCode, _ view: CheckoutResult
    ) throws(Violation) {
        guard let index = item.checkout else {
            if item.order != nil { return try checkOtherKind(request, item, code, view.flags) }
            guard view.failedAt == item.expectedPart else {
                throw Violation(0, "a malformed checkout failed at part \(view.failedAt.rawValue)")
            }
            return
        }
        guard view.checkoutId == item.id else {
            throw Violation(0, "an answer about \(item.id) shows another checkout")
        }
        if view.flags & ResultFlags.tombstone != 0 {
            let expected: ResultCode = request.operation == .cancelCheckout ? .ok : .cancelled
            guard code == expected, request.operation != .placeCheckout else {
                throw Violation(4, "\(request.operation) \(item.id) shows a tombstone, and got \(code)")
            }
            try checkTombstone(item)
            checkouts[index].isTombstoneShown = true
            return
        }
        if case .place(let entry)? = item.entry {
            if code != .ok { return try checkRefusal(request, item, code, view, entry) }
            return try checkPlaced(item, index, view, entry)
        }
        switch code {
        case .notFound, .idInFuture, .idReused, .idTooOld:
            let isMissing = code == .notFound && request.operation != .cancelCheckout
            let violation = Violation(
                3, "checkout \(item.id), which was shown, got \(code) from \(request.operation)")
            if !isMissing && code != .idInFuture && code != .idTooOld { throw violation }
            if item.shownVersions > 0 {
                let (id, shown) = (item.id, item.shownVersions)
                try checkForgotten(request, item, code, violation, { $0.isForgotten(checkout: id, shown: shown) })
            } else if item.isTombstoneShown {
                try checkForgotten(request, item, code, violation)
            }
            if code == .idTooOld { try checkTooOld(request, item) }
            if code == .idInFuture { try checkIdInFuture(request, item) }
        default: try checkEnd(request, item, index, code, view)
        }
    }

    // MARK: Place

    private func checkPlaced(
        _ item: Item, _ index: Int, _ view: CheckoutResult, _ entry: PlaceCheckoutEntry
    ) throws(Violation) {
        guard let checkout = model.checkout(item.id, createdAtMs: view.createdAtMs), isSame(checkout, entry) else {
            throw Violation(5, "checkout \(item.id) was accepted, but no sealed event says so")
        }
        let isRepeat = view.flags & ResultFlags.repeat != 0
        coverage[isRepeat ? .repeats : .checkoutsPlaced] += 1
        if !isRepeat {
            if item.shownVersions > checkout.versionsBefore || checkouts[index].decidedAtMs == checkout.createdAtMs {
                throw Violation(7, "checkout \(item.id) was accepted a second time")
            }
            if item.isTombstoneShown && !model.wasForgotten(item.id) {
                throw Violation(4, "checkout \(item.id) was cancelled before, and accepted")
            }
            if item.linesClosed != 0 {
                throw Violation(4, "checkout \(item.id) was accepted after the closing of a sale was acknowledged")
            }
            if checkouts[index].isDecisionShown { coverage[.acceptedAnew] += 1 }
            checkouts[index].decidedAtMs = checkout.createdAtMs
            placedCheckouts.append(index)
            if checkout.coupon != nil { coverage[.checkoutsWithCoupon] += 1 }
            if checkout.pointsUsed > 0 { coverage[.checkoutsWithPoints] += 1 }
            if checkout.pointsEarned > 0 { coverage[.checkoutsEarning] += 1 }
            if let coupon = couponIndices[entry.couponId] { noteUsed(coupon, true) }
        }
        try show(index, item, view, checkout)
    }

    private func isSame(_ checkout: LogModel.Checkout, _ entry: PlaceCheckoutEntry) -> Bool {
        checkout.user == entry.userId && model.lines(checkout) == Self.summed(entry)
            && checkout.coupon.map { model.coupons[$0].id } ?? .zero == entry.couponId
            && checkout.pointsUsed == entry.usePoints && checkout.pointsEarned == entry.earnPoints
            && checkout.earnExpiresAtMs == entry.earnExpiresAtMs
    }

    private func checkRefusal(
        _ request: Request, _ item: Item, _ code: ResultCode, _ view: CheckoutResult, _ entry: PlaceCheckoutEntry
    ) throws(Violation) {
        let part = view.failedAt
        if item.shownVersions > 0 && !(code == .idReused && part == .whole) {
            let (id, shown) = (item.id, item.shownVersions)
            try checkForgotten(
                request, item, code, Violation(4, "checkout \(id) was accepted before, a repeat got \(code)"),
                { $0.isForgotten(checkout: id, shown: shown) })
        }
        if item.isTombstoneShown && !(code == .cancelled && part == .whole) {
            try checkForgotten(
                request, item, code, Violation(4, "checkout \(item.id) was cancelled before it came, and got \(code)"))
        }
        switch (code, part) {
        case (.cancelled, .whole):
            try checkTombstone(item)
            coverage[.checkoutTombstones] += 1
            checkouts[item.checkout!].isTombstoneShown = true
        case (.idReused, .whole):
            coverage[.idReused] += 1
            guard model.allCheckouts(item.id).contains(where: { !isSame($0, entry) && isPlacedForGood($0) }) else {
                throw Violation(4, "checkout \(item.id) is ID_REUSED, which no durable event explains")
            }
        case (.idInFuture, .whole): try checkIdInFuture(request, item)
        case (.idTooOld, .whole): try checkTooOld(request, item)
        case (.idReused, _), (.cancelled, _):
            coverage[.refusedByPartId] += 1
            try checkTakenPart(item, code, part, entry)
        case (.insufficientPoints, .pointsUsed), (.invalid, .pointsUsed):
            coverage[.refusedByPoints] += 1
            try checkPoints(request, item, code, entry)
        case (.expired, .pointsEarned):
            coverage[.refusedByEarning] += 1
            guard entry.earnPoints > 0, entry.earnExpiresAtMs != 0, entry.earnExpiresAtMs <= clockMs else {
                throw Violation(0, "checkout \(item.id) was refused for points to earn that have not expired")
            }
        case (_, .coupon):
            coverage[.refusedByCoupon] += 1
            try checkCouponRefusal(item, code, entry)
        default:
            guard let line = part.line, line < Int(entry.lineCount) else {
                throw Violation(0, "checkout \(item.id) got \(code) at part \(part.rawValue), which nothing explains")
            }
            coverage[.refusedByLine] += 1
            try checkLine(request, item, code, line, entry)
        }
    }

    private func isPlacedForGood(_ checkout: LogModel.Checkout) -> Bool {
        isShowable(model.versions(checkout)[0], of: checkout.id)
    }

    /// A line is refused as an order of it would be.
    private func checkLine(
        _ request: Request, _ item: Item, _ code: ResultCode, _ line: Int, _ entry: PlaceCheckoutEntry
    ) throws(Violation) {
        let saleId = entry.lines[line].saleId
        let sharing = (0..<Int(entry.lineCount)).filter { entry.lines[$0].saleId == saleId }
        // What the line wants together with those before it; or, when units are taken, with all.
        let counted = code == .soldOut ? sharing : sharing.filter { $0 <= line }
        if code == .soldOut && sharing[0] != line {
            throw Violation(0, "checkout \(item.id) is sold out at line \(line), which is not the first of its sale")
        }
        var order = item
        order.offerKey = OfferKey(kind: .sale, id: saleId)
        order.isCreationShown = item.linesShown & 1 << UInt16(line) != 0
        let units = counted.reduce(0) { $0 + Int(entry.lines[$1].quantity) }
        switch code {
        case .soldOut, .limitExceeded, .notFound, .closed, .ended, .notStarted:
            try checkOfferRefusal(request, order, code, units: units)
        default: throw Violation(0, "checkout \(item.id) got \(code) at line \(line), which nothing explains")
        }
    }

    private func checkTakenPart(
        _ item: Item, _ code: ResultCode, _ part: CheckoutPart, _ entry: PlaceCheckoutEntry
    ) throws(Violation) {
        // Of an order the line that first names its sale.
        var id = item.id.ofPart(part)
        if let line = part.line {
            guard line < Int(entry.lineCount),
                let number = Self.summed(entry).firstIndex(where: { $0.saleId == entry.lines[line].saleId }),
                !(0..<line).contains(where: { entry.lines[$0].saleId == entry.lines[line].saleId })
            else { throw Violation(0, "checkout \(item.id) got \(code) at line \(line)") }
            id = item.id.ofPart(.line(number))
        }
        let isExplained: Bool
        if code == .cancelled {
            isExplained = model.allTombstones(id).contains { isShowable($0) }
        } else {
            isExplained =
                model.allOrders(id).contains { isShowable($0.versions[0], of: id) }
                || model.operations(id).contains { isShowable($0.place) } || isPosted(id)
        }
        guard isExplained else {
            throw Violation(5, "checkout \(item.id) got \(code) at part \(part.rawValue), whose id nobody has for good")
        }
    }

    private func checkPoints(
        _ request: Request, _ item: Item, _ code: ResultCode, _ entry: PlaceCheckoutEntry
    ) throws(Violation) {
        guard code == .invalid else {
            guard entry.usePoints > 0,
                explains(request, item, { $0.balance($1, atMs: $2) < UInt64(entry.usePoints) })
            else { throw Violation(7, "\(item.id) was refused, but its user's points sufficed at every moment") }
            return
        }
        let subtotal = try subtotal(entry)
        var discount: UInt64 = 0
        if let coupon = model.coupon(entry.couponId), case .policy(let policy) = model.offers[coupon.policy].creation {
            discount = LogModel.discount(policy, on: subtotal)
        }
        guard UInt64(entry.usePoints) > subtotal - discount else {
            throw Violation(0, "checkout \(item.id) was refused for more points than it costs, and uses fewer")
        }
    }

    /// Of sales that are in the log.
    private func subtotal(_ entry: PlaceCheckoutEntry) throws(Violation) -> UInt64 {
        var subtotal: UInt64 = 0
        for line in entry.lines.first(Int(entry.lineCount)) {
            guard let offer = model.offer(.sale, line.saleId), case .sale(let sale) = model.offers[offer].creation
            else {
                throw Violation(5, "checkout \(entry.checkoutId) got beyond its lines, one of an unknown sale")
            }
            subtotal += sale.unitPrice * UInt64(line.quantity)
        }
        return subtotal
    }

    private func checkCouponRefusal(
        _ item: Item, _ code: ResultCode, _ entry: PlaceCheckoutEntry
    ) throws(Violation) {
        let coupon = model.coupon(entry.couponId)
        let isExplained: Bool
        switch code {
        case .notFound:
            let (id, shown) = (entry.couponId, item.couponShown)
            if shown == 0 { return }
            coverage[.forgottenAnswers] += 1
            return try expectForgotten(
                model.owner(id), Violation(3, "coupon \(id), which was shown, is NOT_FOUND to checkout \(item.id)"),
                { $0.isForgotten(coupon: id, shown: shown) })
        case .notOwner:
            let owner = couponIndices[entry.couponId].map { coupons[$0].entry.userId }
            isExplained = owner != nil && owner != item.user
        case .alreadyUsed: isExplained = wasUsed(entry.couponId, item)
        case .expired:
            let endsAtMs = coupon.map { model.offers[$0.policy].creation.endsAtMs } ?? 0
            isExplained = endsAtMs != 0 && endsAtMs <= clockMs
        case .minPurchase:
            let subtotal = try subtotal(entry)
            guard let coupon, case .policy(let policy) = model.offers[coupon.policy].creation else {
                isExplained = false
                break
            }
            isExplained = subtotal < policy.minPurchase
        default: isExplained = false
        }
        guard isExplained else {
            throw Violation(5, "checkout \(item.id) got \(code) for coupon \(entry.couponId), which nothing explains")
        }
    }

    /// Whether a coupon was used at a moment of the request, by an event that stands for good.
    private func wasUsed(_ id: Id128, _ item: Item) -> Bool {
        guard let coupon = model.coupon(id) else { return false }
        return coupon.versions.dropFirst(max(item.couponShown - coupon.versionsBefore - 1, 0)).contains { version in
            version.use != nil
                && (version.life < model.life || isShowable(lsn: version.lsn, shard: model.owner(coupon.id)))
        }
    }

    // MARK: Confirm, cancel and get

    private func checkEnd(
        _ request: Request, _ item: Item, _ index: Int, _ code: ResultCode, _ view: CheckoutResult
    ) throws(Violation) {
        let state = OrderState(rawValue: view.state)
        let isRefused = code == .alreadySpent || request.operation == .confirmCheckout && code == .expired
        let isExpected: Bool
        switch (request.operation, code) {
        case (.getCheckout, .ok): isExpected = true
        case (.confirmCheckout, .ok), (.cancelCheckout, .alreadySpent): isExpected = state == .confirmed
        case (.cancelCheckout, .ok), (.confirmCheckout, .cancelled): isExpected = state == .cancelled
        case (.confirmCheckout, .expired): isExpected = state == .expired
        default: isExpected = false
        }
        guard isExpected, isRefused || view.failedAt == .whole,
            let checkout = model.checkout(item.id, createdAtMs: view.createdAtMs)
        else {
            throw Violation(
                0, "\(request.operation) of \(item.id) got \(code), state \(view.state), at part "
                    + "\(view.failedAt.rawValue)")
        }
        let isRepeat = view.flags & ResultFlags.repeat != 0
        if isRepeat { coverage[.repeats] += 1 }
        switch (request.operation, code) {
        case (.cancelCheckout, .alreadySpent):
            coverage[.checkoutEarningsSpent] += 1
            try checkSpent(request, item, view, checkout)
        case (.confirmCheckout, .expired):
            coverage[.lateCheckoutsRefused] += 1
            try checkLateRefusal(request, item, view, checkout)
        case (.confirmCheckout, .ok) where !isRepeat:
            coverage[view.flags & ResultFlags.late != 0 ? .lateCheckouts : .checkoutsConfirmed] += 1
        default: break
        }
        try show(index, item, view, checkout)
    }

    private func checkSpent(
        _ request: Request, _ item: Item, _ view: CheckoutResult, _ checkout: LogModel.Checkout
    ) throws(Violation) {
        guard view.failedAt == .pointsEarned, let place = model.place(checkout, .pointsEarned),
            explains(
                request, item,
                { _, moment, _ in
                    place < moment.count && !moment.isCancelled[place]
                        && moment.remaining[place] != checkout.pointsEarned
                })
        else { throw Violation(7, "checkout \(item.id) is ALREADY_SPENT, and at no moment were its points") }
    }

    private func checkLateRefusal(
        _ request: Request, _ item: Item, _ view: CheckoutResult, _ checkout: LogModel.Checkout
    ) throws(Violation) {
        switch view.failedAt {
        case .coupon:
            let coupon = checkout.coupon.map { model.coupons[$0] }
            let endsAtMs = coupon.map { model.offers[$0.policy].creation.endsAtMs } ?? 0
            let isExpired = endsAtMs != 0 && endsAtMs <= clockMs
            if let coupon, isExpired || wasUsed(coupon.id, item) { return }
        case .pointsUsed:
            let points = UInt64(checkout.pointsUsed)
            if points > 0 && explains(request, item, { $0.balance($1, atMs: $2) < points }) { return }
        default:
            guard let number = view.failedAt.line, number < checkout.orders.count else { break }
            let order = model.orders[checkout.orders[number]]
            if watch.fewest(order.sale + 1, since: request.sentStep) < Int(order.quantity) { return }
            var limited = item
            limited.offerKey = model.offers[order.sale].creation.key
            return try checkOfferRefusal(request, limited, .limitExceeded, units: Int(order.quantity))
        }
        throw Violation(
            2, "a late confirm of checkout \(item.id) was refused for part \(view.failedAt.rawValue), which was there")
    }

    // MARK: What may be shown

    /// A reply shows a checkout: with the amounts that were decided, no older than what was shown when it was asked
    /// for, and in the log for good. The same is shown of its orders.
    private func show(
        _ index: Int, _ item: Item, _ view: CheckoutResult, _ checkout: LogModel.Checkout
    ) throws(Violation) {
        let lines = model.lines(checkout)
        guard view.userId == checkout.user, view.subtotal == checkout.subtotal, view.discount == checkout.discount,
            view.toPay == checkout.subtotal - checkout.discount - UInt64(checkout.pointsUsed),
            view.createdAtMs == checkout.createdAtMs, view.earnExpiresAtMs == checkout.earnExpiresAtMs,
            view.pointsUsed == checkout.pointsUsed, view.pointsEarned == checkout.pointsEarned,
            view.couponId == checkout.coupon.map({ model.coupons[$0].id }) ?? .zero,
            shows(view, lines)
        else { throw Violation(5, "checkout \(checkout.id) is shown with a content that no sealed event has") }
        let versions = model.versions(checkout)
        let isLate = view.flags & ResultFlags.late != 0
        let first = max(item.shownVersions - checkout.versionsBefore - 1, 0)
        let found = versions.indices.dropFirst(first).first { place in
            versions[place].state.rawValue == view.state && versions[place].isLate == isLate
                && view.expiresAtMs == (versions[place].state == .held ? versions[place].deadlineMs : 0)
        }
        guard let shown = found, isShowable(versions[shown], of: checkout.id) else {
            throw Violation(
                5, "checkout \(checkout.id) is shown in state \(view.state), until \(view.expiresAtMs); its log after "
                    + "what was shown before: "
                    + "\(versions.dropFirst(first).map { "\($0.state) until \($0.deadlineMs), LSN \($0.lsn)" })")
        }
        let place = checkout.versionsBefore + shown
        if place >= checkouts[index].shownVersions { noteEnd(versions, shown) }
        checkouts[index].shownVersions = max(checkouts[index].shownVersions, place + 1)
        for order in checkout.orders.map({ model.orders[$0] }) {
            guard let known = orderIndices[order.id] else { continue }
            orders[known].shownVersions = max(orders[known].shownVersions, order.versionsBefore + shown + 1)
        }
    }

    /// Whether these are its orders, and nothing stands behind them.
    func shows(_ view: CheckoutResult, _ lines: [CheckoutLine]) -> Bool {
        let nothing = CheckoutLine(saleId: 0, quantity: 0)
        let places = view.orders.first(CheckoutLines.countMax)
        return Int(view.orderCount) == lines.count && Array(places.prefix(lines.count)) == lines
            && places.dropFirst(lines.count).allSatisfy { $0 == nothing }
    }

    private func noteEnd(_ versions: [LogModel.Version], _ shown: Int) {
        switch (versions[shown].state, shown > 0 ? versions[shown - 1].state : nil) {
        case (.expired, _): coverage[.checkoutsExpired] += 1
        case (.cancelled, .held?): coverage[.heldCheckoutsCancelled] += 1
        case (.cancelled, .confirmed?): coverage[.confirmedCheckoutsCancelled] += 1
        case (.cancelled, .expired?): coverage[.expiredCheckoutsCancelled] += 1
        default: break
        }
    }

    // MARK: Operations on ids of other kinds

    /// An operation on an order or a transaction, and the id of a checkout, or the other way round.
    func checkOtherKind(_ request: Request, _ item: Item, _ code: ResultCode, _ flags: UInt8) throws(Violation) {
        if flags & ResultFlags.tombstone != 0 {
            try checkTombstone(item)
            if let checkout = item.checkout { checkouts[checkout].isTombstoneShown = true }
            if let order = item.order { orders[order].isTombstoneShown = true }
            return
        }
        if code == .idInFuture { return try checkIdInFuture(request, item) }
        if code == .idTooOld { return try checkTooOld(request, item) }
        let isCancel = request.operation != .getOrder && request.operation != .getCheckout
        let version = model.order(item.id)?.versions[0]
            ?? model.checkout(item.id).map { model.versions($0)[0] }
        let isKnown = version.map { isShowable($0, of: item.id) } ?? false
        let violation = Violation(
            4, "\(request.operation) on \(item.id), which is no id of its kind, got \(code)")
        guard code == .notFound, isKnown || !isCancel else { throw violation }
        if item.isTombstoneShown { try checkForgotten(request, item, code, violation) }
    }

    /// Whether an id is that of a checkout or of a part of one, for good: nothing else may have it.
    func isTakenByCheckout(_ id: Id128) -> Bool {
        guard let checkout = model.checkout(ofPart: id) ?? model.checkout(id), isPlacedForGood(checkout) else {
            return false
        }
        coverage[.idsOfParts] += 1
        return true
    }
}
