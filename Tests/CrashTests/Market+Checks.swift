import Protocol
import TestSupport
import Testing

extension Market {
    /// Frames of this many entries: many of them, so that each passes a shard on its way.
    private static let frameCount = 1000

    // MARK: Reading

    /// Every acknowledged order is there as it was acknowledged, what was refused is not, and the counts are
    /// exactly those of the orders.
    func expectEverything(_ server: ServerProcess) throws {
        let client = try server.client()
        for customer in customers {
            try expectOrders(customer, client)
            try expectTombstones(customer, client)
        }
        try expectCounts(client)
        expectLimits()
    }

    private func expectOrders(_ customer: Customer, _ client: TestClient) throws {
        for start in stride(from: 0, to: customer.orders.count, by: Self.frameCount) {
            let range = start..<min(start + Self.frameCount, customer.orders.count)
            let views = try client.getOrder(customer.orders[range].map(\.entry.orderId))
            for (index, view) in zip(range, views) { expectOrder(customer, index, view) }
        }
    }

    private func expectOrder(_ customer: Customer, _ index: Int, _ view: OrderViewResult) {
        let order = customer.orders[index]
        let sale = MarketSale.of(order.entry.saleId)
        func fail(_ what: String) { Issue.record("seed \(seed): \(what): \(order), read as \(view)") }
        if view.code == .notFound {
            if order.isThere { fail("an acknowledged order is lost") }
            return
        }
        guard view.code == .ok, let state = OrderState(rawValue: view.state) else {
            return fail("not readable")
        }
        let entry = order.entry
        if view.userId != entry.userId || view.saleId != entry.saleId || view.quantity != entry.quantity {
            fail("another order than was asked for")
        }
        switch order.fate {
        case .refused: fail("a refused order is there")
        case .unanswered:
            var first = order
            first.state = sale.firstState
            if !first.mayBe(state, holdsExpire: sale.holdsExpire) { fail("in a state that nothing led to") }
            customer.record(index) { $0.fate = .found }
        case .accepted(let result):
            if view.createdAtMs != result.createdAtMs { fail("another time of acceptance") }
            if !order.mayBe(state, holdsExpire: sale.holdsExpire) { fail("in a state that nothing led to") }
        case .found:
            if !order.mayBe(state, holdsExpire: sale.holdsExpire) { fail("in a state that nothing led to") }
        }
        customer.record(index) {
            $0.state = state
            $0.attempt = nil
        }
    }

    private func expectTombstones(_ customer: Customer, _ client: TestClient) throws {
        for (entries, isAcknowledged) in [(customer.tombstones, true), (customer.openTombstones, false)]
        where !entries.isEmpty {
            for view in try client.getOrder(entries.map(\.orderId)) {
                let isThere = view.code == .cancelled && view.flags & ResultFlags.tombstone != 0
                #expect(
                    isThere || (!isAcknowledged && view.code == .notFound), "seed \(seed): tombstone \(view)")
            }
        }
    }

    /// The counts of each sale are those of the orders; holds may expire in between two reads.
    private func expectCounts(_ client: TestClient) throws {
        for sale in MarketSale.all {
            var shown: SaleResult?
            let agrees = try eventually {
                shown = try client.getSale(sale.id)
                if let shown, shown.held == units(sale, .held), shown.sold == units(sale, .confirmed) {
                    return true
                }
                if sale.holdsExpire { for customer in customers { try expectOrders(customer, client) } }
                return !sale.holdsExpire
            } until: {
                $0
            }
            let counts = try #require(shown)
            let held = units(sale, .held)
            let sold = units(sale, .confirmed)
            #expect(
                agrees != nil && counts.held == held && counts.sold == sold,
                "seed \(seed): sale \(sale.id): \(counts.held) held and \(counts.sold) sold of \(held) and \(sold)"
            )
            #expect(counts.held + counts.sold <= counts.stock, "seed \(seed): sale \(sale.id) is oversold")
            #expect(
                counts.available + counts.held + counts.sold == counts.stock,
                "seed \(seed): sale \(sale.id) has lost units")
            let unknown = restocks.reduce(0) { $1.isAcknowledged ? $0 : $0 + $1.entry.quantity }
            #expect(
                (stock(of: sale) - (sale.id == 1 ? unknown : 0)...stock(of: sale)).contains(counts.stock),
                "seed \(seed): sale \(sale.id) has a stock of \(counts.stock)")
        }
    }

    private func expectLimits() {
        for sale in MarketSale.all where sale.perUserLimit > 0 {
            var taken: [Id128: UInt32] = [:]
            for order in customers.flatMap(\.orders) where order.entry.saleId == sale.id && order.holdsUnits {
                taken[order.entry.userId, default: 0] += order.entry.quantity
            }
            #expect(taken.values.allSatisfy { $0 <= sale.perUserLimit }, context)
        }
    }

    // MARK: Repeating

    /// After a start: everything is there, and stays so when every request is sent once more, as a client does
    /// that does not know what became of it. Nothing that was answered happens twice, and what was not answered
    /// is decided now.
    func repeatEverything(_ server: ServerProcess) throws {
        try expectEverything(server)
        let client = try server.client()
        for index in restocks.indices {
            let (entry, isAcknowledged) = restocks[index]
            let answer = try client.restockSale(
                operationId: entry.operationId, saleId: entry.offerId, quantity: entry.quantity)
            #expect(answer.code == .ok, context)
            if isAcknowledged { #expect(answer.flags == ResultFlags.repeat, context) }
            restocks[index].isAcknowledged = true
        }
        for customer in customers {
            try repeatOrders(customer, client)
            try repeatChanges(customer, client)
            try repeatTombstones(customer, client)
        }
        try expectEverything(server)
    }

    private func repeatOrders(_ customer: Customer, _ client: TestClient) throws {
        // A refused order is free to be decided anew: sending it again is a new order.
        let indices = customer.orders.indices.filter {
            if case .refused = customer.orders[$0].fate { false } else { true }
        }
        for start in stride(from: 0, to: indices.count, by: Self.frameCount) {
            let chunk = Array(indices[start..<min(start + Self.frameCount, indices.count)])
            let results = try client.order(chunk.map { customer.orders[$0].entry })
            for (index, result) in zip(chunk, results) { noteRepeat(customer, index, result) }
        }
    }

    private func noteRepeat(_ customer: Customer, _ index: Int, _ result: OrderResult) {
        let order = customer.orders[index]
        func fail(_ what: String) { Issue.record("seed \(seed): \(what): \(order), repeated as \(result)") }
        let isRepeat = result.flags & ResultFlags.repeat != 0
        switch order.fate {
        case .accepted(let original):
            let isSame =
                result.code == .ok && isRepeat && result.quantity == original.quantity
                && result.createdAtMs == original.createdAtMs
            if !isSame { fail("an acknowledged order has another answer") }
        case .found:
            if result.code != .ok || !isRepeat { fail("an order that is there is accepted once more") }
        case .unanswered:
            switch result.code {
            case .ok:
                if isRepeat { fail("an order that was not there is a repeat") }
                customer.record(index) {
                    $0.fate = .accepted(result)
                    $0.state = OrderState(rawValue: result.state) ?? .held
                }
            case .soldOut, .limitExceeded, .busy: customer.record(index) { $0.fate = .refused(result.code) }
            default: fail("no definite answer")
            }
        case .refused: break
        }
    }

    private func repeatChanges(_ customer: Customer, _ client: TestClient) throws {
        for (operation, state) in [(Protocol.Operation.confirm, OrderState.confirmed), (.cancel, .cancelled)]
        {
            let ids = customer.orders.filter { $0.isThere && $0.state == state }.map(\.entry.orderId)
            for start in stride(from: 0, to: ids.count, by: Self.frameCount) {
                let chunk = ids[start..<min(start + Self.frameCount, ids.count)].map {
                    OrderIdEntry(orderId: $0)
                }
                let views: [OrderViewResult] = try client.call(operation, chunk)
                let isRepeated = views.allSatisfy { $0.code == .ok && $0.flags & ResultFlags.repeat != 0 }
                #expect(isRepeated, "seed \(seed): \(operation) was done again")
            }
        }
    }

    private func repeatTombstones(_ customer: Customer, _ client: TestClient) throws {
        let settled = customer.openTombstones
        if !settled.isEmpty {
            #expect(try client.cancel(settled.map(\.orderId)).allSatisfy { $0.code == .ok }, context)
            customer.settleTombstones(settled)
        }
        if customer.tombstones.isEmpty { return }
        for result in try client.order(customer.tombstones) {
            #expect(result.code == .cancelled, "seed \(seed): an order after its own cancel")
        }
    }

    // MARK: Selling out

    /// Every unit that is not taken sells, and not one more.
    func sellOut(_ server: ServerProcess) throws {
        let client = try server.client()
        let customer = customers[0]
        for sale in MarketSale.all {
            try sellOut(sale, customer, client)
            let shown = try client.getSale(sale.id)
            #expect(shown.held + shown.sold == stock(of: sale), "seed \(seed): sale \(sale.id): \(shown)")
            #expect(shown.available == 0 && shown.state == SaleState.soldOut.rawValue, context)
            #expect(try client.order([customer.freshOrder(sale.id, 1)])[0].code == .soldOut, context)
        }
        try expectEverything(server)
    }

    private func sellOut(_ sale: MarketSale, _ customer: Customer, _ client: TestClient) throws {
        while true {
            let available = try client.getSale(sale.id).available
            if available == 0 && (!sale.holdsExpire || units(sale, .held) == 0) { return }
            var entries: [OrderEntry] = []
            var rest = available
            while rest > 0 && entries.count < Self.frameCount {
                let quantity = min(rest, sale.perUserLimit > 0 ? UInt64(sale.perUserLimit) : 7)
                entries.append(customer.freshOrder(sale.id, UInt32(quantity)))
                rest -= quantity
            }
            for (entry, result) in zip(entries, entries.isEmpty ? [] : try client.order(entries)) {
                // Holds that expired meanwhile only add to what is left.
                #expect(result.code == .ok, "seed \(seed): sale \(sale.id): units were left")
                if result.code == .ok { customer.adopt(entry, result) }
            }
            if sale.holdsExpire { try confirmHolds(sale, client) }
        }
    }

    /// Confirms all, in time or late: there is room for each of them.
    private func confirmHolds(_ sale: MarketSale, _ client: TestClient) throws {
        for customer in customers {
            let held = customer.orders.indices.filter {
                let order = customer.orders[$0]
                return order.isThere && order.state == .held && order.entry.saleId == sale.id
            }
            for start in stride(from: 0, to: held.count, by: Self.frameCount) {
                let chunk = held[start..<min(start + Self.frameCount, held.count)]
                let views = try client.confirm(chunk.map { customer.orders[$0].entry.orderId })
                for (index, view) in zip(chunk, views) {
                    #expect(view.code == .ok || view.code == .expired, context)
                    customer.record(index) { $0.state = view.code == .ok ? .confirmed : .expired }
                }
            }
        }
    }
}
