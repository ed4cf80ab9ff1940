import NIOCore

/// Writes families in Prometheus' text format, version 0.0.4: the samples of each behind its help and type.
struct Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var buffer = ByteBuffer()

    /// A family without samples is left out.
    mutating func write(_ family: MetricFamily, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        buffer.writeString("# HELP \(family.name) \(family.help)\n")
        buffer.writeString("# TYPE \(family.name) \(family.kind.rawValue)\n")
        for sample in samples {
            precondition(sample.labels.count == family.labels.count, "\(family.name): labels and values differ")
            let labels = zip(family.labels, sample.labels).map { "\($0)=\"\(Self.escaped($1))\"" }
            switch sample.value {
            case .count(let count): write(family.name, labels, "\(count)")
            case .number(let number): write(family.name, labels, Self.text(number))
            case .histogram(let bounds, let counts, let sum):
                precondition(counts.count == bounds.count + 1, "\(family.name): one class is for all that is slower")
                var below: UInt64 = 0
                for (bound, count) in zip(bounds, counts) {
                    below += count
                    write("\(family.name)_bucket", labels + ["le=\"\(Self.text(bound))\""], "\(below)")
                }
                below += counts.last ?? 0
                write("\(family.name)_bucket", labels + ["le=\"+Inf\""], "\(below)")
                write("\(family.name)_sum", labels, Self.text(sum))
                write("\(family.name)_count", labels, "\(below)")
            }
        }
    }

    mutating func write<Source>(_ families: [ReadFamily<Source>], of source: Source) {
        for read in families { write(read.family, read.samples(source)) }
    }

    private mutating func write(_ name: String, _ labels: [String], _ value: String) {
        let all = labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
        buffer.writeString("\(name)\(all) \(value)\n")
    }

    /// Whole numbers without a fraction.
    static func text(_ number: Double) -> String {
        number.rounded() == number && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
    }

    /// A label's value. By scalars: of a carriage return and a line feed Swift makes one character.
    static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x22 || $0 == 0x5c || $0 == 0x0a }) else { return value }
        return value.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
