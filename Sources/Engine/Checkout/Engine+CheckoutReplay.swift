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
        if find(id, hash: hash(id)) != nil { throw .contradiction("checkout \(id) was placed twice") }
        if checkouts.isFull { throw .capacity(what: "checkouts", countMax: checkouts.countMax) }
        let lastOrder = try ordersOf(checkout: id, orderCount, event)
        let record = CheckoutRecord(
            id: id, subtotal: event.loadLE(EventField.checkoutSubtotal),
            discount: event.loadLE(EventField.checkoutDiscount),
            earnExpiresAtMs: event.loadLE(EventField.checkoutEarnExpiresAtMs),
            pointsUsed: event.loadLE(EventField.checkoutPointsUsed),
            pointsEarned: event.loadLE(EventField.checkoutPointsEarned), lastOrder: lastOrder)
        if kind == .checkoutKept {
            let slot = insertCheckout(record, orderCount: orderCount)
            try linkTransactions(ofCheckout: slot)
            return
        }
        let nowMs: UInt64 = event.loadLE(EventField.timeMs)
        let user = orders[lastOrder].pointee.user
        guard balance(ofUser: user, nowMs: nowMs) >= UInt64(record.pointsUsed) else {
            throw .contradiction("checkout \(id) used more points than there were")
        }
        guard !isTaken(record, .pointsUsed, record.pointsUsed), !isTaken(record, .pointsEarned, record.pointsEarned)
        else { throw .contradiction("checkout \(id) posted a transaction twice") }
        let transactionCount = (record.pointsUsed > 0 ? 1 : 0) + (record.pointsEarned > 0 ? 1 : 0)
        if transactionsLeft < transactionCount {
            throw .capacity(what: "transactions", countMax: transactions.countMax)
        }
        applyCheckoutPlaced(insertCheckout(record, orderCount: orderCount), nowMs: nowMs)
    }

    private func isTaken(_ record: CheckoutRecord, _ part: CheckoutPart, _ points: UInt32) -> Bool {
        let id = record.id.ofPart(part)
        return points > 0 && find(id, hash: hash(id)) != nil
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

    /// Writes this shard's checkouts as events that rebuild them, by partition: behind their orders and transactions.
    func keepCheckouts(_ base: UnsafeMutableRawPointer, _ emit: (EventKind, UnsafeRawBufferPointer) -> Void) {
        var slots = Array(stride(from: UInt32(1), through: UInt32(checkouts.count), by: 1))
        slots.sort { left, right in
            let a = checkouts[left].pointee.id.carriedPartition
            let b = checkouts[right].pointee.id.carriedPartition
            return a == b ? left < right : a < b
        }
        for slot in slots {
            let record = checkouts[slot].pointee
            let last = orders[record.lastOrder].pointee
            let event = beginKept(
                base, .checkoutKept, flags: 0, quantity: UInt32(orders(ofCheckout: slot).count),
                timeMs: last.createdAtMs)
            event.storeId(record.id, EventField.id)
            event.storeId(users[last.user].pointee.id, EventField.userId)
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
