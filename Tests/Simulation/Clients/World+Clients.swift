import Engine
import Protocol

// What clients do: ask, ask again, give up, vanish.

extension World {
    func connect(_ index: Int) {
        clients[index].connection = nextConnection
        nextConnection += 1
        clients[index].shard = dice.below(machine.shards)
    }

    /// The client does not learn how its requests end.
    func disconnect(_ index: Int) {
        for id in clients[index].inFlight {
            guard let request = requests.removeValue(forKey: id) else { continue }
            clients[index].postpone(request.operation, request.items)
        }
        for id in clients[index].abandoned { requests[id] = nil }
        clients[index].inFlight = []
        clients[index].abandoned = []
        clients[index].connection = 0
    }

    func loseConnection(_ index: Int) {
        coverage[.connectionsLost] += 1
        trace.note(12, UInt64(index), "client \(index) loses its connection")
        disconnect(index)
        connect(index)
    }

    func stepClient() throws(Violation) {
        let client = dice.below(clients.count)
        guard clients[client].inFlight.count < scenario.framesInFlightMax else {
            if !isCalm && dice.chance(30) { giveUp(client) }
            return
        }
        if !clients[client].unresolved.isEmpty && (isCalm || dice.chance(500)) { return retry(client) }
        if isCalm { return }
        compose(client)
    }

    /// Stops waiting for the oldest request: its items will be asked again while the first may still be answered.
    private func giveUp(_ client: Int) {
        guard let oldest = clients[client].inFlight.first, let request = requests[oldest] else { return }
        clients[client].inFlight.removeFirst()
        clients[client].abandoned.append(oldest)
        clients[client].postpone(request.operation, request.items)
    }

    /// Asks again what has no answer yet: a batch of one operation.
    private func retry(_ client: Int) {
        let operation = clients[client].unresolved[0].operation
        let countMax = operation.isCatalogue ? 1 : min(operation.countMax, scenario.batchMax)
        var items: [Item] = []
        var rest: [(operation: Operation, item: Item)] = []
        for entry in clients[client].unresolved {
            if entry.operation == operation && items.count < countMax {
                items.append(entry.item)
            } else {
                rest.append(entry)
            }
        }
        clients[client].unresolved = rest
        send(operation, items, from: client)
    }

    // MARK: Sending

    func send(_ operation: Operation, _ items: [Item], from client: Int) {
        if operation == .order && items.count > 1 && !isCalm && dice.chance(300) {
            // Pipelined: a frame each, one behind the other.
            for item in items { send(operation, [item], from: client) }
            return
        }
        var items = items
        for index in items.indices { remember(&items[index]) }
        // From now on such an id may stand for an order of its own.
        if operation == .order { for item in items { model.wantedParts.remove(item.id) } }
        if operation == .listUserOrders {
            let user = items[0].user
            items[0].listedBefore = orders.filter { $0.user == user && $0.shownVersions > 0 }.map(\.id)
        }
        if operation == .listSaleOrders && items[0].place.slot == 0 {
            let (sale, shard) = (items[0].offerKey.id, items[0].place.shard)
            // As accepted: what was sent first may have been refused, and a repeat with another sale not.
            let shown = orders.lazy.filter { $0.shownVersions > 0 }.map(\.id)
            items[0].listedBefore = shown.filter { id in
                guard model.owner(id) == shard, let order = model.order(id) else { return false }
                return model.offers[order.sale].creation.key.id == sale
            }
        }
        if operation == .listUserCoupons {
            let user = items[0].user
            let shown = coupons.filter { $0.entry.userId == user && $0.shownVersions > 0 }
            items[0].listedBefore = shown.map(\.entry.couponId)
        }
        if operation == .listSales || operation == .listPolicies {
            let kind: OfferKind = operation == .listSales ? .sale : .policy
            items[0].offersBefore = offers.filter { $0.isCreationShown && $0.key.kind == kind }.map(\.key)
        }
        let id = nextRequest
        nextRequest += 1
        let earliestMs = machine.seats.map { $0.nowMs == 0 ? clockMs : $0.nowMs }.min()!
        requests[id] = Request(
            client: client, operation: operation, items: items, sentStep: trace.step, earliestMs: earliestMs,
            retired: machine.retired)
        clients[client].inFlight.append(id)
        let shard = clients[client].shard
        trace.note(
            13, id, "client \(client) asks shard \(shard): request \(id), \(operation), \(items.count) entries")
        if operation.owner == .ids {
            let owner = model.owner(items[0].id)
            if items.contains(where: { model.owner($0.id) != owner }) { coverage[.splitFrames] += 1 }
        }
        machine.seats[shard].inbox.append(
            Seat.Inbound(connection: clients[client].connection, bytes: Self.frame(operation, items, id)))
    }

    /// What the client knows by now, which the answer has to respect.
    private func remember(_ item: inout Item) {
        if let order = item.order {
            item.shownVersions = orders[order].shownVersions
            item.isTombstoneShown = orders[order].isTombstoneShown
            item.syncedLsn = model.syncedLsns[model.owner(item.id)]
        }
        if let offer = item.offer ?? offers.firstIndex(where: { $0.key == item.offerKey }) {
            item.isCreationShown = offers[offer].isCreationShown
            item.isClosingShown = offers[offer].isClosingShown
            item.isClosingAcknowledged = offers[offer].isClosingAcknowledged
            item.shownStock = offers[offer].shownStock
            if let restock = item.restock { item.isRestockShown = offers[offer].restocks[restock].isShown }
        }
        if item.checkout != nil { rememberCheckout(&item) }
        if let coupon = item.coupon { item.shownVersions = coupons[coupon].shownVersions }
        if let change = item.change {
            item.isShown = changes[change].isShown
            item.isTombstoneShown = changes[change].isTombstoneShown
        }
        item.shownMoments = shownMoments[item.user, default: 0]
        if item.order == nil && !item.id.isZero { item.syncedLsn = model.syncedLsns[model.owner(item.id)] }
    }

    private static func frame(_ operation: Operation, _ items: [Item], _ id: UInt64) -> [UInt8] {
        let size = operation.entrySizeBytes
        var bytes = [UInt8](repeating: 0, count: Frame.headerSizeBytes + items.count * size)
        bytes.withUnsafeMutableBytes { buffer in
            let base = buffer.baseAddress!
            for (index, item) in items.enumerated() {
                write(operation, item, to: base + Frame.headerSizeBytes + index * size)
            }
            FrameHeader.seal(
                base, operation: operation.rawValue, requestId: id, count: items.count, lengthBytes: buffer.count)
        }
        return bytes
    }

    private static func write(_ operation: Operation, _ item: Item, to entry: UnsafeMutableRawPointer) {
        switch operation {
        case .order:
            OrderEntry(orderId: item.id, userId: item.user, saleId: item.offerKey.id, quantity: item.quantity)
                .store(to: entry)
        case .confirm, .cancel, .getOrder: OrderIdEntry(orderId: item.id).store(to: entry)
        case .extend: ExtendEntry(orderId: item.id, deadlineMs: item.deadlineMs).store(to: entry)
        case .listUserOrders, .listTransactions:
            ListUserOrdersEntry(userId: item.user, after: .zero, limit: 1000).store(to: entry)
        case .listSaleOrders:
            ListSaleOrdersEntry(saleId: item.offerKey.id, after: item.place, limit: 1000).store(to: entry)
        case .createSale, .createPolicy:
            switch item.creation! {
            case .sale(let sale): sale.store(to: entry)
            case .policy(let policy): policy.store(to: entry)
            }
        case .getSale, .closeSale, .getPolicy, .closePolicy: OfferIdEntry(offerId: item.offerKey.id).store(to: entry)
        case .listSales, .listPolicies:
            ListOffersEntry(after: 0, limit: 1000, stateMask: item.stateMask).store(to: entry)
        case .restockSale, .restockPolicy:
            RestockEntry(operationId: item.id, offerId: item.offerKey.id, quantity: item.units).store(to: entry)
        case .issueCoupon, .useCoupon, .restoreCoupon, .earnPoints, .usePoints, .placeCheckout:
            item.entry!.store(to: entry)
        case .confirmCheckout, .cancelCheckout, .getCheckout: CheckoutIdEntry(checkoutId: item.id).store(to: entry)
        case .getCoupon: CouponIdEntry(couponId: item.id).store(to: entry)
        case .cancelTransaction, .getTransaction: TransactionIdEntry(transactionId: item.id).store(to: entry)
        case .getBalance: UserEntry(userId: item.user).store(to: entry)
        case .listUserCoupons:
            ListUserCouponsEntry(userId: item.user, after: .zero, limit: 1000, stateMask: item.stateMask)
                .store(to: entry)
        case .ping, .stats, .topology, .snapshot, .mirror: PingEntry(nonce: 7).store(to: entry)
        case .tail: TailEntry(after: LogPlace(sequence: 0), waitMs: 0, limit: 1).store(to: entry)
        case .handshake: preconditionFailure("connections of the simulation need no handshake")
        }
    }
}
