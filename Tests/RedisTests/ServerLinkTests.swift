import Foundation
import Redis
import RedisTestSupport
import TestSupport
import Testing

/// Shows one connection to a real redis-server: who it logs in as, what it sends and gets, and what it says when
/// the server is slow, gone, back, or refuses.
@Suite struct ServerLinkTests {
    static let longMs: UInt64 = 60_000

    func link(_ text: String) throws -> ServerLink {
        ServerLink([try RedisAddress.parse(text).get()], clientName: "timesale-mirror")
    }

    /// The fault of a call that must have one.
    func fault(_ link: any RedisLink, _ commands: [RedisCommand] = [RedisCommand(["PING"])], timeoutMs: UInt64 = longMs)
        -> RedisFault?
    {
        do throws(RedisFault) {
            let replies = try link.send(commands, timeoutMs: timeoutMs)
            Issue.record("was answered: \(replies)")
            return nil
        } catch {
            return error
        }
    }

    // MARK: Beginning

    @Test func itConnectsByEachWay() throws {
        let redis = try RedisProcess()
        for address in [redis.url, "redis://localhost:\(redis.port)/5", "unix:\(redis.unixPath)"] {
            let link = try link(address)
            #expect(try link.send([RedisCommand(["PING"])], timeoutMs: Self.longMs) == [.status("PONG")])
            let name = try link.send([RedisCommand(["CLIENT", "GETNAME"])], timeoutMs: Self.longMs)
            #expect(name == [.bytes(Array("timesale-mirror".utf8))])
        }
        let unix = try link("redis+unix://\(redis.unixPath)?db=7")
        _ = try unix.send([RedisCommand(["SET", "in", "seven"])], timeoutMs: Self.longMs)
        _ = try link(redis.url + "/7").send([RedisCommand(["APPEND", "in", "!"])], timeoutMs: Self.longMs)
        #expect(try link(redis.url).send([RedisCommand(["GET", "in"])], timeoutMs: Self.longMs) == [.null])
        let both = try unix.send([RedisCommand(["GET", "in"])], timeoutMs: Self.longMs)
        #expect(both == [.bytes(Array("seven!".utf8))])
    }

    @Test func whoMayComeInDoes() throws {
        let redis = try RedisProcess(
            ["user mirror on >fine%40 ~timesale:* +@all", "user default off"],
            login: RedisCredentials(user: "mirror", password: .bytes(Array("fine%40".utf8))))
        let good = try link("redis://mirror:fine%2540@127.0.0.1:\(redis.port)")
        let replies = try good.send(
            [RedisCommand(["ACL", "WHOAMI"]), RedisCommand(["SET", "other", "1"])], timeoutMs: Self.longMs)
        #expect(replies[0] == .bytes(Array("mirror".utf8)))
        // What a user may not do later is a reply, as every other refusal.
        #expect(replies[1].errorCode == "NOPERM")
    }

    @Test func whoMayNotIsToldWhy() throws {
        let redis = try RedisProcess(
            ["requirepass right", "user narrow on >right ~* +get"],
            login: RedisCredentials(password: .bytes(Array("right".utf8))))
        let place = "127.0.0.1:\(redis.port)"
        let cases: [(String, RedisFault)] = [
            ("redis://\(place)", .authentication(address: place, why: "NOAUTH, it wants a password")),
            (
                "redis://:wrong@\(place)",
                .authentication(address: place, why: "WRONGPASS, it does not know this user with this password")
            ),
            (
                "redis://nobody:right@\(place)",
                .authentication(address: place, why: "WRONGPASS, it does not know this user with this password")
            ),
            (
                "redis://narrow:right@\(place)/1",
                .authentication(
                    address: place,
                    why: "NOPERM this user has no permissions to run the 'select' command")
            ),
            ("redis://:right@\(place)/99", .refused(address: place, why: "ERR DB index is out of range")),
        ]
        for (text, wanted) in cases {
            let found = fault(try link(text))
            #expect(found == wanted)
            #expect(found.map { "\($0)".contains("wrong") || "\($0)".contains("right") } == false)
        }
        #expect(try link("redis://:right@\(place)").send([RedisCommand(["PING"])], timeoutMs: Self.longMs).count == 1)
    }

    @Test func theServersLimitIsToldInItsWords() throws {
        let redis = try RedisProcess(["maxclients 10"])
        let held = try (0..<10).map { _ in try link(redis.url) }
        for one in held { _ = try? one.send([RedisCommand(["PING"])], timeoutMs: Self.longMs) }
        let found = fault(try link(redis.url))
        // Said before it is asked: whichever of the two ends is seen first, the connection is of no use.
        let text = found.map { "\($0)" } ?? ""
        #expect(text.contains("max number of clients") || text.contains("lost"), "\(text)")
    }

    @Test func aPasswordFileIsReadForEachConnection() throws {
        let redis = try RedisProcess(["user app on >first ~* +@all"])
        let directory = TemporaryDirectory()
        let path = directory.path + "/password"
        try "first\n".write(toFile: path, atomically: true, encoding: .utf8)
        let credentials = RedisCredentials(user: "app", password: .file(path: path))
        let link = ServerLink([RedisAddress(redis.endpoint, credentials: credentials)], clientName: "test")
        _ = try link.send([RedisCommand(["PING"])], timeoutMs: Self.longMs)

        try redis.mustRun("ACL", "SETUSER", "app", "resetpass", ">second")
        link.close()
        guard case .authentication = fault(link) else {
            Issue.record("the old password was accepted")
            return
        }
        try "second\r\n".write(toFile: path, atomically: true, encoding: .utf8)
        _ = try link.send([RedisCommand(["PING"])], timeoutMs: Self.longMs)

        link.close()
        let long = String(repeating: "x", count: 5000)
        for (content, says) in [("", "empty"), ("a\nb\n", "more than one"), (long, "more than one")] {
            try content.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(fault(link)?.description.contains(says) == true)
        }
        try FileManager.default.removeItem(atPath: path)
        #expect(fault(link)?.description.contains("No such file") == true)
    }

    // MARK: Pipelines

    @Test func tenThousandCommandsWithAnyBytes() throws {
        let redis = try RedisProcess()
        let link = try link(redis.url)
        let values = (0..<10_000).map { index in
            // Line ends, zeros and bytes that are no UTF-8, of every length up to a kilobyte.
            (0..<(index % 1000)).map { UInt8(truncatingIfNeeded: index &* 31 &+ $0 &* 7) }
        }
        let key = { (index: Int) -> [UInt8] in [0, 0x0d, 0x0a, 0xff] + Array("\(index)".utf8) }
        let writes = values.enumerated().map { RedisCommand([Array("SET".utf8), key($0.offset), $0.element]) }
        let written = try link.send(writes, timeoutMs: Self.longMs)
        #expect(written.allSatisfy { $0 == .status("OK") } && written.count == values.count)
        let reads = values.indices.map { RedisCommand([Array("GET".utf8), key($0)]) }
        let read = try link.send(reads, timeoutMs: Self.longMs)
        #expect(read == values.map { .bytes($0) })
        #expect(try link.send([], timeoutMs: Self.longMs).isEmpty)
    }

    @Test func everyKindOfReply() throws {
        let redis = try RedisProcess()
        let link = try link(redis.url)
        let replies = try link.send(
            [
                RedisCommand(["SET", "a", "1"]), RedisCommand(["INCRBY", "a", "-9223372036854775807"]),
                RedisCommand(["GET", "a"]), RedisCommand(["GET", "none"]),
                RedisCommand(["EVAL", "return {1, {'x', {}}, false, redis.status_reply('S')}", "0"]),
                RedisCommand(["LPUSH", "a", "1"]), RedisCommand(["EVALSHA", String(repeating: "0", count: 40), "0"]),
            ], timeoutMs: Self.longMs)
        #expect(
            replies[..<5] == [
                .status("OK"), .integer(-9_223_372_036_854_775_806), .bytes(Array("-9223372036854775806".utf8)), .null,
                .array([.integer(1), .array([.bytes([0x78]), .array([])]), .null, .status("S")]),
            ])
        #expect(replies[5].errorCode == "WRONGTYPE" && replies[6].errorCode == "NOSCRIPT")
    }

    @Test func refusalsAreReplies() throws {
        let full = try RedisProcess(["maxmemory 1mb"])
        let big = [UInt8](repeating: 1, count: 1 << 20)
        let set = RedisCommand([Array("SET".utf8), Array("big".utf8), big])
        #expect(try link(full.url).send([set, set, set], timeoutMs: Self.longMs).last?.errorCode == "OOM")

        let replica = try RedisProcess(["replicaof 127.0.0.1 \(full.port)"])
        let refused = try link(replica.url).send([RedisCommand(["SET", "a", "1"])], timeoutMs: Self.longMs)
        #expect(refused[0].errorCode == "READONLY")
    }

    // MARK: Outages

    @Test func aPausedServerEndsTheCallInTimeAndItsRepliesAreForNobody() throws {
        let redis = try RedisProcess()
        let link = try link(redis.url)
        _ = try link.send([RedisCommand(["SET", "n", "0"])], timeoutMs: Self.longMs)
        redis.pause()
        // Far more than the socket takes: the call must not hang in a write either.
        let many = [UInt8](repeating: 0x61, count: 1 << 20)
        let commands = (0..<32).map { _ in RedisCommand([Array("ECHO".utf8), many]) } + [RedisCommand(["INCR", "n"])]
        let began = ContinuousClock.now
        #expect(fault(link, commands, timeoutMs: 300) == .timedOut(address: "127.0.0.1:\(redis.port)"))
        #expect(ContinuousClock.now - began >= .milliseconds(300))
        // A paused server still accepts: the kernel does that for it.
        #expect(fault(link, timeoutMs: 100) == .timedOut(address: "127.0.0.1:\(redis.port)"))
        redis.resume()
        for value in 0..<100 {
            let text = Array("\(value)".utf8)
            #expect(try link.send([RedisCommand([Array("ECHO".utf8), text])], timeoutMs: Self.longMs) == [.bytes(text)])
        }
    }

    @Test func aKilledServerIsUnreachableUntilItIsBack() throws {
        let redis = try RedisProcess()
        let link = try link(redis.url)
        _ = try link.send([RedisCommand(["SET", "a", "1"])], timeoutMs: Self.longMs)
        redis.kill()
        let wanted = RedisFault.unreachable(address: "127.0.0.1:\(redis.port)", why: "Connection refused")
        #expect(fault(link) == wanted)
        #expect(fault(link) == wanted)
        let unix = fault(try self.link("unix:\(redis.unixPath)"))
        guard case .unreachable(address: "unix:\(redis.unixPath)", _) = unix else {
            Issue.record("\(unix as Any)")
            return
        }
        try redis.start()
        // It kept nothing.
        #expect(try link.send([RedisCommand(["GET", "a"])], timeoutMs: Self.longMs) == [.null])
        try redis.mustRun("SET", "a", "2")
        try redis.mustRun("SAVE")
        redis.kill()
        try redis.start(["appendonly no"])
        #expect(try link.send([RedisCommand(["GET", "a"])], timeoutMs: Self.longMs) == [.bytes([0x32])])
    }

    @Test func aServerThatDiesInTheMiddleLeavesItOpenWhatWasDone() throws {
        let redis = try RedisProcess()
        let link = try link(redis.url)
        let commands = [RedisCommand(["SET", "a", "1"]), RedisCommand(["SHUTDOWN", "NOSAVE"]), RedisCommand(["PING"])]
        let found = fault(link, commands)
        guard case .closed = found else {
            Issue.record("\(found as Any)")
            return
        }
    }

    @Test func whatLayIdleTooLongIsOpenedAgain() throws {
        let redis = try RedisProcess()
        let link = try link(redis.url)
        for _ in 0..<3 {
            #expect(try link.send([RedisCommand(["PING"])], timeoutMs: Self.longMs) == [.status("PONG")])
            try redis.mustRun("CLIENT", "KILL", "TYPE", "NORMAL")
        }
    }

    @Test func noHostNoConnection() throws {
        guard case .unreachable = fault(try link("redis://no-such-host.invalid")) else {
            Issue.record("a host that does not exist was reached")
            return
        }
    }
}
