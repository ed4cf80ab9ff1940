import Foundation
import Redis
import RedisTestSupport
import TestSupport
import Testing

/// Shows what becomes of a server that does not speak as Redis does: a fault, in time, within bounds of memory.
@Suite struct GarbageTests {
    static let greeting = "*4\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"

    func fault(_ server: ScriptedRedis, timeoutMs: UInt64 = 60_000) -> RedisFault? {
        let link = ServerLink([RedisAddress(.unix(path: server.path))], clientName: "test")
        do throws(RedisFault) {
            let replies = try link.send([RedisCommand(["GET", "a"])], timeoutMs: timeoutMs)
            Issue.record("was answered: \(replies)")
            return nil
        } catch {
            return error
        }
    }

    static let garbage = [
        "HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0\0", ":12x\r\n", ":99999999999999999999\r\n",
        "$-2\r\n", "$99999999999999999999\r\n", "*-2\r\n", "*4294967296\r\n", "*2000000\r\n",
        String(repeating: "*1\r\n", count: 10), "*1000000\r\n*1000000\r\n", "+OK\r\n+OK\r\n", "+OK\r\n+",
    ]

    @Test(arguments: garbage) func isAFault(_ answer: String) throws {
        let server = ScriptedRedis { peer in
            _ = peer.readSome()
            peer.write(Array(Self.greeting.utf8))
            _ = peer.readSome()
            peer.write(Array(answer.utf8))
            peer.waitForEnd()
        }
        let found = fault(server)
        guard case .protocolError = found else {
            Issue.record("\(answer.debugDescription): \(found as Any)")
            return
        }
    }

    @Test(arguments: ["-ERR unknown command 'HELLO'\r\n", "*1\r\n+x\r\n", "+OK\r\n", "HTTP/1.1 200\r\n"])
    func aGreetingThatIsNone(_ answer: String) throws {
        let server = ScriptedRedis { peer in
            _ = peer.readSome()
            peer.write(Array(answer.utf8))
            peer.waitForEnd()
        }
        switch fault(server) {
        case .protocolError, .refused: break
        case let other: Issue.record("\(other as Any)")
        }
    }

    /// It announces 4 GiB and sends without end: what is taken of it is bounded.
    @Test func aReplyWithoutEndIsCutOff() throws {
        let server = ScriptedRedis { peer in
            _ = peer.readSome()
            peer.write(Array(Self.greeting.utf8))
            _ = peer.readSome()
            peer.write(Array("$4294967296\r\n".utf8))
            let piece = [UInt8](repeating: 0x61, count: 1 << 16)
            while peer.write(piece) {}
        }
        guard case .protocolError(_, let why) = fault(server) else {
            Issue.record("it was taken")
            return
        }
        #expect(why.contains("32 MiB"))
    }

    /// It sends a byte now and then: each read is quick, the call must not be.
    @Test func tricklingIsNoAnswerInTime() throws {
        let server = ScriptedRedis { peer in
            _ = peer.readSome()
            peer.write(Array(Self.greeting.utf8))
            _ = peer.readSome()
            peer.write(Array("$1000000\r\n".utf8))
            while peer.write([0x61]) { usleep(1_000) }
        }
        #expect(fault(server, timeoutMs: 300) == .timedOut(address: "unix:\(server.path)"))
    }

    @Test func nothingAtAllIsNoAnswerInTime() throws {
        let server = ScriptedRedis { $0.waitForEnd() }
        #expect(fault(server, timeoutMs: 100) == .timedOut(address: "unix:\(server.path)"))
    }

    @Test func anEndInsteadOfAnAnswer() throws {
        let server = ScriptedRedis { peer in
            _ = peer.readSome()
            peer.write(Array(Self.greeting.utf8))
            _ = peer.readSome()
            peer.write(Array("$10\r\nabc".utf8))
        }
        #expect(fault(server) == .closed(address: "unix:\(server.path)", why: "the server closed it"))
    }
}
