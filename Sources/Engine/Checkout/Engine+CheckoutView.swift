import Protocol

// Reading checkouts, and the answers that show one.

extension Engine {
    mutating func getCheckout(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer) -> Outcome {
        let id = CheckoutIdEntry(bytes).checkoutId
        guard let slot = checkoutSlot(id) else { return answerUnknownCheckout(id, result) }
        return answerCheckout(slot, .ok, result)
    }

    /// The original decision on a checkout that was accepted before, or why the id cannot be used.
    func repeatCheckout(_ known: RecordHandle, _ result: UnsafeMutableRawPointer) -> Outcome {
        let entry = checkout.entry
        if known.kind == .tombstone {
            return refuseCheckout(
                CheckoutRefusal(.cancelled, waitLsn: lastLsn(of: known)), entry.checkoutId, result)
        }
        guard isCheckout(known, entry.checkoutId), isSame(known.slot) else {
            return refuseCheckout(CheckoutRefusal(.idReused, waitLsn: lastLsn(of: known)), entry.checkoutId, result)
        }
        return answerCheckout(known.slot, .ok, flags: ResultFlags.repeat, result)
    }

    /// Whether the entry at hand asks for what this checkout is, its lines summed.
    private func isSame(_ slot: UInt32) -> Bool {
        let entry = checkout.entry
        let record = checkouts[slot].pointee
        let found = orders(ofCheckout: slot)
        guard users[user(ofCheckout: slot)].pointee.id == entry.userId, couponId(ofCheckout: slot) == entry.couponId,
            record.pointsUsed == entry.usePoints, record.pointsEarned == entry.earnPoints,
            record.earnExpiresAtMs == entry.earnExpiresAtMs, found.count == checkout.count
        else { return false }
        for number in 0..<found.count {
            let order = orders[found[number]].pointee
            let wanted = checkout.orders[number]
            let saleId = offers[order.sale].pointee.terms.id
            if order.quantity != wanted.quantity || saleId != wanted.saleId { return false }
        }
        return true
    }

    /// Zero for none.
    func couponId(ofCheckout slot: UInt32) -> Id128 {
        let coupon = coupon(ofCheckout: slot)
        return coupon == 0 ? .zero : coupons[coupon].pointee.id
    }

    // MARK: Answers

    /// Shows a checkout as its last event left it; the reply waits for that event.
    func answerCheckout(
        _ slot: UInt32, _ code: ResultCode, flags: UInt8 = 0, failedAt: CheckoutPart = .whole,
        _ result: UnsafeMutableRawPointer
    ) -> Outcome {
        let record = checkouts[slot].pointee
        let last = orders[record.lastOrder].pointee
        var view = CheckoutHead(code: code, failedAt: failedAt, checkoutId: record.id)
        view.state = last.state.rawValue
        view.flags = last.flags | flags
        view.userId = users[last.user].pointee.id
        view.couponId = couponId(ofCheckout: slot)
        view.subtotal = record.subtotal
        view.discount = record.discount
        view.toPay = record.subtotal - record.discount - UInt64(record.pointsUsed)
        view.createdAtMs = last.createdAtMs
        view.expiresAtMs = last.state == .held ? last.deadlineMs : 0
        view.earnExpiresAtMs = record.earnExpiresAtMs
        view.pointsUsed = record.pointsUsed
        view.pointsEarned = record.pointsEarned
        let found = orders(ofCheckout: slot)
        view.orderCount = UInt8(found.count)
        store(view, to: result)
        for number in 0..<found.count {
            let order = orders[found[number]]
            let line = CheckoutLine(
                saleId: offers[order.pointee.sale].pointee.terms.id, quantity: order.pointee.quantity)
            CheckoutLines.store(line, number, in: result + CheckoutHead.sizeBytes)
        }
        return Outcome(waitLsn: users[last.user].pointee.lastLsn)
    }

    /// Writes a result without orders.
    private func store(_ head: CheckoutHead, to result: UnsafeMutableRawPointer) {
        head.store(to: result)
        (result + CheckoutHead.sizeBytes).initializeMemory(as: UInt8.self, repeating: 0, count: CheckoutLines.sizeBytes)
    }

    /// Shows a checkout that the event just appended has made or changed.
    func appliedCheckout(_ slot: UInt32, _ result: UnsafeMutableRawPointer) -> Outcome {
        users[user(ofCheckout: slot)].pointee.lastLsn = events.pointee.lastLsn
        return answerCheckout(slot, .ok, result)
    }

    /// The answer when the units of one of the orders at hand were not there.
    func refuseUnits(ofOrder order: Int, _ result: UnsafeMutableRawPointer) -> Outcome {
        let part = checkout.part(ofOrder: order)
        if prepared.kind == .placeCheckout {
            return refuseCheckout(CheckoutRefusal(.soldOut, part), checkout.entry.checkoutId, result)
        }
        return answerCheckout(checkout.checkout, .expired, failedAt: part, result)
    }

    func refuseCheckout(_ refusal: CheckoutRefusal, _ id: Id128, _ result: UnsafeMutableRawPointer) -> Outcome {
        store(CheckoutHead(code: refusal.code, failedAt: refusal.part, checkoutId: id), to: result)
        return Outcome(waitLsn: refusal.waitLsn)
    }

    /// An id that is no checkout's: unknown, malformed, or that of a tombstone.
    func answerUnknownCheckout(_ id: Id128, _ result: UnsafeMutableRawPointer) -> Outcome {
        guard id.isOperationId else { return refuseCheckout(CheckoutRefusal(.invalidId), id, result) }
        if let known = find(id, hash: idHash(id)), known.kind == .tombstone {
            return showCheckoutTombstone(known.slot, .cancelled, flags: 0, result)
        }
        return refuseCheckout(CheckoutRefusal(.notFound), id, result)
    }

    func showCheckoutTombstone(
        _ slot: UInt32, _ code: ResultCode, flags: UInt8, _ result: UnsafeMutableRawPointer
    ) -> Outcome {
        let record = tombstones[slot].pointee
        var view = CheckoutHead(code: code, checkoutId: record.id)
        view.state = OrderState.cancelled.rawValue
        view.flags = ResultFlags.tombstone | flags
        view.createdAtMs = record.createdAtMs
        store(view, to: result)
        return Outcome(waitLsn: record.lsn)
    }
}
