import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// Every operation from a socket to the log and back. With two shards the connection is served by shard 0,
    /// so that the requests of half of the users are forwarded, and from shard 1, so that the catalogue is.
    @Suite(.serialized) struct Operations {
        private var mint = IdMint(seed: 1)

        @Test(arguments: Setup.all) mutating func sales(_ setup: Setup) throws {
            let server = try setup.start()
            for shard in 0..<setup.shards {
                let client = try server.client(setup.transport, shard: UInt16(shard))
                try createAndRestock(client, first: UInt64(shard * 100 + 1))
                try listAndClose(client, first: UInt64(shard * 100 + 10))
            }
            stop(server)
        }

        private mutating func createAndRestock(_ client: TestClient, first id: UInt64) throws {
            let entry = CreateSaleEntry.open(
                id, stock: 10, holdMs: 5000, perUserLimit: 3, operationId: mint.catalogueId())
            let made = try client.createSale(entry)
            #expect(made.code == .ok && made.flags == 0)
            #expect(made.state == SaleState.open.rawValue)
            #expect(
                made.saleId == id && made.stock == 10 && made.available == 10 && made.held == 0
                    && made.sold == 0)
            #expect(made.holdMs == 5000 && made.perUserLimit == 3 && made.unitPrice == 100)
            #expect(made.name.text == "Sale \(id)")

            let again = try client.createSale(entry)
            #expect(again.code == .ok && again.flags == ResultFlags.repeat)
            var other = entry
            other.operationId = mint.catalogueId()
            #expect(try client.createSale(other).code == .alreadyExists)
            other = entry
            other.stock = 11
            #expect(try client.createSale(other).code == .idReused)

            let restock = mint.catalogueId()
            let restocked = try client.restockSale(operationId: restock, saleId: id, quantity: 5)
            #expect(restocked.code == .ok && restocked.stock == 15 && restocked.available == 15)
            let repeated = try client.restockSale(operationId: restock, saleId: id, quantity: 5)
            #expect(repeated.code == .ok && repeated.flags == ResultFlags.repeat && repeated.stock == 15)
            #expect(try client.restockSale(operationId: restock, saleId: id, quantity: 6).code == .idReused)
            #expect(
                try client.restockSale(operationId: mint.catalogueId(), saleId: 9999, quantity: 1).code
                    == .notFound)
            #expect(try client.getSale(id).stock == 15)
            #expect(try client.getSale(9999).code == .notFound)

            let scheduled = CreateSaleEntry.open(
                id + 1, stock: 1, startsAtMs: wallClockMs() + 600_000, operationId: mint.catalogueId())
            #expect(try client.createSale(scheduled).state == SaleState.scheduled.rawValue)
            let user = mint.user()
            #expect(try client.order(mint.id(user: user), user: user, sale: id + 1).code == .notStarted)
        }

        private mutating func listAndClose(_ client: TestClient, first: UInt64) throws {
            let entries = (first..<first + 20).map {
                CreateSaleEntry.open($0, stock: 1, operationId: mint.catalogueId())
            }
            let made: [SaleResult] = try client.call(.createSale, entries)
            #expect(made.map(\.code) == Array(repeating: .ok, count: 20))
            let got: [SaleResult] = try client.call(.getSale, entries.map { OfferIdEntry(offerId: $0.saleId) })
            #expect(got.map(\.saleId) == entries.map(\.saleId))

            let all = try client.listSales().items.map(\.saleId)
            #expect(Array(all.suffix(20)) == entries.map(\.saleId), "in the order of their creation")
            var paged: [UInt64] = []
            while true {
                let page = try client.listSales(after: paged.last ?? 0, limit: 3)
                paged += page.items.map(\.saleId)
                if !page.more { break }
            }
            #expect(paged == all)
            #expect(throws: ClientFault.refused(.notFound, retryAfterMs: 0)) {
                try client.listSales(after: 9999)
            }

            let closed = try client.closeSale(first)
            #expect(closed.code == .ok && closed.flags == 0 && closed.state == SaleState.closed.rawValue)
            let again = try client.closeSale(first)
            #expect(again.code == .ok && again.flags == ResultFlags.repeat)
            #expect(try client.closeSale(9999).code == .notFound)
            #expect(
                try client.restockSale(operationId: mint.catalogueId(), saleId: first, quantity: 1).code
                    == .closed)
            let user = mint.user()
            #expect(try client.order(mint.id(user: user), user: user, sale: first).code == .closed)
            let mask = UInt8(1) << SaleState.closed.rawValue
            let closedSales = try client.listSales(stateMask: mask).items
            #expect(closedSales.contains { $0.saleId == first })
            #expect(closedSales.allSatisfy { $0.state == SaleState.closed.rawValue })
        }

        @Test(arguments: Setup.all) mutating func orders(_ setup: Setup) throws {
            let server = try setup.start()
            for connectionShard in 0..<setup.shards {
                let client = try server.client(setup.transport, shard: UInt16(connectionShard))
                for userShard in 0..<setup.shards {
                    let sale = UInt64(connectionShard * 10 + userShard + 1)
                    let entry = CreateSaleEntry.open(
                        sale, stock: 10, holdMs: 600_000, perUserLimit: 6, operationId: mint.catalogueId())
                    #expect(try client.createSale(entry).code == .ok)
                    let user = mint.user(shard: userShard, of: setup.shards)
                    try lifeOfAnOrder(client, user, sale)
                    try refusals(client, user, sale)
                    try listOfOrders(client, userShard, setup.shards, sale)
                }
            }
            stop(server)
        }

        /// held, extended, confirmed, refunded; and what a tombstone does.
        private mutating func lifeOfAnOrder(_ client: TestClient, _ user: Id128, _ sale: UInt64) throws {
            let order = mint.id(user: user)
            let beforeMs = wallClockMs()
            let placed = try client.order(order, user: user, sale: sale, quantity: 4)
            #expect(placed.code == .ok && placed.flags == 0 && placed.quantity == 4)
            #expect(placed.state == OrderState.held.rawValue)
            #expect(
                placed.createdAtMs + 1000 > beforeMs && placed.expiresAtMs == placed.createdAtMs + 600_000)
            let again = try client.order(order, user: user, sale: sale, quantity: 4)
            #expect(again.code == .ok && again.flags == ResultFlags.repeat)
            #expect(again.createdAtMs == placed.createdAtMs && again.expiresAtMs == placed.expiresAtMs)
            #expect(try client.order(order, user: user, sale: sale, quantity: 3).code == .idReused)
            #expect(try client.getSale(sale).held == 4)

            let deadline = placed.expiresAtMs + 60_000
            let extended = try client.extend(order, deadlineMs: deadline)
            #expect(extended.code == .ok && extended.flags == 0 && extended.expiresAtMs == deadline)
            let shorter = try client.extend(order, deadlineMs: deadline - 1)
            #expect(
                shorter.code == .ok && shorter.flags == ResultFlags.repeat && shorter.expiresAtMs == deadline)

            let confirmed = try client.confirm(order)
            #expect(confirmed.code == .ok && confirmed.state == OrderState.confirmed.rawValue)
            #expect(confirmed.expiresAtMs == 0 && confirmed.userId == user && confirmed.saleId == sale)
            #expect(try client.confirm(order).flags == ResultFlags.repeat)
            #expect(try client.extend(order, deadlineMs: deadline + 1).code == .confirmed)
            #expect(try client.getSale(sale).sold == 4)

            #expect(try client.getOrder(order).quantity == 4)
            #expect(try client.cancel(order).state == OrderState.cancelled.rawValue)
            #expect(try client.cancel(order).flags == ResultFlags.repeat)
            #expect(try client.confirm(order).code == .cancelled)
            #expect(try client.getSale(sale).available == 10)

            let unborn = mint.id(user: user)
            #expect(try client.getOrder(unborn).code == .notFound)
            #expect(try client.confirm(unborn).code == .notFound)
            #expect(try client.extend(unborn, deadlineMs: deadline).code == .notFound)
            let tombstone = try client.cancel(unborn)
            #expect(
                tombstone.code == .ok && tombstone.flags == ResultFlags.tombstone && tombstone.quantity == 0)
            #expect(try client.cancel(unborn).flags == ResultFlags.tombstone | ResultFlags.repeat)
            #expect(try client.order(unborn, user: user, sale: sale).code == .cancelled)
            #expect(try client.getOrder(unborn).code == .cancelled)
        }

        private mutating func refusals(_ client: TestClient, _ user: Id128, _ sale: UInt64) throws {
            #expect(try client.order(mint.id(user: user), user: user, sale: 9999).code == .notFound)
            #expect(
                try client.order(mint.id(user: user), user: user, sale: sale, quantity: 7).code
                    == .limitExceeded)
            let (first, second) = (mint.user(), mint.user())
            let taken = [mint.id(user: first), mint.id(user: second)]
            #expect(try client.order(taken[0], user: first, sale: sale, quantity: 6).code == .ok)
            #expect(try client.order(taken[1], user: second, sale: sale, quantity: 5).code == .soldOut)
            #expect(try client.order(taken[1], user: second, sale: sale, quantity: 4).code == .ok)
            #expect(try client.getSale(sale).state == SaleState.soldOut.rawValue)
            #expect(try client.order(mint.id(user: user), user: user, sale: sale).code == .soldOut)
            #expect(try client.cancel(taken).map(\.code) == [.ok, .ok])
        }

        private mutating func listOfOrders(
            _ client: TestClient, _ shard: Int, _ shards: Int, _ sale: UInt64
        ) throws {
            let user = mint.user(shard: shard, of: shards)
            #expect(try client.listUserOrders(user).items.isEmpty)
            var placed: [Id128] = []
            for _ in 0..<6 {
                placed.append(mint.id(user: user))
                #expect(try client.order(placed.last!, user: user, sale: sale).code == .ok)
            }
            let newestFirst = Array(placed.reversed())
            #expect(try client.listUserOrders(user).items.map(\.orderId) == newestFirst)
            var paged: [Id128] = []
            while true {
                let page = try client.listUserOrders(user, after: paged.last ?? .zero, limit: 4)
                paged += page.items.map(\.orderId)
                if !page.more { break }
            }
            #expect(paged == newestFirst)
            #expect(throws: ClientFault.refused(.notFound, retryAfterMs: 0)) {
                try client.listUserOrders(user, after: Id128(7))
            }
            #expect(try client.cancel(placed).allSatisfy { $0.code == .ok })
        }

        /// Orders of all shards, whoever asks, page by page, and none of another sale.
        @Test(arguments: Setup.all) func ordersOfASale(_ setup: Setup) throws {
            let server = try setup.start()
            let client = try server.connect(setup.transport)
            let here = Int(try client.handshake().shard)
            var mint = IdMint(seed: 3)
            let (sale, other) = (UInt64(1), UInt64(2))
            for id in [sale, other] {
                let entry = CreateSaleEntry.open(id, stock: 1000, operationId: mint.catalogueId())
                #expect(try client.createSale(entry).code == .ok)
            }
            #expect(try list(client, sale).isEmpty)
            var placed: Set<Id128> = []
            for number in 0..<60 {
                let user = mint.user(shard: number % setup.shards, of: setup.shards)
                let id = mint.id(user: user)
                #expect(try client.order(id, user: user, sale: number % 3 == 0 ? other : sale).code == .ok)
                if number % 3 != 0 { placed.insert(id) }
            }
            for limit in [1, 7, 1000] as [UInt16] {
                let listed = try list(client, sale, limit: limit)
                #expect(listed.count == placed.count && Set(listed.map(\.orderId)) == placed)
                #expect(listed.allSatisfy { $0.saleId == sale && $0.code == .ok })
            }
            #expect(try list(client, other).count == 20)
            func refusal(_ code: ResultCode) -> ClientFault { .refused(code, retryAfterMs: 0) }
            #expect(throws: refusal(.notFound)) { try client.listSaleOrders(sale + 1000) }
            #expect(throws: refusal(.invalid)) { try client.listSaleOrders(sale, limit: 0) }
            #expect(throws: refusal(.invalid)) { try client.listSaleOrders(sale, limit: 1001) }
            let instance = try client.topology().instance
            let beyond = SaleOrdersPosition(instance: instance, shard: setup.shards, slot: 0)
            #expect(throws: refusal(.invalid)) { try client.listSaleOrders(sale, after: beyond) }
            let staleBeyond = SaleOrdersPosition(instance: instance + 1, shard: setup.shards, slot: 0)
            #expect(throws: refusal(.trimmed)) { try client.listSaleOrders(sale, after: staleBeyond) }
            let stale = SaleOrdersPosition(instance: instance + 1, shard: here, slot: 1)
            #expect(throws: refusal(.trimmed)) { try client.listSaleOrders(sale, after: stale) }
            let end = SaleOrdersPosition(instance: instance, shard: setup.shards - 1, slot: .max)
            let page = try client.listSaleOrders(sale, after: end)
            #expect(page.items.isEmpty && !page.more)
            stop(server)
        }

        private func list(
            _ client: TestClient, _ sale: UInt64, limit: UInt16 = 1000
        ) throws -> [OrderViewResult] {
            var orders: [OrderViewResult] = []
            var after = SaleOrdersPosition.start
            while true {
                let page = try client.listSaleOrders(sale, after: after, limit: limit)
                orders += page.items.map(\.order).filter { $0.code != .notFound }
                guard page.more, let last = page.items.last else { return orders }
                after = last.position
            }
        }

        @Test(arguments: Setup.all) func system(_ setup: Setup) throws {
            let server = try setup.start()
            for shard in 0..<setup.shards {
                let client = try server.connect(setup.transport)
                let greeting = try client.handshake(shard: UInt16(shard))
                #expect(Int(greeting.shard) == shard && Int(greeting.shards) == setup.shards)
                #expect(greeting.version == 1 && greeting.admin == 1 && greeting.batchCountMax == 8190)
                #expect(greeting.frameSizeMaxBytes == 1 << 20 && greeting.retainMs == 7 * 86_400_000)
                var topology = try client.topology()
                topology.nowMs = greeting.nowMs
                #expect(topology == greeting)
                let pong = try client.ping(nonce: 0xfeed)
                #expect(pong.nonce == 0xfeed && pong.nowMs + 60_000 > wallClockMs())
            }
            let client = try server.client(setup.transport)
            let stats = try client.stats()
            #expect(stats.map(\.shard) == (0..<setup.shards).map(UInt16.init))
            #expect(stats.allSatisfy { $0.ordersCapacity >= 200_000 / UInt64(setup.shards) })
            // A connection that wants none is served by each shard in turn.
            let served = try (0..<setup.shards).map { _ in
                try server.connect(setup.transport).handshake().shard
            }
            #expect(Set(served).count == setup.shards)
            stop(server)
        }

        @Test(arguments: [1, 2]) mutating func statsCount(_ shards: Int) throws {
            let server = try smallServer(["--shards", "\(shards)"])
            let client = try server.client(shard: 0)
            #expect(
                try client.createSale(.open(1, stock: 30, holdMs: 600_000, operationId: mint.catalogueId()))
                    .code
                    == .ok)
            let users = (0..<40).map { _ in mint.user() }
            let entries = users.map {
                OrderEntry(orderId: mint.id(user: $0), userId: $0, saleId: 1, quantity: 1)
            }
            let accepted = try client.order(entries).filter { $0.code == .ok }.count
            #expect(accepted == 30)
            let kept = zip(entries, try client.getOrder(entries.map(\.orderId))).filter { $1.code == .ok }
                .map(\.0)
            #expect(try client.confirm(kept.prefix(5).map(\.orderId)).allSatisfy { $0.code == .ok })
            #expect(try client.cancel(kept.suffix(3).map(\.orderId)).allSatisfy { $0.code == .ok })
            let refusals = try refusedOrders(client)
            // Another shard publishes its counts about once a second.
            func sum(_ stats: [ShardStatsResult], _ field: KeyPath<ShardStatsResult, UInt64>) -> UInt64 {
                stats.reduce(0) { $0 + $1[keyPath: field] }
            }
            let stats = try eventually(client.stats) {
                sum($0, \.ordersAccepted) == 30 && sum($0, \.confirms) == 5 && sum($0, \.cancels) == 3
                    && sum($0, \.ordersRefused) == 10 + refusals && syncs($0) == sum($0, \.logBlocks)
                    && $0.allSatisfy { $0.cpuUs > 0 }
            }
            let found = try #require(stats, "the counts never came")
            #expect(sum(found, \.refusedSoldOut) == 10)
            #expect(sum(found, \.refusedNotFound) == 3 && sum(found, \.refusedLimitExceeded) == 4)
            #expect(sum(found, \.refusedNotStarted) == 5 && sum(found, \.refusedEnded) == 6)
            #expect(sum(found, \.refusedClosed) == 7)
            #expect(sum(found, \.refusedCapacity) == 0 && sum(found, \.refusedNoSpace) == 0)
            #expect(sum(found, \.logSyncUs) == sum(found, \.logLatencyUs))
            #expect(found.allSatisfy { $0.logRoomBytes > 0 && $0.meshBytes == 0 && $0.openAssemblies == 0 })
            #expect(sum(found, \.openHolds) == 22)
            #expect(sum(found, \.ordersRemembered) == 30)
            #expect(found.reduce(0) { $0 + $1.connections } == 1)
            stop(server)
        }

        /// Orders that are refused, some for each reason; how many.
        private mutating func refusedOrders(_ client: TestClient) throws -> UInt64 {
            let nowMs = try client.ping().nowMs
            let sales = [
                CreateSaleEntry.open(2, stock: 9, perUserLimit: 1, operationId: mint.catalogueId()),
                .open(3, stock: 9, startsAtMs: nowMs + 3_600_000, operationId: mint.catalogueId()),
                .open(4, stock: 9, endsAtMs: nowMs + 1_000, operationId: mint.catalogueId()),
                .open(5, stock: 9, operationId: mint.catalogueId()),
            ]
            for sale in sales { #expect(try client.createSale(sale).code == .ok) }
            #expect(try client.closeSale(5).code == .ok)
            let ended = try eventually({ try client.ping().nowMs }) { $0 > nowMs + 1_000 }
            #expect(ended != nil)
            let wanted: [(sale: UInt64, quantity: UInt32, count: Int, code: ResultCode)] = [
                (9, 1, 3, .notFound), (2, 2, 4, .limitExceeded), (3, 1, 5, .notStarted), (4, 1, 6, .ended),
                (5, 1, 7, .closed),
            ]
            var refused: UInt64 = 0
            for (sale, quantity, count, code) in wanted {
                let entries = (0..<count).map { _ in
                    let user = mint.user()
                    return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: sale, quantity: quantity)
                }
                #expect(try client.order(entries).allSatisfy { $0.code == code })
                refused += UInt64(count)
            }
            return refused
        }

        private func syncs(_ stats: [ShardStatsResult]) -> UInt64 {
            stats.reduce(0) { sum, shard in (0..<LatencyCounts.count).reduce(sum) { $0 + shard.logSyncs[$1] } }
        }

        /// Where writes are not durable by themselves, syncs are counted, and the blocks without events.
        @Test mutating func syncsCount() throws {
            let server = try smallServer(["--shards", "1", "--fsync", "everysec"])
            let client = try server.client(shard: 0)
            #expect(try client.createSale(.open(1, stock: 30, operationId: mint.catalogueId())).code == .ok)
            // The creation needs a sync; the block without events that says so is the second one.
            let stats = try eventually(client.stats) {
                syncs($0) >= 2 && $0[0].logSyncUs > 0 && $0[0].durableLsn == $0[0].logEvents
            }
            #expect(stats != nil, "the sync or the mark was not counted")
            stop(server)
        }

        /// One frame with users of both shards: each result stands where its entry stood.
        @Test(arguments: Setup.all) mutating func splitBatches(_ setup: Setup) throws {
            let server = try setup.start()
            let client = try server.client(setup.transport)
            #expect(
                try client.createSale(
                    .open(1, stock: 1_000_000, holdMs: 600_000, operationId: mint.catalogueId())
                ).code == .ok)
            for count in [1, 2, 128, 1024, Frame.batchCountMax] {
                let entries = (0..<count).map { index in
                    let user = mint.user()
                    return OrderEntry(
                        orderId: mint.id(user: user), userId: user, saleId: index % 7 == 3 ? 9 : 1,
                        quantity: UInt32(index % 50 + 1))
                }
                let placed = try client.order(entries)
                #expect(placed.count == count)
                let wrong = zip(entries, placed).enumerated().first { index, pair in
                    index % 7 == 3
                        ? pair.1.code != .notFound : pair.1.code != .ok || pair.1.quantity != pair.0.quantity
                }
                #expect(wrong == nil, "of \(count): \(String(describing: wrong))")
                let ids = entries.map(\.orderId)
                for views in [
                    try client.confirm(ids), try client.getOrder(ids), try client.cancel(ids),
                    try client.extend(ids.map { ExtendEntry(orderId: $0, deadlineMs: wallClockMs() + 1000) }),
                ] {
                    #expect(views.map(\.orderId) == ids)
                }
                let repeated = try client.order(entries.shuffled(using: &mint))
                #expect(
                    repeated.filter { $0.flags == ResultFlags.repeat }.count
                        == placed.filter { $0.code == .ok }.count)
            }
            let sale = try client.getSale(1)
            #expect(sale.available == 1_000_000 && sale.held == 0 && sale.sold == 0)
            stop(server)
        }
    }
}
