/// Reads the query of a request against a table of fields.
enum Query {
    static func values(_ fields: Fields, _ query: Substring?) throws(Problem) -> [FieldValue] {
        var values = [FieldValue](repeating: .absent, count: fields.list.count)
        guard let query, !query.isEmpty else { return values }
        for pair in query.split(separator: "&") {
            let equals = pair.utf8.firstIndex(of: UInt8(ascii: "="))
            guard let name = decoded(pair[..<(equals ?? pair.endIndex)]),
                let text = decoded(equals.map { pair[pair.utf8.index(after: $0)...] } ?? "")
            else { throw Problem(.malformed, "the query has a % without two hexadecimal digits, or is not UTF-8") }
            guard let index = fields.list.firstIndex(where: { $0.name == name }) else {
                throw .unknownField(name, of: fields.known)
            }
            let field = fields.list[index]
            guard values[index].isAbsent else { throw .invalid(name, "is given twice") }
            values[index] = try Scalar.value(scalar(text, field.kind), field.kind, name: name)
        }
        return values
    }

    /// In a query everything is text: where a field wants a number, a text of digits is one.
    private static func scalar(_ text: String, _ kind: FieldKind) -> Scalar {
        switch kind {
        case .integer, .seconds:
            if let number = Scalar.decimal(text) { return .whole(number) }
            // As JSON writes numbers: Swift knows more, such as 0x10.
            let isWritten = text.utf8.allSatisfy { "0123456789-.eE+".utf8.contains($0) }
            if isWritten, text.utf8.first != UInt8(ascii: "+"), let number = Double(text) { return .decimal(number) }
            return .text(text)
        default: return .text(text)
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hex), let low = rest.popFirst().flatMap(hex) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
