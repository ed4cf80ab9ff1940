import Generator
import Protocol
import Testing

/// Shows that what is wanted more is drawn more often, as Zipf has it: by counting draws.
@Suite struct ZipfTests {
    private struct SplitMix {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            return Partition.mix(state)
        }
    }

    /// Each count is within six standard deviations of what theory expects; one in 500 million is not.
    @Test(arguments: [(1, 0.0), (2, 1.0), (10, 0.0), (10, 1.0), (100, 0.5), (100, 1.2), (1000, 2.0)])
    func drawsAsOftenAsTheorySays(_ count: Int, _ skew: Double) {
        let table = ZipfTable(count: count, skew: skew)
        let expected = ZipfTable.probabilities(count: count, skew: skew)
        let draws = 400_000
        var random = SplitMix(state: 42)
        var found = [Int](repeating: 0, count: count)
        for _ in 0..<draws { found[table.rank(random.next())] += 1 }
        for rank in 0..<count {
            let mean = expected[rank] * Double(draws)
            let deviation = (mean * (1 - expected[rank])).squareRoot()
            #expect(abs(Double(found[rank]) - mean) <= 6 * deviation + 2, "rank \(rank): \(found[rank]), not \(mean)")
        }
    }

    @Test func probabilitiesFallWithThePowerOfTheRank() {
        let some = ZipfTable.probabilities(count: 50, skew: 1)
        #expect(abs(some.reduce(0, +) - 1) < 1e-12)
        #expect(abs(some[0] / some[9] - 10) < 1e-9 && abs(some[4] / some[49] - 10) < 1e-9)
    }

    private func sales(seed: UInt64, skew: Double, _ count: Int) -> (ids: [UInt64], demand: [UInt64]) {
        var plan = LoadPlan(address: .tcp(port: 0))
        (plan.saleIds, plan.skew, plan.seed, plan.isAccounted) = ([11, 12, 13, 14], skew, seed, true)
        var source = EntrySource(plan: plan, nowMs: 1_700_000_000_000)
        let ids = (0..<count).map { _ in
            withUnsafeTemporaryAllocation(byteCount: OrderEntry.sizeBytes, alignment: 8) { memory in
                source.write(to: memory.baseAddress!)
                return OrderEntry(memory.baseAddress!).saleId
            }
        }
        return (ids, source.demand)
    }

    @Test func aSeedDrawsTheSameAgain() {
        #expect(sales(seed: 7, skew: 1, 500).ids == sales(seed: 7, skew: 1, 500).ids)
        #expect(sales(seed: 7, skew: 1, 500).ids != sales(seed: 8, skew: 1, 500).ids)
    }

    /// With skew 1 over four sales the first has 12 of 25 draws, the last 3.
    @Test func demandIsWhatWasAskedFor() {
        let (ids, demand) = sales(seed: 3, skew: 1, 25_000)
        #expect(demand == [11, 12, 13, 14].map { id in UInt64(ids.count { $0 == id }) })
        #expect((11_500...12_500).contains(demand[0]) && (2700...3300).contains(demand[3]))
    }
}
