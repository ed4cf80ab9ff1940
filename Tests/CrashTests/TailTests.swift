import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

extension CrashTests {
    /// Somebody follows the log while orders come in, snapshots are made, segments leave, and the server is killed:
    /// they are given everything that was acknowledged, once and in order, and nothing that a crash takes back.
    @Suite(.serialized) struct Tails {
        private static let buyers = 3
        private static let rounds = 120
        private static let batch = 16

        /// What buyers have done and been told, and what the follower has been given.
        private final class Record: Sendable {
            struct Change: Hashable {
                var kind: EventKind
                var id: Id128
            }

            let acknowledged = Mutex<[Change]>([])
            let given = Mutex<[TailResult]>([])
            let buyersLeft = Atomic(buyers)

            func note(_ kind: EventKind, _ ids: some Sequence<Id128>) {
                acknowledged.withLock { list in list += ids.map { Change(kind: kind, id: $0) } }
            }

            var isOver: Bool { buyersLeft.load(ordering: .acquiring) == 0 }
        }

        @Test(arguments: [(shards: 1, seed: UInt64(21)), (shards: 2, seed: UInt64(22))])
        func everythingOnceAndInOrder(_ shards: Int, _ seed: UInt64) throws {
            let directory = TemporaryDirectory()
            let siege = try Siege(shards: shards, in: directory)
            var mint = IdMint(seed: seed)
            let operation = mint.catalogueId()
            let sale = CreateSaleEntry.open(1, stock: 10_000_000, holdMs: 600_000, operationId: operation)
            #expect(try siege.current.client().createSale(sale).code == .ok)
            let record = Record()
            let seeds = (0..<Self.buyers).map { _ in mint.random() }
            try siege.run(clients: Self.buyers + 2, kills: 5, every: 250) { number, client in
                switch number {
                case 0: try Self.follow(client, record)
                case 1:
                    // Asked for over and over, they cover what the follower has just been given.
                    while !record.isOver {
                        _ = try? client.ask { client throws(ClientFault) in try client.snapshot() }
                    }
                default:
                    defer { record.buyersLeft.subtract(1, ordering: .releasing) }
                    try Self.buy(client, record, seed: seeds[number - 2])
                }
            }
            let given = record.given.withLock { $0 }
            record.note(.saleCreated, [operation])
            try Self.expect(given, toTell: record.acknowledged.withLock { $0 })
            try Self.expectTrimmed(siege.current, given)
            stop(siege.current)
            try Self.expectLogAgrees(directory, given)
        }

        private func stop(_ server: ServerProcess) {
            server.kill(SIGTERM)
            #expect(server.wait() == .exited(0))
        }

        /// Orders, confirms and cancels, each again with the same ids until it is answered.
        private static func buy(_ client: Besieger, _ record: Record, seed: UInt64) throws {
            var mint = IdMint(seed: seed)
            for _ in 0..<rounds {
                let entries = (0..<batch).map { _ in
                    let user = mint.user()
                    return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 1)
                }
                let results = try client.ask { client throws(ClientFault) in try client.order(entries) }
                #expect(results.allSatisfy { $0.code == .ok })
                record.note(.orderPlaced, entries.map(\.orderId))
                let confirmed = entries[..<(batch / 2)].map(\.orderId)
                let views = try client.ask { client throws(ClientFault) in try client.confirm(confirmed) }
                #expect(views.allSatisfy { $0.code == .ok })
                record.note(.orderConfirmed, confirmed)
                let cancelled = entries[(batch / 2 - 2)..<(batch / 2 + 2)].map(\.orderId)
                let ended = try client.ask { client throws(ClientFault) in try client.cancel(cancelled) }
                #expect(ended.allSatisfy { $0.code == .ok })
                record.note(.orderCancelled, cancelled)
            }
        }

        /// Goes on behind the last event, whatever becomes of the server, until nothing more comes when all is over.
        private static func follow(_ client: Besieger, _ record: Record) throws {
            var place = LogPlace(sequence: 0)
            var limits = IdMint(seed: 5)
            while true {
                let isLast = record.isOver
                let (after, limit) = (place, UInt32(limits.random() % 200 + 1))
                let results = try client.ask { client throws(ClientFault) in
                    try client.tail(after: after, limit: limit, waitMs: 100)
                }
                let last = results[results.count - 1]
                #expect(last.code == .ok, "\(last.code) behind \(after)")
                #expect(last.place >= after)
                place = last.place
                record.given.withLock { $0 += results.dropLast() }
                if isLast && results.count == 1 { return }
            }
        }

        private static func expect(_ given: [TailResult], toTell acknowledged: [Record.Change]) throws {
            #expect(zip(given, given.dropFirst()).allSatisfy { $0.place < $1.place })
            // Starts write events of their own, about no order.
            let told = given.filter { $0.event.kind != .holdsGraced }
                .map { Record.Change(kind: $0.event.kind!, id: $0.event.id) }
            let counts = Dictionary(told.map { ($0, 1) }, uniquingKeysWith: +)
            #expect(counts.values.allSatisfy { $0 == 1 }, "some event came twice")
            #expect(Set(told) == Set(acknowledged), "\(told.count) told, \(acknowledged.count) acknowledged")
            // Of one order they come as they happened.
            var seen: Set<Record.Change> = []
            for change in told {
                if change.kind == .orderConfirmed || change.kind == .orderCancelled {
                    #expect(seen.contains(.init(kind: .orderPlaced, id: change.id)))
                }
                seen.insert(change)
            }
        }

        /// What is too long ago is gone, and that is said; from the oldest place on it is all there.
        private static func expectTrimmed(_ server: ServerProcess, _ given: [TailResult]) throws {
            let client = try server.client(timeoutMs: 120_000)
            for _ in 0..<2 {
                var mint = IdMint(seed: wallClockMs())
                let user = mint.user()
                #expect(try client.order(mint.id(user: user), user: user, sale: 1).code == .ok)
                #expect(try client.snapshot().code == .ok)
            }
            let answer = try client.tail(after: LogPlace(sequence: 0))
            #expect(answer.count == 1 && answer[0].code == .trimmed)
            let oldest = answer[0].place
            #expect(oldest.sequence > 0 && oldest.index == LogPlace.wholeBlock)
            #expect(try client.tail(after: LogPlace(sequence: 1, index: 0))[0].code == .trimmed)
            var place = oldest
            var rest: [TailResult] = []
            while true {
                let results = try client.tail(after: place)
                #expect(results[results.count - 1].code == .ok)
                if results.count == 1 { break }
                place = results[results.count - 1].place
                rest += results.dropLast()
            }
            #expect(rest.starts(with: given.filter { $0.place > oldest }))
        }

        /// The log, read by another program, has the same events in the same order.
        private static func expectLogAgrees(_ directory: TemporaryDirectory, _ given: [TailResult]) throws {
            struct Line: Decodable, Equatable {
                var sequence: UInt64
                var shard: Int
                var kind: String
                var order: String?
            }
            let text = try run("wal-replay", ["dump", directory.path + "/data", "--json"])
            let lines = try text.split(separator: "\n").map {
                try JSONDecoder().decode(Line.self, from: Data($0.utf8))
            }.filter { $0.shard >= 0 }
            let oldest = try #require(lines.first).sequence
            let kept = given.filter { $0.sequence >= oldest }.map {
                Line(
                    sequence: $0.sequence, shard: Int($0.shard), kind: "\($0.event.kind!)", order: "\($0.event.id)")
            }
            let isOrder = { (line: Line) in line.order != nil }
            #expect(lines.filter(isOrder).starts(with: kept.filter { $0.kind.hasPrefix("order") }))
        }

        /// Where writes are synced later, what is followed is what has been synced: it comes, although nothing but
        /// a follower asks for a sync.
        @Test(arguments: ["everysec", "no"]) func whereWritesAreSyncedLater(_ mode: String) throws {
            let directory = TemporaryDirectory()
            let server = try ServerProcess(
                ["--fsync", mode, "--users", "1000", "--orders", "1000", "--grace", "0ms"], in: directory)
            var mint = IdMint(seed: 31)
            let client = try server.client(timeoutMs: 60_000)
            #expect(try client.createSale(.open(1, stock: 100, operationId: mint.catalogueId())).code == .ok)
            let place = try #require(try client.tail(after: .now).last).place
            for _ in 0..<3 {
                let user = mint.user()
                let order = mint.id(user: user)
                #expect(try client.order(order, user: user, sale: 1).code == .ok)
                var seen: [Id128] = []
                let found = try eventually(withinMs: 60_000) {
                    seen = try client.tail(after: place, waitMs: 1000).dropLast().map(\.event.id)
                    return seen.contains(order)
                } until: { $0 }
                #expect(found == true, "\(seen)")
            }
            stop(server)
        }
    }
}
