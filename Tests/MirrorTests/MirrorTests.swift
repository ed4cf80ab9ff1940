import Foundation
import Protocol
import Redis
import RedisTestSupport
import TestSupport
import Testing

/// The mirror against real Redis processes.
@Suite(.serialized) struct MirrorTests {
    /// What stands in Redis when all is well, and that nothing there is ahead or behind.
    @Test(arguments: ["always", "everysec", "no"]) func whatStandsThere(_ fsync: String) throws {
        let shop = try MirroredShop(["--fsync", fsync, "--shards", "2"], prefix: "shop:")
        let operation = shop.mint.catalogueId()
        var sale = CreateSaleEntry.open(7, stock: 50, holdMs: 600_000, operationId: operation)
        sale.name = try #require(Name("Lamps"))
        #expect(try shop.client.createSale(sale).code == .ok)
        let policy = CreatePolicyEntry.open(9, quantity: 10, operationId: shop.mint.catalogueId())
        #expect(try shop.client.createPolicy(policy).code == .ok)
        #expect(try shop.sell(30, of: [7]) == 30)
        let user = shop.mint.user()
        let coupon = shop.mint.id(user: user)
        #expect(try shop.client.issue(coupon, user: user, policy: 9).code == .ok)
        try shop.compare()
        let fields = try shop.hash("timesale:{7}")
        #expect(
            fields.filter { $0.key != "epoch" && $0.key != "seq" } == [
                "name": "Lamps", "stock": "50", "available": "30", "held": "10", "sold": "10", "state": "open",
                "starts_at": "0", "ends_at": "0",
            ])
        #expect(try shop.text("timesale:{7}:available") == "30")
        let coupons = try shop.hash("coupon:{9}")
        #expect(coupons["quantity"] == "10" && coupons["issued"] == "1" && coupons["used"] == "0")
        #expect(coupons["remaining"] == "9" && coupons["state"] == "open")
        try shop.wait("the position that the status names") {
            let position = try shop.hash("timesale:mirror")
            let sequence = try shop.status.sequence
            return position["epoch"] == fields["epoch"] && position["seq"] == "\(sequence)"
        }
        // It sells out, is restocked and closed.
        #expect(try shop.sell(30, of: [7]) == 30)
        try shop.waitUntilInStep()
        try shop.compare()
        let left = try shop.client.getSale(7).available
        let buyer = shop.mint.user()
        #expect(
            try shop.client.order([
                OrderEntry(orderId: shop.mint.id(user: buyer), userId: buyer, saleId: 7, quantity: UInt32(left))
            ])[0].code == .ok)
        try shop.wait("sold out") { try shop.hash("timesale:{7}")["state"] == "soldOut" }
        #expect(
            try shop.client.restockSale(operationId: shop.mint.catalogueId(), saleId: 7, quantity: 5).code == .ok)
        try shop.wait("restocked") { try shop.hash("timesale:{7}")["available"] == "5" }
        #expect(try shop.client.closeSale(7).code == .ok)
        try shop.wait("closed") { try shop.hash("timesale:{7}")["state"] == "closed" }
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        let status = try shop.status
        #expect(status.errors == 0 && status.rewrites == 0 && status.repairs == 0 && status.eventsWritten == 0)
        shop.stop()
    }

    /// A state that changes with the clock alone; also while other sales change all the time.
    @Test(arguments: [false, true]) func theClock(_ isBusy: Bool) throws {
        let shop = try MirroredShop()
        try shop.create(2)
        let now = try shop.client.ping().nowMs
        var sale = CreateSaleEntry.open(1, stock: 5, operationId: shop.mint.catalogueId())
        sale.startsAtMs = now + 1_500
        sale.endsAtMs = now + 3_000
        #expect(try shop.client.createSale(sale).code == .ok)
        for state in ["scheduled", "open", "ended"] {
            try shop.wait(state) {
                if isBusy { try shop.sell(3, of: [2]) }
                return try shop.hash("timesale:{1}")["state"] == state
            }
        }
        shop.stop()
    }

    /// Many orders between two flushes are one write of each sale.
    @Test func countsAreCoalesced() throws {
        let shop = try MirroredShop(["--redis-flush", "100ms"])
        for sale in 1...4 as ClosedRange<UInt64> { try shop.create(sale) }
        try shop.waitUntilInStep()
        let before = try shop.status
        for _ in 0..<60 { try shop.sell(120, of: [1, 2, 3, 4]) }
        try shop.waitUntilInStep()
        let after = try shop.status
        #expect(after.writes - before.writes <= 4 * (after.flushes - before.flushes))
        #expect(after.writes > before.writes && after.errors == 0)
        try shop.compare()
        shop.stop()
    }

    // MARK: Outages

    enum Trouble: CaseIterable {
        case killed, paused, flushed, oldDump, wrongTypes, keysRemoved, noMemory, readOnly, password, loading
    }

    /// Redis comes into trouble while the shop sells, and out of it: no order notices, and Redis then has what the
    /// log has.
    @Test(arguments: Trouble.allCases) func outages(_ trouble: Trouble) throws {
        // Only the test knows this password; until it is set, any is right.
        let login = RedisCredentials(user: "default", password: .bytes(Array("another".utf8)))
        let redis = try RedisProcess(["dbfilename old.rdb", "enable-debug-command yes"], login: login)
        let shop = try MirroredShop(["--shards", "2"], redis: redis)
        // Nobody orders of the sixth any more: its keys come back only if they are missed.
        for sale in 1...6 as ClosedRange<UInt64> { try shop.create(sale) }
        try shop.sell(60, of: [1, 2, 3, 4, 5, 6])
        try shop.waitUntilInStep()
        try shop.redis.mustRun("SAVE")
        #expect(try shop.sell(60, of: [1, 2, 3]) == 60)
        try shop.waitUntilInStep()
        try begin(trouble, shop)
        // None of these waits for Redis, and none fails.
        for _ in 0..<10 { #expect(try shop.sell(60, of: [1, 2, 3, 4, 5]) == 60) }
        try end(trouble, shop)
        try shop.sell(30, of: [2])
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        // What is lost as a whole is seen at the position, before keys are looked at one by one.
        if [.killed, .flushed, .oldDump].contains(trouble) { #expect(try shop.status.repairs == 0) }
        shop.stop()
    }

    private func begin(_ trouble: Trouble, _ shop: MirroredShop) throws {
        switch trouble {
        case .killed, .oldDump: shop.redis.kill()
        case .paused: shop.redis.pause()
        case .flushed: try shop.redis.mustRun("FLUSHALL")
        case .wrongTypes:
            for key in ["timesale:{1}", "timesale:{2}:available", "timesale:mirror"] {
                try shop.redis.takePlace(of: key)
            }
        case .keysRemoved: try shop.redis.mustRun("DEL", "timesale:{4}", "timesale:{5}:available")
        case .noMemory: try shop.redis.mustRun("CONFIG", "SET", "maxmemory", "1")
        case .readOnly: try shop.redis.mustRun("REPLICAOF", "127.0.0.1", "1")
        case .password:
            try shop.redis.mustRun("ACL", "SETUSER", "default", "resetpass", ">another")
            try shop.redis.mustRun("CLIENT", "KILL", "TYPE", "normal")
        case .loading:
            // Seconds for what it loads, between whose keys it answers.
            try shop.redis.mustRun("DEBUG", "POPULATE", "2000", "filler")
            try shop.redis.mustRun("CONFIG", "SET", "key-load-delay", "2000")
            try shop.redis.mustRun("CONFIG", "SET", "loading-process-events-interval-bytes", "1024")
            let redis = shop.redis
            Thread.detachNewThread { _ = try? redis.run("DEBUG", "RELOAD") }
        }
        switch trouble {
        case .killed, .oldDump, .paused, .noMemory, .readOnly, .password, .loading:
            try shop.sell(30, of: [1])
            try shop.wait("an open breaker") { try shop.status.state != MirrorState.closed.rawValue }
            #expect(try shop.status.errors > 0)
        default: break
        }
        if let word = refusal(trouble) {
            // The first fault may be another, such as an answer that was late.
            try shop.wait("a refusal with \(word)") {
                try shop.redis.run("INFO", "errorstats").text?.contains("errorstat_\(word):") == true
            }
        }
    }

    /// With what Redis refuses the writes.
    private func refusal(_ trouble: Trouble) -> String? {
        switch trouble {
        case .noMemory: "OOM"
        case .readOnly: "READONLY"
        case .password: "NOAUTH"
        case .loading: "LOADING"
        default: nil
        }
    }

    private func end(_ trouble: Trouble, _ shop: MirroredShop) throws {
        switch trouble {
        case .killed:
            try FileManager.default.removeItem(atPath: shop.redis.directory.path + "/old.rdb")
            try shop.redis.start()
        case .oldDump:
            try shop.redis.start()
            try shop.wait("everything written again") { try shop.status.rewrites > 0 }
        case .paused: shop.redis.resume()
        case .flushed, .wrongTypes: try shop.wait("everything written again") { try shop.status.rewrites > 0 }
        case .keysRemoved:
            // Sales that nobody orders any more: found by looking.
            try shop.wait("keys found") {
                try shop.sell(3, of: [1])
                return try shop.redis.mustRun("EXISTS", "timesale:{4}", "timesale:{5}:available") == .integer(2)
            }
        case .noMemory: try shop.redis.mustRun("CONFIG", "SET", "maxmemory", "0")
        case .readOnly: try shop.redis.mustRun("REPLICAOF", "NO", "ONE")
        case .password: try shop.redis.mustRun("ACL", "SETUSER", "default", "nopass")
        case .loading: try shop.wait("what was loaded") { try shop.redis.run("PING") == .status("PONG") }
        }
    }

    /// Everything at random, while several sales go on, Redis being ahead at no moment; then key by key.
    @Test(arguments: [("always", 1), ("always", 2), ("everysec", 2), ("no", 1)] as [(String, Int)])
    func outagesAtRandom(_ fsync: String, _ shards: Int) throws {
        var random = SystemRandomNumberGenerator()
        let shop = try MirroredShop(
            ["--fsync", fsync, "--shards", "\(shards)", "--redis-events"],
            redis: RedisProcess(["dbfilename old.rdb"]), seed: UInt64(shards))
        let sales = Array(1...20 as ClosedRange<UInt64>)
        for sale in sales { try shop.create(sale) }
        for round in 0..<12 {
            #expect(try shop.sell(90, of: sales) == 90)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: _ = try? shop.redis.run("FLUSHALL")
            case 1: _ = try? shop.redis.run("SAVE")
            case 2:
                shop.redis.kill()
                #expect(try shop.sell(60, of: sales) == 60)
                try shop.redis.start()
            case 3:
                shop.redis.pause()
                #expect(try shop.sell(60, of: sales) == 60)
                shop.redis.resume()
            case 4 where round > 2: try shop.killAndRestart()
            default: break
            }
            // Neither confirmed nor cancelled: with a later sync these are answered before it. And long enough for a
            // flush, but seldom for the sync.
            #expect(try shop.sell(2, of: sales) == 2)
            usleep(50_000)
            for sale in sales { try shop.expectNotAhead(sale, at: [shop.redis]) }
        }
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        shop.stop()
    }

    // MARK: Two writers

    /// A server on a copy of the data that was started later wins; the first one says so and leaves Redis alone.
    @Test func whoWasStartedLaterWins() throws {
        let first = try MirroredShop(["--redis-events"])
        try first.create(1)
        try first.sell(30, of: [1])
        try first.waitUntilInStep()
        let copy = TemporaryDirectory()
        first.stop()
        try FileManager.default.copyItem(atPath: first.server.dataPath, toPath: copy.path + "/data")
        try first.restart()
        try first.sell(90, of: [1])
        try first.waitUntilInStep()
        // Its log ends before the last events in the stream.
        let second = try MirroredShop(["--redis-events"], redis: first.redis, seed: 2, in: copy)
        try second.sell(60, of: [1])
        try second.waitUntilInStep()
        for _ in 0..<5 { try first.sell(30, of: [1]) }
        try first.wait("a superseded mirror") { try first.status.state == MirrorState.superseded.rawValue }
        #expect(first.server.stderr.contains("a server that was started later"))
        try second.sell(30, of: [1])
        try second.waitUntilInStep()
        try second.compare()
        try second.waitForEvents()
        try second.compareEvents()
        // When nothing of the later one is there any more, the first one goes on.
        second.stop()
        try first.redis.mustRun("FLUSHALL")
        try first.waitUntilInStep()
        try first.compare()
        first.stop()
    }

    /// A start after the clock was set back is a later one all the same: else its mirror would rest.
    @Test func theClockIsSetBack() throws {
        let directory = TemporaryDirectory()
        let shop = try MirroredShop(["--redis-events"], in: directory)
        try shop.create(1)
        try shop.sell(30, of: [1])
        try shop.waitUntilInStep()
        shop.stop()
        // As if the clock had been a day ahead up to now.
        let file = shop.server.dataPath + "/MIRROR"
        let first = try #require(UInt64(try String(contentsOfFile: file, encoding: .utf8).dropLast()))
        #expect(try shop.hash("timesale:mirror")["epoch"] == "\(first)")
        try "\(first + 86_400_000)\n".write(toFile: file, atomically: true, encoding: .utf8)
        try shop.restart()
        try shop.waitUntilInStep()
        shop.stop()
        let ahead = first + 86_400_001
        #expect(try shop.hash("timesale:mirror")["epoch"] == "\(ahead)")
        // And now it is right again.
        try shop.restart()
        try shop.sell(30, of: [1])
        try shop.waitUntilInStep()
        try shop.compare(withLog: true)
        #expect(try shop.hash("timesale:mirror")["epoch"] == "\(ahead + 1)")
        #expect(!shop.server.stderr.contains("the mirror rests"))
        shop.stop()
    }

    // MARK: Events

    /// Each event of the log is in the stream, once, in order, also when the server is killed at any moment.
    @Test(arguments: [1, 2]) func eventsOnceAndInOrder(_ shards: Int) throws {
        let shop = try MirroredShop(["--shards", "\(shards)", "--redis-events"])
        try shop.create(1)
        for round in 0..<8 {
            for _ in 0..<Int.random(in: 1...6) { try shop.sell(60, of: [1]) }
            if round % 3 == 1 { shop.redis.pause() }
            if round % 3 == 1 { usleep(30_000) }
            try shop.killAndRestart()
            if round % 3 == 1 { shop.redis.resume() }
        }
        try shop.sell(30, of: [1])
        try shop.waitUntilInStep()
        try shop.waitForEvents()
        try shop.compareEvents()
        try shop.compare(withLog: true)
        shop.stop()
    }

    /// A stream that is lost while nothing happens is there again: somebody may wait for what it held.
    @Test func aLostStreamIsMissed() throws {
        let shop = try MirroredShop(["--redis-events"])
        try shop.create(1)
        try shop.sell(60, of: [1])
        try shop.waitForEvents()
        let all = try shop.loggedEvents()
        for loss in [["FLUSHALL"], ["DEL", "timesale:events"]] {
            _ = try shop.redis.run(loss)
            try shop.wait("all events after \(loss)") { try shop.streamedEvents() == all }
        }
        // A consumer was faster, and has made it anew with its group.
        try shop.redis.mustRun("DEL", "timesale:events")
        try shop.redis.mustRun("XGROUP", "CREATE", "timesale:events", "mail", "0", "MKSTREAM")
        try shop.wait("all events after a group was made") { try shop.streamedEvents() == all }
        #expect(try shop.status.errors == 0)
        shop.stop()
    }

    /// What has left the log before Redis came back is said to be lost.
    @Test func gaps() throws {
        let shop = try MirroredShop(["--redis-events", "--segment-size", "2MiB"])
        try shop.create(1)
        try shop.sell(60, of: [1])
        try shop.waitUntilInStep()
        shop.redis.kill()
        // Two snapshots cover what was before the first: its segments go.
        for _ in 0..<3 {
            for _ in 0..<160 { try shop.sell(240, of: [1]) }
            #expect(try shop.client.snapshot().code == .ok)
        }
        try shop.redis.start()
        try shop.sell(30, of: [1])
        try shop.waitUntilInStep()
        try shop.waitForEvents()
        let stream = try shop.streamedEvents()
        let gap = try #require(stream.first)
        #expect(gap.hasSuffix(" gap"), "\(gap)")
        #expect(try shop.status.eventGaps >= 1)
        let rest = Array(stream.dropFirst())
        #expect(rest == Array(try shop.loggedEvents().suffix(rest.count)) && rest.count > 30)
        shop.stop()
    }
}
