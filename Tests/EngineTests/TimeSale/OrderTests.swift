import Protocol
import Testing

@testable import Engine

// Placing an order: what is accepted, and every way to be refused. A refusal leaves nothing behind.

@Suite struct OrderTests {
    static func refused(_ code: ResultCode) -> OrderResult {
        OrderResult(code: code, state: 0, flags: 0, quantity: 0, createdAtMs: 0, expiresAtMs: 0)
    }

    /// Checks that an order is refused, at once, and that nothing was logged, counted or remembered.
    func expectRefusal(
        _ code: ResultCode, of entry: OrderEntry, in cluster: Cluster, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let events = cluster.history.count
        let totals = cluster.totals(1)
        let reply = cluster.order(entry)
        #expect(reply.result == Self.refused(code), sourceLocation: sourceLocation)
        #expect(reply.waitLsn == 0, sourceLocation: sourceLocation)
        #expect(cluster.history.count == events, sourceLocation: sourceLocation)
        #expect(cluster.totals(1) == totals, sourceLocation: sourceLocation)
    }

    @Test func anOrderBecomesAHold() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10, holdMs: 5000)
        let id = cluster.mint(user(1))
        let reply = cluster.order(user(1), 1, 3, id: id)
        let now = cluster.nowMs
        #expect(
            reply.result
                == OrderResult(code: .ok, state: 0, flags: 0, quantity: 3, createdAtMs: now, expiresAtMs: now + 5000))
        #expect(reply.waitLsn == cluster.lastLsn())
        #expect(cluster.totals(1) == StockTotals(available: 7, held: 3, sold: 0))
        #expect(
            cluster.get(id).result
                == OrderViewResult(
                    code: .ok, state: 0, flags: 0, quantity: 3, orderId: id, userId: user(1), saleId: 1,
                    createdAtMs: now, expiresAtMs: now + 5000))
    }

    @Test func aSaleWithoutHoldTimeConfirmsAtOnce() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10, holdMs: 0)
        let reply = cluster.order(user(1), 1, 3)
        #expect(reply.result.state == OrderState.confirmed.rawValue && reply.result.expiresAtMs == 0)
        #expect(cluster.totals(1) == StockTotals(available: 7, held: 0, sold: 3))
        #expect(cluster.openHolds() == 0)
    }

    @Test func quantityIsBounded() {
        let cluster = Cluster()
        cluster.sell(1, stock: 3_000_000)
        let entry = { (quantity: UInt32) in
            OrderEntry(orderId: cluster.mint(user(1)), userId: user(1), saleId: 1, quantity: quantity)
        }
        for quantity: UInt32 in [0, 1_000_001, 1 << 31, .max] {
            expectRefusal(.invalid, of: entry(quantity), in: cluster)
        }
        #expect(cluster.order(entry(1)).result.code == .ok)
        #expect(cluster.order(entry(1_000_000)).result.code == .ok)
    }

    @Test func aUserIsNeeded() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        expectRefusal(
            .invalid, of: OrderEntry(orderId: cluster.mint(.zero), userId: .zero, saleId: 1, quantity: 1), in: cluster)
    }

    @Test func reservedBytesAreZero() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        for byte in 44..<48 {
            let entry = OrderEntry(orderId: cluster.mint(user(1)), userId: user(1), saleId: 1, quantity: 1)
            var bytes = encode(OrderEntry.sizeBytes) { entry.store(to: $0) }
            bytes[byte] = 1
            let result = cluster.run(.order, on: 0, bytes).results.withUnsafeBytes { OrderResult($0.baseAddress!) }
            #expect(result == Self.refused(.invalid))
        }
        #expect(cluster.totals(1).available == 10)
    }

    @Test func onlyVersion7And8AreIds() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        let good = cluster.mint(user(1))
        for version in 0..<16 as Range<UInt64> where version != 7 && version != 8 {
            let id = Id128(high: good.high & ~0xf000 | version << 12, low: good.low)
            expectRefusal(.invalidId, of: OrderEntry(orderId: id, userId: user(1), saleId: 1, quantity: 1), in: cluster)
        }
        for variant in [0, 1, 3] as [UInt64] {
            let id = Id128(high: good.high, low: good.low & (1 << 62 - 1) | variant << 62)
            expectRefusal(.invalidId, of: OrderEntry(orderId: id, userId: user(1), saleId: 1, quantity: 1), in: cluster)
        }
        expectRefusal(.invalidId, of: OrderEntry(orderId: .zero, userId: user(1), saleId: 1, quantity: 1), in: cluster)
        let derived = Id128.version8(hashHigh: 77, hashLow: 88, partition: Partition.of(user: user(1)))
        #expect(cluster.order(user(1), 1, id: derived).result.code == .ok)
    }

    @Test func anIdCarriesItsUsersPartition() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        let partition = Partition.of(user: user(1)) ^ 1
        let id = Id128.version7(timeMs: cluster.nowMs, partition: partition, random: 5)
        expectRefusal(
            .wrongPartition, of: OrderEntry(orderId: id, userId: user(1), saleId: 1, quantity: 1), in: cluster)
    }

    /// Both edges of the time in which a version 7 id is taken for the first time.
    @Test func idsHaveAnAge() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        let partition = Partition.of(user: user(1))
        let entry = { (timeMs: UInt64) in
            OrderEntry(
                orderId: .version7(timeMs: timeMs, partition: partition, random: timeMs), userId: user(1), saleId: 1,
                quantity: 1)
        }
        let now = cluster.nowMs
        let ahead = cluster.configurations[0].mintAheadMaxMs
        expectRefusal(.idTooOld, of: entry(now - Cluster.retainMs - 1), in: cluster)
        expectRefusal(.idTooOld, of: entry(0), in: cluster)
        expectRefusal(.idInFuture, of: entry(now + ahead + 1), in: cluster)
        expectRefusal(.idInFuture, of: entry(1 << 48 - 1), in: cluster)
        #expect(cluster.order(entry(now - Cluster.retainMs)).result.code == .ok)
        #expect(cluster.order(entry(now + ahead)).result.code == .ok)
        // An id that is remembered is answered whatever its age.
        cluster.advance(byMs: 1)
        let again = cluster.order(entry(now - Cluster.retainMs)).result
        #expect(again.code == .ok && again.flags == ResultFlags.repeat)
    }

    @Test func aSaleHasToBeKnown() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        for sale in [0, 2, UInt64.max] {
            let entry = OrderEntry(orderId: cluster.mint(user(1)), userId: user(1), saleId: sale, quantity: 1)
            expectRefusal(.notFound, of: entry, in: cluster)
        }
    }

    /// startsAt belongs to the window, endsAt does not.
    @Test func theWindowHasEdges() {
        let cluster = Cluster()
        let start = cluster.nowMs + 1000
        cluster.sell(1, stock: 10, startsAtMs: start, endsAtMs: start + 500)
        let entry = { OrderEntry(orderId: cluster.mint(user(1)), userId: user(1), saleId: 1, quantity: 1) }
        expectRefusal(.notStarted, of: entry(), in: cluster)
        cluster.advance(byMs: 999)
        expectRefusal(.notStarted, of: entry(), in: cluster)
        cluster.advance(byMs: 1)
        #expect(cluster.order(entry()).result.code == .ok)
        cluster.advance(byMs: 499)
        #expect(cluster.order(entry()).result.code == .ok)
        cluster.advance(byMs: 1)
        expectRefusal(.ended, of: entry(), in: cluster)
        cluster.advance(byMs: 1_000_000)
        expectRefusal(.ended, of: entry(), in: cluster)
    }

    /// A closed sale says CLOSED, whatever its window says.
    @Test func aClosedSaleRefuses() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10, endsAtMs: cluster.nowMs + 1000)
        _ = cluster.close(1)
        let entry = { OrderEntry(orderId: cluster.mint(user(1)), userId: user(1), saleId: 1, quantity: 1) }
        expectRefusal(.closed, of: entry(), in: cluster)
        cluster.advance(byMs: 1000)
        expectRefusal(.closed, of: entry(), in: cluster)
    }

    @Test func aUserHasALimit() {
        let cluster = Cluster()
        cluster.sell(1, stock: 100, limit: 5)
        cluster.sell(2, stock: 100, limit: 5)
        #expect(cluster.order(user(1), 1, 6).result.code == .limitExceeded)
        let first = cluster.place(user(1), 1, 3)
        #expect(cluster.order(user(1), 1, 3).result.code == .limitExceeded)
        let second = cluster.place(user(1), 1, 2)
        #expect(cluster.order(user(1), 1, 1).result.code == .limitExceeded)
        // Other users and other sales have limits of their own.
        #expect(cluster.order(user(2), 1, 5).result.code == .ok)
        #expect(cluster.order(user(1), 2, 5).result.code == .ok)
        // Confirmed units count, cancelled and expired ones do not.
        _ = cluster.confirm(first)
        #expect(cluster.order(user(1), 1, 1).result.code == .limitExceeded)
        _ = cluster.cancel(first)
        #expect(cluster.order(user(1), 1, 4).result.code == .limitExceeded)
        _ = cluster.place(user(1), 1, 3)
        cluster.advance(byMs: 60_000)
        #expect(cluster.get(second).result.state == OrderState.expired.rawValue)
        #expect(cluster.order(user(1), 1, 5).result.code == .ok)
    }

    @Test func theLastUnitSellsOnce() {
        let cluster = Cluster(shards: 3)
        cluster.sell(1, stock: 10)
        var sold: UInt32 = 0
        for number in 0..<20 as Range<UInt64> where cluster.order(user(number), 1).result.code == .ok { sold += 1 }
        #expect(sold == 10)
        expectRefusal(
            .soldOut, of: OrderEntry(orderId: cluster.mint(user(99)), userId: user(99), saleId: 1, quantity: 1),
            in: cluster)
    }

    /// Units of other shards' stripes sell, also when no stripe alone has enough.
    @Test func unitsOfAllStripesSell() {
        let cluster = Cluster(shards: 5)
        cluster.sell(1, stock: 50)
        #expect(cluster.order(user(1), 1, 51).result.code == .soldOut)
        #expect(cluster.order(user(1), 1, 23).result.code == .ok)
        #expect(cluster.order(user(2), 1, 28).result.code == .soldOut)
        #expect(cluster.order(user(3), 1, 27).result.code == .ok)
        #expect(cluster.totals(1) == StockTotals(available: 0, held: 50, sold: 0))
    }

    // MARK: Repeats

    @Test func aRepeatGetsTheOriginalDecision() {
        let cluster = Cluster()
        cluster.sell(1, stock: 3, endsAtMs: cluster.nowMs + 100_000, limit: 3)
        let id = cluster.mint(user(1))
        let first = cluster.order(user(1), 1, 3, id: id)
        let events = cluster.history.count
        // Neither the stock, nor the limit, nor the end or closing of the sale changes what was decided.
        var again = cluster.order(user(1), 1, 3, id: id)
        var expected = first.result
        expected.flags = ResultFlags.repeat
        #expect(again.result == expected && again.waitLsn == first.waitLsn)
        _ = cluster.close(1)
        again = cluster.order(user(1), 1, 3, id: id)
        #expect(again.result == expected)
        #expect(cluster.totals(1) == StockTotals(available: 0, held: 3, sold: 0))
        #expect(cluster.history.count == events + 1, "the closing alone was logged")
        // What became of the order since is told.
        _ = cluster.confirm(id)
        again = cluster.order(user(1), 1, 3, id: id)
        #expect(again.result.state == OrderState.confirmed.rawValue && again.result.expiresAtMs == 0)
        #expect(again.waitLsn == cluster.lastLsn())
        _ = cluster.cancel(id)
        again = cluster.order(user(1), 1, 3, id: id)
        #expect(again.result.code == .ok && again.result.state == OrderState.cancelled.rawValue)
    }

    @Test func anIdWithOtherContentIsRefused() {
        let cluster = Cluster()
        cluster.sell(1, stock: 10)
        cluster.sell(2, stock: 10)
        let id = cluster.place(user(1), 1, 2)
        let lsn = cluster.lastLsn()
        let twin = sequence(first: UInt64(2)) { $0 + 1 }.lazy.map { user($0) }
            .first { Partition.of(user: $0) == Partition.of(user: user(1)) }!
        let others = [
            OrderEntry(orderId: id, userId: user(1), saleId: 1, quantity: 1),
            OrderEntry(orderId: id, userId: user(1), saleId: 2, quantity: 2),
            OrderEntry(orderId: id, userId: twin, saleId: 1, quantity: 2),
            OrderEntry(orderId: id, userId: user(1), saleId: 77, quantity: 2),
        ]
        for entry in others {
            let reply = cluster.order(entry)
            #expect(reply.result == Self.refused(.idReused) && reply.waitLsn == lsn)
        }
        #expect(cluster.totals(1) == StockTotals(available: 8, held: 2, sold: 0))
        #expect(cluster.totals(2) == StockTotals(available: 10, held: 0, sold: 0))
    }

    @Test func anIdOfTheCatalogueIsNoOrders() {
        let cluster = Cluster()
        let sale = cluster.sell(1, stock: 10)
        let zero = user(partition: 0)
        let reply = cluster.order(zero, 1, 1, id: sale.operationId)
        #expect(reply.result.code == .idReused && reply.waitLsn == 1)
        #expect(cluster.confirm(sale.operationId).result.code == .notFound)
        #expect(cluster.get(sale.operationId).result.code == .notFound)
        let cancel = cluster.cancel(sale.operationId)
        #expect(cancel.result.code == .notFound && cancel.waitLsn == 1)
    }

    /// Only accepted operations are remembered: the same id may succeed later.
    @Test func aRefusedIdMaySucceedLater() {
        let cluster = Cluster()
        cluster.sell(1, stock: 1)
        let taken = cluster.place(user(1), 1)
        let id = cluster.mint(user(2))
        #expect(cluster.order(user(2), 1, id: id).result.code == .soldOut)
        #expect(cluster.get(id).result.code == .notFound)
        _ = cluster.cancel(taken)
        let reply = cluster.order(user(2), 1, id: id)
        #expect(reply.result.code == .ok && reply.result.flags == 0)
    }

    // MARK: Batches

    /// Entries of a batch are independent, in order, and see each other; pauses change nothing.
    @Test(arguments: [1, 3, 16, 17, Int.max]) func aBatchIsItsEntriesOneAfterTheOther(allowance: Int) {
        var dice = Dice(seed: 5)
        let users = (0..<40).map { _ in user(UInt64(dice.below(30))) }
        let quantities = users.map { _ in UInt32(dice.below(4)) }
        let single = Cluster()
        let batched = Cluster()
        for cluster in [single, batched] { cluster.sell(1, stock: 50, limit: 4) }
        let entries = zip(users, quantities).map { user, quantity in
            OrderEntry(orderId: single.mint(user), userId: user, saleId: 1, quantity: quantity)
        }
        // An entry that repeats another one of the batch.
        let all = entries + [entries[3], entries[39]]
        var bytes: [UInt8] = []
        for entry in all { bytes += encode(OrderEntry.sizeBytes) { entry.store(to: $0) } }
        let (results, waitLsn) = batched.run(.order, on: 0, bytes, allowance: allowance)
        var latest: UInt64 = 0
        for (index, entry) in all.enumerated() {
            let expected = single.order(entry)
            let offset = index * OrderResult.sizeBytes
            let result = results.withUnsafeBytes { OrderResult($0.baseAddress! + offset) }
            #expect(result == expected.result, "entry \(index)")
            latest = max(latest, expected.waitLsn)
        }
        #expect(waitLsn == latest)
        #expect(batched.totals(1) == single.totals(1))
        #expect(batched.digest() == single.digest())
    }

    /// A batch whose events need more than the buffer pauses, and goes on with the next buffer.
    @Test func aBatchLongerThanTheEventBuffer() {
        let cluster = Cluster(capacities: .init(users: 5000, orders: 5000))
        cluster.sell(1, stock: 3000, holdMs: 0)
        var bytes: [UInt8] = []
        for number in 0..<3500 as Range<UInt64> {
            let entry = OrderEntry(orderId: cluster.mint(user(number)), userId: user(number), saleId: 1, quantity: 1)
            bytes += encode(OrderEntry.sizeBytes) { entry.store(to: $0) }
        }
        #expect(bytes.count > Cluster.bufferSizeBytes)
        let results = cluster.run(.order, on: 0, bytes).results
        let codes = (0..<3500).map { index in
            results.withUnsafeBytes { OrderResult($0.baseAddress! + index * OrderResult.sizeBytes).code }
        }
        #expect(codes.count { $0 == .ok } == 3000 && codes.count { $0 == .soldOut } == 500)
        #expect(cluster.totals(1) == StockTotals(available: 0, held: 0, sold: 3000))
    }
}
