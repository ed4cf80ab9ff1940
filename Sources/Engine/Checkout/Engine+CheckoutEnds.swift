import Protocol

// Confirm, cancel and expiry of whole checkouts. Each is keyed by the checkout's id and idempotent by nature.

extension Engine {
    /// Confirms a held checkout; takes everything of an expired one again (a late confirm) if it can.
    mutating func confirmCheckout(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> Outcome
    {
        let id = CheckoutIdEntry(bytes).checkoutId
        guard let slot = checkoutSlot(id) else { return answerUnknownCheckout(id, result) }
        switch state(ofCheckout: slot) {
        case .held: return logConfirm(ofCheckout: slot, isLate: false, result, nowMs: nowMs)
        case .confirmed: return answerCheckout(slot, .ok, flags: ResultFlags.repeat, result)
        case .cancelled: return answerCheckout(slot, .cancelled, result)
        case .expired:
            if let part = lateConfirmFault(slot, nowMs: nowMs) {
                return answerCheckout(slot, .expired, failedAt: part, result)
            }
            if !hasLogSpace { return answerCheckout(slot, .noSpace, result) }
            checkout.checkout = slot
            prepareTake(.confirmCheckout)
            return .units
        }
    }

    /// After this point the late confirm succeeds: its units are taken.
    mutating func applyPreparedCheckoutConfirm(result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        logConfirm(ofCheckout: checkout.checkout, isLate: true, result, nowMs: nowMs)
    }

    private mutating func logConfirm(
        ofCheckout slot: UInt32, isLate: Bool, _ result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Outcome {
        let event = log(.checkoutConfirmed, flags: isLate ? 1 : 0, timeMs: nowMs)
        event.storeId(checkouts[slot].pointee.id, EventField.id)
        applyCheckoutConfirm(slot, isLate: isLate, nowMs: nowMs)
        statistics.confirms &+= UInt64(orders(ofCheckout: slot).count)
        statistics.checkoutConfirms &+= 1
        if checkouts[slot].pointee.pointsEarned > 0 { statistics.pointEarnings &+= 1 }
        return appliedCheckout(slot, result)
    }

    /// What of an expired checkout cannot be had again, its units apart; nil if nothing stands in the way. Window and
    /// closing of its sales no longer matter, limits do. Leaves its orders at hand.
    private mutating func lateConfirmFault(_ slot: UInt32, nowMs: UInt64) -> CheckoutPart? {
        let user = user(ofCheckout: slot)
        let userHash = userHash(users[user].pointee.id)
        let found = orders(ofCheckout: slot)
        checkout.removeAll()
        for number in 0..<found.count {
            let order = orders[found[number]].pointee
            if isBeyondLimit(user: user, userHash: userHash, offer: order.sale, units: order.quantity) {
                return .line(number)
            }
            checkout.append(
                saleId: offers[order.sale].pointee.terms.id, quantity: order.quantity, line: number, sale: order.sale)
        }
        let coupon = coupon(ofCheckout: slot)
        if coupon != 0 && state(ofCoupon: coupon, nowMs: nowMs) != .issued { return .coupon }
        let points = checkouts[slot].pointee.pointsUsed
        return points > 0 && balance(ofUser: user, nowMs: nowMs) < UInt64(points) ? .pointsUsed : nil
    }

    /// Cancels for good: a held checkout, a confirmed one (a refund) unless what it earned is spent, an expired one (no
    /// late confirm any more). A cancel that comes before its checkout leaves a tombstone.
    mutating func cancelCheckout(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64)
        -> Outcome
    {
        let id = CheckoutIdEntry(bytes).checkoutId
        guard id.isOperationId else { return refuseCheckout(CheckoutRefusal(.invalidId), id, result) }
        let hash = idHash(id)
        guard let known = find(id, hash: hash) else {
            if let code = refusal(ofUnknown: id, nowMs: nowMs) {
                return refuseCheckout(CheckoutRefusal(code), id, result)
            }
            if !hasLogSpace { return refuseCheckout(CheckoutRefusal(.noSpace), id, result) }
            if tombstones.isFull { return refuseCheckout(CheckoutRefusal(.capacity), id, result) }
            return showCheckoutTombstone(logTombstone(id, hash, nowMs: nowMs), .ok, flags: 0, result)
        }
        if known.kind == .tombstone {
            return showCheckoutTombstone(known.slot, .ok, flags: ResultFlags.repeat, result)
        }
        guard isCheckout(known, id) else {
            return refuseCheckout(CheckoutRefusal(.notFound, waitLsn: lastLsn(of: known)), id, result)
        }
        let slot = known.slot
        if state(ofCheckout: slot) == .cancelled {
            return answerCheckout(slot, .ok, flags: ResultFlags.repeat, result)
        }
        if isEarningSpent(ofCheckout: slot) {
            return answerCheckout(slot, .alreadySpent, failedAt: .pointsEarned, result)
        }
        if state(ofCheckout: slot) != .held && !hasLogSpace { return answerCheckout(slot, .noSpace, result) }
        let event = log(.checkoutCancelled, timeMs: nowMs)
        event.storeId(id, EventField.id)
        applyCheckoutEnd(slot, .cancelled, releaseLsn: events.pointee.lastLsn, nowMs: nowMs)
        statistics.cancels &+= UInt64(orders(ofCheckout: slot).count)
        statistics.checkoutCancels &+= 1
        return appliedCheckout(slot, result)
    }

    func isEarningSpent(ofCheckout slot: UInt32) -> Bool {
        let earning = checkouts[slot].pointee.earning
        return earning != 0 && transactions[earning].pointee.remaining != transactions[earning].pointee.amount
    }

    /// Ends a held checkout whose time is over.
    mutating func expireCheckout(_ slot: UInt32, nowMs: UInt64) {
        let event = log(.checkoutExpired, timeMs: nowMs)
        event.storeId(checkouts[slot].pointee.id, EventField.id)
        applyCheckoutEnd(slot, .expired, releaseLsn: events.pointee.lastLsn, nowMs: nowMs)
        users[user(ofCheckout: slot)].pointee.lastLsn = events.pointee.lastLsn
        statistics.expiries &+= UInt64(orders(ofCheckout: slot).count)
        statistics.checkoutExpiries &+= 1
    }
}
