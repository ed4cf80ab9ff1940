import Protocol
import Testing

/// Shows that each duration is counted in the class that the protocol says.
@Suite struct LatencyCountsTests {
    @Test func boundsBelongToTheClassBelow() {
        let expected: [(us: UInt64, index: Int)] = [
            (0, 0), (1, 0), (64, 0), (65, 1), (128, 1), (129, 2), (256, 2), (257, 3), (1 << 19, 13),
            ((1 << 19) + 1, 14), (1 << 20, 14), ((1 << 20) + 1, 15), (1 << 40, 15), (.max, 15),
        ]
        for (us, index) in expected {
            var counts = LatencyCounts()
            counts.add(us: us)
            for other in 0..<LatencyCounts.count {
                #expect(counts[other] == (other == index ? 1 : 0), "\(us) us, class \(other)")
            }
        }
    }

    @Test func boundsDouble() {
        #expect(LatencyCounts.boundUs(0) == 64)
        #expect(LatencyCounts.boundUs(14) == 1 << 20)
        #expect(LatencyCounts.boundUs(15) == nil)
    }
}
