import SimulatedStorage

/// Every choice of a run comes from here, so that a seed is a run.
struct Dice: RandomNumberGenerator {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// Those of a part of the world that throws its own, so that it changes nothing of what happens elsewhere.
    init(seed: UInt64, part: UInt64) { self.init(seed: seed &* 0x9e37_79b9_7f4a_7c15 &+ part) }

    /// Parts with dice of their own.
    static let (mirrorPart, faultsPart, tailPart, saltsPart): (UInt64, UInt64, UInt64, UInt64) = (8, 9, 10, 1000)

    mutating func next() -> UInt64 { random.next() }

    /// A number of 0 ..< bound.
    mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() >> 1) % bound }

    /// A number of a closed range.
    mutating func pick(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    /// Yes, in so many of a thousand cases.
    mutating func chance(_ perMille: Int) -> Bool { below(1000) < perMille }

    /// An index, each as likely as its weight says.
    mutating func weighted(_ weights: [Int]) -> Int {
        var rest = below(weights.reduce(0, +))
        for (index, weight) in weights.enumerated() {
            if rest < weight { return index }
            rest -= weight
        }
        preconditionFailure("the weights add up")
    }
}
