internal import Protocol

/// A user: 128 bits, opaque to the server, not all zero.
///
/// Shops that number their users write the number (`UserID(42)`, or the literal `42`); others use UUIDs. A shop
/// with keys of another kind maps each to a UUID of version 5, once and for ever.
public struct UserID: Hashable, Sendable {
    var wire: Id128

    init(wire: Id128) { self.wire = wire }

    /// The user with a number. 0 is no user: the server refuses it as `invalid`.
    public init(_ number: UInt64) { wire = Id128(number) }

    /// The two halves of the 128 bits, the first eight bytes of a UUID in `high`.
    public init(high: UInt64, low: UInt64) { wire = Id128(high: high, low: low) }

    public var high: UInt64 { wire.high }
    public var low: UInt64 { wire.low }

    /// The number of a user whose high half is zero; nil for others.
    public var number: UInt64? { wire.high == 0 ? wire.low : nil }
}

extension UserID: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt64) { self.init(value) }
}

extension UserID: CustomStringConvertible, LosslessStringConvertible {
    /// Reads a decimal number below 2^64, or a UUID in either case; nil for anything else.
    public init?(_ text: String) {
        if let number = UInt64(text) {
            self.init(number)
        } else if let id = Id128(text) {
            self.init(wire: id)
        } else {
            return nil
        }
    }

    /// The number if the high half is zero, else the UUID in lower case.
    public var description: String { number.map(String.init) ?? wire.description }
}
