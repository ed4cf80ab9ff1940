import NIOCore

/// Writes metrics in Prometheus' text format, version 0.0.4: families of samples, each with its help and type.
struct Exposition {
    static let contentType = "text/plain; version=0.0.4"

    enum Kind: String { case counter, gauge, histogram }

    private(set) var buffer = ByteBuffer()

    /// All samples of a family stand together behind its head.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        buffer.writeString("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n")
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: UInt64) {
        write(name, labels, "\(value)")
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
        write(name, labels, "\(value)")
    }

    /// A family of one sample.
    mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: UInt64) {
        family(name, kind, help)
        sample(name, [], value)
    }

    private mutating func write(_ name: String, _ labels: [(String, String)], _ value: String) {
        buffer.writeString(name)
        if !labels.isEmpty {
            let pairs = labels.map { "\($0)=\"\(Exposition.escaped($1))\"" }
            buffer.writeString("{\(pairs.joined(separator: ","))}")
        }
        buffer.writeString(" \(value)\n")
    }

    static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x22 || $0 == 0x5c || $0 == 0x0a }) else { return value }
        return value.reduce(into: "") { text, character in
            switch character {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}
