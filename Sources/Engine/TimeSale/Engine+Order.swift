import CAtomics
import Protocol

// Placing an order: the path that everything else makes room for.

extension Engine {
    static let quantityMax: UInt32 = 1_000_000

    /// Decides on an order entry, and places it if its shard's stripe has the units. Writes its result, or answers
    /// `needsUnits`.
    @inline(__always)
    mutating func order(_ lookup: OrderLookup, result: UnsafeMutableRawPointer, nowMs: UInt64) -> Outcome {
        let entry = OrderEntry(lookup.entry)
        guard entry.quantity &- 1 < Self.quantityMax, !entry.userId.isZero, OrderEntry.reservedIsZero(lookup.entry)
        else { return refuseOrder(.invalid, result) }
        guard entry.orderId.isOperationId else { return refuseOrder(.invalidId, result) }
        guard entry.orderId.carriedPartition == Partition.of(user: entry.userId) else {
            return refuseOrder(.wrongPartition, result)
        }
        let vacancy = ids.vacancy(lookup.idHash)
        if !vacancy.isKnown, let known = findAnywhere(entry.orderId, hash: lookup.idHash) {
            return repeatOrder(known, lookup.entry, result)
        }
        if let code = refusal(ofUnknown: entry.orderId, nowMs: nowMs) { return refuseOrder(code, result) }

        let saleSlot = findSale(entry.saleId)
        guard saleSlot != 0 else { return refuseOrder(.notFound, result) }
        if let code = offers[saleSlot].pointee.refusal(nowMs: nowMs) { return refuseOrder(code, result) }

        let user = findUser(entry.userId, lookup)
        if isBeyondLimit(user: user, userHash: lookup.userHash, offer: saleSlot, units: entry.quantity) {
            return refuseOrder(.limitExceeded, result, waitLsn: user == 0 ? 0 : users[user].pointee.lastLsn)
        }
        if !hasLogSpace { return refuseOrder(.noSpace, result) }
        if orders.isFull || (user == 0 && users.isFull) { return refuseOrder(.capacity, result) }

        guard counters.takeWhole(Int(saleSlot), stripe: configuration.shard, UInt64(entry.quantity)) else {
            return prepareOrder(lookup, user: user, sale: saleSlot, quantity: entry.quantity)
        }
        return placeOrder(
            lookup.entry, idHash: lookup.idHash, userHash: lookup.userHash, vacancy: vacancy, user: user,
            sale: saleSlot, quantity: entry.quantity, result: result, nowMs: nowMs)
    }

    /// Keeps an order until other stripes have given its units.
    @inline(never)
    private mutating func prepareOrder(_ lookup: OrderLookup, user: UInt32, sale: UInt32, quantity: UInt32) -> Outcome {
        prepared.kind = .place
        prepared.sale = sale
        prepared.quantity = quantity
        prepared.user = user
        prepared.idHash = lookup.idHash
        prepared.userHash = lookup.userHash
        return .units
    }

    /// Places the order whose units came from other stripes.
    mutating func applyPreparedOrder(
        _ entry: UnsafeRawPointer, result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Outcome {
        placeOrder(
            entry, idHash: prepared.idHash, userHash: prepared.userHash, vacancy: .unknown, user: prepared.user,
            sale: prepared.sale, quantity: prepared.quantity, result: result, nowMs: nowMs)
    }

    /// After this point the order succeeds: its units are taken.
    @inline(__always)
    private mutating func placeOrder(
        _ entry: UnsafeRawPointer, idHash: UInt64, userHash: UInt64, vacancy: Index.Vacancy, user: UInt32,
        sale saleSlot: UInt32, quantity: UInt32, result: UnsafeMutableRawPointer, nowMs: UInt64
    ) -> Outcome {
        let sale = offers[saleSlot]
        let holdMs = sale.pointee.terms.holdMs
        let deadlineMs = holdMs == 0 ? 0 : nowMs &+ UInt64(holdMs)
        let state: OrderState = holdMs == 0 ? .confirmed : .held

        logOrder(sale: sale.pointee.terms.id, quantity: quantity, deadlineMs: deadlineMs, timeMs: nowMs)
            .copyMemory(from: entry, byteCount: ShortOrders.idsBytes)
        let lsn = events.pointee.lastLsn
        insertOrder(
            id: entry.loadId(0), idHash: idHash, vacancy: vacancy, userId: entry.loadId(16), userHash: userHash,
            user: user, sale: saleSlot, quantity: quantity, createdAtMs: nowMs, deadlineMs: deadlineMs, state: state,
            flags: 0, lsn: lsn)
        statistics.ordersAccepted &+= 1
        OrderResult(
            code: .ok, state: state.rawValue, flags: 0, quantity: quantity, createdAtMs: nowMs,
            expiresAtMs: deadlineMs
        ).store(to: result)
        return Outcome(waitLsn: lsn)
    }

    /// Enters an order into every table. Used by the live path and by replay alike.
    @inline(__always) @discardableResult
    mutating func insertOrder(
        id: Id128, idHash: UInt64, vacancy: Index.Vacancy = .unknown, userId: Id128, userHash: UInt64,
        user knownUser: UInt32, sale: UInt32, quantity: UInt32, createdAtMs: UInt64, deadlineMs: UInt64,
        state: OrderState, flags: UInt8, lsn: UInt64
    ) -> UInt32 {
        let user = knownUser != 0 ? knownUser : insertUser(userId, hash: userHash)
        let userRecord = users[user]
        let slot = orders.allocate()
        orders[slot].initialize(
            to: OrderRecord(
                id: id, createdAtMs: createdAtMs, deadlineMs: deadlineMs, user: user, sale: sale,
                quantity: quantity, older: userRecord.pointee.newestOrder, state: state, flags: flags))
        ids.insert(idHash, RecordHandle(.order, slot).rawValue, at: vacancy)
        offers[sale].pointee.recordCount &+= 1
        userRecord.pointee.newestOrder = slot
        userRecord.pointee.orderCount &+= 1
        userRecord.pointee.lastLsn = lsn
        switch state {
        case .held:
            wheel.insert(slot, in: orders)
            addHeld(sale, Int64(quantity))
        case .confirmed:
            addSold(sale, Int64(quantity))
        case .cancelled, .expired:
            return slot
        }
        addLimit(user: user, userHash: userHash, offer: sale, units: quantity)
        return slot
    }

    /// The slot of an order's user, or 0: where looking ahead found it, unless that was another one.
    @inline(__always)
    private func findUser(_ id: Id128, _ lookup: OrderLookup) -> UInt32 {
        if lookup.user != 0 && users[lookup.user].pointee.id == id { return lookup.user }
        return findUserAnywhere(id, hash: lookup.userHash)
    }

    // Functions of their own: most searches of an order end before them.

    @inline(never)
    private func findAnywhere(_ id: Id128, hash: UInt64) -> RecordHandle? { find(id, hash: hash) }

    @inline(never)
    private func findUserAnywhere(_ id: Id128, hash: UInt64) -> UInt32 { findUser(id, hash: hash) }

    @inline(__always)
    mutating func insertUser(_ id: Id128, hash: UInt64) -> UInt32 {
        let user = users.allocate()
        users[user].initialize(to: UserRecord(id: id))
        userIndex.insert(hash, user)
        return user
    }

    /// The original decision on an order that was accepted before, or why the id cannot be used.
    private mutating func repeatOrder(
        _ known: RecordHandle, _ bytes: UnsafeRawPointer, _ result: UnsafeMutableRawPointer
    ) -> Outcome {
        let entry = OrderEntry(bytes)
        switch known.kind {
        case .tombstone:
            return refuseOrder(.cancelled, result, waitLsn: lastLsn(of: known))
        case .catalogueOperation, .transaction, .coupon, .couponOperation, .checkout:
            return refuseOrder(.idReused, result, waitLsn: lastLsn(of: known))
        case .order:
            let record = orders[known.slot]
            let user = users[record.pointee.user]
            let isSame =
                user.pointee.id == entry.userId && record.pointee.quantity == entry.quantity
                && record.pointee.checkout == 0
                && offers[record.pointee.sale].pointee.terms.id == entry.saleId
            guard isSame else { return refuseOrder(.idReused, result, waitLsn: user.pointee.lastLsn) }
            OrderResult(
                code: .ok, state: record.pointee.state.rawValue,
                flags: record.pointee.flags | ResultFlags.repeat, quantity: entry.quantity,
                createdAtMs: record.pointee.createdAtMs,
                expiresAtMs: record.pointee.state == .held ? record.pointee.deadlineMs : 0
            ).store(to: result)
            return Outcome(waitLsn: user.pointee.lastLsn)
        }
    }

    mutating func refuseOrder(_ code: ResultCode, _ result: UnsafeMutableRawPointer, waitLsn: UInt64 = 0) -> Outcome {
        statistics.orderRefused(code)
        OrderResult(code: code, state: 0, flags: 0, quantity: 0, createdAtMs: 0, expiresAtMs: 0).store(to: result)
        return Outcome(waitLsn: waitLsn)
    }
}
