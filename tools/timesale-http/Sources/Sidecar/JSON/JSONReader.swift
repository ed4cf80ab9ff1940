/// Reads the JSON of a request body in one pass, against a table of fields. Nothing is built that is not wanted, so a
/// body cannot cost more than its bytes: what is not in the table is refused where it stands.
struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private var place = 0

    /// Reads a whole body as an object with these fields. An empty body is an object without fields.
    static func values(
        _ fields: Fields, in bytes: UnsafeRawBufferPointer
    ) -> Result<[FieldValue], Problem> {
        var reader = JSONReader(bytes: bytes)
        do throws(Problem) {
            var values: [FieldValue] = []
            reader.skipSpace()
            if reader.place == bytes.count {
                values = Array(repeating: .absent, count: fields.list.count)
                try Self.checkRequired(fields, values[...], path: "")
                return .success(values)
            }
            values.reserveCapacity(fields.list.count)
            try reader.object(fields, into: &values, path: "")
            reader.skipSpace()
            if reader.place < bytes.count { throw reader.malformed("there is more behind the object") }
            return .success(values)
        } catch {
            return .failure(error)
        }
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    func malformed(_ fault: String) -> Problem {
        Problem(.malformed, "the body is no JSON object: \(fault), at byte \(place)")
    }

    // MARK: Structure

    private mutating func object(
        _ fields: Fields, into values: inout [FieldValue], path: String
    ) throws(Problem) {
        try expect(UInt8(ascii: "{"), "an object begins with {")
        let first = values.count
        for _ in fields.list { values.append(.absent) }
        var seen: UInt32 = 0
        var guess = 0
        skipSpace()
        if next() == UInt8(ascii: "}") {
            place += 1
        } else {
            while true {
                skipSpace()
                let field = try name(fields, guess: guess, path: path)
                guess = field + 1
                guard seen & 1 << field == 0 else {
                    throw .invalid(path + fields.list[field].name, "is given twice")
                }
                seen |= 1 << field
                skipSpace()
                try expect(UInt8(ascii: ":"), "a colon follows a name")
                skipSpace()
                values[first + field] = try value(fields.list[field], path: path)
                skipSpace()
                if next() == UInt8(ascii: ",") {
                    place += 1
                } else {
                    try expect(UInt8(ascii: "}"), "a comma or } follows a value")
                    break
                }
            }
        }
        try Self.checkRequired(fields, values[first...], path: path)
    }

    private static func checkRequired(
        _ fields: Fields, _ values: ArraySlice<FieldValue>, path: String
    ) throws(Problem) {
        var index = values.startIndex
        for field in fields.list {
            if field.isRequired, values[index].isAbsent { throw .invalid(path + field.name, "is missing") }
            index += 1
        }
    }

    /// The name of a member; fields mostly come in the order of the table, so that `guess` is looked at first.
    private mutating func name(_ fields: Fields, guess: Int, path: String) throws(Problem) -> Int {
        guard next() == UInt8(ascii: "\"") else { throw malformed("a name in quotes is missing") }
        if guess < fields.list.count, isQuoted(fields.list[guess].bytes) {
            place += fields.list[guess].bytes.count + 2
            return guess
        }
        for (index, field) in fields.list.enumerated() where isQuoted(field.bytes) {
            place += field.bytes.count + 2
            return index
        }
        // An unknown name, or one with escapes.
        let name = try string()
        guard let index = fields.list.firstIndex(where: { $0.name == name }) else {
            throw .unknownField(path + name, of: fields.known)
        }
        return index
    }

    private func isQuoted(_ name: [UInt8]) -> Bool {
        let end = place + 1 + name.count
        guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else { return false }
        for (offset, byte) in name.enumerated() where bytes[place + 1 + offset] != byte { return false }
        return true
    }

    private mutating func value(_ field: Field, path: String) throws(Problem) -> FieldValue {
        if next() == UInt8(ascii: "n"), takes("null") {
            if field.isRequired { throw .invalid(path + field.name, "is missing") }
            return .absent
        }
        switch field.kind {
        case .objects(let fields, let count):
            guard next() == UInt8(ascii: "[") else { throw .invalid(path + field.name, "must be an array") }
            return try objects(fields, count, path: path + field.name)
        default:
            let scalar = try scalar(path + field.name)
            return try Scalar.value(scalar, field.kind, name: path + field.name)
        }
    }

    private mutating func objects(
        _ fields: Fields, _ count: ClosedRange<Int>, path: String
    ) throws(Problem) -> FieldValue {
        place += 1
        var values: [FieldValue] = []
        var index = 0
        skipSpace()
        if next() == UInt8(ascii: "]") {
            place += 1
        } else {
            while true {
                skipSpace()
                if index == count.upperBound { throw .invalid(path, "has more than \(count.upperBound) elements") }
                guard next() == UInt8(ascii: "{") else { throw .invalid("\(path)[\(index)]", "must be an object") }
                if index == 0 { values.reserveCapacity(fields.list.count * min(count.upperBound, 1024)) }
                let begin = place
                do throws(Problem) {
                    try object(fields, into: &values, path: "")
                } catch {
                    // The path of an element is put together only if it is needed: read it again to tell it.
                    place = begin
                    var again: [FieldValue] = []
                    try object(fields, into: &again, path: "\(path)[\(index)].")
                    throw error
                }
                index += 1
                skipSpace()
                if next() == UInt8(ascii: ",") {
                    place += 1
                } else {
                    try expect(UInt8(ascii: "]"), "a comma or ] follows an element")
                    break
                }
            }
        }
        guard index >= count.lowerBound else { throw .invalid(path, "needs at least \(count.lowerBound) elements") }
        return .objects(values)
    }

    // MARK: Tokens

    private mutating func scalar(_ name: String) throws(Problem) -> Scalar {
        switch next() {
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "-"): return try number()
        case UInt8(ascii: "t") where takes("true"), UInt8(ascii: "f") where takes("false"):
            throw .invalid(name, "must not be true or false")
        case UInt8(ascii: "{"): throw .invalid(name, "must not be an object")
        case UInt8(ascii: "["): throw .invalid(name, "must not be an array")
        default: throw malformed("a value is missing")
        }
    }

    /// 0 at the end of the body, where no token begins.
    private func next() -> UInt8 { place < bytes.count ? bytes[place] : 0 }

    private mutating func skipSpace() {
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x09, 0x0a, 0x0d: place += 1
            default: return
            }
        }
    }

    private mutating func expect(_ byte: UInt8, _ fault: String) throws(Problem) {
        guard next() == byte else { throw malformed(fault) }
        place += 1
    }

    private mutating func takes(_ word: StaticString) -> Bool {
        let end = place + word.utf8CodeUnitCount
        guard end <= bytes.count else { return false }
        for offset in 0..<word.utf8CodeUnitCount where bytes[place + offset] != word.utf8Start[offset] {
            return false
        }
        place = end
        return true
    }

    private mutating func number() throws(Problem) -> Scalar {
        let begin = place
        let isNegative = next() == UInt8(ascii: "-")
        if isNegative { place += 1 }
        let firstDigit = place
        var whole: UInt64 = 0
        var fits = true
        while isDigit(next()) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(next() - UInt8(ascii: "0")))
            fits = fits && !overflow && !carry
            whole = sum
            place += 1
        }
        guard place > firstDigit, place == firstDigit + 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
            throw malformed("a number has digits, and no zeros before them")
        }
        var isWhole = true
        if next() == UInt8(ascii: ".") {
            isWhole = false
            place += 1
            try digits()
        }
        if next() | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            place += 1
            if next() == UInt8(ascii: "+") || next() == UInt8(ascii: "-") { place += 1 }
            try digits()
        }
        if isWhole, fits, !isNegative { return .whole(whole) }
        let text = String(decoding: bytes[begin..<place], as: UTF8.self)
        return .decimal(Double(text) ?? .infinity)
    }

    private mutating func digits() throws(Problem) {
        let first = place
        while isDigit(next()) { place += 1 }
        if place == first { throw malformed("a number ends with a digit") }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private mutating func string() throws(Problem) -> String {
        place += 1
        let begin = place
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                guard let text = String(validating: bytes[begin..<place], as: UTF8.self) else {
                    throw malformed("a text is not UTF-8")
                }
                place += 1
                return text
            case UInt8(ascii: "\\"): return try escapedString(from: begin)
            case 0..<0x20: throw malformed("a text has a control character that is not escaped")
            default: place += 1
            }
        }
        throw malformed("a text does not end")
    }

    /// From the first backslash on.
    private mutating func escapedString(from begin: Int) throws(Problem) -> String {
        var text = Array(bytes[begin..<place])
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw malformed("a text is not UTF-8")
                }
                return valid
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw malformed("a text has a control character that is not escaped")
            default: text.append(byte)
            }
        }
        throw malformed("a text does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(Problem) {
        let byte = next()
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var code = try hex()
            if (0xd800..<0xdc00).contains(code) {
                guard takes("\\u") else { throw malformed("half of a surrogate pair") }
                let low = try hex()
                guard (0xdc00..<0xe000).contains(low) else { throw malformed("half of a surrogate pair") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed("half of a surrogate pair") }
            text.append(contentsOf: String(scalar).utf8)
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func hex() throws(Problem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(next())).hexDigitValue else {
                throw malformed("four hexadecimal digits follow \\u")
            }
            value = value << 4 | UInt32(digit)
            place += 1
        }
        return value
    }
}
