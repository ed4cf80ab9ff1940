import TimesaleClient

// The values of this API, as they stand in answers.
extension JSONWriter {
    mutating func user(_ user: UserID) {
        if let number = user.number { id(number) } else { uuid(user.high, user.low) }
    }

    mutating func operation(_ id: some UserOperationID) { uuid(id.high, id.low) }

    /// RFC 3339 in UTC with milliseconds.
    mutating func time(_ ms: UInt64) {
        let time = Timestamp(ms: ms)
        opening()
        padded(time.year, 4)
        byte(UInt8(ascii: "-"))
        padded(time.month, 2)
        byte(UInt8(ascii: "-"))
        padded(time.day, 2)
        byte(UInt8(ascii: "T"))
        padded(time.hour, 2)
        byte(UInt8(ascii: ":"))
        padded(time.minute, 2)
        byte(UInt8(ascii: ":"))
        padded(time.second, 2)
        byte(UInt8(ascii: "."))
        padded(time.millisecond, 3)
        raw("Z\"")
    }

    mutating func time(_ ms: UInt64?) {
        if let ms { time(ms) } else { null() }
    }

    mutating func number(_ value: UInt64?) {
        if let value { number(value) } else { null() }
    }

    /// Milliseconds as seconds, with as many decimals as it takes.
    mutating func seconds(ms: UInt64) {
        number(ms / 1000)
        var fraction = ms % 1000
        guard fraction > 0 else { return }
        byte(UInt8(ascii: "."))
        var width = 3
        while fraction % 10 == 0 {
            fraction /= 10
            width -= 1
        }
        padded(fraction, width)
    }
}
