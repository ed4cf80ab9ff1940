import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing
import TimesaleTestKit

@testable import TimesaleClient

extension ClientTests {
    /// Shows that a tail gives every event once and in order, typed, also when the server goes and comes back; that
    /// it asks for no more than is taken; and what it says when it cannot go on.
    @Suite struct TailTests {
        @Test func positionsAreTexts() throws {
            for (text, position) in [
                ("0", TailPosition.beginning), ("812", TailPosition(sequence: 812)),
                ("812.0", TailPosition(sequence: 812, index: 0)),
                ("18446744073709551615.4294967294", TailPosition(sequence: .max, index: .max - 1)),
            ] {
                #expect(TailPosition(text) == position && "\(position)" == text)
                let bytes = try JSONEncoder().encode([position])
                #expect(String(decoding: bytes, as: UTF8.self) == "[\"\(text)\"]")
                #expect(try JSONDecoder().decode([TailPosition].self, from: bytes) == [position])
            }
            for text in ["", ".", "1.", ".1", "1.2.3", "-1", "+1", "1.+1", " 1", "1e3", "1.4294967295", "0x1"] {
                #expect(TailPosition(text) == nil, "\(text)")
            }
            #expect(throws: DecodingError.self) {
                try JSONDecoder().decode([TailPosition].self, from: Data("[\"x\"]".utf8))
            }
            let sorted = ["0", "7.0", "7.1", "7", "8.0"].compactMap(TailPosition.init)
            #expect(sorted.count == 5 && sorted.shuffled().sorted() == sorted)
        }

        @Test func eventsAreTyped() async throws {
            try await withTimesale { client in
                let begin = try await client.tailPosition()
                #expect(begin.index == nil)
                try await client.createSale(
                    NewSale(id: 1, name: "Lamps", stock: 10, perUserLimit: 5, holdMs: 60_000, unitPrice: 4990))
                let order = try await client.order(sale: 1, user: 42, quantity: 2)
                try await client.confirm(order.id)
                let earned = try await client.earnPoints(500, user: 42, reason: "Grüße")
                try await client.createPolicy(NewPolicy(id: 9, name: "ten", quantity: 5, discount: .percent(10)))
                let coupon = try await client.issueCoupon(policy: 9, user: 42)
                let checkout = try await client.checkout(
                    [CheckoutLine(sale: 1, quantity: 3)], user: 42, coupon: coupon.id, usePoints: 5, earnPoints: 7)
                var events: [TailEvent] = []
                for try await event in client.tail(after: begin, limit: 2, follows: false) { events.append(event) }
                try #require(events.count == 9)
                #expect(zip(events, events.dropFirst()).allSatisfy { $0.position < $1.position })
                #expect(events.allSatisfy { $0.shard == 0 && $0.timeMs > 1_600_000_000_000 })
                guard case .saleCreated(let sale) = events[0].what else {
                    Issue.record("\(events[0])")
                    return
                }
                #expect(sale.id == 1 && sale.name == "Lamps" && sale.stock == 10 && sale.perUserLimit == 5)
                #expect(sale.holdMs == 60_000 && sale.unitPrice == 4990 && sale.endsAtMs == nil)
                #expect(
                    events[1].what
                        == .orderPlaced(order.id, user: 42, sale: 1, quantity: 2, deadlineMs: order.expiresAtMs))
                #expect(events[1].timeMs == order.createdAtMs)
                #expect(events[2].what == .orderConfirmed(order.id, isLate: false))
                #expect(events[3].what == .pointsEarned(earned.id, user: 42, points: 500, expiresAtMs: nil))
                #expect(events[4].what == .transactionReasoned(earned.id, reason: "Grüße"))
                // An earning and its reason are one operation, hence one block.
                #expect(events[3].position.sequence == events[4].position.sequence)
                guard case .policyCreated(let policy) = events[5].what else {
                    Issue.record("\(events[5])")
                    return
                }
                #expect(policy.id == 9 && policy.discount == .percent(10) && policy.perUserLimit == 1)
                #expect(policy.maxDiscount == nil && policy.validUntilMs == nil && policy.quantity == 5)
                #expect(events[6].what == .couponIssued(coupon.id, user: 42, policy: 9))
                #expect(
                    events[7].what
                        == .orderPlaced(
                            checkout.orders[0].id, user: 42, sale: 1, quantity: 3, deadlineMs: checkout.expiresAtMs))
                guard case .checkoutPlaced(let placed) = events[8].what else {
                    Issue.record("\(events[8])")
                    return
                }
                #expect(placed.id == checkout.id && placed.orders == checkout.orders.map(\.id))
                #expect(placed.coupon == coupon.id && placed.pointsUsed == 5 && placed.pointsEarned == 7)
                #expect(placed.subtotal == 14970 && placed.discount == 1497)
                #expect(placed.deadlineMs == checkout.expiresAtMs)
            }
        }

        /// The bytes of every kind of event that a log can hold mean something to this client; others are passed on.
        @Test(arguments: EventKind.allCases) func everyKindIsKnown(_ kind: EventKind) {
            var bytes = [UInt8](repeating: 0, count: TailResult.eventSizeMaxBytes)
            bytes[EventField.kind] = kind.rawValue
            let what = bytes.withUnsafeBytes { LoggedEvent($0.baseAddress!) }
            let isUnknown = if case .unknown = what { true } else { false }
            #expect(isUnknown == kind.isOfSnapshot)
            bytes[EventField.kind] = 200
            #expect(bytes.withUnsafeBytes { LoggedEvent($0.baseAddress!) } == .unknown(kind: 200))
        }

        @Test(arguments: RetiredKind.allCases) func whatHasRetired(_ kind: RetiredKind) {
            var bytes = [UInt8](repeating: 0, count: TailResult.eventSizeMaxBytes)
            bytes[EventField.kind] = EventKind.retired.rawValue
            bytes[EventField.flags] = kind.rawValue
            let id = Id128(high: 0x7000, low: 7)
            bytes.withUnsafeMutableBytes { $0.baseAddress!.storeId(id, EventField.id) }
            guard case .retired(let record) = bytes.withUnsafeBytes({ LoggedEvent($0.baseAddress!) }) else {
                Issue.record("\(kind) is not known")
                return
            }
            #expect("\(record)".contains("\(kind)(") && "\(record)".contains("\(id)"))
        }

        /// What buyers were told, and what a follower was.
        private final class Record: Sendable {
            private struct State {
                var seen: [OrderID] = []
                var done: [OrderID] = []
                var isOver = false
            }

            private let state = Mutex(State())

            var seen: [OrderID] { state.withLock { $0.seen } }
            var done: [OrderID] { state.withLock { $0.done } }
            var isOver: Bool { state.withLock { $0.isOver } }

            func note(seen order: OrderID) { state.withLock { $0.seen.append(order) } }
            func note(done order: OrderID) { state.withLock { $0.done.append(order) } }
            func end() { state.withLock { $0.isOver = true } }
        }

        /// The server is killed and started again while orders come in and somebody follows, who misses none of
        /// those that were reported, and sees none twice.
        @Test(arguments: [1, 2]) func itGoesOnBehindTheLastEvent(_ shards: Int) async throws {
            try await withTimesaleServer(["--shards", "\(shards)"]) { server in
                let buyer = try await server.client { $0.timeoutMs = 120_000 }
                try await buyer.createSale(NewSale(id: 1, name: "many", stock: 1 << 30))
                let follower = try await server.client { $0.timeoutMs = 120_000 }
                let record = Record()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var last = TailPosition.beginning
                        for try await event in follower.tail(after: .beginning, limit: 50) {
                            #expect(event.position > last)
                            last = event.position
                            guard case .orderPlaced(let order, _, _, _, _) = event.what else { continue }
                            record.note(seen: order)
                        }
                    }
                    for user in 1...16 as ClosedRange<UInt64> {
                        group.addTask {
                            while !record.isOver {
                                // At the end some are cancelled in the middle.
                                let order = try? await buyer.order(sale: 1, user: UserID(user))
                                if let order { record.note(done: order.id) }
                                #expect(order != nil || record.isOver)
                            }
                        }
                    }
                    for round in 1...3 {
                        #expect(await eventually { record.seen.count > round * 300 })
                        await server.kill()
                        try await server.restart()
                    }
                    #expect(await eventually { record.seen.count > 1200 })
                    record.end()
                    #expect(
                        await eventually { Set(record.seen).isSuperset(of: record.done) })
                    group.cancelAll()
                    while let result = await group.nextResult() {
                        if case .failure(let error) = result { #expect(error as? TimesaleError == .cancelled) }
                    }
                }
                let orders = record.seen
                #expect(Set(orders).count == orders.count)
                await buyer.shutdown()
                await follower.shutdown()
            }
        }

        /// Whoever takes one event and no more has asked once.
        @Test func itAsksForNoMoreThanIsTaken() async throws {
            try await withTimesale { client in
                try await client.createSale(NewSale(id: 1, name: "x", stock: 1000))
                for user in 1...50 as ClosedRange<UInt64> { try await client.order(sale: 1, user: UserID(user)) }
                let before = client.status.framesSent
                var events = client.tail(after: .beginning, limit: 10).makeAsyncIterator()
                for number in 1...10 {
                    #expect(try await events.next() != nil)
                    #expect(client.status.framesSent == before + 1, "event \(number)")
                }
                #expect(try await events.next() != nil)
                #expect(client.status.framesSent == before + 2)
            }
        }

        /// Batches carry the position behind them, also when there is nothing in them.
        @Test func batchesAndTheirPositions() async throws {
            try await withTimesale { client in
                try await client.createSale(NewSale(id: 1, name: "x", stock: 1000))
                let results = await client.orders((1...20).map { OrderRequest(sale: 1, user: UserID(UInt64($0))) })
                #expect(results.allSatisfy { (try? $0.get()) != nil })
                var batches: [TailBatch] = []
                for try await batch in client.tailBatches(after: .beginning, limit: 8, follows: false) {
                    batches.append(batch)
                }
                #expect(batches.flatMap(\.events).count == 21)
                for batch in batches {
                    #expect(batch.events.count <= 8 && batch.events.allSatisfy { $0.position <= batch.position })
                }
                for (before, after) in zip(batches, batches.dropFirst()) {
                    #expect(before.position < after.position)
                    #expect(after.events.allSatisfy { $0.position > before.position })
                }
                let end = try await client.tailPosition()
                #expect(end >= batches[batches.count - 1].position)
            }
        }

        @Test func whatItSaysWhenItCannotGoOn() async throws {
            try await withTimesaleServer { server in
                let client = try await server.client()
                try await client.createSale(NewSale(id: 1, name: "x", stock: 1000))
                for user in 1...2 as ClosedRange<UInt64> {
                    try await client.order(sale: 1, user: UserID(user))
                    let error = await fault { try await client.snapshot() }
                    #expect(error == nil, "\(server.messages)")
                }
                func first(after position: TailPosition, limit: Int = 10) async -> TimesaleError? {
                    await fault {
                        var events = client.tail(after: position, limit: limit).makeAsyncIterator()
                        _ = try await events.next()
                    }
                }
                guard case .trimmed(let oldest)? = await first(after: .beginning) else {
                    Issue.record("nothing is trimmed")
                    return
                }
                #expect(oldest.sequence > 0 && oldest.index == nil)
                #expect(await first(after: oldest) == nil)
                #expect(await first(after: TailPosition(sequence: 1 << 40))?.refusal == .invalid)
                #expect(await first(after: oldest, limit: 0) == .invalidArgument(.limit))
                #expect(await first(after: oldest, limit: 4097) == .invalidArgument(.limit))
                // Without following, a server that is away is an error; whoever follows waits until the task is
                // cancelled.
                let end = try await client.tailPosition()
                await server.kill()
                let hasty = try await Self.impatient(server)
                let task = Task {
                    var events = hasty.tail(after: end).makeAsyncIterator()
                    return try await events.next()
                }
                let error = await fault {
                    var events = hasty.tail(after: end, follows: false).makeAsyncIterator()
                    _ = try await events.next()
                }
                guard case .unavailable? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                task.cancel()
                if case .failure(let error) = await task.result {
                    #expect(error as? TimesaleError == .cancelled)
                } else {
                    Issue.record("it did not wait")
                }
                await hasty.shutdown(withinMs: 0)
                await client.shutdown(withinMs: 0)
            }
        }

        private static func impatient(_ server: TimesaleServer) async throws -> TimesaleClient {
            var configuration = ClientConfiguration(server.tcpAddress)
            configuration.timeoutMs = 50
            return TimesaleClient(configuration)
        }
    }
}
