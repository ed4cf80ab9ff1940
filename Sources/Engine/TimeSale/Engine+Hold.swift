import Protocol

// What happens to an order after it was placed: confirm, cancel, extend, expire. Each is keyed by the
// order's id, kept in the order's own slot, and idempotent by nature.

extension Engine {
    /// Confirms a hold; takes the units of an expired order again (a late confirm) if there are any.
    mutating func confirm(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let id = OrderIdEntry(bytes).orderId
        guard let slot = orderSlot(id) else { return answerUnknown(id, result) }
        let order = orders[slot]
        if order.pointee.checkout != 0 { return answer(slot, .partOfCheckout, result) }
        switch order.pointee.state {
        case .held:
            let event = log(.orderConfirmed, timeMs: nowMs)
            event.storeId(id, EventField.id)
            applyConfirm(slot, isLate: false, timeMs: nowMs)
            statistics.confirms &+= 1
            return applied(slot, result)
        case .confirmed:
            return answer(slot, .ok, flags: ResultFlags.repeat, result)
        case .cancelled:
            return answer(slot, .cancelled, result)
        case .expired:
            // The payment has been made: window and closing no longer matter, the user's limit does.
            let userHash = userHash(users[order.pointee.user].pointee.id)
            if isBeyondLimit(
                user: order.pointee.user, userHash: userHash, offer: order.pointee.sale,
                units: order.pointee.quantity)
            {
                return answer(slot, .expired, result)
            }
            if !hasLogSpace { return answer(slot, .noSpace, result) }
            prepared.kind = .confirmLate
            prepared.sale = order.pointee.sale
            prepared.quantity = order.pointee.quantity
            prepared.order = slot
            return .units
        }
    }

    /// After this point the late confirm succeeds: its units are taken.
    mutating func applyPreparedConfirm(result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let slot = prepared.order
        let event = log(.orderConfirmed, flags: 1, timeMs: nowMs)
        event.storeId(orders[slot].pointee.id, EventField.id)
        applyConfirm(slot, isLate: true, timeMs: nowMs)
        statistics.confirms &+= 1
        return applied(slot, result)
    }

    /// Cancels for good: a hold, a confirmed order (a refund), an expired one (no late confirm any more).
    /// A cancel that comes before its order leaves a tombstone.
    mutating func cancel(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let id = OrderIdEntry(bytes).orderId
        guard id.isOperationId else { return refuseView(.invalidId, id, result) }
        let hash = idHash(id)
        guard let known = find(id, hash: hash) else { return placeTombstone(id, hash, result, nowMs) }
        switch known.kind {
        case .tombstone:
            return answerTombstone(known.slot, flags: ResultFlags.repeat, result)
        case .catalogueOperation, .transaction, .coupon, .couponOperation, .checkout:
            // Were it not for that operation, this would have placed a tombstone.
            _ = refuseView(.notFound, id, result)
            return Outcome(waitLsn: lastLsn(of: known))
        case .order:
            let slot = known.slot
            if orders[slot].pointee.checkout != 0 { return answer(slot, .partOfCheckout, result) }
            if orders[slot].pointee.state == .cancelled {
                return answer(slot, .ok, flags: ResultFlags.repeat, result)
            }
            let needsSpace = orders[slot].pointee.state != .held || PlantedBug.endsNeedSpace.isPlanted
            if needsSpace && !hasLogSpace { return answer(slot, .noSpace, result) }
            let event = log(.orderCancelled, timeMs: nowMs)
            event.storeId(id, EventField.id)
            applyEnd(slot, .cancelled, releaseLsn: events.pointee.lastLsn, timeMs: nowMs)
            statistics.cancels &+= 1
            return applied(slot, result)
        }
    }

    /// Moves the deadline of a hold. An earlier one than it has is granted and changes nothing.
    mutating func extend(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = ExtendEntry(bytes)
        guard entry.deadlineMs <= nowMs &+ UInt64(UInt32.max) else {
            return refuseView(.invalid, entry.orderId, result)
        }
        guard let slot = orderSlot(entry.orderId) else { return answerUnknown(entry.orderId, result) }
        if orders[slot].pointee.checkout != 0 { return answer(slot, .partOfCheckout, result) }
        switch orders[slot].pointee.state {
        case .held: break
        case .confirmed: return answer(slot, .confirmed, result)
        case .cancelled: return answer(slot, .cancelled, result)
        case .expired: return answer(slot, .expired, result)
        }
        guard entry.deadlineMs > orders[slot].pointee.deadlineMs else {
            return answer(slot, .ok, flags: ResultFlags.repeat, result)
        }
        if !hasLogSpace { return answer(slot, .noSpace, result) }
        let event = log(.orderExtended, timeMs: nowMs)
        event.storeId(entry.orderId, EventField.id)
        event.storeLE(entry.deadlineMs, EventField.extendedDeadlineMs)
        applyDeadline(slot, entry.deadlineMs)
        statistics.extends &+= 1
        return applied(slot, result)
    }

    /// Ends holds whose time is over, at most `limit` of them and as the event buffer has room.
    /// Answers whether all that are due have ended.
    public mutating func expireHolds(nowMs: UInt64, limit: Int) -> Bool {
        for _ in 0..<limit {
            let slot = wheel.nextDue(nowMs: nowMs, in: orders)
            if slot == 0 { return true }
            if !hasRoom { return false }
            if orders[slot].pointee.checkout != 0 {
                expireCheckout(orders[slot].pointee.checkout, nowMs: nowMs)
                continue
            }
            let event = log(.orderExpired, timeMs: nowMs)
            event.storeId(orders[slot].pointee.id, EventField.id)
            applyEnd(slot, .expired, releaseLsn: events.pointee.lastLsn, timeMs: nowMs)
            users[orders[slot].pointee.user].pointee.lastLsn = events.pointee.lastLsn
            statistics.expiries &+= 1
        }
        return false
    }

    /// When `expireHolds` has to be called again at the latest, or nil if nothing is held.
    public func nextExpiryMs() -> UInt64? { wheel.wakeMs() }

    /// After a start: no open hold ends before `notBeforeMs`, so that payments under way can be reported.
    public mutating func graceHolds(notBeforeMs: UInt64, nowMs: UInt64) {
        guard wheel.count > 0 else { return }
        let event = log(.holdsGraced, timeMs: nowMs)
        event.storeLE(notBeforeMs, EventField.notBeforeMs)
        applyGrace(notBeforeMs: notBeforeMs, lsn: events.pointee.lastLsn) { _ in true }
    }

    /// Whether the events and releases of one more operation fit.
    @inline(__always)
    public var hasRoom: Bool { events.pointee.hasRoom && releases.hasRoom }

    // MARK: State changes, shared with replay

    mutating func applyConfirm(_ slot: UInt32, isLate: Bool, timeMs: UInt64) {
        let order = orders[slot]
        let sale = order.pointee.sale
        let units = Int64(order.pointee.quantity)
        if isLate {
            addLimit(
                user: order.pointee.user, userHash: userHash(users[order.pointee.user].pointee.id),
                offer: order.pointee.sale, units: order.pointee.quantity)
            order.pointee.flags |= ResultFlags.late
        } else {
            wheel.remove(slot, in: orders)
            addHeld(sale, -units)
        }
        addSold(sale, units)
        order.pointee.state = .confirmed
        order.pointee.deadlineMs = timeMs
    }

    /// Cancels or expires an order. Its units return when `releaseLsn` is durable; in replay (0) the
    /// counters are made anew at the end.
    mutating func applyEnd(_ slot: UInt32, _ state: OrderState, releaseLsn: UInt64, timeMs: UInt64) {
        let order = orders[slot]
        let sale = order.pointee.sale
        let units = order.pointee.quantity
        switch order.pointee.state {
        case .held:
            wheel.remove(slot, in: orders)
            addHeld(sale, -Int64(units))
        case .confirmed:
            addSold(sale, -Int64(units))
        case .cancelled, .expired:
            order.pointee.state = state
            order.pointee.deadlineMs = timeMs
            return
        }
        order.pointee.state = state
        order.pointee.deadlineMs = timeMs
        subtractLimit(user: order.pointee.user, offer: sale, units: units)
        if releaseLsn != 0 {
            if PlantedBug.releaseBeforeDurable.isPlanted {
                counters.put(Int(sale), stripe: configuration.shard, UInt64(units))
            } else {
                releases.append(lsn: releaseLsn, sale: sale, quantity: units)
            }
        }
    }

    mutating func applyDeadline(_ slot: UInt32, _ deadlineMs: UInt64) {
        let hasTimer = wheel.contains(slot, in: orders)
        wheel.remove(slot, in: orders)
        orders[slot].pointee.deadlineMs = deadlineMs
        if hasTimer { wheel.insert(slot, in: orders) }
    }

    mutating func applyGrace(notBeforeMs: UInt64, lsn: UInt64, where isMeant: (Id128) -> Bool) {
        for slot in orders.slots {
            let order = orders[slot]
            // Free slots are zero.
            if order.pointee.id.isZero { continue }
            if order.pointee.state == .held && order.pointee.deadlineMs < notBeforeMs && isMeant(order.pointee.id) {
                applyDeadline(slot, notBeforeMs)
                users[order.pointee.user].pointee.lastLsn = lsn
            }
        }
    }

    // MARK: Releases

    /// Puts units whose release is durable back into this shard's stripes.
    public mutating func releaseUnits(durableLsn: UInt64) {
        while let release = releases.next(durableLsn: durableLsn) {
            counters.put(Int(release.sale), stripe: configuration.shard, UInt64(release.quantity))
        }
    }

    /// Whether units wait for an event to become durable.
    public var hasReleases: Bool { !releases.isEmpty }
}
