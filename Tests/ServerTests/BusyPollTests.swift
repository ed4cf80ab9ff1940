import Testing

@testable import Server

/// Shows when a shard looks for work before it sleeps: with most of its core in use, and short waits; not otherwise.
@Suite struct BusyPollTests {
    /// Windows of 10 ms of which the shard works for so many us, and looks for so many.
    private static func poll(workedUs: UInt64, lookedUs: UInt64 = 0, lastWaitUs: UInt64) -> BusyPoll {
        var poll = BusyPoll()
        for window in 1...3 as ClosedRange<UInt64> {
            for _ in 0..<(lookedUs / 50) { poll.looked(us: 50) }
            poll.endWindow(window * 10_000, cpuUs: window * (workedUs + lookedUs))
        }
        poll.waited(us: lastWaitUs)
        return poll
    }

    @Test func itLooksWhereWorkIsLikely() {
        #expect(Self.poll(workedUs: 9_000, lastWaitUs: 20).isWorthIt)
        #expect(!Self.poll(workedUs: 9_000, lastWaitUs: 200).isWorthIt, "the next wait will be long as well")
        #expect(!Self.poll(workedUs: 5_000, lastWaitUs: 20).isWorthIt, "the core is for others too")
    }

    /// Else a shard that has once begun to look would go on, however little there was to do.
    @Test func lookingIsNoWork() {
        #expect(Self.poll(workedUs: 7_500, lookedUs: 2_000, lastWaitUs: 20).isBusy)
        #expect(!Self.poll(workedUs: 3_000, lookedUs: 6_900, lastWaitUs: 20).isBusy)
    }
}
