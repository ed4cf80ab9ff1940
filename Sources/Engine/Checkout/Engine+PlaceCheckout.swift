import Protocol

// Placing a checkout: everything that could refuse it, then the units of all its sales at once, then what cannot
// fail. What is refused leaves no trace.

/// What a checkout is refused for.
struct CheckoutRefusal {
    var code: ResultCode
    var part: CheckoutPart
    var waitLsn: UInt64

    init(_ code: ResultCode, _ part: CheckoutPart = .whole, waitLsn: UInt64 = 0) {
        self.code = code
        self.part = part
        self.waitLsn = waitLsn
    }
}

extension Engine {
    /// Decides on the checkout entry at `bytes`. Writes its result, or answers `needsUnits`.
    mutating func placeCheckout(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        checkout.entry = PlaceCheckoutEntry.Fields(bytes)
        let id = checkout.entry.checkoutId
        if let refusal = formatRefusal(reservedIsZero: PlaceCheckoutEntry.reservedIsZero(bytes)) {
            return refuseCheckout(refusal, id, result)
        }
        if let known = find(id, hash: idHash(id)) { return repeatCheckout(known, result) }
        if let code = refusal(ofUnknown: id, nowMs: nowMs) { return refuseCheckout(CheckoutRefusal(code), id, result) }
        checkout.userHash = userHash(checkout.entry.userId)
        checkout.user = findUser(checkout.entry.userId, hash: checkout.userHash)
        if let refusal = stateRefusal(nowMs: nowMs) { return refuseCheckout(refusal, id, result) }
        prepareTake(.placeCheckout)
        return .units
    }

    /// Makes the units of the orders at hand what the take is after.
    mutating func prepareTake(_ kind: PreparedUnits.Kind) {
        prepared.kind = kind
        prepared.sale = checkout.orders[0].sale
        prepared.quantity = checkout.orders[0].quantity
        checkout.sortParts()
    }

    // MARK: What refuses

    private mutating func stateRefusal(nowMs: UInt64) -> CheckoutRefusal? {
        if let refusal = linesRefusal(nowMs: nowMs) { return refusal }
        if let refusal = couponRefusal(nowMs: nowMs) { return refusal }
        if let refusal = pointsRefusal(nowMs: nowMs) { return refusal }
        if let refusal = idsRefusal() { return refusal }
        return roomRefusal(nowMs: nowMs)
    }

    /// What is wrong with it whatever the state.
    private mutating func formatRefusal(reservedIsZero: Bool) -> CheckoutRefusal? {
        let entry = checkout.entry
        guard entry.lineCount >= 1, entry.lineCount <= CheckoutLines.countMax, reservedIsZero, !entry.userId.isZero
        else { return CheckoutRefusal(.invalid) }
        if let line = checkout.sumLines() { return CheckoutRefusal(.invalid, .line(line)) }
        if entry.usePoints > Self.pointsMax { return CheckoutRefusal(.invalid, .pointsUsed) }
        if entry.earnPoints > Self.pointsMax || (entry.earnPoints == 0 && entry.earnExpiresAtMs != 0) {
            return CheckoutRefusal(.invalid, .pointsEarned)
        }
        guard entry.checkoutId.isOperationId else { return CheckoutRefusal(.invalidId) }
        guard entry.checkoutId.carriedPartition == Partition.of(user: entry.userId) else {
            return CheckoutRefusal(.wrongPartition)
        }
        return nil
    }

    /// Looks at each line as an order of it would, and adds up what they cost.
    private mutating func linesRefusal(nowMs: UInt64) -> CheckoutRefusal? {
        let entry = checkout.entry
        checkout.subtotal = 0
        checkout.holdMs = 0
        for index in 0..<Int(entry.lineCount) {
            let line = entry.line(index)
            let slot = findOffer(.sale, line.saleId)
            guard slot != 0 else { return CheckoutRefusal(.notFound, .line(index)) }
            let sale = offers[slot]
            if let code = sale.pointee.refusal(nowMs: nowMs) { return CheckoutRefusal(code, .line(index)) }
            if exceedsLimit(slot, upToLine: index) {
                return CheckoutRefusal(.limitExceeded, .line(index), waitLsn: lastLsn(ofUser: checkout.user))
            }
            let price = sale.pointee.terms.unitPrice.multipliedReportingOverflow(by: UInt64(line.quantity))
            let sum = checkout.subtotal.addingReportingOverflow(price.partialValue)
            if price.overflow || sum.overflow { return CheckoutRefusal(.invalid, .line(index)) }
            checkout.subtotal = sum.partialValue
            let holdMs = sale.pointee.terms.holdMs
            if holdMs != 0 && (checkout.holdMs == 0 || holdMs < checkout.holdMs) { checkout.holdMs = holdMs }
            for order in 0..<checkout.count where checkout.orders[order].saleId == line.saleId {
                checkout.orders[order].sale = slot
            }
        }
        return nil
    }

    /// Whether the lines up to this one want more of a sale than its limit leaves the user.
    private func exceedsLimit(_ sale: UInt32, upToLine last: Int) -> Bool {
        if offers[sale].pointee.terms.perUserLimit == 0 { return false }
        let saleId = offers[sale].pointee.terms.id
        var units: UInt32 = 0
        for index in 0...last {
            let line = checkout.entry.line(index)
            if line.saleId == saleId { units += line.quantity }
        }
        return isBeyondLimit(user: checkout.user, userHash: checkout.userHash, offer: sale, units: units)
    }

    /// Looks at the coupon as a use of it would, with the subtotal as the amount of the purchase.
    private mutating func couponRefusal(nowMs: UInt64) -> CheckoutRefusal? {
        checkout.coupon = 0
        checkout.discount = 0
        let id = checkout.entry.couponId
        if id.isZero { return nil }
        guard id.isOperationId else { return CheckoutRefusal(.invalidId, .coupon) }
        // Another partition is another user's; whether there is such a coupon only its shard could tell.
        guard id.carriedPartition == checkout.entry.checkoutId.carriedPartition else {
            return CheckoutRefusal(.notOwner, .coupon)
        }
        guard let known = find(id, hash: idHash(id)) else { return CheckoutRefusal(.notFound, .coupon) }
        let waitLsn = lastLsn(of: known)
        guard known.kind == .coupon else { return CheckoutRefusal(.notFound, .coupon, waitLsn: waitLsn) }
        guard users[coupons[known.slot].pointee.user].pointee.id == checkout.entry.userId else {
            return CheckoutRefusal(.notOwner, .coupon, waitLsn: waitLsn)
        }
        if let code = refusal(ofCoupon: known.slot, purchase: checkout.subtotal, nowMs: nowMs) {
            return CheckoutRefusal(code, .coupon, waitLsn: waitLsn)
        }
        checkout.coupon = known.slot
        checkout.discount = offers[coupons[known.slot].pointee.policy].pointee.terms.discount(on: checkout.subtotal)
        return nil
    }

    private mutating func pointsRefusal(nowMs: UInt64) -> CheckoutRefusal? {
        let entry = checkout.entry
        let waitLsn = lastLsn(ofUser: checkout.user)
        if UInt64(entry.usePoints) > checkout.subtotal - checkout.discount {
            return CheckoutRefusal(.invalid, .pointsUsed, waitLsn: waitLsn)
        }
        if entry.usePoints > 0 && balance(ofUser: checkout.user, nowMs: nowMs) < UInt64(entry.usePoints) {
            return CheckoutRefusal(.insufficientPoints, .pointsUsed, waitLsn: waitLsn)
        }
        if entry.earnPoints > 0 && entry.earnExpiresAtMs != 0 && entry.earnExpiresAtMs <= nowMs {
            return CheckoutRefusal(.expired, .pointsEarned)
        }
        return nil
    }

    /// The ids of its parts must not stand for anything else.
    private func idsRefusal() -> CheckoutRefusal? {
        let entry = checkout.entry
        for order in 0..<checkout.count {
            if let code = idRefusal(.line(order)) {
                return CheckoutRefusal(code.0, checkout.part(ofOrder: order), waitLsn: code.1)
            }
        }
        if checkout.coupon != 0, let code = idRefusal(.coupon) {
            return CheckoutRefusal(code.0, .coupon, waitLsn: code.1)
        }
        if entry.usePoints > 0, let code = idRefusal(.pointsUsed) {
            return CheckoutRefusal(code.0, .pointsUsed, waitLsn: code.1)
        }
        if entry.earnPoints > 0, let code = idRefusal(.pointsEarned) {
            return CheckoutRefusal(code.0, .pointsEarned, waitLsn: code.1)
        }
        return nil
    }

    private func idRefusal(_ part: CheckoutPart) -> (ResultCode, waitLsn: UInt64)? {
        let id = checkout.entry.checkoutId.ofPart(part)
        guard let known = find(id, hash: idHash(id)) else { return nil }
        return (known.kind == .tombstone ? .cancelled : .idReused, lastLsn(of: known))
    }

    private mutating func roomRefusal(nowMs: UInt64) -> CheckoutRefusal? {
        if !hasLogSpace { return CheckoutRefusal(.noSpace) }
        let entry = checkout.entry
        let transactionCount = (entry.usePoints > 0 ? 1 : 0) + (entry.earnPoints > 0 ? 1 : 0)
        let hasRoom =
            !checkouts.isFull && orders.countMax - orders.count >= checkout.count
            && (checkout.user != 0 || !users.isFull) && transactionsLeft >= transactionCount
            && (checkout.coupon == 0 || !couponOperations.isFull)
        if !hasRoom { return CheckoutRefusal(.capacity) }
        if entry.earnPoints > 0 && !hasRoomForLot(ofUser: checkout.user, nowMs: nowMs) {
            return CheckoutRefusal(.capacity, .pointsEarned, waitLsn: lastLsn(ofUser: checkout.user))
        }
        return nil
    }

    func lastLsn(ofUser user: UInt32) -> UInt64 { user == 0 ? 0 : users[user].pointee.lastLsn }

    // MARK: What cannot fail

    /// After this point the checkout succeeds: its units are taken.
    mutating func applyPreparedCheckout(result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = checkout.entry
        let deadlineMs = checkout.holdMs == 0 ? 0 : nowMs &+ UInt64(checkout.holdMs)
        var lastOrder: UInt32 = 0
        for number in 0..<checkout.count {
            let order = checkout.orders[number]
            let id = entry.checkoutId.ofPart(.line(number))
            let ids = logOrder(
                sale: order.saleId, quantity: order.quantity, deadlineMs: deadlineMs, timeMs: nowMs)
            ids.storeId(id, 0)
            ids.storeId(entry.userId, 16)
            lastOrder = insertOrder(
                id: id, idHash: idHash(id), userId: entry.userId, userHash: checkout.userHash, user: checkout.user,
                sale: order.sale, quantity: order.quantity, createdAtMs: nowMs, deadlineMs: deadlineMs,
                state: deadlineMs == 0 ? .confirmed : .held, flags: 0, lsn: events.pointee.lastLsn)
            // The first order of a new user has made it known.
            checkout.user = orders[lastOrder].pointee.user
        }
        let event = log(.checkoutPlaced, quantity: UInt32(checkout.count), timeMs: nowMs)
        event.storeId(entry.checkoutId, EventField.id)
        event.storeId(entry.userId, EventField.userId)
        event.storeId(entry.couponId, EventField.checkoutCoupon)
        event.storeLE(checkout.subtotal, EventField.checkoutSubtotal)
        event.storeLE(checkout.discount, EventField.checkoutDiscount)
        event.storeLE(entry.earnExpiresAtMs, EventField.checkoutEarnExpiresAtMs)
        event.storeLE(entry.usePoints, EventField.checkoutPointsUsed)
        event.storeLE(entry.earnPoints, EventField.checkoutPointsEarned)
        event.storeLE(deadlineMs, EventField.checkoutDeadlineMs)
        let slot = insertCheckout(
            CheckoutRecord(
                id: entry.checkoutId, subtotal: checkout.subtotal, discount: checkout.discount,
                earnExpiresAtMs: entry.earnExpiresAtMs, pointsUsed: entry.usePoints, pointsEarned: entry.earnPoints,
                lastOrder: lastOrder), orderCount: checkout.count)
        applyCheckoutPlaced(slot, coupon: checkout.coupon, nowMs: nowMs)
        statistics.ordersAccepted &+= UInt64(checkout.count)
        statistics.checkoutsPlaced &+= 1
        if checkout.coupon != 0 { statistics.couponUses &+= 1 }
        if entry.usePoints > 0 { statistics.pointUses &+= 1 }
        if entry.earnPoints > 0 && checkout.holdMs == 0 { statistics.pointEarnings &+= 1 }
        return appliedCheckout(slot, result)
    }
}
