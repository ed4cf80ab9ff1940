/// Moments in RFC 3339, the form of the HTTP API. Counted by hand in the proleptic Gregorian calendar (the day
/// counts of Howard Hinnant's "chrono-compatible low-level date algorithms"), so that no locale and no time zone of
/// the machine has a say.
package enum Timestamp {
    /// UTC with milliseconds: `2026-11-27T10:00:00.000Z`.
    package static func text(ms: UInt64) -> String {
        let (days, rest) = (Int(ms / 86_400_000), ms % 86_400_000)
        let era = (days + 719_468) / 146_097
        let dayOfEra = (days + 719_468) % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T" + timeOfDay(ms: rest) + "Z"
    }

    /// `10:00:00.000` of a moment, in UTC.
    package static func timeOfDay(ms: UInt64) -> String {
        let rest = Int(ms % 86_400_000)
        return
            "\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2)):\(padded(rest / 1000 % 60, 2))"
            + ".\(padded(rest % 1000, 3))"
    }

    /// Reads `2026-11-27T10:00:00Z` with or without a fraction and with any offset; nil for anything else and for
    /// years before 1970. Digits behind the milliseconds are dropped.
    package static func ms(_ text: String) -> UInt64? {
        let shape = #/(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))/#
        guard text.utf8.allSatisfy({ $0 < 0x80 }), let match = text.wholeMatch(of: shape)?.output,
            let year = Int(match.1), let month = Int(match.2), let day = Int(match.3),
            let hour = Int(match.4),
            let minute = Int(match.5), let second = Int(match.6)
        else { return nil }
        guard (1...12).contains(month), (1...days(year, month)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let fraction = (match.7 ?? "").prefix(3)
        var total =
            daysSince1970(year, month, day) * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000
        total += (Int(fraction) ?? 0) * [1000, 100, 10, 1][fraction.count]
        if let sign = match.8, let hours = match.9.flatMap({ Int($0) }),
            let minutes = match.10.flatMap({ Int($0) })
        {
            guard hours < 24, minutes < 60 else { return nil }
            total -= (sign == "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000
        }
        return UInt64(exactly: total)
    }

    private static func days(_ year: Int, _ month: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let yearOfEra = year % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return year / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func padded(_ value: Int, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
