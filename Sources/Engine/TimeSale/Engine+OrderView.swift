import Protocol

// Reading orders, and the answers that show one.

extension Engine {
    mutating func getOrder(_ bytes: UnsafeRawPointer, result: UnsafeMutableRawPointer) -> Outcome {
        let id = OrderIdEntry(bytes).orderId
        guard let slot = orderSlot(id) else { return answerUnknown(id, result) }
        return answer(slot, .ok, result)
    }

    /// A page of a user's orders, newest first. Answers how many results it wrote, whether more follow,
    /// and what the reply waits for.
    public mutating func listUserOrders(_ bytes: UnsafeRawPointer, results: UnsafeMutableRawPointer, limit: Int)
        -> Page
    {
        let entry = ListUserOrdersEntry(bytes)
        guard entry.limit >= 1, entry.limit <= Frame.pageCountMax, ListUserOrdersEntry.reservedIsZero(bytes),
            !entry.userId.isZero
        else {
            return Page(.invalid)
        }
        let user = findUser(entry.userId, hash: userHash(entry.userId))
        guard user != 0 else { return Page(entry.after.isZero ? .ok : .notFound) }
        let waitLsn = users[user].pointee.lastLsn
        var slot = users[user].pointee.newestOrder
        if !entry.after.isZero {
            guard let after = orderSlot(entry.after), orders[after].pointee.user == user else {
                return Page(.notFound, waitLsn: waitLsn)
            }
            slot = orders[after].pointee.older
        }
        var count = 0
        while slot != 0 && count < min(limit, Int(entry.limit)) {
            view(slot, .ok, flags: 0).store(to: results + count * OrderViewResult.sizeBytes)
            slot = orders[slot].pointee.older
            count += 1
        }
        return Page(.ok, count: count, more: slot != 0, waitLsn: waitLsn)
    }

    /// The slot of an order; nil for an unknown id and for one that is no order's.
    func orderSlot(_ id: Id128) -> UInt32? {
        guard let known = find(id, hash: idHash(id)), known.kind == .order else { return nil }
        return known.slot
    }

    func view(_ slot: UInt32, _ code: ResultCode, flags: UInt8) -> OrderViewResult {
        let order = orders[slot]
        return OrderViewResult(
            code: code, state: order.pointee.state.rawValue,
            flags: order.pointee.flags | flags | (order.pointee.checkout == 0 ? 0 : ResultFlags.ofCheckout),
            quantity: order.pointee.quantity, orderId: order.pointee.id,
            userId: users[order.pointee.user].pointee.id, saleId: offers[order.pointee.sale].pointee.terms.id,
            createdAtMs: order.pointee.createdAtMs,
            expiresAtMs: order.pointee.state == .held ? order.pointee.deadlineMs : 0)
    }

    /// Shows an order as its last event left it; the reply waits for that event.
    func answer(_ slot: UInt32, _ code: ResultCode, flags: UInt8 = 0, _ result: UnsafeMutableRawPointer) -> Outcome {
        view(slot, code, flags: flags).store(to: result)
        return Outcome(waitLsn: users[orders[slot].pointee.user].pointee.lastLsn)
    }

    /// Shows an order that the event just appended has changed.
    func applied(_ slot: UInt32, _ result: UnsafeMutableRawPointer) -> Outcome {
        users[orders[slot].pointee.user].pointee.lastLsn = events.pointee.lastLsn
        return answer(slot, .ok, result)
    }

    func refuseView(_ code: ResultCode, _ id: Id128, _ result: UnsafeMutableRawPointer) -> Outcome {
        OrderViewResult.none(id, code).store(to: result)
        return Outcome(waitLsn: 0)
    }

    /// An id that is no order's: unknown, malformed, or that of a tombstone, where `CANCELLED` says it all.
    func answerUnknown(_ id: Id128, _ result: UnsafeMutableRawPointer) -> Outcome {
        guard id.isOperationId else { return refuseView(.invalidId, id, result) }
        if let known = find(id, hash: idHash(id)), known.kind == .tombstone {
            _ = refuseView(.cancelled, id, result)
            result.storeLE(ResultFlags.tombstone, 3)
            result.storeLE(OrderState.cancelled.rawValue, 2)
            return Outcome(waitLsn: tombstones[known.slot].pointee.lsn)
        }
        return refuseView(.notFound, id, result)
    }

    // MARK: Tombstones

    mutating func placeTombstone(_ id: Id128, _ hash: UInt64, _ result: UnsafeMutableRawPointer, _ nowMs: UInt64)
        -> Outcome
    {
        if let code = refusal(ofUnknown: id, nowMs: nowMs) { return refuseView(code, id, result) }
        if !hasLogSpace { return refuseView(.noSpace, id, result) }
        if tombstones.isFull { return refuseView(.capacity, id, result) }
        return answerTombstone(logTombstone(id, hash, nowMs: nowMs), flags: 0, result)
    }

    mutating func logTombstone(_ id: Id128, _ hash: UInt64, nowMs: UInt64) -> UInt32 {
        let event = log(.tombstonePlaced, timeMs: nowMs)
        event.storeId(id, EventField.id)
        return insertTombstone(id, hash, createdAtMs: nowMs, lsn: events.pointee.lastLsn)
    }

    mutating func insertTombstone(_ id: Id128, _ hash: UInt64, createdAtMs: UInt64, lsn: UInt64) -> UInt32 {
        let slot = tombstones.allocate()
        tombstones[slot].initialize(to: TombstoneRecord(id: id, createdAtMs: createdAtMs, lsn: lsn))
        ids.insert(hash, RecordHandle(.tombstone, slot).rawValue)
        return slot
    }

    func answerTombstone(_ slot: UInt32, flags: UInt8, _ result: UnsafeMutableRawPointer) -> Outcome {
        let record = tombstones[slot]
        OrderViewResult(
            code: .ok, state: OrderState.cancelled.rawValue, flags: ResultFlags.tombstone | flags, quantity: 0,
            orderId: record.pointee.id, userId: .zero, saleId: 0, createdAtMs: record.pointee.createdAtMs,
            expiresAtMs: 0
        ).store(to: result)
        return Outcome(waitLsn: record.pointee.lsn)
    }
}

extension OrderViewResult {
    /// No order: a refusal that knows nothing but an id.
    static func none(_ id: Id128, _ code: ResultCode) -> OrderViewResult {
        OrderViewResult(
            code: code, state: 0, flags: 0, quantity: 0, orderId: id, userId: .zero, saleId: 0, createdAtMs: 0,
            expiresAtMs: 0)
    }
}
