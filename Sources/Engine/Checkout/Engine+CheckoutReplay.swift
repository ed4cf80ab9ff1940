import Protocol

// Checkouts in logs and snapshots. The events of a checkout's orders come before its own, in the same block.

extension Engine {
    mutating func replayCheckouts(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        switch kind {
        case .checkoutPlaced, .checkoutKept: try replayCheckout(kind, event)
        default: try replayCheckoutChange(kind, event)
        }
    }

    private mutating func replayCheckout(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let orderCount = Int(event.loadLE(EventField.quantity, as: UInt32.self))
        if find(id, hash: idHash(id)) != nil { throw .contradiction("checkout \(id) was placed twice") }
        if checkouts.isFull { throw .capacity(what: "checkouts", countMax: checkouts.countMax) }
        let lastOrder = try ordersOf(checkout: id, orderCount, event)
        let record = CheckoutRecord(
            id: id, subtotal: event.loadLE(EventField.checkoutSubtotal),
            discount: event.loadLE(EventField.checkoutDiscount),
            earnExpiresAtMs: event.loadLE(EventField.checkoutEarnExpiresAtMs),
            pointsUsed: event.loadLE(EventField.checkoutPointsUsed),
            pointsEarned: event.loadLE(EventField.checkoutPointsEarned), lastOrder: lastOrder)
        guard record.discount <= record.subtotal, UInt64(record.pointsUsed) <= record.subtotal - record.discount else {
            throw .contradiction("checkout \(id) costs less than nothing")
        }
        let coupon = try couponOf(record, event)
        let nowMs: UInt64 = event.loadLE(EventField.timeMs)
        if kind == .checkoutKept {
            let slot = insertCheckout(record, orderCount: orderCount)
            if coupon != 0 { try linkCoupon(coupon, toCheckout: slot, timeMs: nowMs) }
            try linkTransactions(ofCheckout: slot)
            return
        }
        if coupon != 0 && coupons[coupon].pointee.use != 0 {
            throw .contradiction("checkout \(id) used a coupon that was used")
        }
        guard balance(ofUser: orders[lastOrder].pointee.user, nowMs: nowMs) >= UInt64(record.pointsUsed) else {
            throw .contradiction("checkout \(id) used more points than there were")
        }
        guard !isTaken(record, .pointsUsed, record.pointsUsed), !isTaken(record, .pointsEarned, record.pointsEarned)
        else { throw .contradiction("checkout \(id) posted a transaction twice") }
        let transactionCount = (record.pointsUsed > 0 ? 1 : 0) + (record.pointsEarned > 0 ? 1 : 0)
        if transactionsLeft < transactionCount {
            throw .capacity(what: "transactions", countMax: transactions.countMax)
        }
        applyCheckoutPlaced(insertCheckout(record, orderCount: orderCount), coupon: coupon, nowMs: nowMs)
    }

    /// The coupon that a checkout names, 0 for none.
    private func couponOf(_ record: CheckoutRecord, _ event: UnsafeRawPointer) throws(EventFault) -> UInt32 {
        let id = event.loadId(EventField.checkoutCoupon)
        if id.isZero { return 0 }
        guard let coupon = couponSlot(id), coupons[coupon].pointee.user == orders[record.lastOrder].pointee.user else {
            throw .contradiction("checkout \(record.id) names coupon \(id), which is not its user's")
        }
        let useId = record.id.ofPart(.coupon)
        if find(useId, hash: idHash(useId)) != nil {
            throw .contradiction("checkout \(record.id) used its coupon twice")
        }
        if couponOperations.isFull {
            throw .capacity(what: "uses of coupons", countMax: couponOperations.countMax)
        }
        return coupon
    }

    /// Remembers the use of a coupon by a checkout that a snapshot kept; it is in effect while that is held or
    /// confirmed.
    private mutating func linkCoupon(
        _ coupon: UInt32, toCheckout slot: UInt32, timeMs: UInt64
    ) throws(EventFault) {
        insertCouponUse(ofCheckout: slot, coupon, timeMs: timeMs)
        switch state(ofCheckout: slot) {
        case .expired, .cancelled: return
        case .held, .confirmed: break
        }
        guard coupons[coupon].pointee.use == 0 else {
            throw .contradiction("coupon \(coupons[coupon].pointee.id) is used twice at once")
        }
        setUse(ofCoupon: coupon, checkouts[slot].pointee.couponUse)
    }

    private func isTaken(_ record: CheckoutRecord, _ part: CheckoutPart, _ points: UInt32) -> Bool {
        let id = record.id.ofPart(part)
        return points > 0 && find(id, hash: idHash(id)) != nil
    }

    /// The last of a checkout's orders, which were entered before it; all are of its user, right behind each other, in
    /// the same state, and of no other checkout.
    private func ordersOf(checkout id: Id128, _ count: Int, _ event: UnsafeRawPointer) throws(EventFault) -> UInt32 {
        guard count >= 1, count <= CheckoutLines.countMax else {
            throw .contradiction("checkout \(id) has \(count) orders")
        }
        let userId = event.loadId(EventField.userId)
        var last: UInt32 = 0
        for number in 0..<count {
            guard let order = orderSlot(id.ofPart(.line(number))) else {
                throw .contradiction("checkout \(id) has no order number \(number)")
            }
            let record = orders[order].pointee
            let isNext =
                last == 0 || record.older == last && record.state == orders[last].pointee.state
                && record.deadlineMs == orders[last].pointee.deadlineMs
            guard isNext, record.checkout == 0, users[record.user].pointee.id == userId else {
                throw .contradiction("order number \(number) does not fit checkout \(id)")
            }
            last = order
        }
        return last
    }

    /// Finds the transactions of a checkout that a snapshot kept, which were entered before it.
    private mutating func linkTransactions(ofCheckout slot: UInt32) throws(EventFault) {
        let record = checkouts[slot].pointee
        let state = state(ofCheckout: slot)
        if record.pointsUsed > 0 {
            guard let use = transactionSlot(record.id.ofPart(.pointsUsed)) else {
                throw .contradiction("checkout \(record.id) has no use of points")
            }
            checkouts[slot].pointee.use = use
            transactions[use].pointee.checkout = slot
        }
        guard record.pointsEarned > 0 else { return }
        if let earning = transactionSlot(record.id.ofPart(.pointsEarned)) {
            checkouts[slot].pointee.earning = earning
            transactions[earning].pointee.checkout = slot
        } else if state == .confirmed {
            throw .contradiction("checkout \(record.id) has not posted what it earned")
        } else if state != .cancelled && transactionsLeft < 1 {
            throw .capacity(what: "transactions", countMax: transactions.countMax)
        } else {
            reserveEarning(ofCheckout: slot, isReserved: state != .cancelled)
        }
    }

    private mutating func replayCheckoutChange(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let nowMs: UInt64 = event.loadLE(EventField.timeMs)
        guard let slot = checkoutSlot(id) else {
            throw .contradiction("checkout \(id) changed before it was placed")
        }
        let state = state(ofCheckout: slot)
        switch (kind, state) {
        case (.checkoutConfirmed, .held):
            applyCheckoutConfirm(slot, isLate: false, nowMs: nowMs)
        case (.checkoutConfirmed, .expired):
            let points = UInt64(checkouts[slot].pointee.pointsUsed)
            guard balance(ofUser: user(ofCheckout: slot), nowMs: nowMs) >= points else {
                throw .contradiction("checkout \(id) used more points than there were")
            }
            let coupon = coupon(ofCheckout: slot)
            guard coupon == 0 || coupons[coupon].pointee.use == 0 else {
                throw .contradiction("checkout \(id) used a coupon that was used")
            }
            applyCheckoutConfirm(slot, isLate: true, nowMs: nowMs)
        case (.checkoutCancelled, .held), (.checkoutCancelled, .confirmed), (.checkoutCancelled, .expired):
            if isEarningSpent(ofCheckout: slot) {
                throw .contradiction("checkout \(id) was cancelled when what it earned was spent")
            }
            applyCheckoutEnd(slot, .cancelled, releaseLsn: 0, nowMs: nowMs)
        case (.checkoutExpired, .held):
            applyCheckoutEnd(slot, .expired, releaseLsn: 0, nowMs: nowMs)
        default:
            throw .contradiction("checkout \(id), which is \(state), got the event \(kind)")
        }
    }

    /// Writes this shard's checkouts as events that rebuild them, by partition: behind their orders,
    /// transactions and coupons.
    func keepCheckouts(_ base: UnsafeMutableRawPointer, _ emit: (EventKind, UnsafeRawBufferPointer) -> Void) {
        for slot in sortedByPartition(checkouts.slots, { checkouts[$0].pointee.id }) {
            let record = checkouts[slot].pointee
            let last = orders[record.lastOrder].pointee
            let event = beginKept(
                base, .checkoutKept, flags: 0, quantity: UInt32(orders(ofCheckout: slot).count),
                timeMs: last.createdAtMs)
            event.storeId(record.id, EventField.id)
            event.storeId(users[last.user].pointee.id, EventField.userId)
            event.storeId(couponId(ofCheckout: slot), EventField.checkoutCoupon)
            event.storeLE(record.subtotal, EventField.checkoutSubtotal)
            event.storeLE(record.discount, EventField.checkoutDiscount)
            event.storeLE(record.earnExpiresAtMs, EventField.checkoutEarnExpiresAtMs)
            event.storeLE(record.pointsUsed, EventField.checkoutPointsUsed)
            event.storeLE(record.pointsEarned, EventField.checkoutPointsEarned)
            event.storeLE(last.state == .held ? last.deadlineMs : 0, EventField.checkoutDeadlineMs)
            emit(.checkoutKept, UnsafeRawBufferPointer(start: event, count: EventKind.checkoutKept.sizeBytes))
        }
    }
}
