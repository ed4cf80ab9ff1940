/// A policy of coupons: 64 bits, not 0, chosen by whoever creates it, never used again. Sales have numbers of their
/// own.
public struct PolicyID: Hashable, Sendable, RawRepresentable {
    public var rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public init(_ number: UInt64) { rawValue = number }
}

extension PolicyID: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt64) { rawValue = value }
}

extension PolicyID: CustomStringConvertible, LosslessStringConvertible {
    /// Reads a decimal number; nil for anything else.
    public init?(_ text: String) {
        guard let number = UInt64(text) else { return nil }
        self.init(number)
    }

    public var description: String { String(rawValue) }
}
