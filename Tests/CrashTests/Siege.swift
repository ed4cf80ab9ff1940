import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing

/// A server that is killed and started again while many clients, each on a thread of its own, go on asking with the
/// same ids until they are answered.
final class Siege: @unchecked Sendable {
    private let shards: Int
    private let directory: TemporaryDirectory
    private let condition = NSCondition()
    // All three under the condition.
    private var server: ServerProcess
    private var starts = 1
    /// Nobody asks while there are as many answers.
    private var answersMax = Int.max
    private let answers = Atomic<Int>(0)

    init(shards: Int, in directory: TemporaryDirectory = TemporaryDirectory()) throws {
        self.shards = shards
        self.directory = directory
        server = try crashServer(shards, in: directory)
    }

    /// The server of this moment.
    var current: ServerProcess { condition.withLock { server } }

    /// Runs `body` for each of so many clients, all at once, each on a thread of its own, and kills and restarts the
    /// server `kills` times meanwhile: each time after `every` further answers.
    func run(clients: Int, kills: Int, every: Int, _ body: @escaping @Sendable (Int, Besieger) throws -> Void)
        throws
    {
        let finished = DispatchGroup()
        let failures = Mutex<[String]>([])
        let left = Atomic(clients)
        for number in 0..<clients {
            finished.enter()
            let besieger = Besieger(siege: self, number: number, shards: shards)
            Thread.detachNewThread {
                do {
                    try body(number, besieger)
                } catch {
                    failures.withLock { $0.append("client \(number): \(error)") }
                }
                left.subtract(1, ordering: .releasing)
                finished.leave()
            }
        }
        for _ in 0..<kills {
            let goal = answers.load(ordering: .acquiring) + every
            letAnswer(upTo: goal + every / 8)
            while answers.load(ordering: .acquiring) < goal, left.load(ordering: .acquiring) > 0 {
                sched_yield()
            }
            #expect(left.load(ordering: .acquiring) > 0, "a kill after the last answer shows nothing")
            try restart()
        }
        letAnswer(upTo: .max)
        finished.wait()
        let found = failures.withLock { $0 }
        #expect(found.isEmpty, "\(found.prefix(3))")
    }

    /// `kill -9`, and a new start on the same data.
    func restart() throws {
        killAtOnce(current)
        let next = try crashServer(shards, in: directory)
        condition.withLock {
            server = next
            starts += 1
            condition.broadcast()
        }
    }

    /// So that this thread, which may have to wait for a CPU, comes to kill while there is something to do.
    private func letAnswer(upTo most: Int) {
        condition.withLock {
            answersMax = most
            condition.broadcast()
        }
    }

    /// Waits while as many have been answered as may be before the next kill.
    fileprivate func awaitTurn() {
        condition.withLock {
            while answers.load(ordering: .acquiring) >= answersMax { condition.wait() }
        }
    }

    fileprivate func noteAnswer() { answers.add(1, ordering: .releasing) }

    /// The server, and how often one was started; waits for a start after `seen`.
    fileprivate func server(after seen: Int) -> (ServerProcess, starts: Int) {
        condition.withLock {
            while starts <= seen { condition.wait() }
            return (server, starts)
        }
    }
}

/// One client of a siege. Used by its thread alone.
final class Besieger: @unchecked Sendable {
    private let siege: Siege
    private let number: Int
    private let shards: Int
    private var client: TestClient?
    private var seen = 0

    init(siege: Siege, number: Int, shards: Int) {
        self.siege = siege
        self.number = number
        self.shards = shards
    }

    /// Asks the same again until there is an answer, whatever becomes of the server.
    func ask<Answer>(_ question: (TestClient) throws(ClientFault) -> Answer) throws(ClientFault) -> Answer {
        while true {
            do throws(ClientFault) {
                siege.awaitTurn()
                let client = try connected()
                let answer = try question(client)
                siege.noteAnswer()
                return answer
            } catch {
                switch error {
                case .refused(.busy, _): continue
                case .closed, .unreachable: client = nil
                default: throw error
                }
            }
        }
    }

    private func connected() throws(ClientFault) -> TestClient {
        if let client { return client }
        let (server, starts) = siege.server(after: seen)
        seen = starts
        let fresh = try server.client(number % 2 == 0 ? .unix : .tcp, shard: UInt16(number % shards))
        client = fresh
        return fresh
    }
}
