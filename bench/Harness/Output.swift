import Foundation

/// Lines of columns: the first to the left, all others to the right.
public struct TextTable {
    private var rows: [[String]]

    public init(_ header: [String]) { rows = [header] }

    public mutating func add(_ row: [String]) {
        precondition(row.count == rows[0].count)
        rows.append(row)
    }

    public var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        return rows.map { row in
            row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + space : space + row[column]
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// 1234567.8 as "1,234,568".
public func grouped(_ value: Double) -> String {
    let digits = String(Int(value.rounded()).magnitude)
    var text = value <= -0.5 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return text
}

public func grouped(_ value: some BinaryInteger) -> String { grouped(Double(value)) }

public func decimal(_ value: Double, _ digits: Int = 1) -> String { String(format: "%.\(digits)f", value) }

/// A share of a core.
public func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

/// One line on the terminal that says what is under way; nothing where stderr is no terminal.
public enum Progress {
    public static func show(_ text: String) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        FileHandle.standardError.write(Data("\r\u{1b}[K\(text)".utf8))
    }

    public static func clear() { show("") }
}

/// A report for programs: JSON with sorted keys, so that two of them can be compared line by line.
public enum JSONFile {
    public static func data(_ report: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(report) + Data("\n".utf8)
    }

    public static func write(_ report: some Encodable, to path: String) throws {
        try data(report).write(to: URL(fileURLWithPath: path))
    }
}
