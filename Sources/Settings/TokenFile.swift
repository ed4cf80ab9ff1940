import Foundation

/// The file of `--token-file`: lines `shop TOKEN` or `admin TOKEN`; `#` starts a comment. No fault shows a
/// line's content: faults go to the log, and the line is a secret.
public enum TokenFile {
    public static func read(_ path: String) throws(OptionsError) -> [Token] {
        let name = "token file \(path.debugDescription)"
        switch SmallFile.read(path) {
        case .failure(let fault):
            throw .configuration("\(name) \(fault.text)")
        case .success(let file):
            // The group may read: that is how orchestrators hand secrets to a process that is not root.
            if file.isOpenToAll {
                let mode = String(file.mode & 0o7777, radix: 8)
                throw .configuration(
                    "\(name) is open to every user of this machine (mode \(mode)); run: chmod 600 \(path)")
            }
            return try parse(file.bytes, name: name)
        }
    }

    public static func parse(_ bytes: [UInt8], name: String) throws(OptionsError) -> [Token] {
        var tokens: [Token] = []
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let words = line.split {
                $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r")
            }
            let comment = words.firstIndex { $0.first == UInt8(ascii: "#") } ?? words.endIndex
            let place = "\(name), line \(index + 1)"
            guard let token = try token(words[..<comment], place: place) else { continue }
            if tokens.contains(where: { $0.isSame(as: token.bytes) }) {
                throw .configuration(
                    "\(place): this token is already given above; every token needs a line of its own")
            }
            tokens.append(token)
        }
        if tokens.isEmpty {
            throw .configuration("\(name) holds no token; add a line: shop TOKEN, or: admin TOKEN")
        }
        return tokens
    }

    private static func token(_ words: ArraySlice<ArraySlice<UInt8>>, place: String) throws(OptionsError)
        -> Token?
    {
        guard let first = words.first else { return nil }
        guard words.count == 2, let scope = Token.Scope(rawValue: String(decoding: first, as: UTF8.self))
        else {
            throw .configuration("\(place): write shop TOKEN or admin TOKEN, one token a line")
        }
        let secret = Array(words[words.startIndex + 1])
        guard Token.sizeBytes.contains(secret.count) else {
            let limits = "\(Token.sizeBytes.lowerBound) to \(Token.sizeBytes.upperBound)"
            throw .configuration(
                "\(place): the token has \(secret.count) bytes; use \(limits) (try: openssl rand -hex 24)")
        }
        // The handshake's token is a text, so other bytes could never be presented (docs/protocol.md, section 1).
        guard String(validating: secret, as: UTF8.self) != nil,
            !secret.contains(where: { $0 < 0x20 || $0 == 0x7f })
        else {
            throw .configuration("\(place): the token is not printable text; use letters and digits")
        }
        return Token(scope: scope, bytes: secret)
    }
}
