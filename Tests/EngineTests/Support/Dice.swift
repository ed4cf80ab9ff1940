import Protocol

/// Random numbers that are the same for the same seed (SplitMix64).
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = Partition.mix(seed &+ 1) }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Partition.mix(state)
    }

    /// A number of 0 ..< bound.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// A number of a closed range.
    mutating func pick(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    /// Yes, once in `times`.
    mutating func oneIn(_ times: Int) -> Bool { below(times) == 0 }
}
