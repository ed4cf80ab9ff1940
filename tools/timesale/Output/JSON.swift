/// A JSON value whose fields keep their order.
indirect enum JSON: Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case integer(UInt64)
    case string(String)
    case array([JSON])
    case fields([Field])

    struct Field: Equatable {
        var name: String
        var value: JSON
    }

    static func object(_ fields: [(String, JSON)]) -> JSON {
        .fields(fields.map { Field(name: $0.0, value: $0.1) })
    }

    static func integer(_ value: some BinaryInteger) -> JSON { .integer(UInt64(clamping: value)) }

    /// With the microseconds behind the point, and no more.
    static func milliseconds(_ duration: Duration) -> JSON {
        .number((duration / .microseconds(1)).rounded() / 1000)
    }

    /// An object with more fields at its end.
    func adding(_ more: [(String, JSON)]) -> JSON {
        guard case .fields(let fields) = self else { return self }
        return .fields(fields + more.map { Field(name: $0.0, value: $0.1) })
    }

    /// On one line.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): Self.text(value)
        case .integer(let value): String(value)
        case .string(let value): Self.quoted(value)
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .fields(let fields):
            "{" + fields.map { Self.quoted($0.name) + ":" + $0.value.text }.joined(separator: ",") + "}"
        }
    }

    /// Whole numbers without a fraction; what JSON has no word for is null.
    private static func text(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case let control where control.value < 0x20:
                let digits = String(control.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
