// What callers see of a server that is killed and started again under load.

import Synchronization
import TimesaleClient
import TimesaleTestKit

/// Orders reported as done, by the 10 ms in which they were.
private final class Timeline: Sendable {
    private let begin = ContinuousClock.now
    private let counts = Mutex([Int](repeating: 0, count: 6_000))
    private let over = Atomic<Bool>(false)
    private let failures = Atomic<Int>(0)

    var isOver: Bool { over.load(ordering: .relaxed) }
    func end() { over.store(true, ordering: .relaxed) }

    func place(_ moment: ContinuousClock.Instant = .now) -> Int { Int((moment - begin) / .milliseconds(10)) }
    func noteDone() { counts.withLock { $0[min(place(), $0.count - 1)] += 1 } }
    func noteFailed() { failures.add(1, ordering: .relaxed) }

    var failed: Int { failures.load(ordering: .relaxed) }
    var done: Int { counts.withLock { $0.reduce(0, +) } }

    /// Orders of the 250 ms that begin at a place.
    func window(_ from: Int) -> Int { counts.withLock { $0[from..<(from + 25)].reduce(0, +) } }
}

/// Kills and restarts three times.
func measureRestart(tasks: Int) async throws {
    // Segments and spares as a server of its own would have them: a test's are small.
    let arguments = ["--orders", "20000000", "--segment-size", "64MiB", "--log-ahead", "1GiB"]
    try await withTimesaleServer(arguments) { server in
        let client = try await server.client()
        try await client.createSale(NewSale(id: 1, name: "restart", stock: 1 << 39))
        let timeline = Timeline()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in 1...tasks {
                group.addTask {
                    while !timeline.isOver {
                        do throws(TimesaleError) {
                            try await client.order(sale: 1, user: UserID(UInt64(user)))
                            timeline.noteDone()
                        } catch {
                            timeline.noteFailed()
                        }
                    }
                }
            }
            for _ in 1...3 {
                try await Task.sleep(for: .seconds(2))
                let before = (1...4).map { timeline.window(timeline.place() - 25 * $0) }.sorted()[2]
                let killed = timeline.place()
                await server.kill()
                try await server.restart()
                let ready = timeline.place()
                try await Task.sleep(for: .seconds(2))
                // A window is full when it carries nine tenths of a usual one (the median of the last second
                // before the kill: these machines are noisy).
                let back = (ready..<(ready + 170)).first { timeline.window($0) * 10 >= before * 9 }
                let first = (killed..<(ready + 170)).first { $0 >= ready && timeline.window($0) > 0 }
                print(
                    "before the kill \(before * 4) orders/s; down for \((ready - killed) * 10) ms;",
                    "first order within \(((first ?? ready) - ready) * 10 + 250) ms,",
                    "full rate from \(back.map { "\(($0 - ready) * 10) ms" } ?? "later than 1700 ms") after the restart"
                )
            }
            timeline.end()
            try await group.waitForAll()
        }
        let sold = try await client.sale(1).sold
        print(
            "reported \(timeline.done), sold \(sold), failed \(timeline.failed),",
            "retries \(client.status.retries), restarts seen \(client.status.restartsSeen)")
        await client.shutdown()
    }
}
