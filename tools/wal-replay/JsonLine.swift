import Protocol

/// A JSON object on one line. Ids of sales are decimal strings, because many readers of JSON round numbers
/// above 2^53.
struct JsonLine {
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
