/// Numbers as people read them.
package enum Numbers {
    /// `12,345,678`.
    package static func grouped(_ value: some BinaryInteger) -> String {
        let digits = String(value.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return (value < 0 ? "-" : "") + text
    }

    /// With so many digits behind the point.
    package static func fixed(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 9e18 else { return "\(value)" }
        let whole = UInt64(scaled)
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return sign + grouped(whole) }
        let fraction = String(whole % UInt64(scale))
        return sign + grouped(whole / UInt64(scale)) + "."
            + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// `512 B`, `12.3 MiB`.
    package static func bytes(_ value: UInt64) -> String {
        var amount = Double(value)
        var unit = "B"
        for larger in ["KiB", "MiB", "GiB", "TiB"] where amount >= 1024 {
            amount /= 1024
            unit = larger
        }
        return unit == "B" ? "\(value) B" : "\(fixed(amount, digits: 1)) \(unit)"
    }

    /// A measured time: `850 us`, `1.24 ms`, `2.50 s`.
    package static func time(_ duration: Duration) -> String {
        let microseconds = duration / .microseconds(1)
        if microseconds < 1_000 { return "\(fixed(microseconds, digits: 0)) us" }
        if microseconds < 1_000_000 { return "\(fixed(microseconds / 1_000, digits: 2)) ms" }
        return "\(fixed(microseconds / 1_000_000, digits: 2)) s"
    }

    /// The time until something: `9.8 s`, `12:34`, `1:02:03`, `3 d 1:02:03`.
    package static func countdown(ms: UInt64) -> String {
        if ms < 60_000 { return "\(fixed(Double(ms) / 1000, digits: 1)) s" }
        let seconds = ms / 1000
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if days == 0, hours == 0 { return "\(minutes):\(two(seconds % 60))" }
        return (days > 0 ? "\(days) d " : "") + "\(hours):\(two(minutes)):\(two(seconds % 60))"
    }
}
