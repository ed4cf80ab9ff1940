import Foundation
import Protocol
import Redis
import RedisTestSupport
import TestSupport
import Testing

extension MirrorTests {
    /// The permissions that `docs/redis.md` names, with a user of a real Redis who has exactly these: all works, and
    /// with one less it does not. Redis itself tells what it has refused (`ACL LOG`).
    @Suite(.serialized) struct PermissionTests {
        private static let counts = ["eval", "hmget", "get", "del", "type", "hset", "set", "expire"]
        private static let events = ["xadd", "xinfo|stream"]
        private static let patterns = ["~timesale:*", "~coupon:*"]

        /// A server whose mirror is this user, who has nothing but what is named.
        private static func shop(_ redis: RedisProcess) throws -> MirroredShop {
            let allowed = (counts + events).map { "+\($0)" }
            _ = try redis.run(["ACL", "SETUSER", "mirror", "on", ">secret"] + patterns + allowed)
            let shop = try MirroredShop(
                ["--redis-events", "--retain", "1s"], redis: redis,
                url: "redis://mirror:secret@127.0.0.1:\(redis.port)")
            for sale in 1...3 as ClosedRange<UInt64> { try shop.create(sale) }
            let policy = CreatePolicyEntry.open(9, quantity: 1_000_000, operationId: shop.mint.catalogueId())
            #expect(try shop.client.createPolicy(policy).code == .ok)
            return shop
        }

        @Test func theseAreEnough() throws {
            let redis = try RedisProcess()
            let shop = try Self.shop(redis)
            try Self.use(shop)
            try Self.retire(shop, 50)
            try shop.redis.takePlace(of: "timesale:{1}")
            try shop.redis.takePlace(of: "timesale:events")
            try shop.redis.takePlace(of: "timesale:mirror")
            try Self.use(shop)
            try shop.waitUntilInStep()
            try shop.waitForEvents()
            try shop.wait("the mark of a sale that has left") {
                try shop.hash("timesale:{50}")["state"] == "retired"
            }
            for (key, type) in [("timesale:{1}", "hash"), ("timesale:mirror", "hash"), ("timesale:events", "stream")] {
                try shop.wait("\(key) written again") { try redis.mustRun("TYPE", key).text == type }
            }
            // Keys are looked at each second.
            let later = ContinuousClock.now + .seconds(3)
            while ContinuousClock.now < later { try Self.use(shop) }
            try shop.waitUntilInStep()
            try shop.compare()
            #expect(try shop.status.errors == 0)
            #expect(try Self.refused(shop) == [])

            // Who reads.
            let allowed = ["+get", "+hgetall", "+hmget"]
            _ = try redis.run(["ACL", "SETUSER", "shop", "on", ">secret"] + Self.patterns + allowed)
            let login = RedisCredentials(user: "shop", password: .bytes(Array("secret".utf8)))
            let link = ServerLink([RedisAddress(redis.endpoint, credentials: login)], clientName: "shop")
            let commands = [
                ["GET", "timesale:{1}:available"], ["HGETALL", "timesale:{1}"], ["HMGET", "timesale:{1}", "sold"],
                ["SET", "timesale:{1}:available", "1"],
            ]
            let replies = try link.send(commands.map { RedisCommand($0, key: $0[1]) }, timeoutMs: 60_000)
            #expect(replies.prefix(3).allSatisfy { $0.errorCode == nil } && replies[3].errorCode == "NOPERM")
            shop.stop()
        }

        @Test func oneLessIsNotEnough() throws {
            let redis = try RedisProcess()
            let shop = try Self.shop(redis)
            try shop.waitUntilInStep()
            for (number, permission) in (Self.counts + Self.events).enumerated() {
                try redis.mustRun("ACL", "LOG", "RESET")
                let errors = try shop.status.errors
                try redis.mustRun("ACL", "SETUSER", "mirror", "-\(permission)")
                if permission == "expire" { try Self.retire(shop, 60 + UInt64(number)) }
                if permission == "del" { try shop.redis.takePlace(of: "timesale:{2}") }
                try shop.wait("a refusal of \(permission)") {
                    try Self.use(shop)
                    return try Self.refused(shop).contains(permission)
                }
                try shop.wait("an error by \(permission)") { try shop.status.errors > errors }
                try redis.mustRun("ACL", "SETUSER", "mirror", "+\(permission)")
                try shop.waitUntilInStep()
            }
            for pattern in Self.patterns {
                try redis.mustRun("ACL", "LOG", "RESET")
                let left = Self.patterns.filter { $0 != pattern }
                _ = try redis.run(["ACL", "SETUSER", "mirror", "resetkeys"] + left)
                try shop.wait("a refusal of \(pattern)") {
                    try Self.use(shop)
                    return try Self.refused(shop).contains { $0.hasPrefix(String(pattern.dropFirst().dropLast())) }
                }
                try redis.mustRun("ACL", "SETUSER", "mirror", pattern)
                try shop.waitUntilInStep()
            }
            #expect(shop.server.stderr.contains("NOPERM"))
            try shop.compare()
            shop.stop()
        }

        /// Something of everything that is mirrored all the time.
        private static func use(_ shop: MirroredShop) throws {
            try shop.sell(3, of: [1, 2, 3])
            let user = shop.mint.user()
            #expect(try shop.client.issue(shop.mint.id(user: user), user: user, policy: 9).code == .ok)
        }

        /// A sale that leaves the server's memory a second later.
        private static func retire(_ shop: MirroredShop, _ id: UInt64) throws {
            try shop.create(id)
            #expect(try shop.client.closeSale(id).code == .ok)
        }

        /// Commands and keys that Redis has refused.
        private static func refused(_ shop: MirroredShop) throws -> [String] {
            guard case .array(let entries) = try shop.redis.mustRun("ACL", "LOG") else { return [] }
            return entries.compactMap { $0.field("object") }
        }
    }
}
