import TimesaleClient

/// A value as it was written, before its field says what it means.
enum Scalar {
    case text(String)
    /// A number without sign, fraction and exponent, below 2^64.
    case whole(UInt64)
    case decimal(Double)

    /// Amounts end below 2^53: up to there every reader of JSON is exact.
    static let amountMax: UInt64 = (1 << 53) - 1

    /// The value of a field, or why it is none.
    static func value(_ scalar: Scalar, _ kind: FieldKind, name: String) throws(Problem) -> FieldValue {
        switch kind {
        case .offerId:
            guard let number = scalar.number, number > 0 else {
                throw .invalid(name, "must be a number from 1 to 2^64 - 1, or its decimal text")
            }
            return .number(number)
        case .userId:
            guard let user = scalar.user else {
                throw .invalid(
                    name,
                    "must be a number from 1 to 2^64 - 1, its decimal text, or a UUID with a high half not zero")
            }
            return .id(high: user.high, low: user.low)
        case .operationId:
            guard case .text(let text) = scalar, let id = OrderID(text) else {
                throw .invalid(name, "must be an id that this API has given: a UUID of version 7 or 8")
            }
            return .id(high: id.high, low: id.low)
        case .uuid:
            guard case .text(let text) = scalar, let (high, low) = uuid(text), high | low != 0 else {
                throw .invalid(name, "must be a UUID")
            }
            return .id(high: high, low: low)
        case .integer(let range):
            guard let number = scalar.integer, range.contains(number) else {
                throw .invalid(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return .number(number)
        case .seconds(let maxMs):
            guard let ms = scalar.milliseconds, ms <= maxMs else {
                throw .invalid(name, "must be a number of seconds from 0 to \(maxMs / 1000)")
            }
            return .number(ms)
        case .time:
            guard case .text(let text) = scalar, let ms = Timestamp.ms(text) else {
                throw .invalid(name, "must be a time by RFC 3339, such as 2026-01-01T10:00:00Z")
            }
            return .number(ms)
        case .text(let size):
            guard case .text(let text) = scalar, size.contains(text.utf8.count), !hasControl(text) else {
                throw .invalid(
                    name,
                    "must be a text of \(size.lowerBound) to \(size.upperBound) bytes without control characters")
            }
            return .text(text)
        case .choice(let choices):
            guard case .text(let text) = scalar, choices.contains(text) else {
                throw .invalid(name, "must be one of \(choices.joined(separator: ", "))")
            }
            return .text(text)
        case .choices(let choices):
            guard case .text(let text) = scalar, !text.isEmpty,
                text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy({
                    choices.contains(String($0))
                })
            else { throw .invalid(name, "must be of \(choices.joined(separator: ", ")), with commas in between") }
            return .text(text)
        case .position:
            guard let text = scalar.spelling, TailPosition(text) != nil else {
                throw .invalid(name, "must be a seq that this API has given, or 0")
            }
            return .text(text)
        case .objects: throw .invalid(name, "must be an array")
        }
    }

    /// A 64-bit number, also as a decimal text without zeros in front.
    private var number: UInt64? {
        switch self {
        case .whole(let number): number
        case .text(let text): Scalar.decimal(text)
        case .decimal: nil
        }
    }

    private var integer: UInt64? {
        switch self {
        case .whole(let number): number
        case .decimal(let number):
            number >= 0 && number <= Double(Scalar.amountMax) && number == number.rounded() ? UInt64(number) : nil
        case .text: nil
        }
    }

    private var milliseconds: UInt64? {
        switch self {
        case .whole(let seconds): seconds <= 1 << 40 ? seconds * 1000 : nil
        case .decimal(let seconds):
            seconds >= 0 && seconds <= Double(1 << 40) ? UInt64((seconds * 1000).rounded()) : nil
        case .text: nil
        }
    }

    private var user: UserID? {
        switch self {
        case .whole(let number): number > 0 ? UserID(number) : nil
        case .text(let text): Scalar.user(text)
        case .decimal: nil
        }
    }

    private var spelling: String? {
        switch self {
        case .text(let text): text
        case .whole(let number): String(number)
        case .decimal: nil
        }
    }

    /// A user as a text: the one spelling that each has is what comes back.
    static func user(_ text: String) -> UserID? {
        if let number = decimal(text) { return number > 0 ? UserID(number) : nil }
        guard let (high, low) = uuid(text), high != 0 else { return nil }
        return UserID(high: high, low: low)
    }

    static func decimal(_ text: String) -> UInt64? {
        let bytes = text.utf8
        guard let first = bytes.first, first != UInt8(ascii: "0") || bytes.count == 1, bytes.count <= 20,
            bytes.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 })
        else { return nil }
        return UInt64(text)
    }

    static func uuid(_ text: String) -> (high: UInt64, low: UInt64)? {
        guard text.utf8.count == 36, let id = UserID(text) else { return nil }
        return (id.high, id.low)
    }

    /// Whether there are characters that no name has: the protocol refuses them, and so does every terminal.
    static func hasControl(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
