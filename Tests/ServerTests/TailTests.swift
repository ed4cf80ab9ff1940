import Foundation
import Protocol
import TestSupport
import Testing

extension ServerTests {
    /// Following the log over a socket: every durable event of every shard once, in one order, from any place on;
    /// waiting for what comes; and what is asked wrongly.
    @Suite(.serialized) struct Tails {
        /// What happened in a small shop: kind and id of each event that its clients know of.
        private struct Story {
            var happened: Set<[String]> = []

            mutating func note(_ kind: EventKind, _ id: Id128) { happened.insert(["\(kind)", "\(id)"]) }
        }

        private static func keep(_ client: TestClient, _ mint: inout IdMint) throws -> Story {
            var story = Story()
            let operation = mint.catalogueId()
            #expect(
                try client.createSale(.open(1, stock: 10_000, holdMs: 600_000, operationId: operation)).code == .ok)
            story.note(.saleCreated, operation)
            for _ in 0..<5 {
                let entries = (0..<20).map { _ in
                    let user = mint.user()
                    return OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 1, quantity: 2)
                }
                #expect(try client.order(entries).allSatisfy { $0.code == .ok })
                for entry in entries { story.note(.orderPlaced, entry.orderId) }
                #expect(try client.confirm(entries[..<8].map(\.orderId)).allSatisfy { $0.code == .ok })
                for entry in entries[..<8] { story.note(.orderConfirmed, entry.orderId) }
                #expect(try client.cancel(entries[6..<12].map(\.orderId)).allSatisfy { $0.code == .ok })
                for entry in entries[6..<12] { story.note(.orderCancelled, entry.orderId) }
            }
            return story
        }

        /// Follows to the end of what is there, so many events at a time.
        private static func read(
            _ client: TestClient, after begin: LogPlace = LogPlace(sequence: 0), limit: UInt32
        ) throws -> [TailResult] {
            var events: [TailResult] = []
            var place = begin
            while true {
                let results = try client.tail(after: place, limit: limit)
                #expect(results.dropLast().allSatisfy { $0.place > place })
                let last = results[results.count - 1].place
                #expect(results.count == 1 || last >= results[results.count - 2].place)
                place = last
                if results.count == 1 { return events }
                events += results.dropLast()
            }
        }

        @Test(arguments: Setup.all) func everyShardInOneOrder(_ setup: Setup) throws {
            var mint = IdMint(seed: 41)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let story = try Self.keep(client, &mint)
            let events = try Self.read(client, limit: 4096)
            #expect(events.allSatisfy { $0.event.kind != nil && Int($0.shard) < setup.shards })
            #expect(zip(events, events.dropFirst()).allSatisfy { $0.place < $1.place })
            let seen = events.map { ["\($0.event.kind!)", "\($0.event.id)"] }
            #expect(seen.count == story.happened.count && Set(seen) == story.happened)
            // A batch to one shard is a block: its events are numbered, and one may begin between any two of them.
            #expect(events.contains { $0.index > 0 })
            for (before, after) in zip(events, events.dropFirst()) {
                #expect(after.index == (after.sequence == before.sequence ? before.index + 1 : 0))
            }
            for limit in [1, 7] as [UInt32] { #expect(try Self.read(client, limit: limit) == events) }
            for number in stride(from: 0, to: events.count, by: 17) {
                let rest = try Self.read(client, after: events[number].place, limit: 50)
                #expect(rest == Array(events[(number + 1)...]))
                let whole = LogPlace(sequence: events[number].sequence)
                #expect(try Self.read(client, after: whole, limit: 50) == events.filter { $0.place > whole })
            }
            // The same from another connection, another shard, and after a restart.
            let other = try server.client(setup.transport, shard: UInt16(setup.shards - 1))
            #expect(try Self.read(other, limit: 500) == events)
            stop(server)
            let next = try setup.start(in: server.directory)
            #expect(try Self.read(next.client(), limit: 500).prefix(events.count).elementsEqual(events))
            stop(next)
        }

        /// The answer comes with the event that it waited for; what is asked meanwhile is answered meanwhile.
        @Test(arguments: Setup.all) func itWaits(_ setup: Setup) throws {
            var mint = IdMint(seed: 42)
            let server = try setup.start()
            let client = try server.client(setup.transport)
            let operation = mint.catalogueId()
            #expect(try client.createSale(.open(1, stock: 100, operationId: operation)).code == .ok)
            let now = try #require(try client.tail(after: .now).last)
            #expect(now.place.sequence > 0 && now.place.index == LogPlace.wholeBlock)
            var place = now.place
            for shard in 0..<setup.shards {
                let waiting = try client.send(.tail, [TailEntry(after: place, waitMs: 60_000, limit: 10)])
                #expect(try client.ping(nonce: 7).nonce == 7)
                let user = mint.user(shard: shard, of: setup.shards)
                let order = mint.id(user: user)
                #expect(try client.order(order, user: user, sale: 1).code == .ok)
                let results = try client.receive(waiting).results(as: TailResult.self)
                #expect(results.dropLast().map(\.event.id) == [order] && results.last?.event.isNone == true)
                place = results[results.count - 1].place
            }
            // Nothing comes: the time is over, and the place may have moved.
            let end = try #require(try client.tail(after: .now).last).place
            let nothing = try client.tail(after: end, waitMs: 1)
            #expect(nothing.count == 1 && nothing[0].place >= end && nothing[0].code == .ok)
            stop(server)
        }

        @Test func whatIsAskedWrongly() throws {
            let directory = TemporaryDirectory()
            let tokens = directory.path + "/tokens"
            let (ours, theirs) = ("the-token-of-the-shop", "the-token-of-the-admin")
            try "shop \(ours)\nadmin \(theirs)\n".write(toFile: tokens, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: tokens)
            let server = try smallServer(["--token-file", tokens], in: directory)
            let shop = try server.client(token: ours)
            #expect(throws: ClientFault.refused(.forbidden, retryAfterMs: 0)) { try shop.tail(after: .now) }

            let client = try server.client(token: theirs)
            let good = TailEntry(after: LogPlace(sequence: 0), waitMs: 0, limit: 10)
            let faults: [(String, (inout TailEntry) -> Void)] = [
                ("no limit", { $0.limit = 0 }), ("limit 4097", { $0.limit = 4097 }),
                ("limit 2^32-1", { $0.limit = .max }), ("wait 60001", { $0.waitMs = 60_001 }),
                ("wait 2^32-1", { $0.waitMs = .max }), ("ahead", { $0.afterSequence = 1_000_000 }),
                ("far ahead", { $0.afterSequence = .max - 1 }),
                ("now, but in the middle", { ($0.afterSequence, $0.afterIndex) = (.max, 3) }),
            ]
            for (name, change) in faults {
                var entry = good
                change(&entry)
                #expect(try client.call(.tail, TailEntry.pack([entry])).header.status == .invalid, "\(name)")
            }
            for offset in 20..<24 {
                var bytes = TailEntry.pack([good])
                bytes[offset] = 1
                #expect(try client.call(.tail, bytes).header.status == .invalid, "reserved byte \(offset)")
            }
            #expect(try client.call(.tail, TailEntry.pack([good, good])).header.status == .badCount)
            #expect(try client.tail(after: LogPlace(sequence: 0)).count == 1)
            stop(server)
        }

        /// As many as may wait, wait; one more is told to come later; an event serves all. Those who leave make
        /// room.
        @Test func tooMany() throws {
            var mint = IdMint(seed: 43)
            let server = try smallServer(["--shards", "2"])
            let client = try server.client()
            #expect(try client.createSale(.open(1, stock: 100, operationId: mint.catalogueId())).code == .ok)
            let end = try #require(try client.tail(after: .now).last).place
            let entry = TailEntry(after: end, waitMs: 60_000, limit: 1)
            let waiting = try (0..<64).map { _ in try client.send(.tail, [entry]) }
            let other = try server.client(shard: 1)
            // The requests of another connection may overtake those.
            #expect(
                try eventually {
                    try other.call(.tail, TailEntry.pack([TailEntry(after: end, waitMs: 0, limit: 1)])).header.status
                } until: {
                    $0 == .busy
                } != nil)
            let user = mint.user()
            #expect(try client.order(mint.id(user: user), user: user, sale: 1).code == .ok)
            for id in waiting { #expect(try client.receive(id).results(as: TailResult.self).count == 2) }
            #expect(try other.tail(after: end).count == 2)
            stop(server)
        }

        /// A server that stops does not wait for those who wait, and tells them.
        @Test func aServerThatStops() throws {
            let server = try smallServer()
            let client = try server.client()
            let waiting = try client.send(
                .tail, [TailEntry(after: .now, waitMs: 60_000, limit: 1)])
            // One that has been answered shows that the one before it waits.
            #expect(try client.tail(after: .now).count == 1)
            server.kill(SIGTERM)
            #expect(try client.receive(waiting).header.status == .shuttingDown)
            #expect(server.wait() == .exited(0))
        }

        /// Who is gone when the answer comes is no trouble.
        @Test func whoIsGone() throws {
            var mint = IdMint(seed: 44)
            let server = try smallServer()
            let client = try server.client()
            #expect(try client.createSale(.open(1, stock: 100, operationId: mint.catalogueId())).code == .ok)
            let end = try #require(try client.tail(after: .now).last).place
            for _ in 0..<10 {
                let leaving = try server.client()
                try leaving.send(.tail, [TailEntry(after: end, waitMs: 60_000, limit: 1)])
                #expect(try leaving.ping(nonce: 1).nonce == 1)
                leaving.close()
            }
            let user = mint.user()
            #expect(try client.order(mint.id(user: user), user: user, sale: 1).code == .ok)
            #expect(try client.tail(after: end).count == 2)
            stop(server)
        }
    }
}
