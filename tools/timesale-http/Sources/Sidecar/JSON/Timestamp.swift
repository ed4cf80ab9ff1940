import Glibc

/// A point in time in UTC, and RFC 3339, its text.
struct Timestamp: Hashable, Sendable {
    /// The last millisecond of the year 9999.
    static let msMax: UInt64 = 253_402_300_799_999

    var year: UInt64
    var month: UInt64
    var day: UInt64
    var hour: UInt64
    var minute: UInt64
    var second: UInt64
    var millisecond: UInt64

    /// - Parameter ms: since 1970; later than the year 9999 counts as its end.
    init(ms: UInt64) {
        let ms = min(ms, Self.msMax)
        let days = ms / 86_400_000
        let rest = ms % 86_400_000
        hour = rest / 3_600_000
        minute = rest / 60_000 % 60
        second = rest / 1000 % 60
        millisecond = rest % 1000
        // Days since 0000-03-01, in the proleptic Gregorian calendar: a year begins in March, so that the day that some
        // years have more comes last (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    static func nowMs() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }

    /// Days from 1970-01-01 to a date, the inverse of the above.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Reads an RFC 3339 date and time; what is finer than a millisecond is cut off. Nil for anything else, and for
    /// what lies before 1970.
    static func ms(_ text: String) -> UInt64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 64 else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return value
        }
        func has(_ character: UInt8, at index: Int) -> Bool { bytes[index] | 0x20 == character | 0x20 }
        guard let year = number(0..<4), bytes[4] == UInt8(ascii: "-"), let month = number(5..<7),
            bytes[7] == UInt8(ascii: "-"), let day = number(8..<10), has(UInt8(ascii: "T"), at: 10),
            let hour = number(11..<13), bytes[13] == UInt8(ascii: ":"), let minute = number(14..<16),
            bytes[16] == UInt8(ascii: ":"), let second = number(17..<19),
            (1...12).contains(month), day >= 1, day <= daysOf(month: month, year: year), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        var place = 19
        var fraction = 0
        if bytes[place] == UInt8(ascii: ".") {
            let first = place + 1
            place =
                bytes[first...].firstIndex { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? bytes.count
            guard place > first else { return nil }
            for index in 0..<3 {
                fraction =
                    fraction * 10 + (first + index < place ? Int(bytes[first + index] - UInt8(ascii: "0")) : 0)
            }
        }
        guard place < bytes.count, let offset = offsetMinutes(bytes[place...], number) else { return nil }
        let daysSince = days(year: year, month: month, day: day)
        // A leap second counts as the one that follows it: the engine's clock has none.
        let seconds = ((daysSince * 24 + hour) * 60 + minute - offset) * 60 + second
        let ms = seconds * 1000 + fraction
        return ms >= 0 && ms <= Int(msMax) ? UInt64(ms) : nil
    }

    private static func offsetMinutes(_ bytes: ArraySlice<UInt8>, _ number: (Range<Int>) -> Int?) -> Int? {
        let first = bytes.startIndex
        if bytes.count == 1 { return bytes[first] | 0x20 == UInt8(ascii: "z") ? 0 : nil }
        guard bytes.count == 6, bytes[first + 3] == UInt8(ascii: ":"), let hours = number(first + 1..<first + 3),
            let minutes = number(first + 4..<first + 6), hours < 24, minutes < 60
        else { return nil }
        switch bytes[first] {
        case UInt8(ascii: "+"): return hours * 60 + minutes
        case UInt8(ascii: "-"): return -(hours * 60 + minutes)
        default: return nil
        }
    }

    private static func daysOf(month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
