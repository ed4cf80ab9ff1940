import Protocol

// What clients ask for: mostly what a shop would, sometimes what it should not.

extension World {
    func compose(_ client: Int) {
        if sales.isEmpty || !sales.contains(where: \.isCreationShown) && dice.chance(600) {
            return send(.createSale, [creation()], from: client)
        }
        let kinds: [(Operation, Int)] = [
            (.order, 50), (.confirm, 13), (.cancel, scenario.cancelWeight), (.extend, 6), (.getOrder, 4),
            (.listUserOrders, 3),
            (.createSale, 4), (.restockSale, scenario.restockWeight), (.closeSale, 1), (.getSale, 3),
            (.listSales, 2), (.stats, 1),
        ]
        let operation = kinds[dice.weighted(kinds.map(\.1))].0
        switch operation {
        case .order: send(operation, (0..<batchCount()).map { _ in orderItem() }, from: client)
        case .confirm, .cancel, .extend, .getOrder:
            if orders.isEmpty { return }
            send(operation, (0..<batchCount()).map { _ in changeItem(operation) }, from: client)
        case .listUserOrders:
            var item = Item()
            item.user = dice.pick(users)
            send(operation, [item], from: client)
        case .createSale: send(operation, [creation()], from: client)
        case .restockSale: send(operation, [restock()], from: client)
        case .closeSale:
            // Rarely: a closed sale has nothing more to tell.
            if dice.chance(400) { return }
            send(operation, [saleItem()], from: client)
        case .getSale: send(operation, [saleItem()], from: client)
        default:
            var item = Item()
            item.stateMask = dice.pick([0, 0b01111])
            send(operation, [item], from: client)
        }
    }

    private func batchCount() -> Int { dice.pick(1...scenario.batchMax) }

    /// Mostly a sale that the client knows to be there, and then mostly the newest of those.
    private func saleIndex() -> Int {
        let shown = sales.indices.filter { sales[$0].isCreationShown && !sales[$0].isClosingShown }
        guard let newest = shown.last, dice.chance(950) else { return dice.below(sales.count) }
        return dice.chance(500) ? newest : dice.pick(shown)
    }

    // MARK: Orders

    private func orderItem() -> Item {
        if !orders.isEmpty && dice.chance(150) { return repeatItem() }
        if dice.chance(30) { return malformedOrder() }
        let index = newOrder()
        return orderItem(index)
    }

    func orderItem(_ index: Int) -> Item {
        var item = Item()
        item.order = index
        item.id = orders[index].id
        item.user = orders[index].user
        item.saleId = orders[index].saleId
        item.quantity = orders[index].quantity
        return item
    }

    private func newOrder() -> Int {
        let user = dice.pick(users)
        let sale = saleIndex()
        let isUnknownSale = dice.chance(10)
        return newOrder(
            user: user, saleId: isUnknownSale ? 0xdead : sales[sale].entry.saleId,
            quantity: UInt32(dice.pick(1...scenario.quantityMax)))
    }

    func newOrder(user: Id128, saleId: UInt64, quantity: UInt32) -> Int {
        orders.append(
            KnownOrder(id: mint(Partition.of(user: user)), user: user, saleId: saleId, quantity: quantity))
        return orders.count - 1
    }

    private func mint(_ partition: Int) -> Id128 {
        dice.chance(250)
            ? .version8(hashHigh: dice.next(), hashLow: dice.next(), partition: partition)
            : .version7(timeMs: clockMs, partition: partition, random: dice.next())
    }

    /// An order that was sent before, with the same content or with another one.
    private func repeatItem() -> Item {
        var item = orderItem(recentOrder())
        switch dice.below(6) {
        case 0: item.quantity = item.quantity % UInt32(scenario.quantityMax + 1) + 1
        case 1: item.saleId = sales[dice.below(sales.count)].entry.saleId
        default: break
        }
        return item
    }

    private func recentOrder() -> Int {
        dice.chance(800) ? orders.count - 1 - dice.below(min(orders.count, 40)) : dice.below(orders.count)
    }

    /// Mostly one that the client has seen accepted, as far as a few looks find one.
    private func acceptedOrder() -> Int {
        for _ in 0..<6 {
            let index = recentOrder()
            if orders[index].isDecisionShown { return index }
        }
        return recentOrder()
    }

    private func malformedOrder() -> Item {
        coverage[.malformed] += 1
        let user = dice.pick(users)
        let partition = Partition.of(user: user)
        var item = Item()
        item.user = user
        item.saleId = sales[saleIndex()].entry.saleId
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
                timeMs: clockMs - scenario.retainMs - 10_000_000, partition: partition, random: dice.next())
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

    // MARK: Sales

    private func creation() -> Item {
        var item = Item()
        if !sales.isEmpty && (dice.chance(300) || sales.count >= scenario.salesMax) {
            let index = dice.below(sales.count)
            item.sale = index
            item.creation = sales[index].entry
            if dice.chance(200) { item.creation!.stock += 1 }
        } else {
            item.sale = sales.count
            sales.append(KnownSale(entry: newSale()))
            item.creation = sales[item.sale!].entry
        }
        item.id = item.creation!.operationId
        item.saleId = item.creation!.saleId
        return item
    }

    private func newSale() -> CreateSaleEntry {
        let isAtOnce = dice.chance(200)
        let holdMs = isAtOnce ? 0 : dice.pick(1...scenario.holdMsMax)
        let limit = dice.chance(300) ? dice.pick(1...3) * scenario.quantityMax : 0
        let startsAtMs = dice.chance(100) ? clockMs + UInt64(dice.below(500)) : 0
        let endsAtMs = dice.chance(100) ? max(startsAtMs, clockMs) + UInt64(dice.pick(500...5000)) : 0
        return CreateSaleEntry(
            operationId: mint(Partition.catalogue),
            saleId: UInt64(sales.count + 1) * 1000 + UInt64(dice.below(1000)),
            stock: UInt64(dice.pick(1...scenario.stockMax)), startsAtMs: startsAtMs, endsAtMs: endsAtMs,
            perUserLimit: UInt32(limit), holdMs: UInt32(holdMs), unitPrice: UInt64(dice.below(10_000)),
            name: Name("sale \(sales.count)")!)
    }

    private func restock() -> Item {
        let sale = saleIndex()
        var item = Item()
        if !sales[sale].restocks.isEmpty && dice.chance(400) {
            item.restock = dice.below(sales[sale].restocks.count)
        } else {
            item.restock = sales[sale].restocks.count
            sales[sale].restocks.append(
                .init(id: mint(Partition.catalogue), units: UInt64(dice.pick(1...scenario.stockMax))))
        }
        let restock = sales[sale].restocks[item.restock!]
        item.sale = sale
        item.saleId = sales[sale].entry.saleId
        item.id = restock.id
        item.units = restock.units
        if dice.chance(50) { item.units += 1 }
        return item
    }

    private func saleItem() -> Item {
        var item = Item()
        item.sale = saleIndex()
        item.saleId = sales[item.sale!].entry.saleId
        return item
    }
}
