/// What is wrong with one value: the rest of a sentence that starts with the value as it was given.
public struct ValueFault: Error, ExpressibleByStringInterpolation {
    public let text: String
    public init(stringLiteral value: String) { text = value }
}

/// Reads the numbers, durations and sizes of the command line. Only digits and a unit count: no sign, no
/// fraction, no space, so that every value has one spelling and one meaning.
public enum Quantities {
    public struct Unit: Sendable {
        let name: String
        let factor: UInt64
    }

    /// Smallest first; a factor is in milliseconds.
    public static let durationUnits = [
        Unit(name: "ms", factor: 1), Unit(name: "s", factor: 1_000), Unit(name: "m", factor: 60_000),
        Unit(name: "h", factor: 3_600_000), Unit(name: "d", factor: 86_400_000),
    ]

    /// Smallest first; a factor is in bytes.
    public static let sizeUnits = [
        Unit(name: "KiB", factor: 1 << 10), Unit(name: "MiB", factor: 1 << 20),
        Unit(name: "GiB", factor: 1 << 30),
    ]

    public static func wholeNumber(_ text: String, in range: ClosedRange<UInt64>) -> Result<UInt64, ValueFault> {
        let wanted: ValueFault = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard isDigits(text), let number = UInt64(text), range.contains(number) else {
            return .failure(wanted)
        }
        return .success(number)
    }

    public static func durationMs(_ text: String, in range: ClosedRange<UInt64>) -> Result<UInt64, ValueFault> {
        quantity(text, kind: "a duration", example: "30s", units: durationUnits, in: range)
    }

    public static func sizeBytes(_ text: String, in range: ClosedRange<UInt64>) -> Result<UInt64, ValueFault> {
        quantity(text, kind: "a size", example: "64MiB", units: sizeUnits, in: range)
    }

    /// The shortest spelling: the largest unit that divides the value.
    public static func spelling(_ value: UInt64, _ units: [Unit]) -> String {
        let unit = value == 0 ? units[0] : units.last { value % $0.factor == 0 }
        return unit.map { "\(value / $0.factor)\($0.name)" } ?? "\(value) bytes"
    }

    private static func quantity(
        _ text: String, kind: String, example: String, units: [Unit], in range: ClosedRange<UInt64>
    ) -> Result<UInt64, ValueFault> {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let names = units.map(\.name).joined(separator: ", ")
        guard !digits.isEmpty, let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
        else {
            return .failure("is not \(kind); write a whole number and one of \(names), such as \(example)")
        }
        let limits = "\(spelling(range.lowerBound, units)) to \(spelling(range.upperBound, units))"
        guard let number = UInt64(digits) else {
            return .failure("is out of range; give \(kind) from \(limits)")
        }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        guard !overflow, range.contains(value) else {
            return .failure("is out of range; give \(kind) from \(limits)")
        }
        return .success(value)
    }

    private static func isDigits(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
