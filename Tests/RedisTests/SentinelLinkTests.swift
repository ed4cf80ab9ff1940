import Redis
import RedisTestSupport
import Testing

/// Shows that the master which sentinels name is found, and found again after a failover.
@Suite struct SentinelLinkTests {
    static let longMs: UInt64 = 60_000

    @Test func aFailoverIsFollowed() throws {
        let group = try RedisSentinelGroup()
        let sentinels = try RedisSentinels.parse(group.spelling).get()
        let link = SentinelLink(sentinels, clientName: "timesale-mirror")
        #expect(try link.send([RedisCommand(["SET", "a", "1"])], timeoutMs: Self.longMs) == [.status("OK")])
        #expect(try group.master.run("GET", "a") == .bytes([0x31]))

        try group.whileLossesCount {
            group.master.kill()
            // Until the sentinels agree there is no master; nobody is written to meanwhile.
            #expect(throws: RedisFault.self) { try link.send([RedisCommand(["PING"])], timeoutMs: 1_000) }
            try group.waitUntilMaster(group.replica)
        }
        #expect(try link.send([RedisCommand(["SET", "a", "2"])], timeoutMs: Self.longMs) == [.status("OK")])
        #expect(try group.replica.run("GET", "a") == .bytes([0x32]))

        // The old master comes back as what it was, is made a replica, and gets no writes.
        try group.master.start()
        try group.master.wait("the old master to become a replica") {
            // Who makes it a replica ends its connections.
            guard case .array(let role)? = try? group.master.run("ROLE") else { return false }
            return role.first?.text == "slave"
        }
        #expect(try link.send([RedisCommand(["SET", "a", "3"])], timeoutMs: Self.longMs) == [.status("OK")])
        #expect(try group.replica.run("GET", "a") == .bytes([0x33]))
    }

    /// A master that is demoted without dying: its refusal is a reply, and the next call finds the new one.
    @Test func aRefusalOfAReplicaMakesItAskAgain() throws {
        let group = try RedisSentinelGroup(password: "pw", sentinelPassword: "watch")
        var sentinels = try RedisSentinels.parse(":pw@" + group.spelling).get()
        sentinels.sentinelCredentials = RedisCredentials(password: .bytes(Array("watch".utf8)))
        let link = SentinelLink(sentinels, clientName: "timesale-mirror")
        #expect(try link.send([RedisCommand(["SET", "a", "1"])], timeoutMs: Self.longMs) == [.status("OK")])

        // Demoted behind the back of the sentinels, which then do the same and cut its clients off.
        try group.master.mustRun("REPLICAOF", "127.0.0.1", "\(group.replica.port)")
        if let reply = try? link.send([RedisCommand(["SET", "a", "2"])], timeoutMs: Self.longMs)[0] {
            #expect(reply.errorCode == "READONLY" || reply == .status("OK"))
        }
        try group.sentinels[0].mustRun("SENTINEL", "FAILOVER", RedisSentinelGroup.name)
        try group.waitUntilMaster(group.replica)
        try group.replica.wait("a write that arrives") {
            (try? link.send([RedisCommand(["SET", "a", "3"])], timeoutMs: Self.longMs)) == [.status("OK")]
        }
        #expect(try group.replica.run("GET", "a") == .bytes([0x33]))
    }

    @Test func sentinelsThatAreGoneOrKnowNothing() throws {
        let group = try RedisSentinelGroup()
        var sentinels = try RedisSentinels.parse(group.spelling).get()
        // The first one does not answer at all: it costs its share of the time, not all of it.
        group.sentinels[0].pause()
        let link = SentinelLink(sentinels, clientName: "test")
        #expect(try link.send([RedisCommand(["PING"])], timeoutMs: 3_000) == [.status("PONG")])
        // The one that answered is asked first from now on.
        link.close()
        group.sentinels[2].kill()
        #expect(try link.send([RedisCommand(["PING"])], timeoutMs: Self.longMs) == [.status("PONG")])

        sentinels.endpoints = [group.sentinels[1].endpoint]
        sentinels.master = "other"
        let lost = SentinelLink(sentinels, clientName: "test")
        #expect(
            throws: RedisFault.notMaster(
                address: "\(group.sentinels[1].endpoint)", why: "it knows no master \"other\"")
        ) { try lost.send([RedisCommand(["PING"])], timeoutMs: Self.longMs) }

        let direct = ServerLink([RedisAddress(group.sentinels[1].endpoint)], clientName: "test")
        do {
            _ = try direct.send([RedisCommand(["PING"])], timeoutMs: Self.longMs)
            Issue.record("a sentinel was taken for a server")
        } catch {
            #expect("\(error)".contains("--redis-sentinel"))
        }
    }

    /// A sentinel names a replica, as it does for a moment in a failover: nothing is written there.
    @Test func aMasterThatIsNoneIsNotWrittenTo() throws {
        let master = try RedisProcess()
        let replica = try RedisProcess(["replicaof 127.0.0.1 \(master.port)"])
        let stale = ScriptedRedis { peer in
            _ = peer.readSome()
            peer.write(Array("*2\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n".utf8))
            _ = peer.readSome()
            let port = "\(replica.port)"
            peer.write(Array("*2\r\n$9\r\n127.0.0.1\r\n$\(port.utf8.count)\r\n\(port)\r\n".utf8))
            peer.waitForEnd()
        }
        let link = SentinelLink(RedisSentinels([.unix(path: stale.path)], master: "shop"), clientName: "test")
        do {
            _ = try link.send([RedisCommand(["SET", "a", "1"])], timeoutMs: Self.longMs)
            Issue.record("a replica was written to")
        } catch {
            guard case .notMaster = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
