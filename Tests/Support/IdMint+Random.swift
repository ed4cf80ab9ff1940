/// So that one seed decides everything in a test.
extension IdMint: RandomNumberGenerator {
    public mutating func next() -> UInt64 { random() }
}
