import Redis
import RedisTestSupport
import Testing

/// Shows in which slot of a cluster a key is: against vectors of the specification, and against Redis itself.
@Suite struct KeySlotTests {
    /// The first is the check value that the specification of the cluster gives for CRC16; the slots of `foo` and
    /// `bar` are those that its examples show.
    static let golden: [(key: String, slot: Int)] = [
        ("123456789", 0x31c3), ("foo", 12182), ("bar", 5061), ("hello", 866), ("", 0), ("foo{}{bar}", 8363),
        ("{user1000}.following", 3443), ("{user1000}.followers", 3443), ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061), ("foo{bar", 15278), ("}foo{bar}", 5061),
    ]

    @Test(arguments: golden.indices) func isTheOneOfTheSpecification(_ index: Int) {
        let (key, slot) = Self.golden[index]
        #expect(KeySlot.of(Array(key.utf8)) == slot, "\(key)")
    }

    @Test func redisAgrees() throws {
        let redis = try RedisProcess(["cluster-enabled yes", "cluster-port \(try RedisProcess.freePort())"])
        var keys = Self.golden.map { Array($0.key.utf8) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            // Braces are frequent, so that every way to place them comes up.
            let length = Int.random(in: 0...12, using: &random)
            keys.append((0..<length).map { _ in [0x7b, 0x7d, 0x00, UInt8.random(in: 0...255)].randomElement()! })
        }
        let link = ServerLink([RedisAddress(redis.endpoint)], clientName: "test", isDirect: true)
        let commands = keys.map { RedisCommand([Array("CLUSTER".utf8), Array("KEYSLOT".utf8), $0]) }
        let replies = try link.send(commands, timeoutMs: 60_000)
        for (key, reply) in zip(keys, replies) { #expect(reply == .integer(Int64(KeySlot.of(key))), "\(key)") }
    }
}
