import Fuzzing
import NIOHTTP1

@testable import Sidecar

/// A request of an input: lines, behind which stands its body.
///
///     POST /v1/timesales/7/orders     method and target
///     abc-123                         Idempotency-Key, or an empty line
///     {"userId":42}                   the body, to the end
struct FuzzRequest {
    let method: [UInt8]
    let target: [UInt8]
    let key: [UInt8]
    let body: [UInt8]

    init(_ part: UnsafeRawBufferPointer.SubSequence) {
        let lines = part.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
        let words = lines[0].split(separator: UInt8(ascii: " "), maxSplits: 1, omittingEmptySubsequences: false)
        method = Array(words[0])
        // Further blanks between the two are passed over by the decoder.
        target = words.count > 1 ? Array(words[1].drop { $0 == UInt8(ascii: " ") }) : []
        key = lines.count > 1 ? Array(lines[1]) : []
        body = lines.count > 2 ? Array(lines[2]) : []
    }

    init(get target: String) {
        method = Array("GET".utf8)
        self.target = Array(target.utf8)
        (key, body) = ([], [])
    }

    init(_ method: String, _ target: String, key: String = "", _ body: String = "") {
        self.method = Array(method.utf8)
        self.target = Array(target.utf8)
        self.key = Array(key.utf8)
        self.body = Array(body.utf8)
    }

    /// As an input has it.
    var spelling: [UInt8] { method + [0x20] + target + [0x0a] + key + [0x0a] + body }

    var isHead: Bool { method.elementsEqual("HEAD".utf8) }

    /// The route that is meant; nil if there is none.
    var route: Route? {
        guard let text = String(validating: target, as: UTF8.self) else { return nil }
        let path = text.utf8.firstIndex(of: UInt8(ascii: "?")).map { text[..<$0] } ?? text[...]
        guard let found = FuzzSidecar.tree.find(path),
            let method = Method(rawValue: isHead ? "GET" : String(decoding: method, as: UTF8.self)),
            let index = found.place.index(of: method)
        else { return nil }
        return FuzzSidecar.routes[index]
    }

    /// - Parameter isChunked: the body comes in two chunks, without a length.
    func bytes(isChunked: Bool) -> [UInt8] {
        var bytes = method + [0x20] + target + Array(" HTTP/1.1\r\nHost: a\r\n".utf8)
        if !key.isEmpty { bytes += Array("Idempotency-Key: ".utf8) + key + [0x0d, 0x0a] }
        guard !body.isEmpty else { return bytes + [0x0d, 0x0a] }
        bytes += Array("Content-Type: application/json\r\n".utf8)
        guard isChunked else { return bytes + Array("Content-Length: \(body.count)\r\n\r\n".utf8) + body }
        bytes += Array("Transfer-Encoding: chunked\r\n\r\n".utf8)
        for chunk in [body.prefix(body.count / 2), body.dropFirst(body.count / 2)] where !chunk.isEmpty {
            bytes += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + [0x0d, 0x0a]
        }
        return bytes + Array("0\r\n\r\n".utf8)
    }
}

/// An answer as it came over the connection. Anything that is not exactly one answer ends the process.
struct FuzzAnswer {
    let status: Int
    private(set) var headers: [String: String] = [:]
    let body: [UInt8]

    init(_ bytes: [UInt8], toHead isHead: Bool) {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            violated("there is no head of an answer: \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3))
        else { violated("no status stands in \(lines)") }
        self.status = status
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { violated("\(line.debugDescription) is no header") }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].drop { $0 == " " } + ""
        }
        body = Array(bytes[end.upperBound...])
        // To what is no HTTP the end of the connection is told with a body: nobody knows that it began with HEAD.
        let isNoRequest = status == 400 && headers["connection"] == "close"
        let hasBody = (!isHead || isNoRequest) && status != 204 && status != 304
        let length = headers["content-length"].flatMap { Int($0) }
        if hasBody { expect(length == body.count, "the length says \(headers), the body has \(body.count) bytes") }
        expect(hasBody || body.isEmpty, "\(status) has a body of \(body.count) bytes")
    }
}
