import Foundation

/// Reads what the kernel says in /proc (proc(5)); nil where a text is not as expected.
public enum ProcFile {
    /// The process that a `stat` file names as the parent.
    public static func parent(inStat text: String) -> Int32? {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 1 ? Int32(fields[1]) : nil
    }

    /// CPU ticks, user and system, of a `stat` file. The name in it may hold spaces and parentheses.
    public static func cpuTicks(inStat text: String) -> Int? {
        guard let end = text.lastIndex(of: ")") else { return nil }
        // The state, the field behind the name, is field 3; utime and stime are 14 and 15.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
        return user + system
    }

    /// Ticks in which a CPU was busy, of `/proc/stat`: all but idle and waiting for a disk, and without the time of
    /// guests, which is in user time already. `stolen` are those of them in which the hypervisor withheld it: `steal`
    /// of proc_stat(5).
    public static func machineTicks(inSystemStat text: String) -> (busy: Int, stolen: Int)? {
        guard let line = text.split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
        let fields = line.split(separator: " ").dropFirst().map { Int($0) ?? 0 }
        guard fields.count >= 8 else { return nil }
        return (fields[0..<3].reduce(0, +) + fields[5..<8].reduce(0, +), fields[7])
    }

    /// Nanoseconds on a CPU, of a `schedstat` file.
    public static func cpuNanoseconds(inSchedstat text: String) -> UInt64? {
        text.split(whereSeparator: \.isWhitespace).first.flatMap { UInt64($0) }
    }

    /// The bytes of a line such as `VmRSS:   1234 kB`.
    public static func bytes(of name: String, in text: String) -> Int? {
        field(name, in: text).flatMap { Int($0.split(separator: " ").first ?? "") }.map { $0 << 10 }
    }

    /// The value of a line `name: value`, the first of that name.
    public static func field(_ name: String, in text: String) -> String? {
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            guard line[..<colon].trimmingCharacters(in: .whitespaces) == name else { continue }
            return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return nil
    }

    static func read(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
