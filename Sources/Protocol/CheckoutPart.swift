/// A part of a checkout: what a refusal names, and what has an id that follows from the checkout's.
///
///     0 ... 15   a line of the request, or the order with that number
///     16         the coupon, and its use
///     17         the points to use, and their transaction
///     18         the points to earn, and their transaction
///     255        none of them: the checkout itself
public struct CheckoutPart: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable
    public static func line(_ index: Int) -> CheckoutPart { CheckoutPart(rawValue: UInt8(truncatingIfNeeded: index)) }

    @inlinable public static var coupon: CheckoutPart { CheckoutPart(rawValue: 16) }
    @inlinable public static var pointsUsed: CheckoutPart { CheckoutPart(rawValue: 17) }
    @inlinable public static var pointsEarned: CheckoutPart { CheckoutPart(rawValue: 18) }
    @inlinable public static var whole: CheckoutPart { CheckoutPart(rawValue: 255) }

    /// The index of a line or of an order, nil for the other parts.
    @inlinable
    public var line: Int? { rawValue < CheckoutLines.countMax ? Int(rawValue) : nil }
}

extension Id128 {
    /// The id of a part of the checkout with this id: of its order number n (0 ... 15), of the use of its coupon, of
    /// its use of points, of its earning. A version 8 id of the same partition:
    ///
    ///     a = mix(mix(high XOR 0x9e3779b97f4a7c15) XOR low)      hash, high word:  mix(a + part)
    ///     b = mix(mix(low XOR 0xd1b54a32d192ed03) XOR high)      hash, low word:   mix(b + part)
    ///
    /// Both words depend on every bit of the id, each in its own way, so that two checkouts share the id of a part
    /// by a chance of 2^-110 only.
    @inlinable
    public func ofPart(_ part: CheckoutPart) -> Id128 {
        let a = Partition.mix(Partition.mix(high ^ 0x9e37_79b9_7f4a_7c15) ^ low)
        let b = Partition.mix(Partition.mix(low ^ 0xd1b5_4a32_d192_ed03) ^ high)
        return .version8(
            hashHigh: Partition.mix(a &+ UInt64(part.rawValue)), hashLow: Partition.mix(b &+ UInt64(part.rawValue)),
            partition: carriedPartition)
    }
}
