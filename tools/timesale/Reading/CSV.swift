/// Comma-separated values as RFC 4180 has them: a field in double quotes may hold commas, line breaks, and double
/// quotes written twice.
enum CSV {
    struct Row: Equatable {
        /// Where it begins, counted from 1.
        var line: Int
        var fields: [String]
    }

    /// The rows without those that are blank. Nil if a quote is left open at the end.
    static func rows(_ text: String) -> [Row]? {
        var rows: [Row] = []
        var row = Row(line: 1, fields: [])
        var field = ""
        var isQuoted = false
        var line = 1
        func isBlank(_ row: Row) -> Bool { row.fields.allSatisfy { $0.allSatisfy(\.isWhitespace) } }
        // A line break of two bytes is one character.
        let characters = Array(text)
        var index = 0
        while index < characters.count {
            let character = characters[index]
            if character.isNewline { line += 1 }
            switch character {
            case "\"" where isQuoted && index + 1 < characters.count && characters[index + 1] == "\"":
                field.append("\"")
                index += 1
            case "\"" where isQuoted || field.allSatisfy(\.isWhitespace):
                if !isQuoted { field = "" }
                isQuoted.toggle()
            case _ where isQuoted: field.append(character)
            case ",":
                row.fields.append(field)
                field = ""
            case _ where character.isNewline:
                row.fields.append(field)
                field = ""
                if !isBlank(row) { rows.append(row) }
                row = Row(line: line, fields: [])
            default: field.append(character)
            }
            index += 1
        }
        row.fields.append(field)
        if !isBlank(row) { rows.append(row) }
        return isQuoted ? nil : rows
    }
}
