/// A length of time as the command line writes it: a whole number and one of ms, s, m, h, d. So does `timesaled`.
struct Milliseconds: Hashable, CustomStringConvertible {
    var value: UInt64

    init(_ value: UInt64) { self.value = value }

    private static let units: [(name: String, factor: UInt64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Nil for anything else, and for what no 64 bits hold.
    init?(_ text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits),
            let unit = Self.units.first(where: { $0.name == text.dropFirst(digits.count) })
        else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        guard !overflow else { return nil }
        self.value = value
    }

    /// With the largest unit that divides it.
    var description: String {
        guard value > 0, let unit = Self.units.last(where: { value % $0.factor == 0 }) else { return "0s" }
        return "\(value / unit.factor)\(unit.name)"
    }

    var duration: Duration { .milliseconds(Int64(clamping: value)) }
}
