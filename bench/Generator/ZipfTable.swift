import Glibc

/// Draws ranks whose frequency falls with a power of the rank (Zipf): rank 0 is the most wanted, rank n is drawn
/// 1 / (n + 1)^skew times as often. Skew 0: all alike; 1: what is seen of shops and caches.
///
/// One draw is one look-up, however many ranks there are: Walker's method of aliases (1977), its table made as Vose
/// does (1991). Each column holds the same share of all draws, and is split between its own rank and one other.
public struct ZipfTable: Sendable {
    private let count: UInt64
    /// Of each column the part of 2^32 that is its own rank's; the rest is that of `other`.
    private let own: [UInt32]
    private let other: [UInt32]

    public init(count: Int, skew: Double) {
        precondition(count > 0 && count <= 1 << 31 && skew >= 0)
        self.count = UInt64(count)
        var share = Self.probabilities(count: count, skew: skew).map { $0 * Double(count) }
        var own = [UInt32](repeating: .max, count: count)
        var other = (0..<count).map { UInt32($0) }
        var small = share.indices.filter { share[$0] < 1 }
        var large = share.indices.filter { share[$0] >= 1 }
        while let column = small.popLast(), let giver = large.popLast() {
            own[column] = UInt32(share[column] * 4_294_967_295)
            other[column] = UInt32(giver)
            share[giver] -= 1 - share[column]
            if share[giver] < 1 { small.append(giver) } else { large.append(giver) }
        }
        self.own = own
        self.other = other
    }

    /// The rank that 64 random bits draw.
    public func rank(_ random: UInt64) -> Int {
        let column = Int(((random >> 32) &* count) >> 32)
        return UInt32(truncatingIfNeeded: random) < own[column] ? column : Int(other[column])
    }

    /// How often each rank is drawn; they sum up to 1.
    public static func probabilities(count: Int, skew: Double) -> [Double] {
        let weights = (1...count).map { pow(Double($0), -skew) }
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }
}
