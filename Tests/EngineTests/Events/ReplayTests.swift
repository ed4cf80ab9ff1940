import Protocol
import Testing

@testable import Engine

// Replay: the state is a function of its events, and events that contradict each other are refused.

@Suite struct ReplayTests {
    /// A small history with an order in every state.
    static func lively(shards: Int = 2) -> Cluster {
        let cluster = Cluster(shards: shards)
        cluster.sell(1, stock: 100, limit: 9, holdMs: 1000)
        cluster.sell(2, stock: 5, holdMs: 0)
        _ = cluster.order(user(7), 2, 5)
        for number in 0..<12 as Range<UInt64> {
            let id = cluster.place(user(number), 1, UInt32(number % 3 + 1))
            if number % 6 == 1 { _ = cluster.confirm(id) }
            if number % 6 == 2 { _ = cluster.cancel(id) }
            if number % 6 == 3 { _ = cluster.extend(id, to: cluster.nowMs + 90_000) }
        }
        cluster.advance(byMs: 1000)
        let late = cluster.place(user(50), 1)
        cluster.advance(byMs: 1000)
        _ = cluster.confirm(late)
        _ = cluster.place(user(51), 1)
        for shard in 0..<shards { cluster.grace(shard, notBeforeMs: cluster.nowMs + 30_000) }
        _ = cluster.place(user(52), 1)
        _ = cluster.cancel(cluster.mint(user(53)))
        _ = cluster.restock(1, 11)
        _ = cluster.close(2)
        return cluster
    }

    func expectSame(_ fresh: Cluster, _ original: Cluster, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(fresh.digest() == original.digest(), sourceLocation: sourceLocation)
        for sale in [1, 2] as [UInt64] {
            #expect(fresh.totals(sale) == original.totals(sale), sourceLocation: sourceLocation)
            #expect(fresh.sale(sale).result == original.sale(sale).result, sourceLocation: sourceLocation)
        }
        for number in 0..<60 as Range<UInt64> {
            let page = fresh.list(user(number))
            #expect(page.orders == original.list(user(number)).orders, sourceLocation: sourceLocation)
            #expect(page.waitLsn == 0, "what was recovered is durable", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: [1, 2, 5], [1, 2, 5]) func theStateIsAFunctionOfTheEvents(from: Int, to: Int) throws {
        let original = Self.lively(shards: from)
        expectSame(try original.replayed(shards: to), original)
        expectSame(try original.replayedLogByLog(shards: to), original)
        expectSame(try original.rebuilt(shards: to), original)
        expectSame(try original.rebuilt(shards: to).rebuilt(shards: from), original)
    }

    /// Life goes on after a start as if there had been none: deadlines, ids, limits, stripes.
    @Test func whatWasReplayedGoesOn() throws {
        let original = Self.lively()
        let fresh = try original.replayed(shards: 3)
        for cluster in [original, fresh] { cluster.advance(byMs: 29_999) }
        #expect(original.digest() == fresh.digest())
        for cluster in [original, fresh] { cluster.advance(byMs: 1) }
        #expect(original.digest() == fresh.digest())
        for cluster in [original, fresh] { cluster.advance(byMs: 100_000) }
        #expect(original.digest() == fresh.digest() && fresh.openHolds() == 0)
        var left = fresh.totals(1).available
        for number in 100..<1000 as Range<UInt64> where left > 0 {
            #expect(fresh.order(user(number), 1).result.code == .ok)
            left -= 1
        }
        #expect(fresh.order(user(2000), 1).result.code == .soldOut)
        let totals = fresh.totals(1)
        #expect(totals.available == 0 && totals.held + totals.sold == 111)
    }

    /// The digest tells states apart that differ in one field.
    @Test func theDigestSeesEveryField() {
        var digests: Set<UInt64> = []
        let variants: [(Cluster, Id128) -> Void] = [
            { _, _ in }, { cluster, id in _ = cluster.confirm(id) }, { cluster, id in _ = cluster.cancel(id) },
            { cluster, id in _ = cluster.extend(id, to: cluster.nowMs + 60_001) },
            { cluster, id in _ = cluster.place(user(2), 1) }, { cluster, id in _ = cluster.restock(1, 1) },
            { cluster, id in _ = cluster.restock(1, 2) }, { cluster, id in _ = cluster.close(1) },
            { cluster, id in cluster.advance(byMs: 60_000) },
            { cluster, id in
                cluster.advance(byMs: 60_000)
                _ = cluster.confirm(id)
            },
            { cluster, id in _ = cluster.cancel(cluster.mint(user(4))) },
        ]
        for change in variants {
            let cluster = Cluster()
            cluster.sell(1, stock: 10)
            change(cluster, cluster.place(user(1), 1))
            digests.insert(cluster.digest())
        }
        #expect(digests.count == variants.count)
    }

    /// Every byte of what a snapshot keeps is written: what lay on the stack must not reach a file.
    @Test func whatIsKeptHasNoStrayBytes() {
        let cluster = Self.lively(shards: 1)
        func keep(dirt: UInt8) -> [UInt8] {
            _ = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { memory in
                memory.initializeMemory(as: UInt8.self, repeating: dirt)
            }
            var bytes: [UInt8] = []
            let add: (EventKind, UnsafeRawBufferPointer) -> Void = { bytes += Array($1) }
            cluster.engines[0].keepCatalogue(add)
            cluster.engines[0].keepPartitions(add)
            return bytes
        }
        #expect(keep(dirt: 0) == keep(dirt: 0xff))
    }

    // MARK: Faults

    func fault(_ body: () throws -> Void) -> EventFault? {
        do {
            try body()
            return nil
        } catch {
            return error as? EventFault
        }
    }

    func isContradiction(_ fault: EventFault?) -> Bool {
        guard case .contradiction(let text) = fault else { return false }
        return !text.isEmpty
    }

    /// Each kind of event twice in a row: all but the grace contradict themselves.
    @Test func anEventThatHappenedCannotHappenAgain() throws {
        let original = Self.lively(shards: 1)
        for index in original.history.indices where original.history[index].kind != .holdsGraced {
            let fresh = Cluster()
            for event in original.history[...index] { try fresh.replay(event) }
            let kind = original.history[index].kind
            let again = fault { try fresh.replay(original.history[index]) }
            // An extension moves to where the deadline is, and closing closes: both change nothing.
            let isHarmless = kind == .orderExtended || kind == .saleClosed
            #expect(isContradiction(again) != isHarmless, "\(kind): \(String(describing: again))")
        }
    }

    @Test func anEventNeedsWhatItRestsOn() {
        let original = Self.lively(shards: 1)
        for event in original.history {
            let fresh = Cluster()
            let fault = fault { try fresh.replay(event) }
            let standsAlone = [.saleCreated, .tombstonePlaced, .holdsGraced].contains(event.kind)
            #expect(isContradiction(fault) != standsAlone, "\(event.kind): \(String(describing: fault))")
        }
    }

    /// Promise 1 is checked before anything is served.
    @Test func moreUnitsThanThereWereAreRefused() throws {
        let original = Cluster()
        original.sell(1, stock: 10)
        _ = original.place(user(1), 1, 6)
        _ = original.place(user(2), 1, 4)
        let fresh = Cluster()
        for var event in original.history {
            // The second order has one unit too many.
            if event.kind == .orderPlaced && event.bytes[4] == 4 { event.bytes[4] = 5 }
            try fresh.replay(event)
        }
        #expect(isContradiction(fault { try fresh.engines[0].restoreStock() }))
        let exact = Cluster()
        for event in original.history { try exact.replay(event) }
        try exact.engines[0].restoreStock()
        #expect(exact.totals(1) == StockTotals(available: 0, held: 10, sold: 0))
    }

    @Test func anOrderOfAnotherPartitionIsRefused() throws {
        let original = Self.lively(shards: 1)
        let fresh = Cluster()
        for var event in original.history where event.kind == .orderPlaced || event.kind == .saleCreated {
            if event.kind == .saleCreated {
                try fresh.replay(event)
                continue
            }
            event.bytes[EventField.userId + 3] ^= 1
            #expect(isContradiction(fault { try fresh.replay(event) }))
        }
    }

    /// Tables smaller than the state: a sentence with the name of the table, not a trap.
    @Test func tablesThatAreTooSmallAreNamed() {
        let original = Self.lively(shards: 1)
        let small: [(Cluster.Capacities, String, Int)] = [
            (.init(users: 3), "users", 3), (.init(orders: 5), "orders", 5), (.init(sales: 1), "sales", 1),
            (.init(catalogueOperations: 2), "restocks", 2),
        ]
        for (capacities, what, countMax) in small {
            let found = fault { _ = try original.replayed(shards: 1, capacities: capacities) }
            #expect(found == .capacity(what: what, countMax: countMax))
        }
        _ = original.cancel(original.mint(user(60)))
        let found = fault { _ = try original.replayed(shards: 1, capacities: .init(tombstones: 1)) }
        #expect(found == .capacity(what: "tombstones", countMax: 1))
    }

    @Test func bytesThatAreNoEventAreRefused() {
        let good = Self.lively(shards: 1).history[0].bytes
        func read(_ change: (inout [UInt8]) -> Void) -> EventFault? {
            var bytes = good
            change(&bytes)
            return fault { _ = try bytes.withUnsafeBytes { bytes throws(EventFault) in try EventKind.read(bytes) } }
        }
        #expect(read { _ in } == nil)
        #expect(read { $0[0] = 0 } == .unknownKind(0))
        #expect(read { $0[0] = 200 } == .unknownKind(200))
        #expect(read { $0[2] &+= 8 } == .wrongSize(kind: good[0], sizeBytes: good.count + 8))
        for count in 0..<good.count { #expect(read { $0 = Array($0.prefix(count)) } == .cutShort) }
    }
}
