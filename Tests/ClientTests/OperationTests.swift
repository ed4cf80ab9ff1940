import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

extension ClientTests {
    /// Shows every operation of the client against a real server: what it answers, and what it refuses with.
    @Suite struct OperationTests {
        @Test func aSaleFromCreationToClosing() async throws {
            try await withTimesale { client in
                let new = NewSale(
                    id: 7, name: "Lämps", stock: 10, endsAtMs: wallClockMs() + 3_600_000, perUserLimit: 3,
                    holdMs: 60_000,
                    unitPrice: 1999)
                let operation = OperationID.mint()
                let created = try await client.createSale(new, operation: operation)
                #expect(created.name == "Lämps" && created.stock == 10 && created.available == 10)
                #expect(created.perUserLimit == 3 && created.holdMs == 60_000 && created.unitPrice == 1999)
                #expect(created.endsAtMs == new.endsAtMs && created.state == .open && !created.isRepeat)

                #expect(try await client.createSale(new, operation: operation).isRepeat)
                #expect(await fault { try await client.createSale(new) }?.refusal == .alreadyExists)
                let other = NewSale(id: 7, name: "Lämps", stock: 11)
                #expect(
                    await fault { try await client.createSale(other, operation: operation) }?.refusal
                        == .idReused
                )

                let more = OperationID(idempotencyKey: "more")
                #expect(try await client.restock(7, quantity: 5, operation: more).stock == 15)
                #expect(try await client.restock(7, quantity: 5, operation: more).isRepeat)
                #expect(try await client.sale(7).stock == 15)
                #expect(await fault { try await client.sale(8) }?.refusal == .notFound)
                #expect(await fault { try await client.restock(8, quantity: 1) }?.refusal == .notFound)

                #expect(try await client.close(7).state == .closed)
                #expect(try await client.close(7).isRepeat)
                #expect(await fault { try await client.order(sale: 7, user: 1) }?.refusal == .closed)
            }
        }

        @Test func anOrderFromHoldToRefund() async throws {
            try await withTimesale { client in
                try await client.createSale(
                    NewSale(id: 1, name: "held", stock: 4, perUserLimit: 2, holdMs: 60_000))
                let id = OrderID.mint(for: 42)
                let held = try await client.order(sale: 1, user: 42, quantity: 2, id: id)
                #expect(held.id == id && held.user == 42 && held.sale == 1 && held.quantity == 2)
                #expect(held.state == .held && !held.isRepeat)
                let expiresAtMs = try #require(held.expiresAtMs)
                #expect(expiresAtMs == held.createdAtMs + 60_000)

                #expect(try await client.order(sale: 1, user: 42, quantity: 2, id: id).isRepeat)
                #expect(
                    await fault { try await client.order(sale: 1, user: 42, id: id) }?.refusal == .idReused)
                #expect(await fault { try await client.order(sale: 1, user: 42) }?.refusal == .limitExceeded)
                #expect(
                    await fault { try await client.order(sale: 1, user: 43, id: id) }?.refusal
                        == .wrongPartition)
                #expect(
                    await fault { try await client.order(sale: 1, user: 43, quantity: 0) }?.refusal
                        == .invalid)

                let extended = try await client.extend(id, untilMs: expiresAtMs + 1_000)
                #expect(extended.expiresAtMs == expiresAtMs + 1_000 && !extended.isRepeat)
                #expect(try await client.extend(id, untilMs: expiresAtMs).isRepeat)

                let confirmed = try await client.confirm(id)
                #expect(
                    confirmed.state == .confirmed && confirmed.expiresAtMs == nil && !confirmed.isLateConfirm)
                #expect(try await client.confirm(id).isRepeat)
                #expect(
                    await fault { try await client.extend(id, untilMs: expiresAtMs) }?.refusal == .confirmed)
                #expect(try await client.order(id) == confirmed)
                #expect(try await client.sale(1).sold == 2)

                guard case .order(let refunded) = try await client.cancel(id) else {
                    Issue.record("the order is known")
                    return
                }
                #expect(refunded.state == .cancelled)
                #expect(await fault { try await client.confirm(id) }?.refusal == .cancelled)
                #expect(try await client.sale(1).available == 4)
            }
        }

        @Test func aCancelThatComesFirst() async throws {
            try await withTimesale { client in
                try await client.createSale(NewSale(id: 1, name: "any", stock: 1))
                let id = OrderID.mint(for: 42)
                #expect(try await client.cancel(id) == .beforeOrder(id))
                #expect(
                    await fault { try await client.order(sale: 1, user: 42, id: id) }?.refusal == .cancelled)
                #expect(await fault { try await client.order(id) }?.refusal == .cancelled)
                #expect(await fault { try await client.order(.mint(for: 42)) }?.refusal == .notFound)
            }
        }

        @Test func batchesDecideEachForItself() async throws {
            try await withTimesale { client in
                try await client.createSale(NewSale(id: 1, name: "few", stock: 3, holdMs: 60_000))
                var requests = (1...5).map { OrderRequest(sale: 1, user: UserID($0)) }
                requests[1].sale = 2
                let results = await client.orders(requests)
                #expect(results.map(\.refusal) == [nil, .notFound, nil, nil, .soldOut])
                for (request, result) in zip(requests, results) {
                    if case .success(let order) = result {
                        #expect(order.id == request.id && order.user == request.user)
                    }
                }
                let confirmed = await client.confirm(requests.map(\.id))
                #expect(confirmed.map(\.refusal) == [nil, .notFound, nil, nil, .notFound])
                let cancelled = await client.cancel([requests[0].id, requests[4].id])
                #expect(try cancelled[1].get() == .beforeOrder(requests[4].id))
                #expect(try await client.sale(1).sold == 2)
                #expect(await client.orders([]).isEmpty)
            }
        }

        @Test func listsPageByPage() async throws {
            try await withTimesale { client in
                for number in 1...7 {
                    try await client.createSale(
                        NewSale(id: SaleID(UInt64(number)), name: "\(number)", stock: 100))
                }
                try await client.close(3)
                let first = try await client.sales(limit: 3)
                #expect(first.sales.map(\.id) == [1, 2, 3] && first.next == 3)
                #expect(try await client.sales([.closed]).sales.map(\.id) == [3])
                var seen: [SaleID] = []
                for try await sale in client.allSales(pageLimit: 2) { seen.append(sale.id) }
                #expect(seen == [1, 2, 3, 4, 5, 6, 7])

                var placed: [OrderID] = []
                for _ in 0..<7 { placed.append(try await client.order(sale: 1, user: 42).id) }
                var listed: [OrderID] = []
                for try await order in client.allOrders(of: 42, pageLimit: 3) { listed.append(order.id) }
                #expect(listed == placed.reversed())
                #expect(try await client.orders(of: 43).orders.isEmpty)
                for user in 1...20 { placed.append(try await client.order(sale: 1, user: UserID(UInt64(user))).id) }
                try await client.order(sale: 2, user: 1)
                var ofSale: [OrderID] = []
                for try await order in client.allOrders(ofSale: 1, pageLimit: 4) { ofSale.append(order.id) }
                #expect(ofSale.count == placed.count && Set(ofSale) == Set(placed))
                let part = try await client.orders(ofSale: 1, limit: 4)
                #expect(part.orders.count == 4 && part.next != nil)
                #expect(try await client.orders(ofSale: 7).orders.isEmpty)
                #expect(await fault { try await client.orders(ofSale: 8) }?.refusal == .notFound)
                #expect(
                    await fault { try await client.orders(ofSale: 1, limit: 0) } == .invalidArgument(.limit))
                #expect(await fault { try await client.sales(after: 99) }?.refusal == .notFound)
                #expect(await fault { try await client.sales(limit: 0) } == .invalidArgument(.limit))
                #expect(
                    await fault { try await client.orders(of: 1, limit: 1001) } == .invalidArgument(.limit))
            }
        }

        @Test func theServerAboutItself() async throws {
            try await withTimesale(["--shards", "2"]) { client in
                let pong = try await client.ping()
                #expect(pong.roundTrip > .zero && pong.serverTimeMs > 1_600_000_000_000)
                let topology = try await client.topology()
                #expect(
                    topology.shards == 2 && topology.isAdmin && topology.instance == client.status.instance)
                let stats = try await client.stats()
                #expect(stats.map(\.shard) == [0, 1])
            }
        }

        @Test func overAUnixSocket() async throws {
            try await withTimesaleServer { server in
                let client = try await TimesaleClient.connect(to: server.unixAddress)
                try await client.createSale(NewSale(id: 1, name: "any", stock: 1))
                #expect(try await client.order(sale: 1, user: 42).state == .confirmed)
                await client.shutdown()
            }
        }

        @Test func tokensAndTheirScopes() async throws {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID())")
            try Data("shop a-shop-token-of-24-bytes\nadmin an-admin-token-of-25-bytes\n".utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            defer { try? FileManager.default.removeItem(at: file) }
            try await withTimesaleServer(["--token-file", file.path]) { server in
                let admin = try await server.client { $0.token = "an-admin-token-of-25-bytes" }
                try await admin.createSale(NewSale(id: 1, name: "any", stock: 1))
                let shop = try await server.client { $0.token = "a-shop-token-of-24-bytes" }
                #expect(try await shop.order(sale: 1, user: 42).state == .confirmed)
                let sale = NewSale(id: 2, name: "any", stock: 1)
                #expect(await fault { try await shop.createSale(sale) }?.refusal == .forbidden)
                await admin.shutdown()
                await shop.shutdown()

                // Refused, not timed out: the caller learns at once that waiting will not help.
                var configuration = ClientConfiguration(server.tcpAddress)
                configuration.token = "wrong"
                configuration.connectTimeoutMs = 15_000
                let begin = ContinuousClock.now
                #expect(
                    await fault { try await TimesaleClient.connect(configuration) }?.refusal
                        == .unauthenticated)
                #expect(.now - begin < .seconds(10))
                configuration.token = String(repeating: "x", count: 79)
                #expect(
                    await fault { try await TimesaleClient.connect(configuration) }
                        == .invalidArgument(.token))
            }
        }

        @Test func whatCannotBeSent() async throws {
            try await withTimesale { client in
                for name in [String(repeating: "x", count: 79), "a\u{7}b"] {
                    #expect(
                        await fault { try await client.createSale(NewSale(id: 1, name: name, stock: 1)) }
                            == .invalidArgument(.name))
                }
            }
        }
    }
}
