import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension CrashTests {
    /// The example that keeps a table of orders in PostgreSQL, as a shop would run it: `kill -9` of it and of the
    /// server while orders come in. In the end the table says of every order what the server says.
    @Suite(.serialized) struct PostgresTables {
        private static let buyers = 3
        private static let rounds = 120
        private static let batch = 6

        /// What buyers asked for, all of which was accepted in the end.
        private final class Record: Sendable {
            let orders = Mutex<[Id128]>([])
            /// By order, the checkout that it is a part of.
            let checkouts = Mutex<[Id128: Id128]>([:])
            let buyersLeft = Atomic(buyers)

            var isOver: Bool { buyersLeft.load(ordering: .acquiring) == 0 }
        }

        /// The example as a child process.
        private final class Consumer: @unchecked Sendable {
            private let process = Process()

            init(_ database: Postgres, _ directory: TemporaryDirectory) throws {
                let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                    .deletingLastPathComponent()
                process.executableURL = URL(fileURLWithPath: Postgres.python)
                process.arguments = [
                    checkout.appendingPathComponent("Examples/orders-to-postgres/orders_to_postgres.py").path,
                    "--dsn", database.dsn, "--timesale", try ServerProcess.executablePath("timesale"),
                    "--server", "unix:\(directory.path)/timesale.sock",
                ]
                try process.run()
            }

            var isRunning: Bool { process.isRunning }

            /// As a power switch would.
            func end() {
                #expect(process.isRunning, "it had ended before")
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
        }

        @Test(
            .enabled(if: Postgres.isInstalled, "PostgreSQL or psycopg2 is not installed"),
            arguments: [(shards: 1, seed: UInt64(81)), (shards: 2, seed: UInt64(82))])
        func theTableIsWhatTheServerSays(_ shards: Int, _ seed: UInt64) throws {
            let database = try Postgres()
            let directory = TemporaryDirectory()
            let siege = try Siege(shards: shards, in: directory)
            var mint = IdMint(seed: seed)
            let admin = try siege.current.client()
            for (id, holdMs) in [(1, 600_000), (2, 0), (3, 40)] as [(UInt64, UInt32)] {
                let sale = CreateSaleEntry.open(
                    id, stock: 1_000_000, holdMs: holdMs, operationId: mint.catalogueId())
                #expect(try admin.createSale(sale).code == .ok)
            }
            let record = Record()
            let seeds = (0..<Self.buyers).map { _ in mint.random() }
            let kills = Atomic(0)
            let last = Mutex<Consumer?>(nil)
            try siege.run(clients: Self.buyers + 1, kills: 3, every: 150) { number, client in
                if number == 0 {
                    let consumer = try Self.consume(database, directory, record, kills)
                    last.withLock { $0 = consumer }
                } else {
                    defer { record.buyersLeft.subtract(1, ordering: .releasing) }
                    try Self.buy(client, record, seed: seeds[number - 1])
                }
            }
            #expect(kills.load(ordering: .relaxed) >= 3, "a consumer that was not killed has shown nothing")
            let client = try siege.current.client(timeoutMs: 60_000)
            let found = try eventually(withinMs: 60_000) {
                try Self.expected(client, record) == Self.table(database)
            } until: { $0 }
            if found != true {
                let (wanted, there) = (try Self.expected(client, record), try Self.table(database))
                let (missing, wrong) = (Set(wanted).subtracting(there), Set(there).subtracting(wanted))
                Issue.record("\(there.count) rows, \(wanted.count) orders: \(missing.prefix(3)), \(wrong.prefix(3))")
            }
            // In all the states there are.
            let states = Set(try database.rows("select distinct state from timesale_orders"))
            #expect(states == ["held", "confirmed", "cancelled", "expired"])
            last.withLock { $0 }?.end()
            killAtOnce(siege.current)
        }

        /// Consumes until the buyers are done; killed and started again whenever a few hundred more changes have
        /// arrived. Answers the last one, which runs.
        private static func consume(
            _ database: Postgres, _ directory: TemporaryDirectory, _ record: Record, _ kills: borrowing Atomic<Int>
        ) throws -> Consumer {
            var consumer = try Consumer(database, directory)
            var seen = 0
            while !record.isOver || kills.load(ordering: .relaxed) < 3 {
                guard consumer.isRunning else {
                    Issue.record("a consumer has ended by itself")
                    return consumer
                }
                // The table comes with the first consumer.
                let counted = try? database.rows("select count(*) from timesale_orders")
                let there = counted?.first.flatMap { Int($0) } ?? 0
                if record.isOver && there >= record.orders.withLock({ $0.count }) { break }
                guard there >= seen + 100 else { continue }
                seen = there
                consumer.end()
                kills.add(1, ordering: .relaxed)
                consumer = try Consumer(database, directory)
            }
            return consumer
        }

        private static func buy(_ client: Besieger, _ record: Record, seed: UInt64) throws {
            var mint = IdMint(seed: seed)
            for _ in 0..<rounds {
                let entries = (1...3 as ClosedRange<UInt64>).flatMap { sale in
                    (0..<batch).map { _ in
                        let user = mint.user()
                        return OrderEntry(
                            orderId: mint.id(user: user), userId: user, saleId: sale,
                            quantity: UInt32(mint.random() % 5 + 1))
                    }
                }
                let results = try client.ask { client throws(ClientFault) in try client.order(entries) }
                #expect(results.allSatisfy { $0.code == .ok })
                record.orders.withLock { $0 += entries.map(\.orderId) }
                // Of each sale some are confirmed, some cancelled, some both; some of the third are late, or expire.
                let confirmed = entries.enumerated().filter { $0.offset % batch < 3 }.map(\.element.orderId)
                _ = try client.ask { client throws(ClientFault) in try client.confirm(confirmed) }
                let cancelled = entries.enumerated().filter { $0.offset % batch == 2 }.map(\.element.orderId)
                _ = try client.ask { client throws(ClientFault) in try client.cancel(cancelled) }
                for number in 0..<3 { try checkout(client, record, &mint, number) }
            }
        }

        /// A checkout of two orders that stays as it is, is confirmed, or is confirmed and cancelled.
        private static func checkout(
            _ client: Besieger, _ record: Record, _ mint: inout IdMint, _ number: Int
        ) throws {
            let user = mint.user()
            let id = mint.id(user: user)
            let lines = [
                CheckoutLine(saleId: number == 0 ? 3 : 1, quantity: 2), CheckoutLine(saleId: 2, quantity: 1),
            ]
            let placing = PlaceCheckoutEntry(
                checkoutId: id, userId: user, lineCount: 2, lines: CheckoutLines(lines) ?? CheckoutLines())
            let placed = try client.ask { client throws(ClientFault) in
                try client.call(.placeCheckout, [placing], as: CheckoutResult.self)
            }
            #expect(placed[0].code == .ok)
            let orders = (0..<2).map { id.ofPart(.line($0)) }
            record.orders.withLock { $0 += orders }
            record.checkouts.withLock { for order in orders { $0[order] = id } }
            for operation in [Protocol.Operation.confirmCheckout, .cancelCheckout].prefix(number) {
                _ = try client.ask { client throws(ClientFault) in
                    try client.call(operation, [CheckoutIdEntry(checkoutId: id)], as: CheckoutResult.self)
                }
            }
        }

        /// A line for each order, as the server has it now.
        private static func expected(_ client: TestClient, _ record: Record) throws -> [String] {
            let orders = record.orders.withLock { $0 }
            let checkouts = record.checkouts.withLock { $0 }
            var lines: [String] = []
            for start in stride(from: 0, to: orders.count, by: 1000) {
                for view in try client.getOrder(Array(orders[start..<min(start + 1000, orders.count)])) {
                    #expect(view.code == .ok)
                    let state = OrderState(rawValue: view.state).map { "\($0)" } ?? "?"
                    let checkout = checkouts[view.orderId].map { "\($0)" } ?? ""
                    lines.append(
                        "\(view.orderId)|\(view.userId)|\(view.saleId)|\(view.quantity)|\(state)|\(checkout)")
                }
            }
            return lines.sorted()
        }

        private static func table(_ database: Postgres) throws -> [String] {
            try database.rows(
                """
                select order_id, user_id, sale_id, quantity, state, coalesce(checkout_id::text, '')
                from timesale_orders
                """
            ).sorted()
        }
    }
}
