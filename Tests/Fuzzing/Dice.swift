/// The random numbers of the mutations: the same for the same seed (splitmix64).
public struct Dice: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    /// 0 ..< bound, which must be above 0.
    public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
