/// A 128-bit identifier: of a user (opaque), or of an order, coupon, transaction or checkout (a UUID).
///
/// `high` holds the first eight bytes in network order, `low` the last eight.
public struct Id128: Hashable, Sendable, BitwiseCopyable {
    public var high: UInt64
    public var low: UInt64

    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The id of a user whom the shop knows by an unsigned 64-bit number.
    @inlinable
    public init(_ number: UInt64) {
        self.init(high: 0, low: number)
    }

    /// No id. Never valid for a user, an order or an operation.
    @inlinable
    public static var zero: Id128 { Id128(high: 0, low: 0) }

    @inlinable
    public var isZero: Bool { high | low == 0 }
}

// Operation ids are UUIDs of version 7 or 8 (RFC 9562, sections 5.7 and 5.8), variant 0b10:
//
//     high  63             16 15  12 11          0     low  63 62 61                 0
//          +----------------+------+-------------+         +-----+-------------------+
//      v7  | mint time, ms  | 0111 |  partition  |         | 10  |      random       |
//      v8  | hash           | 1000 |  partition  |         | 10  |       hash        |
//          +----------------+------+-------------+         +-----+-------------------+
//
// The twelve bits that RFC 9562 calls rand_a (custom_b in version 8) are the partition of the user, so
// that an operation by id alone finds the shard that owns it.
extension Id128 {
    /// The UUID version: bits 12 to 15 of `high`.
    @inlinable
    public var version: Int { Int(truncatingIfNeeded: high >> 12) & 0xf }

    /// Whether the bits of an operation id are in place: version 7 or 8, variant 0b10.
    @inlinable
    public var isOperationId: Bool {
        let version = (high >> 12) & 0xf
        return (version == 7 || version == 8) && low >> 62 == 0b10
    }

    /// The partition that an operation id carries, 0 ..< 4,096.
    @inlinable
    public var carriedPartition: Int { Int(truncatingIfNeeded: high & 0xfff) }

    /// The mint time of a version 7 id in ms since 1970; nil for version 8, which carries none.
    @inlinable
    public var mintTimeMs: UInt64? { version == 7 ? high >> 16 : nil }

    /// A version 7 id. `random` gives its low 62 bits; `timeMs` must be below 2^48.
    @inlinable
    public static func version7(timeMs: UInt64, partition: Int, random: UInt64) -> Id128 {
        Id128(
            high: timeMs << 16 | 0x7000 | UInt64(partition & 0xfff),
            low: 0b10 << 62 | random & (1 << 62 - 1))
    }

    /// A version 8 id made of 110 bits of a hash, for operations derived from an idempotency key.
    @inlinable
    public static func version8(hashHigh: UInt64, hashLow: UInt64, partition: Int) -> Id128 {
        Id128(
            high: hashHigh & ~0xffff | 0x8000 | UInt64(partition & 0xfff),
            low: 0b10 << 62 | hashLow & (1 << 62 - 1))
    }
}

extension Id128: CustomStringConvertible, LosslessStringConvertible {
    /// The UUID form, lower case: 8-4-4-4-12 hexadecimal digits.
    public var description: String {
        var text = ""
        text.reserveCapacity(36)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            let word = index < 16 ? high : low
            let digit = Int(truncatingIfNeeded: word >> UInt64(60 - 4 * (index & 15))) & 0xf
            text.append(Character(Unicode.Scalar(UInt8(digit < 10 ? 48 + digit : 87 + digit))))
        }
        return text
    }

    /// Reads the UUID form in either case, with its hyphens in place; nil for anything else.
    public init?(_ description: String) {
        let bytes = Array(description.utf8)
        guard bytes.count == 36 else { return nil }
        var words: [UInt64] = [0, 0]
        var digits = 0
        for (position, byte) in bytes.enumerated() {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let value: UInt8
            switch byte {
            case 48...57: value = byte - 48
            case 97...102: value = byte - 87
            case 65...70: value = byte - 55
            default: return nil
            }
            words[digits / 16] = words[digits / 16] << 4 | UInt64(value)
            digits += 1
        }
        self.init(high: words[0], low: words[1])
    }
}
