import Testing

@testable import Harness

/// Shows which of the ratios bound the interval, against tables of the sign test.
@Suite struct RatioIntervalTests {
    /// Ranks and confidences by the binomial distribution, from any table of it.
    @Test(arguments: [
        (5, 1, 0.9375), (6, 1, 0.96875), (7, 1, 0.984375), (8, 1, 0.9921875), (9, 2, 0.9609375), (12, 3, 0.961426),
        (20, 6, 0.958611), (1, 1, 0.0),
    ])
    func theRankIsAsFarInsideAs95PercentAllow(_ count: Int, _ rank: Int, _ confidence: Double) {
        let found = RatioInterval.rank(of: count)
        #expect(found.rank == rank)
        #expect(abs(found.confidence - confidence) < 1e-6)
    }

    @Test func theIntervalIsOfTheRatiosThemselves() {
        let interval = RatioInterval([9, 1, 5, 7, 3, 8, 2, 6, 4])
        #expect(interval.median == 5 && interval.low == 2 && interval.high == 8)
        let few = RatioInterval([3, 1, 2])
        #expect(few.median == 2 && few.low == 1 && few.high == 3)
        #expect(abs(few.confidence - 0.75) < 1e-9)
        let one = RatioInterval([4])
        #expect(one.low == 4 && one.high == 4 && one.confidence == 0)
    }
}
