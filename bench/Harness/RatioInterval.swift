/// The median of ratios of paired measurements, and an interval for what it would be over many more.
///
/// The interval lies between two of the ratios themselves, by the sign test: a further ratio is above the true median
/// as often as below it, so the k-th smallest of n lies above it as rarely as k - 1 of n coins or fewer fall on one
/// side. That supposes nothing of how ratios are spread - on a shared machine, not evenly - and can be checked by hand.
public struct RatioInterval: Codable, Equatable, Sendable {
    public var median: Double
    public var low: Double
    public var high: Double
    /// How often such an interval holds the true median: at least 0.95 from six ratios on, 0.9375 of five.
    public var confidence: Double

    /// Of `ratios`, at least one.
    public init(_ ratios: [Double]) {
        let sorted = ratios.sorted()
        precondition(!sorted.isEmpty)
        let (rank, confidence) = Self.rank(of: sorted.count)
        median = Spread(sorted).median
        low = sorted[rank - 1]
        high = sorted[sorted.count - rank]
        self.confidence = confidence
    }

    /// The ends are the so-manieth from either side: as far inside as 95 % allows.
    static func rank(of count: Int) -> (rank: Int, confidence: Double) {
        var best = (rank: 1, confidence: max(0, 1 - 2 * chance(ofAtMost: 0, of: count)))
        var rank = 2
        while 2 * rank <= count {
            let confidence = 1 - 2 * chance(ofAtMost: rank - 1, of: count)
            guard confidence >= 0.95 else { break }
            best = (rank, confidence)
            rank += 1
        }
        return best
    }

    /// That of `count` coins at most so many show heads.
    private static func chance(ofAtMost heads: Int, of count: Int) -> Double {
        var ways = 1.0
        var sum = 1.0
        for index in 0..<heads {
            ways = ways * Double(count - index) / Double(index + 1)
            sum += ways
        }
        var chance = sum
        for _ in 0..<count { chance /= 2 }
        return chance
    }
}
