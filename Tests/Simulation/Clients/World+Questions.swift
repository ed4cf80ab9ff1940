import Engine
import Protocol

// What clients ask for: mostly what a shop would, sometimes what it should not.

extension World {
    func compose(_ client: Int) {
        if !offers.contains(where: \.isCreationShown) && (offers.isEmpty || dice.chance(600)) {
            return send(.createSale, [creation(.sale)], from: client)
        }
        if scenario.forgets && dice.chance(150) && composeOffer(client) { return }
        let module = dice.weighted([100, scenario.couponWeight, scenario.pointWeight, scenario.checkoutWeight])
        switch module {
        case 0: composeSale(client)
        case 1: composeCoupon(client)
        case 2: composePoints(client)
        default: composeCheckout(client)
        }
    }

    /// Something to sell, if all that there was is over.
    private func composeOffer(_ client: Int) -> Bool {
        let isPolicy = scenario.couponWeight + scenario.checkoutWeight > 0 && dice.chance(400)
        let kind: OfferKind = isPolicy ? .policy : .sale
        let isOpen = offers.contains { $0.key.kind == kind && !$0.isClosingShown && $0.creation.isOpen(atMs: clockMs) }
        if isOpen || offers.count >= scenario.salesMax { return false }
        send(isPolicy ? .createPolicy : .createSale, [creation(kind)], from: client)
        return true
    }

    private func composeSale(_ client: Int) {
        guard offers.contains(where: { $0.key.kind == .sale }) else {
            return send(.createSale, [creation(.sale)], from: client)
        }
        let kinds: [(Operation, Int)] = [
            (.order, 50), (.confirm, 13), (.cancel, scenario.cancelWeight), (.extend, 6), (.getOrder, 4),
            (.listUserOrders, 3), (.listSaleOrders, 3),
            (.createSale, 4), (.restockSale, scenario.restockWeight), (.closeSale, 1), (.getSale, 3),
            (.listSales, 2), (.stats, 1),
        ]
        let operation = kinds[dice.weighted(kinds.map(\.1))].0
        switch operation {
        case .order: send(operation, (0..<batchCount()).map { _ in orderItem() }, from: client)
        case .confirm, .cancel, .extend, .getOrder:
            if plainOrders.isEmpty { return }
            send(operation, (0..<batchCount()).map { _ in changeItem(operation) }, from: client)
        case .listUserOrders:
            var item = Item()
            item.user = dice.pick(users)
            send(operation, [item], from: client)
        case .listSaleOrders:
            var item = offerItem(.sale)
            let shard = dice.below(machine.shards)
            // Also from behind so many of the shard's slots.
            let slot = dice.chance(300) ? UInt32(dice.below(20)) : 0
            item.place = SaleOrdersPosition(instance: machine.instance, shard: shard, slot: slot)
            if shard == 0 && slot == 0 && dice.chance(500) { item.place = .start }
            send(operation, [item], from: client)
        default: composeCatalogue(operation, .sale, client)
        }
    }

    /// Asks about an offer, or changes one; for all other operations sends an entry that needs nothing.
    func composeCatalogue(_ operation: Operation, _ kind: OfferKind, _ client: Int) {
        switch operation {
        case .createSale, .createPolicy: send(operation, [creation(kind)], from: client)
        case .restockSale, .restockPolicy: send(operation, [restock(kind)], from: client)
        case .closeSale, .closePolicy:
            // Rarely: a closed offer has nothing more to tell.
            if !scenario.forgets && dice.chance(400) { return }
            send(operation, [offerItem(kind)], from: client)
        case .getSale, .getPolicy: send(operation, [offerItem(kind)], from: client)
        default:
            var item = Item()
            item.stateMask = dice.pick([0, 0b01111])
            send(operation, [item], from: client)
        }
    }

    func batchCount() -> Int { dice.pick(1...scenario.batchMax) }

    /// Mostly one that the client knows to be there, and then mostly the newest of those.
    func offerIndex(_ kind: OfferKind) -> Int {
        let all = offers.indices.filter { offers[$0].key.kind == kind }
        var shown = all.filter { offers[$0].isCreationShown && !offers[$0].isClosingShown }
        if scenario.forgets && dice.chance(800) {
            let open = shown.filter { offers[$0].creation.isOpen(atMs: clockMs) }
            if !open.isEmpty { shown = open }
        }
        guard let newest = shown.last, dice.chance(950) else { return dice.pick(all) }
        return dice.chance(500) ? newest : dice.pick(shown)
    }

    // MARK: Orders

    private func orderItem() -> Item {
        if !plainOrders.isEmpty && dice.chance(150) { return repeatItem() }
        if dice.chance(30) { return malformedOrder() }
        let index = newOrder()
        return orderItem(index)
    }

    func orderItem(_ index: Int) -> Item {
        var item = Item()
        item.order = index
        item.id = orders[index].id
        item.user = orders[index].user
        item.offerKey = OfferKey(kind: .sale, id: orders[index].saleId)
        item.quantity = orders[index].quantity
        return item
    }

    private func newOrder() -> Int {
        let user = dice.pick(users)
        let sale = offerIndex(.sale)
        let isUnknownSale = dice.chance(10)
        return newOrder(
            user: user, saleId: isUnknownSale ? 0xdead : offers[sale].key.id,
            quantity: UInt32(dice.pick(1...scenario.quantityMax)))
    }

    func newOrder(user: Id128, saleId: UInt64, quantity: UInt32) -> Int {
        let id = mint(Partition.of(user: user))
        plainOrders.append(enter(KnownOrder(id: id, user: user, saleId: saleId, quantity: quantity)))
        return plainOrders.last!
    }

    func enter(_ order: KnownOrder) -> Int {
        orders.append(order)
        orderIndices[order.id] = orders.count - 1
        return orders.count - 1
    }

    func mint(_ partition: Int) -> Id128 {
        if dice.chance(250) {
            return .version8(hashHigh: dice.next(), hashLow: dice.next(), partition: partition)
        }
        var timeMs = clockMs
        if scenario.forgets && !isCalm && dice.chance(150) {
            // Clocks of clients go fast or slow: both count, when an id was minted and when it was accepted.
            timeMs += UInt64(dice.below(2 * Int(retainMs)))
            timeMs -= retainMs
        }
        return .version7(timeMs: timeMs, partition: partition, random: dice.next())
    }

    /// An order that was sent before, with the same content or with another one.
    private func repeatItem() -> Item {
        var item = orderItem(recentOrder())
        switch dice.below(6) {
        case 0: item.quantity = item.quantity % UInt32(scenario.quantityMax + 1) + 1
        case 1: item.offerKey = offers[offerIndex(.sale)].key
        default: break
        }
        return item
    }

    /// Now and then one of a checkout, which nothing can be done to.
    private func recentOrder() -> Int {
        let orders = !checkoutOrders.isEmpty && dice.chance(40) ? checkoutOrders : plainOrders
        return dice.chance(800) ? orders[orders.count - 1 - dice.below(min(orders.count, 40))] : dice.pick(orders)
    }

    /// Mostly one that the client has seen accepted, as far as a few looks find one.
    private func acceptedOrder() -> Int {
        for _ in 0..<6 {
            let index = recentOrder()
            let isPlaced = orders[index].checkout.map { checkouts[$0].isDecisionShown } ?? false
            if orders[index].isDecisionShown || isPlaced { return index }
        }
        return recentOrder()
    }

    private func malformedOrder() -> Item {
        coverage[.malformed] += 1
        let user = dice.pick(users)
        let partition = Partition.of(user: user)
        var item = Item()
        item.user = user
        item.offerKey = offers[offerIndex(.sale)].key
        item.quantity = 1
        item.id = mint(partition)
        switch dice.below(7) {
        case 0: (item.quantity, item.expected) = (0, .invalid)
        case 1: (item.quantity, item.expected) = (1_000_001, .invalid)
        case 2: (item.user, item.expected) = (.zero, .invalid)
        case 3:
            (item.id, item.expected) = (
                Id128(high: dice.next() & ~0xf000 | 0x4000, low: dice.next()), .invalidId
            )
        case 4: (item.id, item.expected) = (mint((partition + 1) & 4095), .wrongPartition)
        case 5:
            item.id = .version7(
                timeMs: clockMs - retainMs - 10_000_000, partition: partition, random: dice.next())
            item.expected = .idTooOld
        default:
            item.id = .version7(timeMs: clockMs + 1_000_000_000, partition: partition, random: dice.next())
            item.expected = .idInFuture
        }
        return item
    }

    private func changeItem(_ operation: Operation) -> Item {
        // A cancel may overtake the order that it ends: that one is sent later, or never.
        let isEarly = operation == .cancel && dice.chance(60)
        var item = orderItem(isEarly ? newOrder() : acceptedOrder())
        if operation == .extend { item.deadlineMs = clockMs + UInt64(dice.below(scenario.holdMsMax * 3)) }
        return item
    }

    // MARK: Catalogue

    private func creation(_ kind: OfferKind) -> Item {
        var item = Item()
        let all = offers.indices.filter { offers[$0].key.kind == kind }
        if !all.isEmpty && (dice.chance(300) || offers.count >= scenario.salesMax) {
            let index = dice.pick(all)
            item.offer = index
            item.creation = offers[index].creation
            if dice.chance(200) { item.creation!.stock += 1 }
        } else {
            item.offer = offers.count
            offers.append(KnownOffer(creation: kind == .sale ? .sale(newSale()) : .policy(newPolicy())))
            item.creation = offers[item.offer!].creation
        }
        item.id = item.creation!.operationId
        item.offerKey = item.creation!.key
        return item
    }

    private func newSale() -> CreateSaleEntry {
        let isAtOnce = dice.chance(200)
        let holdMs = isAtOnce ? 0 : dice.pick(1...scenario.holdMsMax)
        let limit = dice.chance(300) ? dice.pick(1...3) * scenario.quantityMax : 0
        let (startsAtMs, endsAtMs) = newWindow(endsPerMille: 100)
        return CreateSaleEntry(
            operationId: mint(Partition.catalogue), saleId: newOfferId(.sale),
            stock: UInt64(dice.pick(1...scenario.stockMax)), startsAtMs: startsAtMs, endsAtMs: endsAtMs,
            perUserLimit: UInt32(limit), holdMs: UInt32(holdMs), unitPrice: UInt64(dice.below(10_000)),
            name: Name("sale \(offers.count)")!)
    }

    private func newPolicy() -> CreatePolicyEntry {
        let isPercent = dice.chance(500)
        let (validFromMs, validUntilMs) = newWindow(endsPerMille: 200)
        return CreatePolicyEntry(
            operationId: mint(Partition.catalogue), policyId: newOfferId(.policy),
            quantity: UInt64(dice.pick(1...scenario.stockMax)), validFromMs: validFromMs, validUntilMs: validUntilMs,
            discountValue: UInt64(isPercent ? dice.pick(1...100) : dice.pick(1...5000)),
            maxDiscount: dice.chance(300) ? UInt64(dice.pick(1...500)) : 0,
            minPurchase: dice.chance(300) ? UInt64(dice.pick(1...4000)) : 0,
            perUserLimit: UInt32(dice.chance(700) ? dice.pick(1...3) : 0),
            discountKind: isPercent ? DiscountKind.percent.rawValue : DiscountKind.fixed.rawValue,
            name: Name("policy \(offers.count)")!)
    }

    /// Sales and policies often have the same id: nobody may take one for the other.
    private func newOfferId(_ kind: OfferKind) -> UInt64 {
        let id = UInt64(dice.pick(1...3))
        let isTaken = offers.contains { $0.key == OfferKey(kind: kind, id: id) }
        return isTaken ? UInt64(offers.count + 1) * 1000 + UInt64(dice.below(1000)) : id
    }

    private func newWindow(endsPerMille: Int) -> (startsAtMs: UInt64, endsAtMs: UInt64) {
        let startsAtMs = dice.chance(100) ? clockMs + UInt64(dice.below(500)) : 0
        let ends = dice.chance(scenario.forgets ? 850 : endsPerMille)
        let lengthMs = dice.pick(min(500, scenario.offerMsMax / 2)...scenario.offerMsMax)
        return (startsAtMs, ends ? max(startsAtMs, clockMs) + UInt64(lengthMs) : 0)
    }

    private func restock(_ kind: OfferKind) -> Item {
        let index = offerIndex(kind)
        var item = Item()
        if !offers[index].restocks.isEmpty && dice.chance(400) {
            item.restock = dice.below(offers[index].restocks.count)
        } else {
            item.restock = offers[index].restocks.count
            offers[index].restocks.append(
                .init(id: mint(Partition.catalogue), units: UInt64(dice.pick(1...scenario.stockMax))))
        }
        let restock = offers[index].restocks[item.restock!]
        item.offer = index
        item.offerKey = offers[index].key
        item.id = restock.id
        item.units = restock.units
        if dice.chance(50) { item.units += 1 }
        return item
    }

    private func offerItem(_ kind: OfferKind) -> Item {
        var item = Item()
        item.offer = offerIndex(kind)
        item.offerKey = offers[item.offer!].key
        return item
    }
}
