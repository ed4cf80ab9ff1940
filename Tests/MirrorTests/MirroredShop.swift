import Foundation
import Protocol
import Redis
import RedisTestSupport
import TestSupport
import Testing

/// A server that mirrors to a Redis of its own, and what the tests do with the two.
final class MirroredShop {
    let redis: RedisProcess
    private(set) var server: ServerProcess
    private(set) var client: TestClient
    private let arguments: [String]
    let prefix: String
    /// Which Redis has a key now.
    var holder: (String) throws -> RedisProcess
    var mint: IdMint

    /// - Parameters:
    ///   - redis: one that others write to as well, or that is set up otherwise.
    ///   - url: how the server reaches it, if not as anybody.
    ///   - place: the options that say where Redis is, if it is not that one alone.
    init(
        _ arguments: [String] = [], redis: RedisProcess? = nil, url: String? = nil, place: [String]? = nil,
        prefix: String = "", seed: UInt64 = 1, in directory: TemporaryDirectory = TemporaryDirectory()
    ) throws {
        let redis = try redis ?? RedisProcess()
        self.redis = redis
        holder = { _ in redis }
        self.prefix = prefix
        self.arguments =
            [
                "--segment-size", "2MiB", "--log-ahead", "0KiB", "--users", "100000", "--orders", "200000",
                "--grace", "0ms", "--redis-timeout", "200ms",
            ] + (place ?? ["--redis", url ?? redis.url])
            + (prefix.isEmpty ? [] : ["--redis-prefix", prefix]) + arguments
        mint = IdMint(seed: seed)
        server = try ServerProcess(self.arguments, in: directory)
        client = try server.client(timeoutMs: 120_000)
    }

    /// Kills the server, and starts it again on its data.
    func killAndRestart() throws {
        server.kill(SIGKILL)
        _ = server.wait()
        try restart()
    }

    func restart() throws {
        server = try ServerProcess(arguments, in: server.directory)
        client = try server.client(timeoutMs: 120_000)
    }

    /// Ends the server in good order.
    func stop() {
        server.kill(SIGTERM)
        #expect(server.wait() == .exited(0), "\(server.stderr)")
    }

    // MARK: Selling

    func create(_ id: UInt64, stock: UInt64 = 1_000_000, holdMs: UInt32 = 600_000) throws {
        let sale = CreateSaleEntry.open(id, stock: stock, holdMs: holdMs, operationId: mint.catalogueId())
        #expect(try client.createSale(sale).code == .ok)
    }

    /// Orders of new users, one unit each; some are confirmed, some cancelled. Answers how many were placed.
    @discardableResult
    func sell(_ count: Int, of sales: [UInt64]) throws -> Int {
        let entries = (0..<count).map { number in
            let user = mint.user()
            return OrderEntry(
                orderId: mint.id(user: user), userId: user, saleId: sales[number % sales.count], quantity: 1)
        }
        let placed = try zip(entries, client.order(entries)).filter { $0.1.code == .ok }.map(\.0.orderId)
        let third = placed.count / 3
        if third > 0 {
            #expect(try client.confirm(Array(placed[..<third])).allSatisfy { $0.code == .ok })
            #expect(try client.cancel(Array(placed[(placed.count - third)...])).allSatisfy { $0.code == .ok })
        }
        return placed.count
    }

    // MARK: Redis

    var status: MirrorResult {
        get throws {
            try client.call(.mirror, [PingEntry(nonce: 0)], as: MirrorResult.self)[0]
        }
    }

    /// Waits until something is so, for at most a minute.
    func wait(_ what: String, _ isSo: () throws -> Bool) throws {
        let end = ContinuousClock.now + .seconds(60)
        while try !isSo() {
            if ContinuousClock.now > end {
                Issue.record("\(what) did not come about: \(try status); \(server.stderr.suffix(600))")
                return
            }
            usleep(2_000)
        }
    }

    /// Waits until Redis has all that was durable when this was called. What was answered is durable then with `--fsync
    /// always` alone; `compare` waits for the rest.
    func waitUntilInStep() throws {
        let sequence = try durableSequence()
        try wait("a mirror in step") {
            let status = try status
            return status.state == MirrorState.closed.rawValue && status.sequence >= sequence
        }
    }

    /// The same for the stream of events.
    func waitForEvents() throws {
        let sequence = try durableSequence()
        try wait("all events") { try status.eventSequence >= sequence }
    }

    /// The sequence up to which the logs of all shards are durable.
    private func durableSequence() throws -> UInt64 {
        try #require(try client.tail(after: .now).last).sequence
    }

    func hash(_ key: String) throws -> [String: String] {
        guard case .array(let parts) = try holder(prefix + key).mustRun("HGETALL", prefix + key) else { return [:] }
        var fields: [String: String] = [:]
        for place in stride(from: 0, to: parts.count - 1, by: 2) {
            fields[parts[place].text ?? ""] = parts[place + 1].text
        }
        return fields
    }

    func text(_ key: String) throws -> String? {
        try holder(prefix + key).mustRun("GET", prefix + key).text
    }

    /// That no Redis shows of a sale what is not durable yet, nor more sold than there is; one that does not answer
    /// shows nothing.
    func expectNotAhead(_ sale: UInt64, at servers: [RedisProcess]) throws {
        for server in servers where server.pid > 0 {
            let key = prefix + "timesale:{\(sale)}"
            guard case .array(let parts)? = try? server.run("HMGET", key, "seq", "sold"),
                let sequence = parts[0].text.flatMap(UInt64.init), let sold = parts[1].text.flatMap(UInt64.init)
            else { continue }
            // Both only grow, and are read later.
            #expect(try sequence <= durableSequence())
            #expect(try sold <= client.getSale(sale).sold)
        }
    }

    /// Key by key: what Redis has comes to be what the server shows, and with `log` what a replay of the log comes
    /// to, by another program.
    func compare(withLog: Bool = false) throws {
        var found: [String] = []
        try wait("equal counts") {
            found = try differences()
            return found.isEmpty
        }
        #expect(found == [])
        guard withLog else { return }
        let replay = try ToolRun("wal-replay", ["state", server.dataPath, "--json"])
        let state = try #require(try JSONSerialization.jsonObject(with: Data(replay.output.utf8)) as? [String: Any])
        for sale in try #require(state["sales"] as? [[String: Any]]) {
            let id = try #require(sale["id"])
            let fields = try hash("timesale:{\(id)}")
            for name in ["stock", "available", "held", "sold"] {
                #expect(fields[name] == "\(try #require(sale[name]))", "\(name) of \(id): \(fields), the log: \(sale)")
            }
        }
    }

    /// Where Redis and the server show different counts.
    private func differences() throws -> [String] {
        var found: [String] = []
        func expect(_ key: String, _ wanted: [String: UInt64]) throws {
            let fields = try hash(key)
            for (name, value) in wanted where fields[name] != "\(value)" {
                found.append("\(name) of \(key) is \(fields[name] ?? "missing") and not \(value)")
            }
        }
        for sale in try client.listSales(limit: 1000).items {
            let key = "timesale:{\(sale.saleId)}"
            try expect(
                key, ["stock": sale.stock, "available": sale.available, "held": sale.held, "sold": sale.sold])
            if try text(key + ":available") != "\(sale.available)" { found.append("\(key):available is another") }
        }
        for policy in try client.listPolicies(limit: 1000).items {
            try expect(
                "coupon:{\(policy.policyId)}",
                [
                    "quantity": policy.quantity, "remaining": policy.remaining, "issued": policy.issued,
                    "used": policy.used,
                ])
        }
        return found
    }
}
