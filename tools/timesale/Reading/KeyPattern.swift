/// A pattern of keys in which a number stands, such as `stock:{id}` or `{shop}:stock:{id}:*`. A `*` is any text;
/// where no `{id}` is, the only `*` is the number.
struct KeyPattern: Equatable {
    private enum Part: Equatable {
        case text([UInt8])
        case number
        case anything
    }

    private let parts: [Part]

    /// nil: it does not say where the number is.
    init?(_ text: String) {
        let pieces = text.split(separator: "{id}", omittingEmptySubsequences: false).map(String.init)
        let stars = text.count { $0 == "*" }
        guard pieces.count == 2 || pieces.count == 1 && stars == 1 else { return nil }
        var parts: [Part] = []
        for (place, piece) in pieces.enumerated() {
            if place > 0 { parts.append(.number) }
            for (place, text) in piece.split(separator: "*", omittingEmptySubsequences: false).enumerated() {
                if place > 0 { parts.append(pieces.count == 2 ? .anything : .number) }
                if !text.isEmpty { parts.append(.text(Array(text.utf8))) }
            }
        }
        self.parts = parts
    }

    /// The same for `SCAN`, which knows more signs.
    var glob: [UInt8] {
        parts.flatMap { part -> [UInt8] in
            guard case .text(let text) = part else { return [UInt8(ascii: "*")] }
            return text.flatMap { byte -> [UInt8] in
                "*?[]\\^".utf8.contains(byte) ? [UInt8(ascii: "\\"), byte] : [byte]
            }
        }
    }

    /// The digits in the place of the number; nil where something else stands there.
    func digits(in key: [UInt8]) -> String? {
        Self.match(parts[...], key[...]).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func match(_ parts: ArraySlice<Part>, _ key: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let part = parts.first else { return key.isEmpty ? [] : nil }
        let rest = parts.dropFirst()
        switch part {
        case .text(let text): return key.starts(with: text) ? match(rest, key.dropFirst(text.count)) : nil
        case .anything:
            for length in 0...key.count {
                if let found = match(rest, key.dropFirst(length)) { return found }
            }
            return nil
        case .number:
            // All digits that are there: a number that is cut in two is none.
            let digits = key.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return !digits.isEmpty && match(rest, key.dropFirst(digits.count)) != nil ? digits : nil
        }
    }
}
