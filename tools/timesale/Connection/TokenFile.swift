import Foundation

/// The file of `--token-file`: the token alone, or lines `shop TOKEN` and `admin TOKEN` as `timesaled` reads them, so
/// that one file may serve both. `#` starts a comment. No fault shows what is in the file.
package enum TokenFile {
    package static func read(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure.denied("the token file \(path) cannot be read")
        }
        let mode = (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int) ?? 0
        guard mode & 0o006 == 0 else {
            throw Failure.denied(
                "the token file \(path) is open to every user of this machine; run: chmod 600 \(ShellWord.quoted(path))"
            )
        }
        guard let token = token(in: String(decoding: data, as: UTF8.self)) else {
            throw Failure.denied("the token file \(path) holds no token: write it alone, or as: admin TOKEN")
        }
        return token
    }

    /// The token of the first admin line, else of the first line that has one; nil if a line is neither form.
    static func token(in text: String) -> String? {
        var first: String?
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            let comment = words.firstIndex { $0.hasPrefix("#") } ?? words.endIndex
            let rest = words[..<comment]
            if rest.isEmpty { continue }
            guard rest.count == 1 || (rest.count == 2 && (rest[0] == "shop" || rest[0] == "admin")) else {
                return nil
            }
            if rest.count == 2, rest[0] == "admin" { return String(rest[1]) }
            if first == nil { first = rest.last.map(String.init) }
        }
        return first
    }
}
