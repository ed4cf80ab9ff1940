import Protocol

// Replay: building the state from events. It decides nothing; what contradicts itself is damage.

extension Engine {
    /// Applies an event of a log or a snapshot. `sourceOwns` says whether a partition belonged to the log
    /// the event comes from, which matters to events of a whole shard. Events of a partition go to its
    /// owner alone, all others to every engine. Runs before the shard serves.
    public mutating func replay(
        _ kind: EventKind, _ event: UnsafeRawPointer, sourceOwns: (Int) -> Bool
    ) throws(EventFault) {
        switch kind {
        case .orderPlaced, .orderKept: try replayOrder(kind, event)
        case .orderConfirmed, .orderCancelled, .orderExpired, .orderExtended: try replayChange(kind, event)
        case .tombstonePlaced: try replayTombstone(event)
        case .pointsEarned, .pointsUsed, .transactionCancelled, .transactionReasoned, .transactionKept, .takingKept:
            try replayPoints(kind, event)
        case .holdsGraced:
            applyGrace(notBeforeMs: event.loadLE(EventField.notBeforeMs), lsn: 0) { sourceOwns($0.carriedPartition) }
        case .saleCreated, .saleKept: try replaySale(kind, event)
        case .saleRestocked, .catalogueOperationKept: try replayRestock(kind, event)
        case .saleClosed: try replayClose(event)
        }
    }

    private mutating func replayOrder(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let userId = event.loadId(EventField.userId)
        let saleId: UInt64 = event.loadLE(EventField.orderSale)
        let deadlineMs: UInt64 = event.loadLE(EventField.orderDeadlineMs)
        let flags: UInt8 = event.loadLE(EventField.flags)
        guard id.carriedPartition == Partition.of(user: userId) else {
            throw .contradiction("order \(id) is not of its user's partition")
        }
        let sale = findSale(saleId)
        guard sale != 0 else { throw .contradiction("order \(id) names sale \(saleId), which no event created") }
        let idHash = hash(id)
        if find(id, hash: idHash) != nil { throw .contradiction("order \(id) was placed twice") }
        let userHash = hash(userId)
        let user = findUser(userId, hash: userHash)
        if orders.isFull { throw .capacity(what: "orders", countMax: orders.countMax) }
        if user == 0 && users.isFull { throw .capacity(what: "users", countMax: users.countMax) }
        let state: OrderState
        if kind == .orderKept {
            guard let kept = OrderState(rawValue: flags & 15) else {
                throw .contradiction("order \(id) is in state \(flags & 15)")
            }
            state = kept
        } else {
            state = deadlineMs == 0 ? .confirmed : .held
        }
        if PlantedBug.idForgottenAfterRestart.isPlanted {
            let units: UInt32 = event.loadLE(EventField.quantity)
            counters.addSold(Int(sale), configuration.shard, Int64(units))
            return
        }
        insertOrder(
            id: id, idHash: idHash, userId: userId, userHash: userHash, user: user, sale: sale,
            quantity: event.loadLE(EventField.quantity), createdAtMs: event.loadLE(EventField.timeMs),
            deadlineMs: deadlineMs, state: state, flags: kind == .orderKept ? flags >> 4 : 0, lsn: 0)
    }

    private mutating func replayChange(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        if PlantedBug.idForgottenAfterRestart.isPlanted { return }
        guard let slot = orderSlot(id) else { throw .contradiction("order \(id) changed before it was placed") }
        let state = orders[slot].pointee.state
        switch (kind, state) {
        case (.orderConfirmed, .held):
            applyConfirm(slot, isLate: false)
        case (.orderConfirmed, .expired):
            applyConfirm(slot, isLate: true)
        case (.orderCancelled, .held), (.orderCancelled, .confirmed), (.orderCancelled, .expired):
            applyEnd(slot, .cancelled, releaseLsn: 0)
        case (.orderExpired, .held):
            applyEnd(slot, .expired, releaseLsn: 0)
        case (.orderExtended, .held):
            applyDeadline(slot, event.loadLE(EventField.extendedDeadlineMs))
        default:
            throw .contradiction("order \(id), which is \(state), got the event \(kind)")
        }
    }

    private mutating func replayTombstone(_ event: UnsafeRawPointer) throws(EventFault) {
        let id = event.loadId(EventField.id)
        let hash = hash(id)
        if find(id, hash: hash) != nil { throw .contradiction("tombstone of \(id), an id that is known") }
        if tombstones.isFull { throw .capacity(what: "tombstones", countMax: tombstones.countMax) }
        _ = insertTombstone(id, hash, createdAtMs: event.loadLE(EventField.timeMs), lsn: 0)
    }

    private mutating func replaySale(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        let id: UInt64 = event.loadLE(EventField.sale)
        if findSale(id) != 0 { throw .contradiction("sale \(id) was created twice") }
        let operationId = event.loadId(EventField.id)
        if find(operationId, hash: hash(operationId)) != nil {
            throw .contradiction("sale \(id) was created under the id \(operationId), which was used before")
        }
        if sales.isFull { throw .capacity(what: "sales", countMax: sales.countMax) }
        let isClosed = kind == .saleKept && event.loadLE(EventField.flags, as: UInt8.self) & 1 != 0
        let slot = insertSale(
            SaleRecord(
                id: id, startsAtMs: event.loadLE(EventField.startsAtMs), endsAtMs: event.loadLE(EventField.endsAtMs),
                perUserLimit: event.loadLE(EventField.perUserLimit), holdMs: event.loadLE(EventField.holdMs),
                unitPrice: event.loadLE(EventField.unitPrice)))
        sales[slot].pointee.isOpen = true
        sales[slot].pointee.isClosed = isClosed
        guard isCatalogue else { return }
        if catalogueOperations.isFull { throw .capacity(what: "sales", countMax: sales.countMax) }
        let stock: UInt64 = event.loadLE(EventField.stock)
        insertSaleDetail(
            slot,
            SaleDetail(
                operationId: operationId,
                stock: kind == .saleKept ? event.loadLE(EventField.stockNow) : stock, stockAtCreation: stock,
                createdAtMs: event.loadLE(EventField.timeMs), lastLsn: 0, name: Name(event + EventField.name),
                isClosed: isClosed, isPublished: true))
    }

    private mutating func replayRestock(_ kind: EventKind, _ event: UnsafeRawPointer) throws(EventFault) {
        guard isCatalogue else { return }
        let id = event.loadId(EventField.id)
        let saleId: UInt64 = event.loadLE(EventField.sale)
        let sale = findSale(saleId)
        guard sale != 0 else { throw .contradiction("restock of sale \(saleId), which no event created") }
        if find(id, hash: hash(id)) != nil { throw .contradiction("restock \(id) happened twice") }
        if catalogueOperations.isFull { throw .capacity(what: "restocks", countMax: catalogueOperations.countMax) }
        let units: UInt64 = event.loadLE(EventField.stock)
        insertRestock(sale, id, quantity: units, timeMs: event.loadLE(EventField.timeMs))
        if kind == .saleRestocked { saleDetails[Int(sale)].stock += units }
    }

    private mutating func replayClose(_ event: UnsafeRawPointer) throws(EventFault) {
        let saleId: UInt64 = event.loadLE(EventField.closedSale)
        let sale = findSale(saleId)
        guard sale != 0 else { throw .contradiction("closing of sale \(saleId), which no event created") }
        sales[sale].pointee.isClosed = true
        if isCatalogue { saleDetails[Int(sale)].isClosed = true }
    }

    // MARK: After the last event

    /// Fills the stripes with what orders have left of each sale, in even shares, or refuses: a state with
    /// more units given out than there were must never be served. Called once, on the catalogue's engine,
    /// when every engine has replayed everything.
    public mutating func restoreStock() throws(EventFault) {
        precondition(isCatalogue)
        guard sales.count > 0 else { return }
        for slot in 1...sales.count {
            let totals = counters.totals(slot)
            let stock = saleDetails[slot].stock
            let out = totals.held &+ totals.sold
            guard out <= stock else {
                throw .contradiction(
                    "sale \(sales[UInt32(slot)].pointee.id) has \(totals.held) units held and \(totals.sold) sold "
                        + "of a stock of \(stock)")
            }
            for shard in 0..<counters.shards {
                counters.put(slot, stripe: shard, StockCounters.share(of: stock - out, shard: shard, counters.shards))
            }
        }
    }
}

extension StockCounters {
    /// A shard's even share of units; the first shards get what is left over.
    public static func share(of units: UInt64, shard: Int, _ shards: Int) -> UInt64 {
        units / UInt64(shards) + (UInt64(shard) < units % UInt64(shards) ? 1 : 0)
    }
}
