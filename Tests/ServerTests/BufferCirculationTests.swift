import Testing

@testable import Server

/// Shows that few receive buffers go round where few are enough, and that the kernel gets more before it is without.
@Suite struct BufferCirculationTests {
    /// Fills and reads buffers in bursts of `burst`, and answers the fewest that the kernel had from burst `from` on.
    private func run(_ circulation: inout BufferCirculation, bursts: Int, of burst: Int, from: Int = 0) -> Int {
        var given = circulation.count
        var fewest = given
        for number in 0..<bursts {
            for _ in 0..<burst {
                given -= 1
                given += circulation.filled(left: given)
                if number >= from { fewest = min(fewest, given) }
            }
            for _ in 0..<burst where !circulation.isKeptBack() { given += 1 }
            #expect(given == circulation.count)
        }
        return fewest
    }

    @Test(arguments: [1, 4]) func fewAreEnoughForSmallBursts(burst: Int) {
        var circulation = BufferCirculation(total: 64)
        #expect(run(&circulation, bursts: 10_000, of: burst) == BufferCirculation.countMin - burst)
        #expect(circulation.count == BufferCirculation.countMin)
    }

    @Test(arguments: [8, 13, 30, 48]) func theKernelIsNeverWithout(burst: Int) {
        var circulation = BufferCirculation(total: 64)
        #expect(run(&circulation, bursts: 10_000, of: burst) > 0)
        #expect(circulation.count > burst)
    }

    @Test func allGoRoundWhereAllAreNeeded() {
        var circulation = BufferCirculation(total: 64)
        #expect(run(&circulation, bursts: 100, of: 64, from: 1) == 0)
        #expect(circulation.count == 64)
    }

    /// Behind a rush they become few again, one at each look, but not so few that the next burst doubles them.
    @Test func fewerBehindARush() {
        var circulation = BufferCirculation(total: 64)
        _ = run(&circulation, bursts: 10, of: 60)
        #expect(circulation.count == 64)
        #expect(run(&circulation, bursts: 5_000, of: 6, from: 100) >= 3)
        #expect(circulation.count == 12)
    }

    @Test func noMoreThanThereAre() {
        var circulation = BufferCirculation(total: 4)
        #expect(circulation.count == 4)
        #expect(run(&circulation, bursts: 100, of: 4) == 0)
        #expect(circulation.count == 4)
    }
}
