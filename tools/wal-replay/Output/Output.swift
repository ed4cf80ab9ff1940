import Glibc

/// Lines on stdout, gathered: a log has millions of events.
struct Output: ~Copyable {
    private var text: [UInt8] = []

    mutating func line(_ line: String) {
        text += line.utf8
        text.append(UInt8(ascii: "\n"))
        if text.count > 1 << 16 { flush() }
    }

    mutating func flush() {
        writeAll(text, to: STDOUT_FILENO)
        text = []
    }
}

/// Says something beside the output: what a person should know, but no script reads.
func remark(_ line: String) { writeAll(Array("\(line)\n".utf8), to: STDERR_FILENO) }

/// Writes bytes to a descriptor; a reader that is gone ends the process.
func writeAll(_ bytes: [UInt8], to fd: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { exit(1) }
        rest = rest.dropFirst(count)
    }
}

func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
