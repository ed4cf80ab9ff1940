import NIOHTTP1

/// What this server reads of a request's head: taken in one walk over its fields.
struct RequestHead: Sendable {
    /// Nil for one that no path takes.
    let method: Method?
    /// GET, of which only the head is wanted.
    let isHead: Bool
    let isOptions: Bool
    let path: Substring
    /// Nil if there is no question mark.
    let query: Substring?
    var authorization: String?
    var contentType: String?
    var contentLength: Int?
    var isChunked = false
    var idempotencyKey: String?
    var origin: String?
    var host: String?
    var forwardedFor: String?
    /// Tags of the versions that the caller has.
    var ifNoneMatch: String?
    var acceptsGzip = false
    var isPreflight = false
    var expectsContinue = false
    let isKeptAlive: Bool

    init(_ head: HTTPRequestHead) {
        isHead = head.method == .HEAD
        isOptions = head.method == .OPTIONS
        switch head.method {
        case .GET, .HEAD: method = .get
        case .POST: method = .post
        default: method = nil
        }
        let target = head.uri
        let end = target.utf8.firstIndex(of: UInt8(ascii: "?"))
        path = target[..<(end ?? target.endIndex)]
        query = end.map { target[target.utf8.index(after: $0)...] }
        isKeptAlive = head.isKeepAlive
        for (name, value) in head.headers { read(name, value) }
    }

    private mutating func read(_ name: String, _ value: String) {
        // The length tells most names apart, without looking at their letters.
        switch name.utf8.count {
        case 4 where name.isHeader("host"): host = value
        case 6 where name.isHeader("origin"): origin = value
        case 6 where name.isHeader("expect"): expectsContinue = value.lowercased() == "100-continue"
        case 12 where name.isHeader("content-type"): contentType = value
        case 13 where name.isHeader("authorization"): authorization = value
        case 13 where name.isHeader("if-none-match"): ifNoneMatch = ifNoneMatch.map { "\($0),\(value)" } ?? value
        case 14 where name.isHeader("content-length"): contentLength = Int(value)
        case 15 where name.isHeader("idempotency-key"): idempotencyKey = value
        case 15 where name.isHeader("accept-encoding"): acceptsGzip = AcceptEncoding.allowsGzip(value)
        case 15 where name.isHeader("x-forwarded-for"):
            forwardedFor = forwardedFor.map { "\($0),\(value)" } ?? value
        case 17 where name.isHeader("transfer-encoding"): isChunked = true
        case 29 where name.isHeader("access-control-request-method"): isPreflight = isOptions
        default: break
        }
    }

    /// Whether the caller has this version (RFC 9110, 13.1.2: the weak comparison).
    func has(_ tag: String) -> Bool {
        ifNoneMatch?.split(separator: ",").contains { given in
            let given = given.drop { $0 == " " }
            return given.starts(with: "*") || Self.strong(given).starts(with: Self.strong(tag[...]))
        } == true
    }

    private static func strong(_ tag: Substring) -> Substring { tag.hasPrefix("W/") ? tag.dropFirst(2) : tag }

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    /// Whether the body says that it is JSON, in UTF-8.
    var isJSON: Bool {
        guard let contentType else { return false }
        if contentType == "application/json" { return true }
        let parts = contentType.split(separator: ";").map { part in
            part.lowercased().filter { !$0.isWhitespace && $0 != "\"" }
        }
        return parts.first == "application/json" && parts.dropFirst().allSatisfy { $0 == "charset=utf-8" }
    }
}

extension String {
    /// Whether this is the name of a header, in whatever case.
    ///
    /// - Parameter name: in lower case, as long as this.
    fileprivate func isHeader(_ name: StaticString) -> Bool {
        var place = name.utf8Start
        for byte in utf8 {
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            if lower != place.pointee { return false }
            place += 1
        }
        return true
    }
}

/// Reads the header `Accept-Encoding`.
enum AcceptEncoding {
    static func allowsGzip(_ header: String) -> Bool {
        header.split(separator: ",").contains { offer in
            let parts = offer.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard let name = parts.first, name == "gzip" || name == "*" else { return false }
            return !parts.dropFirst().contains { $0.hasPrefix("q=0") && Double($0.dropFirst(2)) == 0 }
        }
    }
}
