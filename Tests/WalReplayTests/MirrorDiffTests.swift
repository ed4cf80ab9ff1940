import Foundation
import Protocol
import Redis
import RedisTestSupport
import TestSupport
import Testing

extension WalReplayTests {
    /// A log held against what its server has copied to a real Redis: equal after load, and each thing that can be
    /// wrong there is named.
    @Suite(.serialized) struct MirrorDiffTests {
        @Test func equalWhileItSellsAndAfterwards() throws {
            let redis = try RedisProcess()
            let options = ["--redis", redis.url, "--redis-prefix", "sh*p:"]
            let shop = try Shop(shards: 2, options + ["--redis-events"])
            try shop.openAndSell()
            // Keys of sales that nobody orders any more are older than what the log goes back to.
            for _ in 0..<3 {
                try shop.sell(40)
                _ = try shop.snapshot()
            }
            // Behind the last snapshot, so that it is told by the log alone.
            try shop.create(Shop.scarceSale)
            let restocked = try shop.client.restockSale(
                operationId: IdMint.randomCatalogueId(), saleId: Shop.heldSale, quantity: 5)
            #expect(restocked.code == .ok)
            #expect(try shop.client.closeSale(Shop.scarceSale).code == .ok)
            // Other keys that begin alike are nobody's business.
            for key in ["timesale:{1}", "shop:timesale:{2}", "sh*p:timesale:{x}", "sh*p:timesale:{7}:other"] {
                try redis.mustRun("SET", key, "5")
            }
            // The stream can be told by the log once it has an event from behind the last snapshot.
            try shop.sell(1)
            try shop.waitForMirror(withEvents: true)
            let seller = try Seller(shop)
            for _ in 0..<5 {
                let result = try walReplay(["diff", shop.dataPath] + options)
                #expect(result.status == 0 && result.lines.last == "ok", "\(result.output) \(result.errors)")
            }
            seller.end()
            shop.close()
            let result = try walReplay(["diff", shop.dataPath, "--json"] + options)
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            let object = try result.object
            #expect(object["same"] as? Bool == true && object["offers"] as? Int == 4 && object["keys"] as? Int == 4)
            #expect(object["positionSequence"] as? Int == object["sequence"] as? Int)
            #expect((object["oldestSequence"] as? Int ?? 0) > 0)
            #expect((object["streamEnd"] as? String)?.contains("-") == true)
            // Not with another prefix.
            let other = try walReplay("diff", shop.dataPath, "--redis", redis.url)
            #expect(other.status == 1 && other.output.contains("MISSING    timesale:mirror"), "\(other.output)")
        }

        @Test func whatIsWrongIsNamed() throws {
            let redis = try RedisProcess()
            let shop = try Shop(shards: 2, ["--redis", redis.url, "--redis-events"])
            try shop.openAndSell()
            for sale in 11...18 as ClosedRange<UInt64> { try shop.create(sale) }
            try shop.waitForMirror()
            let old = try redis.mustRun("HGETALL", "timesale:{7}")
            let oldSequence = try #require(old.field("seq"))
            try shop.sell(30)
            try shop.waitForMirror()
            shop.close()
            let before = try walReplay("diff", shop.dataPath, "--redis", redis.url)
            #expect(before.status == 0, "\(before.output) \(before.errors)")

            try redis.mustRun("HSET", "timesale:{8}", "sold", "999")
            try redis.mustRun("HSET", "coupon:{70}", "used", "0", "name", "Other")
            try redis.mustRun("SET", "timesale:{11}:available", "4")
            try redis.mustRun("DEL", "timesale:{12}")
            try redis.mustRun("HSET", "timesale:{99}", "epoch", "1", "seq", "1", "sold", "3")
            try redis.mustRun("SET", "timesale:{98}:available", "3")
            try redis.mustRun("DEL", "timesale:{13}")
            try redis.mustRun("RPUSH", "timesale:{13}", "1")
            try redis.mustRun("HSET", "timesale:{14}", "seq", "1000000")
            try redis.mustRun("HSET", "timesale:{15}", "state", "closed")
            try redis.mustRun("DEL", "timesale:{16}:available")
            try redis.mustRun("HSET", "timesale:{17}", "epoch", "5")
            try redis.mustRun("HDEL", "timesale:{18}", "seq")
            // As it was before the last orders, all of it.
            guard case .array(let parts) = old else {
                Issue.record("no hash: \(old)")
                return
            }
            try redis.mustRun("DEL", "timesale:{7}")
            _ = try redis.run(["HSET", "timesale:{7}"] + parts.map { $0.text ?? "" })
            try redis.mustRun("SET", "timesale:{7}:available", try #require(old.field("available")))
            try redis.mustRun("XADD", "timesale:events", "1000001-0", "type", "orderPlaced")

            let result = try walReplay("diff", shop.dataPath, "--redis", redis.url, "--json")
            #expect(result.status == 1, "\(result.errors)")
            let object = try result.object
            let found = try #require(object["differences"] as? [[String: Any]])
            func finding(_ key: String, _ field: String? = nil) -> String? {
                guard let one = found.first(where: { $0["key"] as? String == key && $0["field"] as? String == field })
                else { return nil }
                return ["finding", "log", "redis"].compactMap { one[$0] as? String }.joined(separator: " ")
            }
            #expect(finding("timesale:{8}", "sold") == "differs 2 999")
            #expect(finding("coupon:{70}", "used") == "differs 1 0")
            #expect(finding("coupon:{70}", "name")?.hasSuffix(" Other") == true)
            #expect(finding("timesale:{11}:available", "value") == "differs 50 4")
            #expect(finding("timesale:{12}") == "missing" && finding("timesale:{13}") == "type")
            #expect(finding("timesale:{99}") == "stranger" && finding("timesale:{98}:available") == "stranger")
            #expect(finding("timesale:{14}") == "ahead" && finding("timesale:events") == "ahead")
            #expect(finding("timesale:{15}", "state") == "differs open closed")
            #expect(finding("timesale:{16}:available") == "missing")
            #expect(finding("timesale:{17}", "epoch")?.hasSuffix(" 5") == true)
            #expect(finding("timesale:{18}") == "differs")
            // Right at its own sequence, and not any more at the position.
            #expect(finding("timesale:{7}", "sold") == "stale 32 2", "\(oldSequence): \(found)")
            #expect(found.count == 17, "\(found)")
            #expect((object["untold"] as? [Any])?.isEmpty == true)
            // The worst first.
            #expect(found.prefix(2).allSatisfy { $0["finding"] as? String == "ahead" })

            let text = try walReplay("diff", shop.dataPath, "--redis", redis.url)
            #expect(text.status == 1 && text.lines.last == "17 differ", "\(text.output)")
            #expect(text.output.contains("AHEAD      timesale:{14}: is at 1000000, but the log ends with sequence"))
            #expect(text.output.contains("DIFFERS    timesale:{8}: sold  log: 2, Redis: 999 (at sequence "))
            #expect(text.output.contains("MISSING    timesale:{12}: the log has 50 available"))

            // What is missing as a whole.
            try redis.mustRun("FLUSHALL")
            let nothing = try walReplay("diff", shop.dataPath, "--redis", redis.url)
            #expect(nothing.status == 1 && nothing.lines.last == "12 differ", "\(nothing.output)")
            try redis.mustRun("SET", "timesale:mirror", "x")
            try redis.mustRun("SET", "timesale:events", "x")
            let types = try walReplay("diff", shop.dataPath, "--redis", redis.url)
            #expect(types.output.contains("timesale:mirror: holds another type"), "\(types.output)")
            #expect(types.output.contains("timesale:events: holds another type"), "\(types.output)")
        }

        /// A log that is not the one that was copied: an older state of it.
        @Test func redisIsAheadOfTheLog() throws {
            let redis = try RedisProcess()
            let shop = try Shop(shards: 2, ["--redis", redis.url, "--redis-events"])
            try shop.openAndSell()
            try shop.waitForMirror()
            let copy = try copyData(shop.dataPath)
            try shop.sell(20)
            try shop.waitForMirror()
            let result = try walReplay("diff", copy.path + "/data", "--redis", redis.url)
            #expect(result.status == 1, "\(result.errors)")
            for key in ["timesale:{7}", "timesale:mirror", "timesale:events"] {
                #expect(result.output.contains("AHEAD      \(key): is at "), "\(key): \(result.output)")
            }
            // What had not changed since is as it was.
            #expect(result.lines.last == "3 differ", "\(result.output)")
        }

        /// Of a sale that has left memory only a mark stays, for an hour.
        @Test func aSaleThatHasLeft() throws {
            let redis = try RedisProcess()
            let shop = try Shop(shards: 2, ["--redis", redis.url, "--retain", "1s"])
            for sale in 31...33 as ClosedRange<UInt64> { try shop.create(sale) }
            #expect(try shop.client.closeSale(31).code == .ok)
            #expect(try shop.client.closeSale(32).code == .ok)
            for sale in 31...32 {
                try redis.wait("the mark of \(sale)") {
                    try redis.mustRun("HGET", "timesale:{\(sale)}", "state").text == "retired"
                }
            }
            try shop.waitForMirror()
            try redis.mustRun("DEL", "timesale:{32}")
            let words = ["diff", shop.dataPath, "--redis", redis.url]
            let same = try walReplay(words + ["--json"])
            #expect(same.status == 0, "\(same.output) \(same.errors)")
            #expect(try same.object["offers"] as? Int == 1)
            // The next base knows of them by their ids alone.
            _ = try shop.snapshot()
            _ = try shop.snapshot()
            shop.close()
            #expect(try walReplay(words).status == 0)
            try redis.mustRun("HSET", "timesale:{31}", "state", "open")
            let open = try walReplay(words)
            #expect(open.status == 1 && open.lines.last == "1 differ", "\(open.output)")
            #expect(open.output.contains("timesale:{31}: state  log: retired, Redis: open"), "\(open.output)")
        }

        /// The mirror was off while the log went on and what was before left it.
        @Test func whatTheLogDoesNotTellAnyMore() throws {
            let redis = try RedisProcess()
            let shop = try Shop(shards: 1, ["--redis", redis.url, "--redis-events"])
            try shop.openAndSell()
            try shop.waitForMirror()
            shop.close()
            try shop.restart(shards: 1)
            for _ in 0..<3 {
                try shop.sell(20)
                _ = try shop.snapshot()
            }
            shop.close()
            let result = try walReplay("diff", shop.dataPath, "--redis", redis.url)
            #expect(result.status == 1 && result.lines.last == "4 cannot be told", "\(result.output) \(result.errors)")
            #expect(result.output.contains("untold     timesale:{7}: it is of sequence "), "\(result.output)")
        }

        @Test func aCluster() throws {
            let cluster = try RedisCluster()
            let shop = try Shop(shards: 1, ["--redis", cluster.nodes[0].url, "--redis-events"])
            try shop.openAndSell()
            for sale in 100..<140 as Range<UInt64> { try shop.create(sale) }
            try shop.waitForMirror()
            shop.close()
            let url = cluster.nodes[2].url
            let same = try walReplay("diff", shop.dataPath, "--redis", url, "--json")
            #expect(same.status == 0, "\(same.output) \(same.errors)")
            #expect(try same.object["keys"] as? Int == 43)
            let link = RedisSettings(place: .servers(cluster.addresses)).makeLink()
            _ = try link.send([RedisCommand(["DEL", "timesale:{123}"], key: "timesale:{123}")], timeoutMs: 60_000)
            let other = try walReplay("diff", shop.dataPath, "--redis", url)
            #expect(other.status == 1 && other.lines.last == "1 differ", "\(other.output)")
            #expect(other.output.contains("MISSING    timesale:{123}"))
        }

        @Test func whereRedisIsAndIsNot() throws {
            let login = RedisCredentials(password: .bytes(Array("secret".utf8)))
            let redis = try RedisProcess(["requirepass secret"], login: login)
            let shop = try Shop(shards: 1, ["--redis", "redis://:secret@127.0.0.1:\(redis.port)"])
            try shop.openAndSell()
            try shop.waitForMirror()
            shop.close()
            let denied = try walReplay("diff", shop.dataPath, "--redis", redis.url)
            #expect(denied.status == 1 && denied.errors.contains("NOAUTH") && denied.output.isEmpty)
            let file = shop.directory.path + "/password"
            try "secret\n".write(toFile: file, atomically: true, encoding: .utf8)
            chmod(file, 0o600)
            let words = ["diff", shop.dataPath, "--redis", redis.url, "--redis-password-file", file]
            #expect(try walReplay(words).status == 0)
            // What docs/redis.md names, and one less.
            let allowed = ["scan", "hgetall", "get", "hmget"]
            _ = try redis.run(
                ["ACL", "SETUSER", "diff", "on", ">secret", "~timesale:*", "~coupon:*"] + allowed.map { "+\($0)" })
            let user = ["diff", shop.dataPath, "--redis", "redis://diff:secret@127.0.0.1:\(redis.port)"]
            #expect(try walReplay(user).status == 0)
            for permission in allowed {
                try redis.mustRun("ACL", "SETUSER", "diff", "-\(permission)")
                let denied = try walReplay(user)
                #expect(denied.status == 1 && denied.errors.contains("NOPERM"), "\(permission): \(denied.errors)")
                try redis.mustRun("ACL", "SETUSER", "diff", "+\(permission)")
            }
            redis.kill()
            let gone = try walReplay(words)
            #expect(gone.status == 1 && gone.errors.contains("Connection refused") && gone.output.isEmpty)
            let usages = [
                [], ["--redis", redis.url, "--engine", "unix:x"], ["--redis-password-file", file],
                ["--redis", "redis://h:secret"], ["--redis-sentinel", "h"],
                ["--engine", "unix:x", "--redis-prefix", "a"],
            ]
            for words in usages {
                let usage = try walReplay(["diff", shop.dataPath] + words)
                #expect(usage.status == 64 && !usage.errors.contains("secret"), "\(words): \(usage.errors)")
            }
        }
    }
}

extension Shop {
    func create(_ id: UInt64) throws {
        let created = try client.createSale(.open(id, stock: 50, operationId: IdMint.randomCatalogueId()))
        #expect(created.code == .ok)
    }

    /// Waits until Redis has all that has been answered.
    func waitForMirror(withEvents: Bool = false) throws {
        let sequence = try #require(try client.tail(after: .now).last).sequence
        let there = try eventually(withinMs: 60_000) {
            try client.call(.mirror, [PingEntry(nonce: 0)], as: MirrorResult.self)[0]
        } until: {
            let hasNoStream = $0.eventSequence == 0 && !withEvents
            return $0.sequence >= sequence && (hasNoStream || $0.eventSequence >= sequence)
        }
        #expect(there != nil, "\(server.stderr)")
    }
}

extension IdMint {
    fileprivate static func randomCatalogueId() -> Id128 {
        var mint = IdMint(seed: .random(in: 0 ... .max))
        return mint.catalogueId()
    }
}
