import Redis
import RedisTestSupport
import Testing

/// Shows a cluster of three real nodes behind the address of any of them: every slot, slots that move, a node that
/// dies.
@Suite struct ClusterLinkTests {
    static let longMs: UInt64 = 60_000

    func set(_ key: String, _ value: String) -> RedisCommand { RedisCommand(["SET", key, value], key: key) }
    func get(_ key: String) -> RedisCommand { RedisCommand(["GET", key], key: key) }

    /// A key for every slot.
    static let keys: [String] = {
        var found = [String?](repeating: nil, count: KeySlot.count)
        var left = KeySlot.count
        var number = 0
        while left > 0 {
            let key = "timesale:{\(number)}"
            let slot = KeySlot.of(Array(key.utf8))
            if found[slot] == nil {
                found[slot] = key
                left -= 1
            }
            number += 1
        }
        return found.compactMap { $0 }
    }()

    @Test func everySlotIsReachedByTheAddressOfOneNode() throws {
        let cluster = try RedisCluster()
        let link = RedisSettings(place: .servers([cluster.addresses[1]])).makeLink()
        let written = try link.send(Self.keys.map { set($0, $0) }, timeoutMs: Self.longMs)
        #expect(written.allSatisfy { $0 == .status("OK") })
        let read = try link.send(Self.keys.map { get($0) } + [RedisCommand(["PING"])], timeoutMs: Self.longMs)
        #expect(read == Self.keys.map { .bytes(Array($0.utf8)) } + [.status("PONG")])
        for node in cluster.nodes {
            guard case .integer(let size) = try node.run("DBSIZE") else {
                Issue.record("no size")
                continue
            }
            #expect((5461...5462).contains(size))
        }
        // A list of all keys comes from all nodes.
        let place = RedisSettings.Place.servers([cluster.addresses[2]])
        let all = try RedisKeys.matching(
            Array("timesale:*".utf8), at: place, clientName: "test", timeoutMs: Self.longMs)
        #expect(Set(all) == Set(Self.keys.map { Array($0.utf8) }) && all.count == Self.keys.count)
        // An error of one command is a reply among the others, in its place.
        let mixed = try link.send(
            [
                get(Self.keys[0]), RedisCommand(["LPUSH", Self.keys[9000], "1"], key: Self.keys[9000]),
                get(Self.keys[16000]),
            ],
            timeoutMs: Self.longMs)
        #expect(mixed[1].errorCode == "WRONGTYPE" && mixed[0].text == Self.keys[0] && mixed[2].text == Self.keys[16000])
    }

    @Test func aSlotThatMovesIsFollowed() throws {
        let cluster = try RedisCluster()
        let (source, target) = (cluster.nodes[0], cluster.nodes[2])
        let link = RedisSettings(place: .servers(cluster.addresses)).makeLink()
        // The same slot, by their braces.
        let (old, new, other) = ("a{\(Self.keys[7])}", "b{\(Self.keys[7])}", Self.keys[12000])
        let slot = KeySlot.of(Array(old.utf8))
        #expect(slot == KeySlot.of(Array(new.utf8)))
        let place = try cluster.owner(ofSlot: slot)
        let begin = try #require(place)
        _ = try link.send([set(old, "1")], timeoutMs: Self.longMs)

        let destination = begin === target ? source : target
        try cluster.beginMove(ofSlot: slot, from: begin, to: destination)
        // What is still there is answered there, what is new is asked for at the other node: within one call, in
        // order.
        let during = try link.send(
            [get(old), set(new, "2"), get(new), set(new, "3"), get(new), set(other, "4")], timeoutMs: Self.longMs)
        #expect(during == [.bytes([0x31]), .status("OK"), .bytes([0x32]), .status("OK"), .bytes([0x33]), .status("OK")])
        #expect(try begin.run("EXISTS", new).errorCode == "ASK")
        // Both keys in one command, on two nodes: for Redis to say.
        let torn = try link.send([RedisCommand(["MGET", old, new], key: old)], timeoutMs: Self.longMs)
        #expect(torn[0].errorCode == "TRYAGAIN")

        try cluster.endMove(ofSlot: slot, from: begin, to: destination)
        let after = try link.send([get(old), get(new), set(old, "5"), get(old), get(other)], timeoutMs: Self.longMs)
        #expect(after == [.bytes([0x31]), .bytes([0x33]), .status("OK"), .bytes([0x35]), .bytes([0x34])])
        // By now it knows: the old owner is not asked any more.
        try begin.mustRun("CONFIG", "RESETSTAT")
        #expect(try link.send([get(old)], timeoutMs: Self.longMs) == [.bytes([0x35])])
        #expect(try begin.run("INFO", "errorstats").text?.contains("MOVED") == false)
    }

    @Test func aNodeThatDiesAndComesBack() throws {
        let cluster = try RedisCluster(["appendonly yes"])
        let link = RedisSettings(place: .servers([cluster.addresses[0]])).makeLink()
        let keys = [0, 6000, 12000].map { Self.keys[$0] }
        _ = try link.send(keys.map { set($0, "1") }, timeoutMs: Self.longMs)
        // The one address that was given dies: the link has learnt the others.
        cluster.nodes[0].kill()
        #expect(throws: RedisFault.self) { try link.send(keys.map { self.get($0) }, timeoutMs: Self.longMs) }
        try cluster.nodes[1].wait("the cluster to notice") {
            try cluster.nodes[1].run("CLUSTER", "INFO").text?.contains("cluster_state:fail") == true
        }
        let down = try link.send([set(keys[1], "2")], timeoutMs: Self.longMs)
        #expect(down[0].errorCode == "CLUSTERDOWN")
        try cluster.nodes[0].start()
        try cluster.nodes[1].wait("the cluster to be whole again") {
            (try? link.send(keys.map { self.set($0, "3") }, timeoutMs: Self.longMs)) == keys.map { _ in .status("OK") }
        }
        #expect(try link.send(keys.map { get($0) }, timeoutMs: Self.longMs) == keys.map { _ in .bytes([0x33]) })
    }

    @Test func aPausedNodeEndsTheCallInTime() throws {
        let cluster = try RedisCluster()
        let link = RedisSettings(place: .servers(cluster.addresses)).makeLink()
        let keys = [0, 6000, 12000].map { Self.keys[$0] }
        _ = try link.send(keys.map { set($0, "1") }, timeoutMs: Self.longMs)
        cluster.nodes[1].pause()
        #expect(throws: RedisFault.timedOut(address: "\(cluster.nodes[1].endpoint)")) {
            try link.send(keys.map { self.set($0, "2") }, timeoutMs: 300)
        }
        cluster.nodes[1].resume()
        try cluster.nodes[1].wait("the cluster to be whole again") {
            (try? link.send(keys.map { self.get($0) }, timeoutMs: Self.longMs)) == keys.map { _ in .bytes([0x32]) }
        }
    }

    @Test func aClusterHasOneDatabase() throws {
        let redis = try RedisProcess(["cluster-enabled yes", "cluster-port \(try RedisProcess.freePort())"])
        let address = RedisAddress(redis.endpoint, database: 1)
        let place = "\(redis.endpoint)"
        #expect(throws: RedisFault.refused(address: place, why: "a cluster has only the database 0")) {
            try ServerLink([address], clientName: "test").send([RedisCommand(["PING"])], timeoutMs: Self.longMs)
        }
        #expect(throws: RedisFault.refused(address: place, why: "no node of its cluster has a slot")) {
            try ServerLink([RedisAddress(redis.endpoint)], clientName: "test")
                .send([RedisCommand(["PING"])], timeoutMs: Self.longMs)
        }
        let alone = try RedisProcess()
        let two = [RedisAddress(alone.endpoint), RedisAddress(redis.endpoint)]
        #expect(throws: RedisFault.self) {
            try ServerLink(two, clientName: "test").send([RedisCommand(["PING"])], timeoutMs: Self.longMs)
        }
    }
}
