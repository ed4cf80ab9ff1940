import Protocol

/// Takes the fields of an event or a record one by one.
protocol FieldSink {
    mutating func add(_ key: String, _ value: some BinaryInteger)
    mutating func add(_ key: String, _ value: Bool)
    mutating func add(_ key: String, _ value: String)
    mutating func add(_ key: String, _ value: Id128)
}

/// A JSON object on one line. Ids of sales are decimal strings, because many readers of JSON round numbers
/// above 2^53.
struct JsonLine: FieldSink {
    private(set) var text = "{"

    mutating func add(_ key: String, _ value: some BinaryInteger) { raw(key, "\(value)") }
    mutating func add(_ key: String, _ value: Bool) { raw(key, value ? "true" : "false") }
    mutating func add(_ key: String, _ value: String) { raw(key, Self.quoted(value)) }
    mutating func add(_ key: String, _ value: Id128) { raw(key, "\"\(value)\"") }

    mutating func raw(_ key: String, _ value: String) {
        if text.utf8.count > 1 { text += "," }
        text += "\"\(key)\":\(value)"
    }

    var closed: String { text + "}" }

    static func array(_ values: [String]) -> String { "[\(values.joined(separator: ","))]" }

    static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

/// Fields as `key=value` on one line, for people. Times are written out, times of zero left away.
struct TextLine: FieldSink {
    private(set) var text = ""

    mutating func add(_ key: String, _ value: some BinaryInteger) {
        guard key.hasSuffix("Ms"), let ms = UInt64(exactly: value), key != "holdMs" else {
            return append(key, "\(value)")
        }
        if ms > 0 { append(String(key.dropLast(2)), timeText(ms)) }
    }

    mutating func add(_ key: String, _ value: Bool) { if value { append(key, "yes") } }
    mutating func add(_ key: String, _ value: String) {
        append(key, value.contains(where: \.isWhitespace) ? JsonLine.quoted(value) : value)
    }
    mutating func add(_ key: String, _ value: Id128) { append(key, idText(value)) }

    private mutating func append(_ key: String, _ value: String) {
        if !text.isEmpty { text += " " }
        text += "\(key)=\(value)"
    }
}

/// An id as people write it: users that are numbers as numbers.
func idText(_ id: Id128) -> String { id.high == 0 ? "\(id.low)" : "\(id)" }
