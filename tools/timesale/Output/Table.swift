/// Rows below a line of titles, each column as wide as its widest cell.
struct Table {
    enum Alignment {
        case left
        case right
    }

    private let titles: [(text: String, alignment: Alignment)]
    private(set) var rows: [[StyledText]] = []

    /// A title that begins with `>` is that of a column of numbers: aligned to the right.
    init(_ titles: String...) { self.init(titles) }

    init(_ titles: [String]) {
        self.titles = titles.map {
            $0.hasPrefix(">") ? (String($0.dropFirst()), .right) : ($0, .left)
        }
    }

    mutating func add(_ row: [StyledText]) {
        precondition(row.count == titles.count, "a row has a cell for each title")
        rows.append(row)
    }

    func rendered(_ style: Style) -> String {
        let heads = titles.map { StyledText($0.text.uppercased(), .bold) }
        let widths = titles.indices.map { column in
            ([heads] + rows).reduce(0) { max($0, $1[column].width) }
        }
        return ([heads] + rows).map { row in
            let cells = row.indices.map { column in
                let padding = StyledText(String(repeating: " ", count: widths[column] - row[column].width))
                return titles[column].alignment == .right
                    ? padding + row[column] : column == row.count - 1 ? row[column] : row[column] + padding
            }
            return cells.map { $0.rendered(style) }.joined(separator: "  ") + "\n"
        }.joined()
    }

    /// Names and their values, one a line: how a single thing is shown.
    static func fields(_ fields: [(String, StyledText)], _ style: Style) -> String {
        let width = fields.reduce(0) { max($0, TextWidth.columns($1.0)) }
        return fields.map { name, value in
            let padding = String(repeating: " ", count: width - TextWidth.columns(name))
            return "\(style.paint(name, .dim))\(padding)  \(value.rendered(style))\n"
        }.joined()
    }
}
