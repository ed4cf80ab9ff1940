import Protocol

// What happens to a checkout, on the live path and in replay alike. Its orders, its use of a coupon, its use of points
// and its earning change with it and never by themselves.

extension Engine {
    /// The slot of a checkout; nil for an unknown id and for one that is no checkout's.
    func checkoutSlot(_ id: Id128) -> UInt32? {
        guard let known = find(id, hash: idHash(id)), isCheckout(known, id) else { return nil }
        return known.slot
    }

    /// Whether a handle found for an id is that of a checkout with this id: that of its future earning leads to it
    /// too.
    func isCheckout(_ known: RecordHandle, _ id: Id128) -> Bool {
        known.kind == .checkout && checkouts[known.slot].pointee.id == id
    }

    /// Whether an id that leads to a checkout is the checkout's own, or that of an earning which is not posted yet.
    @inline(never)
    func leads(_ id: Id128, toCheckout slot: UInt32) -> Bool {
        let record = checkouts[slot]
        if record.pointee.id == id { return true }
        return record.pointee.pointsEarned != 0 && record.pointee.earning == 0
            && record.pointee.id.ofPart(.pointsEarned) == id
    }

    func orders(ofCheckout slot: UInt32) -> CheckoutOrders {
        var found = CheckoutOrders()
        var order = checkouts[slot].pointee.lastOrder
        while order != 0 && orders[order].pointee.checkout == slot {
            found.prepend(order)
            order = orders[order].pointee.older
        }
        return found
    }

    func state(ofCheckout slot: UInt32) -> OrderState { orders[checkouts[slot].pointee.lastOrder].pointee.state }

    func user(ofCheckout slot: UInt32) -> UInt32 { orders[checkouts[slot].pointee.lastOrder].pointee.user }

    // MARK: State changes

    /// Enters a checkout whose orders were entered right before, and makes them parts of it.
    mutating func insertCheckout(_ record: CheckoutRecord, orderCount: Int) -> UInt32 {
        let slot = checkouts.allocate()
        checkouts[slot].initialize(to: record)
        ids.insert(idHash(record.id), RecordHandle(.checkout, slot).rawValue)
        var order = record.lastOrder
        for _ in 0..<orderCount {
            orders[order].pointee.checkout = slot
            if order != record.lastOrder { wheel.remove(order, in: orders) }
            order = orders[order].pointee.older
        }
        users[user(ofCheckout: slot)].pointee.lastLsn = events.pointee.lastLsn
        return slot
    }

    /// What a new checkout takes besides units.
    mutating func applyCheckoutPlaced(_ slot: UInt32, coupon: UInt32, nowMs: UInt64) {
        let record = checkouts[slot].pointee
        if coupon != 0 {
            insertCouponUse(ofCheckout: slot, coupon, timeMs: nowMs)
            setUse(ofCoupon: coupon, checkouts[slot].pointee.couponUse)
        }
        if record.pointsUsed > 0 {
            let id = record.id.ofPart(.pointsUsed)
            let use = insertTransaction(
                .use, id: id, idHash: idHash(id), user: user(ofCheckout: slot), amount: record.pointsUsed,
                expiresAtMs: 0, createdAtMs: nowMs, lsn: events.pointee.lastLsn)
            transactions[use].pointee.checkout = slot
            checkouts[slot].pointee.use = use
            applyUse(use, nowMs: nowMs)
        }
        if record.pointsEarned > 0 {
            reserveEarning(ofCheckout: slot, isReserved: true)
            if state(ofCheckout: slot) == .confirmed { postEarning(ofCheckout: slot, nowMs: nowMs) }
        }
    }

    /// Remembers the use of a coupon by a checkout; whether it is in effect is the coupon's `use`.
    mutating func insertCouponUse(ofCheckout slot: UInt32, _ coupon: UInt32, timeMs: UInt64) {
        let record = checkouts[slot].pointee
        let id = record.id.ofPart(.coupon)
        checkouts[slot].pointee.couponUse = insertCouponOperation(
            CouponOperationRecord(
                id: id, orderId: record.id, purchaseAmount: record.subtotal, discount: record.discount,
                timeMs: timeMs, coupon: coupon, kind: .checkout), idHash: idHash(id), lsn: events.pointee.lastLsn)
    }

    /// The coupon of a checkout, used or not, 0 for none.
    func coupon(ofCheckout slot: UInt32) -> UInt32 {
        let use = checkouts[slot].pointee.couponUse
        return use == 0 ? 0 : couponOperations[use].pointee.coupon
    }

    mutating func applyCheckoutConfirm(_ slot: UInt32, isLate: Bool, nowMs: UInt64) {
        let orders = orders(ofCheckout: slot)
        for index in 0..<orders.count { applyConfirm(orders[index], isLate: isLate, timeMs: nowMs) }
        let use = checkouts[slot].pointee.use
        if isLate && use != 0 && !PlantedBug.lateConfirmWithoutPoints.isPlanted {
            transactions[use].pointee.isCancelled = false
            applyUse(use, nowMs: nowMs)
        }
        let coupon = coupon(ofCheckout: slot)
        if isLate && coupon != 0 { setUse(ofCoupon: coupon, checkouts[slot].pointee.couponUse) }
        if checkouts[slot].pointee.pointsEarned > 0 { postEarning(ofCheckout: slot, nowMs: nowMs) }
    }

    /// Cancels or expires a checkout. Its units return when `releaseLsn` is durable; in replay (0) the counters are
    /// made anew at the end.
    mutating func applyCheckoutEnd(_ slot: UInt32, _ state: OrderState, releaseLsn: UInt64, nowMs: UInt64) {
        let before = self.state(ofCheckout: slot)
        let orders = orders(ofCheckout: slot)
        for index in 0..<orders.count { applyEnd(orders[index], state, releaseLsn: releaseLsn, timeMs: nowMs) }
        let record = checkouts[slot].pointee
        // What an expired one had went back when it expired.
        if before != .expired {
            let keepsCoupon = releaseLsn == 0 && PlantedBug.couponKeptAfterRestart.isPlanted
            if record.couponUse != 0 && !keepsCoupon { setUse(ofCoupon: coupon(ofCheckout: slot), 0) }
            if record.use != 0 { applyCancelTransaction(record.use, nowMs: nowMs) }
        }
        if record.earning != 0 {
            applyCancelTransaction(record.earning, nowMs: nowMs)
        } else if record.pointsEarned > 0 && state == .cancelled {
            freeEarning(ofCheckout: slot)
        }
    }

    // MARK: Points to earn

    /// Keeps the id of an earning that a confirm will post; and room for it, while it still may be confirmed, since
    /// a confirm must not fail for want of any.
    mutating func reserveEarning(ofCheckout slot: UInt32, isReserved: Bool) {
        ids.insert(idHash(checkouts[slot].pointee.id.ofPart(.pointsEarned)), RecordHandle(.checkout, slot).rawValue)
        if !isReserved { return }
        earningsReserved += 1
        wallet(ofUser: user(ofCheckout: slot)).pointee.lotsReserved += 1
    }

    mutating func freeEarning(ofCheckout slot: UInt32) {
        earningsReserved -= 1
        wallet(ofUser: user(ofCheckout: slot)).pointee.lotsReserved -= 1
    }

    private mutating func postEarning(ofCheckout slot: UInt32, nowMs: UInt64) {
        freeEarning(ofCheckout: slot)
        let record = checkouts[slot].pointee
        let id = record.id.ofPart(.pointsEarned)
        // From here on the id is that of the transaction.
        ids.remove(idHash(id), RecordHandle(.checkout, slot).rawValue)
        let earning = insertTransaction(
            .earning, id: id, idHash: idHash(id), user: user(ofCheckout: slot), amount: record.pointsEarned,
            expiresAtMs: record.earnExpiresAtMs, createdAtMs: nowMs, lsn: events.pointee.lastLsn)
        transactions[earning].pointee.checkout = slot
        checkouts[slot].pointee.earning = earning
        listLot(earning)
    }
}
