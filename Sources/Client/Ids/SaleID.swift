/// A sale: 64 bits, not 0, chosen by whoever creates it, never used again.
public struct SaleID: Hashable, Sendable, RawRepresentable {
    public var rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public init(_ number: UInt64) { rawValue = number }
}

extension SaleID: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt64) { rawValue = value }
}

extension SaleID: CustomStringConvertible, LosslessStringConvertible {
    /// Reads a decimal number; nil for anything else.
    public init?(_ text: String) {
        guard let number = UInt64(text) else { return nil }
        self.init(number)
    }

    public var description: String { String(rawValue) }
}
