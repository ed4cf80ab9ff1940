import Protocol
import Testing

@testable import Engine

// Sales: creation, restock, closing, and what is shown of them.

@Suite struct CatalogueTests {
    let cluster = Cluster(shards: 3, capacities: .init(sales: 6, catalogueOperations: 9))

    func entry(
        _ sale: UInt64, stock: UInt64 = 10, startsAtMs: UInt64 = 0, endsAtMs: UInt64 = 0, id: Id128? = nil,
        unitPrice: UInt64 = 990, name: Name = Name("a sale")!
    ) -> CreateSaleEntry {
        CreateSaleEntry(
            operationId: id ?? cluster.mintForCatalogue(), saleId: sale, stock: stock, startsAtMs: startsAtMs,
            endsAtMs: endsAtMs, perUserLimit: 3, holdMs: 1000, unitPrice: unitPrice, name: name)
    }

    func refused(_ code: ResultCode, _ sale: UInt64) -> SaleResult {
        SaleResult(
            code: code, state: 0, flags: 0, perUserLimit: 0, saleId: sale, stock: 0, available: 0, held: 0, sold: 0,
            startsAtMs: 0, endsAtMs: 0, unitPrice: 0, createdAtMs: 0, holdMs: 0, name: Name())
    }

    func expectRefusal(
        _ code: ResultCode, _ reply: Reply<SaleResult>, _ sale: UInt64, waitLsn: UInt64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(reply.result == refused(code, sale), sourceLocation: sourceLocation)
        #expect(reply.waitLsn == waitLsn, sourceLocation: sourceLocation)
    }

    // MARK: Creation

    @Test func aSaleIsShownAsItWasCreated() {
        let sale = entry(7, stock: 100, endsAtMs: cluster.nowMs + 10_000, name: Name("Zeitverkauf – 秒殺")!)
        let created = cluster.create(sale)
        #expect(created.result.code == .ok && created.waitLsn == 1)
        let shown = cluster.sale(7).result
        #expect(
            shown
                == SaleResult(
                    code: .ok, state: SaleState.open.rawValue, flags: 0, perUserLimit: 3, saleId: 7, stock: 100,
                    available: 100, held: 0, sold: 0, startsAtMs: 0, endsAtMs: cluster.nowMs + 10_000,
                    unitPrice: 990, createdAtMs: cluster.nowMs, holdMs: 1000, name: sale.name))
        for number in 0..<4 as Range<UInt64> {
            let id = cluster.place(user(number), 7, 2)
            if number == 0 { _ = cluster.confirm(id) }
        }
        let later = cluster.sale(7).result
        #expect(later.available == 92 && later.held == 6 && later.sold == 2 && later.stock == 100)
    }

    @Test func creationIsIdempotentByItsId() {
        let sale = entry(7)
        _ = cluster.create(sale)
        let events = cluster.history.count
        let again = cluster.create(sale)
        #expect(again.result.code == .ok && again.result.flags == ResultFlags.repeat && again.waitLsn == 1)
        #expect(cluster.history.count == events && cluster.totals(7).available == 10)
        // Also when the sale has changed since.
        _ = cluster.restock(7, 5)
        _ = cluster.close(7)
        cluster.nowMs += 1
        let last = cluster.create(sale)
        #expect(last.result.code == .ok && last.result.flags == ResultFlags.repeat && last.result.stock == 15)
        #expect(cluster.totals(7).available == 15)
    }

    @Test func anIdWithOtherContentIsRefused() {
        let sale = entry(7)
        _ = cluster.create(sale)
        let changes: [(inout CreateSaleEntry) -> Void] = [
            { $0.saleId = 8 }, { $0.stock = 11 }, { $0.startsAtMs = 1 }, { $0.endsAtMs = $0.startsAtMs + 1 << 46 },
            { $0.perUserLimit = 4 }, { $0.holdMs = 0 }, { $0.unitPrice = 1 }, { $0.name = Name("another sale")! },
        ]
        for change in changes {
            var other = sale
            change(&other)
            expectRefusal(.idReused, cluster.create(other), other.saleId, waitLsn: 1)
        }
        expectRefusal(.idReused, cluster.restock(7, 10, id: sale.operationId), 7, waitLsn: 1)
        #expect(cluster.engines[0].offersKnown == 1)
    }

    @Test func aSaleIdIsTakenOnce() {
        _ = cluster.create(entry(7))
        expectRefusal(.alreadyExists, cluster.create(entry(7)), 7, waitLsn: 1)
        // Not even after it was closed.
        _ = cluster.close(7)
        expectRefusal(.alreadyExists, cluster.create(entry(7)), 7, waitLsn: 2)
    }

    @Test func whatMakesNoSenseIsInvalid() {
        let now = cluster.nowMs
        var control = [UInt8](repeating: 0, count: Name.sizeBytes)
        control[0] = 1
        control[2] = 0x1b
        let invalid = [
            entry(0), entry(7, stock: 0), entry(7, stock: 1 << 40 + 1),
            entry(7, startsAtMs: now + 5, endsAtMs: now + 5), entry(7, startsAtMs: now + 5, endsAtMs: now + 4),
            entry(7, endsAtMs: now), entry(7, endsAtMs: now - 1),
            entry(7, unitPrice: 1 << 53), entry(7, startsAtMs: 1 << 47), entry(7, endsAtMs: 1 << 47),
            entry(7, name: control.withUnsafeBytes { Name($0.baseAddress!) }),
        ]
        for sale in invalid { expectRefusal(.invalid, cluster.create(sale), sale.saleId) }
        let extreme = entry(7, stock: 1 << 40, startsAtMs: now + 5, endsAtMs: now + 6, unitPrice: 1 << 53 - 1)
        #expect(cluster.create(extreme).result.code == .ok)
        #expect(cluster.create(entry(.max, endsAtMs: 1 << 47 - 1)).result.code == .ok)
    }

    @Test func operationIdsAreThoseOfTheCatalogue() {
        let now = cluster.nowMs
        let cases: [(Id128, ResultCode)] = [
            (.zero, .invalidId), (.version7(timeMs: now, partition: 1, random: 4), .wrongPartition),
            (.version7(timeMs: now - Cluster.retainMs - 1, partition: 0, random: 4), .idTooOld),
            (.version7(timeMs: now + 300_001, partition: 0, random: 4), .idInFuture),
        ]
        _ = cluster.create(entry(7))
        for (id, code) in cases {
            expectRefusal(code, cluster.create(entry(8, id: id)), 8)
            expectRefusal(code, cluster.restock(7, 1, id: id), 7)
        }
        let derived = Id128.version8(hashHigh: 4, hashLow: 4, partition: 0)
        #expect(cluster.create(entry(8, id: derived)).result.code == .ok)
    }

    @Test func anIdThatAnOrderHasIsReused() {
        _ = cluster.create(entry(7))
        let zero = user(partition: 0)
        let order = cluster.place(zero, 7)
        let tombstone = cluster.mint(zero)
        _ = cluster.cancel(tombstone)
        let lsn = cluster.lastLsn(cluster.catalogueShard)
        expectRefusal(.idReused, cluster.create(entry(8, id: order)), 8, waitLsn: lsn - 1)
        expectRefusal(.idReused, cluster.restock(7, 1, id: order), 7, waitLsn: lsn - 1)
        expectRefusal(.idReused, cluster.create(entry(8, id: tombstone)), 8, waitLsn: lsn)
        expectRefusal(.idReused, cluster.restock(7, 1, id: tombstone), 7, waitLsn: lsn)
    }

    @Test func theCatalogueHasACapacity() {
        for sale in 1...6 as ClosedRange<UInt64> { #expect(cluster.create(entry(sale)).result.code == .ok) }
        expectRefusal(.capacity, cluster.create(entry(7)), 7)
        for _ in 0..<3 { #expect(cluster.restock(1, 1).result.code == .ok) }
        expectRefusal(.capacity, cluster.restock(1, 1), 1)
        // Closing needs no room.
        #expect(cluster.close(1).result.code == .ok)
    }

    // MARK: Restock

    @Test func aRestockSellsOnEveryShard() {
        _ = cluster.create(entry(7, stock: 1))
        _ = cluster.place(user(1), 7)
        #expect(cluster.order(user(2), 7).result.code == .soldOut)
        #expect(cluster.sale(7).result.state == SaleState.soldOut.rawValue)
        let id = cluster.mintForCatalogue()
        #expect(cluster.restock(7, 7, id: id).result.code == .ok)
        #expect(cluster.totals(7) == StockTotals(available: 7, held: 1, sold: 0))
        for shard in 0..<3 { #expect(cluster.counters.takeUpTo(1, stripe: shard, 10) == [3, 2, 2][shard]) }
    }

    @Test func aRestockIsIdempotentByItsId() {
        _ = cluster.create(entry(7))
        _ = cluster.create(entry(8))
        let id = cluster.mintForCatalogue()
        #expect(cluster.restock(7, 5, id: id).result.stock == 15)
        let lsn = cluster.lastLsn(cluster.catalogueShard)
        let again = cluster.restock(7, 5, id: id)
        #expect(again.result.flags == ResultFlags.repeat && again.result.stock == 15 && again.waitLsn == lsn)
        #expect(cluster.totals(7).available == 15)
        expectRefusal(.idReused, cluster.restock(7, 6, id: id), 7, waitLsn: lsn)
        expectRefusal(.idReused, cluster.restock(8, 5, id: id), 8, waitLsn: lsn)
        expectRefusal(.idReused, cluster.create(entry(9, stock: 5, id: id)), 9, waitLsn: lsn)
        // A repeat is answered even when the sale has closed since.
        _ = cluster.close(7)
        #expect(cluster.restock(7, 5, id: id).result.flags == ResultFlags.repeat)
    }

    @Test func restocksThatCannotBe() {
        _ = cluster.create(entry(7, stock: 100))
        expectRefusal(.notFound, cluster.restock(8, 1), 8)
        expectRefusal(.invalid, cluster.restock(7, 0), 7)
        expectRefusal(.invalid, cluster.restock(7, 1 << 40 - 99), 7)
        expectRefusal(.invalid, cluster.restock(7, .max), 7)
        #expect(cluster.restock(7, 1 << 40 - 100).result.stock == 1 << 40)
        expectRefusal(.invalid, cluster.restock(7, 1), 7)
        _ = cluster.create(entry(8))
        _ = cluster.close(8)
        expectRefusal(.closed, cluster.restock(8, 1), 8, waitLsn: cluster.lastLsn(cluster.catalogueShard))
    }

    // MARK: Closing

    @Test func closingIsIdempotentByNature() {
        _ = cluster.create(entry(7))
        let held = cluster.place(user(1), 7)
        let reply = cluster.close(7)
        #expect(reply.result.code == .ok && reply.result.state == SaleState.closed.rawValue)
        let events = cluster.history.count
        let again = cluster.close(7)
        #expect(again.result.flags == ResultFlags.repeat && again.waitLsn == reply.waitLsn)
        #expect(cluster.history.count == events)
        expectRefusal(.notFound, cluster.close(8), 8)
        // Holds end as ever.
        #expect(cluster.confirm(held).result.code == .ok)
    }

    // MARK: Reading

    @Test func theStateIsThatOfTheMoment() {
        let now = cluster.nowMs
        _ = cluster.create(entry(1, startsAtMs: now + 10, endsAtMs: now + 20))
        _ = cluster.create(entry(2, stock: 1))
        _ = cluster.create(entry(3, endsAtMs: now + 10))
        let state = { (sale: UInt64) in SaleState(rawValue: cluster.sale(sale).result.state)! }
        #expect([state(1), state(2), state(3)] == [.scheduled, .open, .open])
        _ = cluster.place(user(1), 2)
        cluster.nowMs += 10
        #expect([state(1), state(2), state(3)] == [.open, .soldOut, .ended])
        cluster.nowMs += 10
        #expect(state(1) == .ended)
        for sale in 1...3 as ClosedRange<UInt64> { _ = cluster.close(sale) }
        #expect([state(1), state(2), state(3)] == [.closed, .closed, .closed])
        #expect(cluster.sale(9).result == refused(.notFound, 9))
    }

    @Test func pagesOfSalesJoin() {
        for sale in [5, 3, 9, 1, 7] as [UInt64] { _ = cluster.create(entry(sale)) }
        for limit in 1...6 as ClosedRange<UInt16> {
            var seen: [UInt64] = []
            var after: UInt64 = 0
            while true {
                let page = cluster.listSales(after: after, limit: limit)
                #expect(page.code == .ok && page.sales.count <= limit)
                seen += page.sales.map(\.saleId)
                #expect(page.more == (seen.count < 5))
                if !page.more { break }
                after = page.sales.last!.saleId
            }
            #expect(seen == [5, 3, 9, 1, 7])
        }
        #expect(cluster.listSales(limit: 5, room: 2).sales.map(\.saleId) == [5, 3])
        #expect(cluster.listSales(after: 7).sales.isEmpty)
        #expect(cluster.listSales(after: 4).code == .notFound)
        #expect(cluster.listSales(after: 9).sales.first == cluster.sale(1).result)
    }

    @Test func theMaskChoosesStates() {
        let now = cluster.nowMs
        _ = cluster.create(entry(1, startsAtMs: now + 10))
        _ = cluster.create(entry(2))
        _ = cluster.create(entry(3, stock: 1))
        _ = cluster.place(user(1), 3)
        _ = cluster.create(entry(4, endsAtMs: now + 1))
        cluster.nowMs += 1
        _ = cluster.create(entry(5))
        _ = cluster.close(5)
        let list = { (mask: UInt8) in cluster.listSales(stateMask: mask).sales.map(\.saleId) }
        #expect(list(0) == [1, 2, 3, 4, 5])
        #expect((0..<5 as Range<UInt8>).map { list(1 << $0) } == [[1], [2], [3], [4], [5]])
        #expect(list(0b10011) == [1, 2, 5])
        #expect(list(0b1110_0000) == [])
        // Whether more follows is asked of the sales that are meant, not of all.
        let page = cluster.listSales(limit: 1, stateMask: 0b10)
        #expect(page.sales.map(\.saleId) == [2] && !page.more)
    }

    @Test func malformedListsAreInvalid() {
        #expect(cluster.listSales(limit: 0).code == .invalid)
        #expect(cluster.listSales(limit: 1001).code == .invalid)
        for byte in 11..<16 {
            var bytes = encode(ListOffersEntry.sizeBytes) {
                ListOffersEntry(after: 0, limit: 1, stateMask: 0).store(to: $0)
            }
            bytes[byte] = 1
            #expect(cluster.listSales(bytes).code == .invalid)
        }
    }
}
