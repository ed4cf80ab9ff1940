import Testing

@testable import TimesaleClient

/// Shows what a histogram says of a share of its durations.
@Suite struct LatencyHistogramTests {
    private func histogram(_ counts: [Int: UInt64]) -> LatencyHistogram {
        LatencyHistogram(counts: (0..<16).map { counts[$0] ?? 0 }, sumUs: 7)
    }

    @Test func sharesAreBounded() {
        let syncs = histogram([0: 50, 3: 49, 15: 1])
        #expect(syncs.count == 100)
        #expect(syncs.bound(ofShare: 0.5) == .microseconds(64))
        #expect(syncs.bound(ofShare: 0.51) == .microseconds(512))
        #expect(syncs.bound(ofShare: 0.99) == .microseconds(512))
        #expect(syncs.bound(ofShare: 1) == nil)
        #expect(histogram([:]).bound(ofShare: 0.5) == nil)
    }

    @Test func theyAddUp() {
        #expect(histogram([1: 2]) + histogram([1: 3, 4: 1]) == LatencyHistogram(
            counts: [0, 5, 0, 0, 1] + Array(repeating: 0, count: 11), sumUs: 14))
        #expect(LatencyHistogram.boundsUs.count == 15 && LatencyHistogram.boundsUs.last == 1 << 20)
    }
}
